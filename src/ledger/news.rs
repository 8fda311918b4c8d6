//! Owns the cursor over what other processes write.

use rusqlite::Connection;

use crate::model::{Approval, Extension, Response};

use super::approval::{self, ApprovalRow};
use super::extension::{self, ExtensionRow};
use super::series::SeriesBook;
use super::usage::{self, Stored};
use super::{LedgerError, Turn};

/// Responses that are told one by one, at most. An import writes a hundred thousand while an agent thinks: to sum again
/// takes less time and memory, and the ledger is locked meanwhile.
const TOLD: i64 = 1_000;

/// What other processes wrote.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
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

impl News {
    /// Nothing was written.
    pub fn is_empty(&self) -> bool {
        let Self { responses, many, extensions, approvals, forged } = self;
        !many && responses.is_empty() && extensions.is_empty() && approvals.is_empty() && forged.is_empty()
    }
}

/// How far news has been read, and which later rows are this connection's own.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// The extension that was the last when this began.
    first_extension: i64,
    /// And the answer.
    first_revision: i64,
    usage: i64,
    extensions: i64,
    revisions: i64,
    own_usage: Ids,
    own_extensions: Ids,
    own_revisions: Ids,
}

/// Rising numbers, as the ranges they form: an importer that writes a hundred thousand rows between two readings
/// keeps one.
#[derive(Clone, Debug, Default)]
struct Ids(Vec<(i64, i64)>);

impl Ids {
    fn insert(&mut self, id: i64) {
        match self.0.last_mut() {
            Some((_, last)) if last.saturating_add(1) == id => *last = id,
            _ => self.0.push((id, id)),
        }
    }

    fn contains(&self, id: i64) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= id);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|(_, last)| id <= *last)
    }
}

impl Watch {
    fn now(conn: &Connection) -> Result<Self, LedgerError> {
        let (usage, extensions, revisions) = conn
            .prepare_cached(
                "SELECT (SELECT coalesce(max(id), 0) FROM usage), (SELECT coalesce(max(id), 0) FROM extensions),
                        (SELECT coalesce(max(revision), 0) FROM approvals)",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let (own_usage, own_extensions, own_revisions) = Default::default();
        let (first_extension, first_revision) = (extensions, revisions);
        Ok(Self {
            first_extension,
            first_revision,
            usage,
            extensions,
            revisions,
            own_usage,
            own_extensions,
            own_revisions,
        })
    }

    /// The next one, which knows what this one wrote.
    fn after(self, now: Self) -> Self {
        let Self { first_extension, first_revision, own_extensions, own_revisions, .. } = self;
        Self { first_extension, first_revision, own_extensions, own_revisions, ..now }
    }

    /// This connection wrote the extension, or it was there when it began.
    pub(super) fn wrote_extension(&self, id: i64) -> bool {
        id <= self.first_extension || self.own_extensions.contains(id)
    }

    /// The same of an answer, by its revision.
    pub(super) fn wrote_revision(&self, revision: i64) -> bool {
        revision <= self.first_revision || self.is_own_revision(revision)
    }

    /// This connection wrote what became of a question.
    pub(super) fn is_own_revision(&self, revision: i64) -> bool {
        self.own_revisions.contains(revision)
    }

    pub(super) fn own_usage(&mut self, id: i64) {
        self.own_usage.insert(id);
    }

    pub(super) fn own_extension(&mut self, id: i64) {
        self.own_extensions.insert(id);
    }

    pub(super) fn own_revision(&mut self, revision: i64) {
        self.own_revisions.insert(revision);
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
    pub fn news(&mut self) -> Result<News, LedgerError> {
        let now = Watch::now(self.tx)?;
        let latest = now.usage;
        let Some(since) = self.watch.take() else {
            self.watch = Some(now);
            return Ok(News::default());
        };
        self.watch = Some(since.clone().after(now));
        let many = latest.saturating_sub(since.usage) > TOLD;
        let responses = if many { Vec::new() } else { self.responses(&since)? };
        let (extensions, mut forged) = self.extensions(&since)?;
        let approvals = self.approvals(&since, &mut forged)?;
        Ok(News { responses, many, extensions, approvals, forged })
    }

    fn responses(&self, since: &Watch) -> Result<Vec<Response>, LedgerError> {
        let mut book = SeriesBook::default();
        let mut found = Vec::new();
        let mut statement = self.tx.prepare_cached(&format!("{} WHERE u.id > ?1 ORDER BY u.id", usage::SELECT))?;
        let mut rows = statement.query([since.usage])?;
        while let Some(row) = rows.next()? {
            let stored = Stored::read(row)?;
            if !since.own_usage.contains(stored.id) {
                found.push(stored.response(self.tx, &mut book)?);
            }
        }
        Ok(found)
    }

    /// And which of them are forged.
    fn extensions(&self, since: &Watch) -> Result<(Vec<Extension>, Vec<String>), LedgerError> {
        let (mut found, mut forged) = (Vec::new(), Vec::new());
        let mut statement = self.tx.prepare_cached(&format!("{} WHERE id > ?1 ORDER BY id", extension::SELECT))?;
        let mut rows = statement.query([since.extensions])?;
        while let Some(row) = rows.next()? {
            let row = ExtensionRow::read(row)?;
            if !since.own_extensions.contains(row.id) {
                match row.told_by(self.tx)?.filter(|run| self.is_by(row.id, run)) {
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
        let mut rows = statement.query([since.revisions])?;
        while let Some(row) = rows.next()? {
            let (id, revision): (i64, i64) = (row.get(0)?, row.get(1)?);
            if !since.own_revisions.contains(revision) {
                let sql = format!("{} WHERE a.id = ?1", approval::SELECT);
                let row = self.tx.prepare_cached(&sql)?.query_row([id], ApprovalRow::read)?;
                match self.is_answer(&row)? {
                    true => found.push(row.approval()?),
                    false => forged.push(format!("approval {id}")),
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::Ids;

    #[test]
    fn rising_numbers_are_kept_as_ranges() {
        let mut ids = Ids::default();
        for id in [3, 4, 5, 9, 12, 13] {
            ids.insert(id);
        }
        assert_eq!(ids.0, [(3, 5), (9, 9), (12, 13)]);
        let held: Vec<i64> = (0..20).filter(|id| ids.contains(*id)).collect();
        assert_eq!(held, [3, 4, 5, 9, 12, 13]);
    }
}
