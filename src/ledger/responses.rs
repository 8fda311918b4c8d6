//! What is read of responses, with their usage.

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::event::EventKind;
use crate::model::{Event, Response, ResponseKey, RunId, ThreadId, Timestamp};

use super::chain::ResponseEntry;
use super::rows::usage::{SELECT, Stored};
use super::series::SeriesBook;
use super::values::{at_least, before};
use super::{LedgerError, history};

/// Which responses; all by default.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this run.
    pub run: Option<RunId>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
}

/// Responses, in the order of their time.
#[derive(Clone, Copy, Debug)]
pub struct Responses<'a> {
    pub(super) conn: &'a Connection,
}

impl Responses<'_> {
    /// Responses in the order of their time, one at a time: there may be very many.
    pub fn each(&self, filter: &Filter, mut each: impl FnMut(Response)) -> Result<(), LedgerError> {
        // A run's own rows are few; they come by its index and are sorted, all others come by the index on time.
        let run = filter.run.as_ref().map(RunId::as_str);
        let by_run = if run.is_some() { "u.run_no = (SELECT no FROM runs WHERE id = ?3)" } else { "?3 IS NULL" };
        let sql = format!("{} WHERE u.at >= ?1 AND u.at < ?2 AND {by_run} ORDER BY u.at, u.id", SELECT);
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut rows = statement.query(params![at_least(filter.since), before(filter.until), run])?;
        let mut book = SeriesBook::default();
        while let Some(row) = rows.next()? {
            each(Stored::read(row)?.response(self.conn, &mut book)?);
        }
        Ok(())
    }

    /// The last so many responses of a time, the newest first.
    pub fn newest(&self, filter: &Filter, most: u32) -> Result<Vec<Response>, LedgerError> {
        let sql = format!("{} WHERE u.at >= ?1 AND u.at < ?2 ORDER BY u.at DESC, u.id DESC LIMIT ?3", SELECT);
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut rows = statement.query(params![at_least(filter.since), before(filter.until), most])?;
        let (mut book, mut found) = (SeriesBook::default(), Vec::new());
        while let Some(row) = rows.next()? {
            found.push(Stored::read(row)?.response(self.conn, &mut book)?);
        }
        Ok(found)
    }

    /// The responses whose tokens are inferred, in the order of their time.
    pub fn estimates(&self, filter: &Filter, mut each: impl FnMut(Response)) -> Result<(), LedgerError> {
        let run = filter.run.as_ref().map(RunId::as_str);
        let sql = format!(
            "{} WHERE u.guess IS NOT NULL AND u.at >= ?1 AND u.at < ?2 AND (?3 IS NULL OR r.id = ?3) ORDER BY u.at, u.id",
            SELECT
        );
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut rows = statement.query(params![at_least(filter.since), before(filter.until), run])?;
        let mut book = SeriesBook::default();
        while let Some(row) = rows.next()? {
            each(Stored::read(row)?.response(self.conn, &mut book)?);
        }
        Ok(())
    }

    /// The responses of a run from a moment on.
    pub fn since(&self, run: &RunId, since: Timestamp) -> Result<Vec<Response>, LedgerError> {
        let sql =
            format!("{} WHERE u.run_no = (SELECT no FROM runs WHERE id = ?1) AND +u.at >= ?2 ORDER BY u.id", SELECT);
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut rows = statement.query(params![run.as_str(), since.timestamp_millis()])?;
        let (mut book, mut found) = (SeriesBook::default(), Vec::new());
        while let Some(row) = rows.next()? {
            found.push(Stored::read(row)?.response(self.conn, &mut book)?);
        }
        Ok(found)
    }

    /// A response as it is recorded, by whichever run, or by an import.
    pub fn recorded(&self, thread: &ThreadId, key: &ResponseKey) -> Result<Option<Response>, LedgerError> {
        let sql = format!("{} WHERE u.thread = (SELECT no FROM thread_ids WHERE id = ?1) AND u.key = ?2", SELECT);
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut rows = statement.query([thread.as_str(), key.as_str()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Stored::read(row)?.response(self.conn, &mut SeriesBook::default()).map(Some)
    }

    /// What was imported of a thread, as nobody's, oldest first.
    pub fn imported_of(&self, thread: &ThreadId) -> Result<Vec<Response>, LedgerError> {
        let sql = format!(
            "{} WHERE u.thread = (SELECT no FROM thread_ids WHERE id = ?1) AND u.run_no IS NULL ORDER BY u.id",
            SELECT
        );
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut rows = statement.query([thread.as_str()])?;
        let (mut book, mut found) = (SeriesBook::default(), Vec::new());
        while let Some(row) = rows.next()? {
            found.push(Stored::read(row)?.response(self.conn, &mut book)?);
        }
        Ok(found)
    }

    /// How many lines of session files could not be read, by runs and by imports.
    pub fn skipped_lines(&self, filter: &Filter) -> Result<u64, LedgerError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT r.id, e.seq, e.data FROM events e JOIN runs r ON r.no = e.run_no
             WHERE (?1 IS NULL OR r.id = ?1) AND instr(e.data, '\"kind\":\"skipped\"') > 0",
        )?;
        let mut rows = statement.query([filter.run.as_ref().map(RunId::as_str)])?;
        let mut book = SeriesBook::default();
        let mut total = match filter.run {
            Some(_) => 0,
            None => history::skipped(self.conn, at_least(filter.since), before(filter.until))?,
        };
        while let Some(row) = rows.next()? {
            let run = RunId::new(row.get::<_, String>(0)?);
            let event = self.event(&run, row.get::<_, i64>(1)?.unsigned_abs(), &row.get::<_, String>(2)?, &mut book)?;
            let begun = filter.since.is_none_or(|since| since <= event.at);
            let over = filter.until.is_some_and(|until| until <= event.at);
            if let (true, false, EventKind::Skipped { lines, .. }) = (begun, over, &event.kind) {
                total = total.saturating_add(*lines);
            }
        }
        Ok(total)
    }

    /// An event from its stored form; a response's usage is looked up.
    pub(super) fn event(&self, run: &RunId, seq: u64, data: &str, book: &mut SeriesBook) -> Result<Event, LedgerError> {
        let Ok(entry) = serde_json::from_str::<ResponseEntry>(data) else {
            return serde_json::from_str(data)
                .map_err(|error| LedgerError::unreadable(format!("event {seq} of run `{run}`: {error}")));
        };
        let response = self
            .conn
            .prepare_cached(&format!("{} WHERE u.id = ?1", SELECT))?
            .query_row([entry.usage], Stored::read)
            .optional()?
            .ok_or_else(|| LedgerError::unreadable(format!("the usage of event {seq} of run `{run}` is missing")))?
            .response(self.conn, book)?;
        Ok(Event { at: entry.at, run: entry.run, agent: entry.agent, kind: EventKind::Response(Box::new(response)) })
    }
}
