//! The count of tool calls: a row for each, and sums by day, so that no budget scans history.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, params};

use crate::model::event::{EventKind, ToolVerdict};
use crate::model::{Attribution, Billing, Dimension, Event, Source, Timestamp};

use super::LedgerError;
use super::rollup::DAY;
use super::series::Series;
use super::sums::{Names, Sums};
use super::usage::{number_series, number_thread};
use super::values::json;
use super::values::{at_least, before};
use super::window_sums::{self, PartialSum};

/// How many tool calls, by the values of the asked-for dimensions; `None` is "unknown".
pub type CallsBy = Vec<(Vec<Option<String>>, i64)>;

/// What to count.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallQuery<'a> {
    /// One row for each combination of values; empty: one row.
    pub dims: &'a [Dimension],
    /// Only this run's.
    pub run: Option<&'a str>,
    /// Only this thread's.
    pub thread: Option<&'a str>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
}

impl Sums<'_> {
    /// Tool calls that hooks told of, refused ones included.
    pub fn calls(&self, query: &CallQuery<'_>) -> Result<CallsBy, LedgerError> {
        calls_by(self.conn, query)
    }
}

/// Counts a call; nothing where the event is about something else.
pub(super) fn insert(conn: &Connection, run_no: i64, event: &Event) -> Result<(), LedgerError> {
    let EventKind::ToolCalled { thread, .. } = &event.kind else { return Ok(()) };
    let Some(series) = series_of(conn, run_no, event)? else { return Ok(()) };
    let thread = number_thread(conn, thread.as_str())?;
    let at = event.at.timestamp_millis();
    conn.prepare_cached("INSERT INTO calls (run_no, thread, at, series) VALUES (?1, ?2, ?3, ?4)")?
        .execute([run_no, thread, at, series])?;
    conn.prepare_cached(
        "INSERT INTO calls_by_day VALUES (?1, ?2, 1) ON CONFLICT (day, series) DO UPDATE SET calls = calls + 1",
    )?
    .execute([at.div_euclid(DAY), series])?;
    deny(conn, series, event)
}

/// Counts a call that did not run; nothing where it did.
pub(super) fn deny(conn: &Connection, series: i64, event: &Event) -> Result<(), LedgerError> {
    if matches!(&event.kind, EventKind::ToolCalled { verdict: ToolVerdict::Denied, .. }) {
        let sql = "INSERT INTO calls_denied VALUES (?1, 1) ON CONFLICT (series) DO UPDATE SET calls = calls + 1";
        conn.prepare_cached(sql)?.execute([series])?;
    }
    Ok(())
}

/// Who made a call; nobody where the event is about something else.
pub(super) fn series_of(conn: &Connection, run_no: i64, event: &Event) -> Result<Option<i64>, LedgerError> {
    let EventKind::ToolCalled { model, .. } = &event.kind else { return Ok(None) };
    let attribution: String =
        conn.prepare_cached("SELECT attribution FROM runs WHERE no = ?1")?.query_row([run_no], |row| row.get(0))?;
    let attribution: Attribution = serde_json::from_str(&attribution)
        .map_err(|error| LedgerError::unreadable(format!("the attribution of a run: {error}")))?;
    let series = Series {
        agent: event.agent.clone(),
        model: model.clone(),
        billing: Billing::Unknown,
        attribution,
        source: Source::Record,
    };
    number_series(conn, &json(&series)?).map(Some)
}

/// The first day and series whose sum is not what its rows come to.
pub(super) fn differs(conn: &Connection) -> Result<Option<String>, LedgerError> {
    let sql = format!(
        "SELECT day FROM (SELECT at / {DAY} AS day, series, count(*) AS calls FROM calls GROUP BY 1, 2
                          EXCEPT SELECT day, series, calls FROM calls_by_day)
         UNION ALL SELECT day FROM (SELECT day, series, calls FROM calls_by_day
                          EXCEPT SELECT at / {DAY}, series, count(*) FROM calls GROUP BY 1, 2) LIMIT 1"
    );
    let mut statement = conn.prepare(&sql)?;
    let mut rows = statement.query([])?;
    Ok(rows.next()?.map(|row| row.get::<_, i64>(0)).transpose()?.map(|day| format!("tool calls of day {day}")))
}

/// How many calls of this run have a row.
pub(super) fn of_run(conn: &Connection, run_no: i64) -> Result<i64, LedgerError> {
    Ok(conn.prepare_cached("SELECT count(*) FROM calls WHERE run_no = ?1")?.query_row([run_no], |row| row.get(0))?)
}

fn calls_by(conn: &Connection, query: &CallQuery<'_>) -> Result<CallsBy, LedgerError> {
    let run = query.run.map(|run| window_sums::run_no(conn, run)).transpose()?;
    let thread = query.thread.map(|thread| window_sums::thread_no(conn, thread)).transpose()?;
    if run == Some(None) || thread == Some(None) {
        return Ok(Vec::new());
    }
    let counts = collect(conn, query, run.flatten(), thread.flatten())?;
    let mut names = Names::new(conn);
    let mut rows: BTreeMap<Vec<Option<String>>, i64> = BTreeMap::new();
    for (part, calls) in counts {
        let row = rows.entry(names.values(part, query.dims)?).or_default();
        *row = row.saturating_add(calls);
    }
    Ok(rows.into_iter().collect())
}

/// Of one run or thread the rows, by its index; else whole days from their sums, and rows only at the window's ends.
fn collect(
    conn: &Connection,
    query: &CallQuery<'_>,
    run: Option<i64>,
    thread: Option<i64>,
) -> Result<HashMap<PartialSum, i64>, LedgerError> {
    let (since, until) = (at_least(query.since), before(query.until));
    let apart = query.dims.contains(&Dimension::Run) || query.dims.contains(&Dimension::Thread);
    let mut counts = HashMap::new();
    let mut add = |part: PartialSum, calls: i64| {
        let count: &mut i64 = counts.entry(part).or_default();
        *count = count.saturating_add(calls);
    };
    let mut rows_of = |since: i64, until: i64| -> Result<(), LedgerError> {
        let filter = match (run, thread) {
            (Some(_), _) => "run_no = ?3 AND (?4 IS NULL OR thread = ?4) AND +at >= ?1 AND +at < ?2",
            (None, Some(_)) => "?3 IS NULL AND thread = ?4 AND +at >= ?1 AND +at < ?2",
            (None, None) => "?3 IS NULL AND ?4 IS NULL AND at >= ?1 AND at < ?2",
        };
        let sql = format!("SELECT run_no, thread, series, count(*) FROM calls WHERE {filter} GROUP BY 1, 2, 3");
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query(params![since, until, run, thread])?;
        while let Some(row) = rows.next()? {
            add(
                PartialSum { start: 0, run_no: row.get(0)?, thread: row.get(1)?, series: row.get(2)?, work: 0 },
                row.get(3)?,
            );
        }
        Ok(())
    };
    let first = since.div_euclid(DAY).saturating_add(i64::from(since.rem_euclid(DAY) > 0));
    let last = until.div_euclid(DAY);
    if run.is_some() || thread.is_some() || apart || first >= last {
        rows_of(since, until)?;
        return Ok(counts);
    }
    rows_of(since, first.saturating_mul(DAY))?;
    rows_of(last.saturating_mul(DAY), until)?;
    let mut statement =
        conn.prepare_cached("SELECT series, sum(calls) FROM calls_by_day WHERE day >= ?1 AND day < ?2 GROUP BY 1")?;
    let mut rows = statement.query([first, last])?;
    while let Some(row) = rows.next()? {
        let part = PartialSum { start: 0, series: row.get(0)?, run_no: 0, thread: 0, work: 0 };
        let count: &mut i64 = counts.entry(part).or_default();
        *count = count.saturating_add(row.get(1)?);
    }
    Ok(counts)
}
