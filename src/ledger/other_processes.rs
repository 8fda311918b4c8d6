//! The cursor over what other processes write.

use crate::model::{Approval, Extension, Response};

use super::extension::is_by;
use super::questions::is_answer;
use super::read_position::Watch;
use super::rows::approval::{self, ApprovalRow};
use super::rows::extension::{self, ExtensionRow};
use super::rows::usage::{SELECT, Stored};
use super::series::SeriesBook;
use super::{LedgerError, Turn};

/// Responses that are told one by one, at most. An import writes a hundred thousand while an agent thinks: to sum again
/// takes less time and memory, and the ledger is locked meanwhile.
const TOLD: i64 = 1_000;

/// What other processes wrote.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForeignRows {
    /// In the order they were recorded; none if there are more than are told.
    pub responses: Vec<Response>,
    /// More responses were written than are told: what was spent is to be summed again.
    pub many: bool,
    /// Limits that were lifted.
    pub extensions: Vec<Extension>,
    /// Questions that were answered, have expired or were withdrawn.
    pub approvals: Vec<Approval>,
    /// Extensions and answers that the ledger's chain does not hold as they stand, such as `extension 7`: nobody is to
    /// obey them.
    pub forged: Vec<String>,
}

impl ForeignRows {
    /// Nothing was written.
    pub fn is_empty(&self) -> bool {
        let Self { responses, many, extensions, approvals, forged } = self;
        !many && responses.is_empty() && extensions.is_empty() && approvals.is_empty() && forged.is_empty()
    }
}

impl Turn<'_> {
    /// From here on [`Turn::news`] tells what others write. Totals that are summed in the same turn and news from then
    /// on have everything once.
    pub fn watch_from_now(&mut self) -> Result<(), LedgerError> {
        self.watch = Some(Watch::now(self.tx)?);
        Ok(())
    }

    /// What other processes wrote since the last turn that asked; never what this ledger wrote itself. Without
    /// [`Turn::watch_from_now`] before, the first call does that, and tells nothing.
    pub fn news(&mut self) -> Result<ForeignRows, LedgerError> {
        let now = Watch::now(self.tx)?;
        let latest = now.usage();
        let Some(since) = self.watch.take() else {
            self.watch = Some(now);
            return Ok(ForeignRows::default());
        };
        self.watch = Some(since.clone().after(now));
        let many = latest.saturating_sub(since.usage()) > TOLD;
        let responses = if many { Vec::new() } else { self.new_responses(&since)? };
        let (extensions, mut forged) = self.extensions(&since)?;
        let approvals = self.approvals(&since, &mut forged)?;
        Ok(ForeignRows { responses, many, extensions, approvals, forged })
    }

    fn new_responses(&self, since: &Watch) -> Result<Vec<Response>, LedgerError> {
        let mut book = SeriesBook::default();
        let mut found = Vec::new();
        let mut statement = self.tx.prepare_cached(&format!("{} WHERE u.id > ?1 ORDER BY u.id", SELECT))?;
        let mut rows = statement.query([since.usage()])?;
        while let Some(row) = rows.next()? {
            let stored = Stored::read(row)?;
            if !since.is_own_usage(stored.id) {
                found.push(stored.response(self.tx, &mut book)?);
            }
        }
        Ok(found)
    }

    /// And which of them are forged.
    fn extensions(&self, since: &Watch) -> Result<(Vec<Extension>, Vec<String>), LedgerError> {
        let (mut found, mut forged) = (Vec::new(), Vec::new());
        let mut statement = self.tx.prepare_cached(&format!("{} WHERE id > ?1 ORDER BY id", extension::SELECT))?;
        let mut rows = statement.query([since.extensions()])?;
        while let Some(row) = rows.next()? {
            let row = ExtensionRow::read(row)?;
            if !since.is_own_extension(row.id) {
                match row.told_by(self.tx)?.filter(|run| is_by(self, row.id, run)) {
                    Some(_) => found.push(row.extension()?),
                    None => forged.push(format!("extension {}", row.id)),
                }
            }
        }
        Ok((found, forged))
    }

    fn approvals(&self, since: &Watch, forged: &mut Vec<String>) -> Result<Vec<Approval>, LedgerError> {
        let mut found = Vec::new();
        let mut statement = self.tx.prepare_cached(
            "SELECT id, revision FROM approvals WHERE revision > ?1 AND state <> 'pending' ORDER BY revision",
        )?;
        let mut rows = statement.query([since.revisions()])?;
        while let Some(row) = rows.next()? {
            let (id, revision): (i64, i64) = (row.get(0)?, row.get(1)?);
            if !since.is_own_revision(revision) {
                let sql = format!("{} WHERE a.id = ?1", approval::SELECT);
                let row = self.tx.prepare_cached(&sql)?.query_row([id], ApprovalRow::read)?;
                match is_answer(self, &row)? {
                    true => found.push(row.approval()?),
                    false => forged.push(format!("approval {id}")),
                }
            }
        }
        Ok(found)
    }
}
