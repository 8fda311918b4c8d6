//! The walk along the chains: every entry as it was written, one at a time, since there may be very many.

use rusqlite::params;

use crate::model::{Event, RunId, Timestamp};

use super::hash::Hash;
use super::series::SeriesBook;
use super::values::{at_least, before};
use super::{Ledger, LedgerError};

/// Which entries; all by default.
#[derive(Clone, Debug, Default)]
pub struct TrailQuery {
    /// Of this run.
    pub run: Option<RunId>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
}

/// An entry of a run's chain.
#[derive(Clone, Debug)]
pub struct Step {
    /// From 1.
    pub seq: u64,
    /// What it says; a response with its usage.
    pub event: Event,
    /// The text that is hashed.
    pub data: String,
    /// Of it and all before it.
    pub hash: Hash,
}

impl Step {
    /// What kind of thing it is, as the chain names it.
    pub fn kind(&self) -> String {
        let data = serde_json::from_str::<serde_json::Value>(&self.data).ok();
        data.and_then(|data| data.get("kind")?.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// An entry of the ledger's own chain.
#[derive(Clone, Debug)]
pub struct LinkStep {
    /// From 1.
    pub n: u64,
    /// The text that is hashed.
    pub data: String,
    /// Of it and all before it.
    pub hash: Hash,
}

/// The entries of runs: run by run in the order in which they were started, each from its first entry on.
///
/// # Errors
///
/// An entry cannot be read, or `each` failed.
pub fn steps<E: From<LedgerError>>(
    ledger: &Ledger,
    query: &TrailQuery,
    mut each: impl FnMut(Step) -> Result<(), E>,
) -> Result<(), E> {
    let failed = |error: rusqlite::Error| E::from(LedgerError::from(error));
    // A run that ended before has nothing that is asked for. (One that goes on is open again.)
    let mut statement = ledger
        .conn
        .prepare(
            "SELECT r.id, e.seq, e.data, e.hash FROM runs r CROSS JOIN events e ON e.run_no = r.no
             WHERE (?1 IS NULL OR r.id = ?1) AND (r.ended IS NULL OR r.ended >= ?2) AND r.started < ?3
             ORDER BY r.no, e.seq",
        )
        .map_err(failed)?;
    let run = query.run.as_ref().map(RunId::as_str);
    let mut rows = statement.query(params![run, at_least(query.since), before(query.until)]).map_err(failed)?;
    let mut book = SeriesBook::default();
    while let Some(row) = rows.next().map_err(failed)? {
        let get = || -> rusqlite::Result<(String, i64, String, Hash)> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        };
        let (run, seq, data, hash) = get().map_err(failed)?;
        let seq = seq.unsigned_abs();
        let event = ledger.responses().event(&RunId::new(run), seq, &data, &mut book)?;
        let asked =
            query.since.is_none_or(|since| since <= event.at) && query.until.is_none_or(|until| event.at < until);
        if asked {
            each(Step { seq, event, data, hash })?;
        }
    }
    Ok(())
}

/// The last entries of a run, the newest first: as many as `most`.
///
/// # Errors
///
/// An entry cannot be read.
pub fn last(ledger: &Ledger, run: &RunId, most: u32) -> Result<Vec<Step>, LedgerError> {
    let mut statement = ledger.conn.prepare_cached(
        "SELECT seq, data, hash FROM events WHERE run_no = (SELECT no FROM runs WHERE id = ?1)
         ORDER BY seq DESC LIMIT ?2",
    )?;
    let mut rows = statement.query(params![run.as_str(), most])?;
    let mut book = SeriesBook::default();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, data): (i64, String) = (row.get(0)?, row.get(1)?);
        let event = ledger.responses().event(run, seq.unsigned_abs(), &data, &mut book)?;
        found.push(Step { seq: seq.unsigned_abs(), event, data, hash: row.get(2)? });
    }
    Ok(found)
}

/// The entries of the ledger's own chain.
///
/// # Errors
///
/// An entry cannot be read, or `each` failed.
pub fn links<E: From<LedgerError>>(ledger: &Ledger, mut each: impl FnMut(LinkStep) -> Result<(), E>) -> Result<(), E> {
    let failed = |error: rusqlite::Error| E::from(LedgerError::from(error));
    let mut statement = ledger.conn.prepare("SELECT n, data, hash FROM links ORDER BY n").map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let get = || -> rusqlite::Result<(i64, String, Hash)> { Ok((row.get(0)?, row.get(1)?, row.get(2)?)) };
        let (n, data, hash) = get().map_err(failed)?;
        each(LinkStep { n: n.unsigned_abs(), data, hash })?;
    }
    Ok(())
}

/// The ledger's own id, hex: what its own chain begins with.
///
/// # Errors
///
/// It cannot be read.
pub fn ledger_id(ledger: &Ledger) -> Result<String, LedgerError> {
    let id: Vec<u8> = ledger.conn.query_row("SELECT id FROM ledger", [], |row| row.get(0))?;
    Ok(id.iter().map(|byte| format!("{byte:02x}")).collect())
}
