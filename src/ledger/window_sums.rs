//! The reading of sums by number: from the coarsest grain that serves, at the ends of a window from the rows.

use std::collections::HashMap;
use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Params};

use crate::model::{Sum, Timestamp};

use super::LedgerError;
use super::rollup::{DAY, QUARTER, SUMS, is_at_its_end, read_sum};
use super::values::moment;

/// A window and what is kept apart in it, in the ledger's own terms: milliseconds, numbers, `[since, until)`.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) run: Option<i64>,
    pub(super) thread: Option<i64>,
    pub(super) since: i64,
    pub(super) until: i64,
    pub(super) by_run: bool,
    pub(super) by_thread: bool,
    pub(super) by_work: bool,
    pub(super) piece: Option<&'a dyn Fn(Timestamp) -> Timestamp>,
}

/// What is summed before names are looked up. Zero where it is not kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PartialSum {
    pub(super) start: i64,
    pub(super) series: i64,
    pub(super) run_no: i64,
    pub(super) thread: i64,
    /// The number of a class of work.
    pub(super) work: i64,
}

/// Sums by what they are of.
pub(super) type Parts = HashMap<PartialSum, Sum>;

/// The number of a thread; `None` if nothing was ever recorded of it.
pub(super) fn thread_no(conn: &Connection, id: &str) -> Result<Option<i64>, LedgerError> {
    let mut statement = conn.prepare_cached("SELECT no FROM thread_ids WHERE id = ?1")?;
    Ok(statement.query_row([id], |row| row.get(0)).optional()?)
}

/// The number of a run.
pub(super) fn run_no(conn: &Connection, id: &str) -> Result<Option<i64>, LedgerError> {
    let mut statement = conn.prepare_cached("SELECT no FROM runs WHERE id = ?1")?;
    Ok(statement.query_row([id], |row| row.get(0)).optional()?)
}

/// Sums all that is in the scope.
pub(super) fn collect(conn: &Connection, scope: &Scope<'_>) -> Result<Parts, LedgerError> {
    match by_what_is_outside(conn, scope)? {
        Some(parts) => Ok(parts),
        None => within(conn, scope),
    }
}

/// All that ever was without what lies outside of the window, where there are fewer days outside than within: the sums of
/// all time are one row a series. `None` where there are not, or something is kept apart that these sums have together.
fn by_what_is_outside(conn: &Connection, scope: &Scope<'_>) -> Result<Option<Parts>, LedgerError> {
    let Scope { run, thread, since, until, by_run, by_thread, by_work, piece } = *scope;
    if run.is_some() || thread.is_some() || by_run || by_thread || by_work || piece.is_some() {
        return Ok(None);
    }
    // Two questions: for one with both, SQLite would read all rows.
    let ends: (Option<i64>, Option<i64>) = conn
        .prepare_cached("SELECT (SELECT min(day) FROM rollup_by_day), (SELECT max(day) FROM rollup_by_day)")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(first), Some(last)) = ends else { return Ok(None) };
    let end = last.saturating_add(1);
    let days = whole(since, until, DAY);
    let (from, to) = (days.start.clamp(first, end), days.end.clamp(first, end));
    let within_window = to.saturating_sub(from);
    if within_window <= end.saturating_sub(first).saturating_sub(within_window) {
        return Ok(None);
    }
    let mut parts = of_all_time(conn)?;
    // From what is no whole sum nothing can be taken away: an absurd record would hide what was spent since.
    if parts.values().any(is_at_its_end) {
        return Ok(None);
    }
    for (since, until) in [(i64::MIN, since), (until, i64::MAX)] {
        if since < until {
            for (part, sum) in within(conn, &Scope { since, until, ..*scope })? {
                parts.entry(part).or_default().take(&sum);
            }
        }
    }
    // What was all outside has no row.
    parts.retain(|_, sum| sum.responses > 0);
    Ok(Some(parts))
}

fn of_all_time(conn: &Connection) -> Result<Parts, LedgerError> {
    let mut statement = conn.prepare_cached(&format!("SELECT series, {SUMS} FROM rollup_by_series"))?;
    let mut rows = statement.query([])?;
    let mut parts = Parts::new();
    while let Some(row) = rows.next()? {
        parts.insert(PartialSum { start: 0, series: row.get(0)?, run_no: 0, thread: 0, work: 0 }, read_sum(row, 1)?);
    }
    Ok(parts)
}

/// Sums it from the days, quarters and rows that lie in it.
fn within(conn: &Connection, scope: &Scope<'_>) -> Result<Parts, LedgerError> {
    let mut reader = Reader { conn, scope, parts: Parts::new(), memo: None };
    let Scope { since, until, .. } = *scope;
    if scope.run.is_some() || scope.thread.is_some() {
        reader.rows(since, until)?;
        return Ok(reader.parts);
    }
    let days = whole(since, until, DAY);
    if days.start < days.end {
        for split in reader.days(&days)? {
            reader.fine(split.start.saturating_mul(DAY), split.end.saturating_mul(DAY))?;
        }
        if since != i64::MIN {
            reader.fine(since, days.start.saturating_mul(DAY))?;
        }
        if until != i64::MAX {
            reader.fine(days.end.saturating_mul(DAY), until)?;
        }
    } else {
        reader.fine(since, until)?;
    }
    Ok(reader.parts)
}

/// The whole units of so many milliseconds that lie in a window; an open end stays open.
fn whole(since: i64, until: i64, unit: i64) -> Range<i64> {
    let up = since.div_euclid(unit).saturating_add((since.rem_euclid(unit) != 0).into());
    let first = if since == i64::MIN { i64::MIN } else { up };
    let end = if until == i64::MAX { i64::MAX } else { until.div_euclid(unit) };
    first..end
}

struct Reader<'a> {
    conn: &'a Connection,
    scope: &'a Scope<'a>,
    parts: Parts,
    /// The piece of the quarter that was asked last: rows of one stand together.
    memo: Option<(i64, i64)>,
}

impl Reader<'_> {
    fn apart(&self) -> bool {
        self.scope.by_run || self.scope.by_thread
    }

    /// The start of the piece of time that a moment belongs to.
    fn piece(&mut self, at: i64) -> Result<i64, LedgerError> {
        let Some(piece) = self.scope.piece else { return Ok(0) };
        let quarter = at.div_euclid(QUARTER);
        if let Some((known, start)) = self.memo
            && known == quarter
        {
            return Ok(start);
        }
        let start = piece(moment(quarter.saturating_mul(QUARTER))?).timestamp_millis();
        self.memo = Some((quarter, start));
        Ok(start)
    }

    /// Adds the whole days that lie in one piece of time; says which lie in two.
    fn days(&mut self, days: &Range<i64>) -> Result<Vec<Range<i64>>, LedgerError> {
        let sql = match self.apart() {
            true => {
                format!(
                    "SELECT day, series, run_no, thread, work, {SUMS} FROM rollup_by_thread WHERE day >= ?1 AND day < ?2"
                )
            }
            false => format!("SELECT day, series, 0, 0, work, {SUMS} FROM rollup_by_day WHERE day >= ?1 AND day < ?2"),
        };
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut rows = statement.query([days.start, days.end])?;
        let mut split: Vec<Range<i64>> = Vec::new();
        let mut known: Option<(i64, Option<i64>)> = None;
        while let Some(row) = rows.next()? {
            let day: i64 = row.get(0)?;
            let start = match known {
                Some((last, start)) if last == day => start,
                _ => {
                    let first = day.saturating_mul(DAY);
                    let start = self.piece(first)?;
                    let start = (self.piece(first.saturating_add(DAY - 1))? == start).then_some(start);
                    known = Some((day, start));
                    start
                }
            };
            match (start, split.last_mut()) {
                (Some(start), _) => {
                    let part = self.part(start, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
                    self.parts.entry(part).or_default().add(&read_sum(row, 5)?);
                }
                (None, Some(last)) if last.end == day => last.end = day.saturating_add(1),
                (None, Some(last)) if last.contains(&day) => {}
                (None, _) => split.push(day..day.saturating_add(1)),
            }
        }
        Ok(split)
    }

    /// Adds what days are too coarse for.
    fn fine(&mut self, since: i64, until: i64) -> Result<(), LedgerError> {
        let quarters = whole(since, until, QUARTER);
        if self.apart() || quarters.start >= quarters.end {
            return self.rows(since, until);
        }
        self.quarters(&quarters)?;
        if since != i64::MIN {
            self.rows(since, quarters.start.saturating_mul(QUARTER))?;
        }
        if until != i64::MAX {
            self.rows(quarters.end.saturating_mul(QUARTER), until)?;
        }
        Ok(())
    }

    fn quarters(&mut self, quarters: &Range<i64>) -> Result<(), LedgerError> {
        let sql = format!("SELECT bucket, series, work, {SUMS} FROM rollup WHERE bucket >= ?1 AND bucket < ?2");
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut rows = statement.query([quarters.start, quarters.end])?;
        while let Some(row) = rows.next()? {
            let start = self.piece(row.get::<_, i64>(0)?.saturating_mul(QUARTER))?;
            let part = self.part(start, row.get(1)?, 0, 0, row.get(2)?);
            self.parts.entry(part).or_default().add(&read_sum(row, 3)?);
        }
        Ok(())
    }

    fn rows(&mut self, since: i64, until: i64) -> Result<(), LedgerError> {
        if since >= until {
            return Ok(());
        }
        // A plus keeps SQLite from taking the index on time where a run's or a thread's own is far better.
        match (self.scope.run, self.scope.thread) {
            (None, None) => self.rows_where("u.at >= ?1 AND u.at < ?2", [since, until]),
            (Some(run), None) => self.rows_where("+u.at >= ?1 AND +u.at < ?2 AND u.run_no = ?3", [since, until, run]),
            (None, Some(thread)) => {
                self.rows_where("+u.at >= ?1 AND +u.at < ?2 AND u.thread = ?3", [since, until, thread])
            }
            (Some(run), Some(thread)) => self.rows_where(
                "+u.at >= ?1 AND +u.at < ?2 AND +u.run_no = ?3 AND u.thread = ?4",
                [since, until, run, thread],
            ),
        }
    }

    fn rows_where(&mut self, condition: &str, values: impl Params) -> Result<(), LedgerError> {
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT u.at, u.series, coalesce(u.run_no, 0), u.thread, coalesce(u.work, 0), 1, u.input, u.cached_input, u.cache_write,
                    u.output, u.reasoning, coalesce(c.cost, u.cost, 0), coalesce(c.pricing, k.pricing) = 'estimated',
                    coalesce(c.pricing, k.pricing) = 'unpriced', u.guess IS NOT NULL
             FROM usage u JOIN kinds k ON k.id = u.kind LEFT JOIN repriced c ON c.usage = u.id WHERE {condition}"
        ))?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            let start = self.piece(row.get(0)?)?;
            let part = self.part(start, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            self.parts.entry(part).or_default().add(&read_sum(row, 5)?);
        }
        Ok(())
    }

    fn part(&self, start: i64, series: i64, run_no: i64, thread: i64, work: i64) -> PartialSum {
        PartialSum {
            start,
            series,
            run_no: if self.scope.by_run { run_no } else { 0 },
            thread: if self.scope.by_thread { thread } else { 0 },
            work: if self.scope.by_work { work } else { 0 },
        }
    }
}
