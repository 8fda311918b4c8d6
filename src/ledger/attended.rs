//! Owns what hooks that have no supervisor leave to one another: one row for each thread of their run.

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::{Response, RunId, ThreadId};

use super::series::SeriesBook;
use super::usage::{self, Stored};
use super::{Ledger, LedgerError, Turn};

/// A thread and what its hooks know of it: JSON of the caller's making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attended {
    /// Which.
    pub thread: ThreadId,
    /// What is known.
    pub data: String,
}

impl Ledger {
    /// The threads of a run that hooks attend to.
    pub fn attended(&self, run: &RunId) -> Result<Vec<Attended>, LedgerError> {
        attended(&self.conn, run)
    }
}

impl Turn<'_> {
    /// The threads of a run that hooks attend to, this turn's writes included.
    pub fn attended(&self, run: &RunId) -> Result<Vec<Attended>, LedgerError> {
        attended(self.tx, run)
    }

    /// Keeps what is known of a thread of this process's own run, in place of what was known before.
    pub fn attend(&mut self, thread: &ThreadId, data: &str) -> Result<(), LedgerError> {
        let own = self.own_run()?;
        self.tx
            .prepare_cached("INSERT OR REPLACE INTO attended (run_no, thread, data) VALUES (?1, ?2, ?3)")?
            .execute(params![own, thread.as_str(), data])?;
        Ok(())
    }

    /// What was imported of a thread, as nobody's, oldest first.
    pub fn imported_of(&self, thread: &ThreadId) -> Result<Vec<Response>, LedgerError> {
        let sql = format!(
            "{} WHERE u.thread = (SELECT no FROM thread_ids WHERE id = ?1) AND u.run_no IS NULL ORDER BY u.id",
            usage::SELECT
        );
        let mut statement = self.tx.prepare_cached(&sql)?;
        let mut rows = statement.query([thread.as_str()])?;
        let (mut book, mut found) = (SeriesBook::default(), Vec::new());
        while let Some(row) = rows.next()? {
            found.push(Stored::read(row)?.response(self.tx, &mut book)?);
        }
        Ok(found)
    }
}

fn attended(conn: &Connection, run: &RunId) -> Result<Vec<Attended>, LedgerError> {
    let no: Option<i64> = conn
        .prepare_cached("SELECT no FROM runs WHERE id = ?1")?
        .query_row([run.as_str()], |row| row.get(0))
        .optional()?;
    let Some(no) = no else { return Ok(Vec::new()) };
    let mut statement = conn.prepare_cached("SELECT thread, data FROM attended WHERE run_no = ?1")?;
    let rows = statement
        .query_map([no], |row| Ok(Attended { thread: ThreadId::new(row.get::<_, String>(0)?), data: row.get(1)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
