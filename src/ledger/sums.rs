//! Owns the totals: sums of usage by dimensions and time, from the rollup where it serves and from usage where not.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, params_from_iter};

use crate::model::{Dimension, RunId, Sum, ThreadId, Timestamp};

use super::store::moment;
use super::usage::{BUCKET, SeriesBook, read_sum};
use super::{Ledger, LedgerError, Turn};

/// What to sum, and by what.
#[derive(Clone, Debug, Default)]
pub struct SumQuery<'a> {
    /// One row for each combination of values; empty: one row.
    pub dims: &'a [Dimension],
    /// Only this run's.
    pub run: Option<&'a RunId>,
    /// Only this thread's.
    pub thread: Option<&'a ThreadId>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
    /// Rows apart for each piece of time; days of a time zone are the caller's to put together.
    pub bucket: Option<Bucket>,
}

/// A piece of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Fifteen minutes: midnight of every time zone falls on the edge of one.
    QuarterHour,
    /// An hour of UTC.
    Hour,
}

impl Bucket {
    fn millis(self) -> i64 {
        match self {
            Self::QuarterHour => BUCKET,
            Self::Hour => 4 * BUCKET,
        }
    }
}

/// One row of sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SumRow {
    /// The start of its piece of time, if pieces were asked for.
    pub start: Option<Timestamp>,
    /// A value for each dimension, in their order; `None` is "unknown".
    pub values: Vec<Option<String>>,
    /// What it comes to.
    pub sum: Sum,
}

/// Sums by the values of the asked-for dimensions.
pub type SumsBy = Vec<(Vec<Option<String>>, Sum)>;

impl Ledger {
    /// Sums in the order of time, then values.
    pub fn sums(&self, query: &SumQuery<'_>) -> Result<Vec<SumRow>, LedgerError> {
        collect(&self.conn, &Scope::of(query))
    }

    /// Sums of a window `[start, end)`, imported history included.
    pub fn sums_by(
        &self,
        dims: &[Dimension],
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    ) -> Result<SumsBy, LedgerError> {
        sums_by(&self.conn, dims, start, end)
    }
}

impl Turn<'_> {
    /// Sums of a window `[start, end)`, this transaction's and imported history included. Quick for any dimension but
    /// run and thread, whose rows are read one by one.
    pub fn sums_by(
        &self,
        dims: &[Dimension],
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    ) -> Result<SumsBy, LedgerError> {
        sums_by(self.tx, dims, start, end)
    }

    /// What a budget's scope, given as dimensions with their values (`None`: unknown), has spent in a window.
    pub fn spent(
        &self,
        scope: &[(Dimension, Option<String>)],
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    ) -> Result<Sum, LedgerError> {
        let dims: Vec<Dimension> = scope.iter().map(|(dimension, _)| dimension.clone()).collect();
        let values: Vec<Option<String>> = scope.iter().map(|(_, value)| value.clone()).collect();
        let named = |wanted: &Dimension| {
            scope.iter().find(|(dimension, _)| dimension == wanted).and_then(|(_, value)| value.as_deref())
        };
        let query = SumQuery { dims: &dims, since: start, until: end, ..SumQuery::default() };
        let narrow = Scope { run: named(&Dimension::Run), thread: named(&Dimension::Thread), ..Scope::of(&query) };
        let rows = collect(self.tx, &narrow)?;
        Ok(rows.into_iter().find(|row| row.values == values).map(|row| row.sum).unwrap_or_default())
    }
}

fn sums_by(
    conn: &Connection,
    dims: &[Dimension],
    start: Option<Timestamp>,
    end: Option<Timestamp>,
) -> Result<SumsBy, LedgerError> {
    let query = SumQuery { dims, since: start, until: end, ..SumQuery::default() };
    Ok(collect(conn, &Scope::of(&query))?.into_iter().map(|row| (row.values, row.sum)).collect())
}

/// A query in the ledger's own terms: milliseconds, `[since, until)`.
struct Scope<'a> {
    dims: &'a [Dimension],
    run: Option<&'a str>,
    thread: Option<&'a str>,
    since: i64,
    until: i64,
    bucket: Option<Bucket>,
}

impl<'a> Scope<'a> {
    fn of(query: &SumQuery<'a>) -> Self {
        Self {
            dims: query.dims,
            run: query.run.map(RunId::as_str),
            thread: query.thread.map(ThreadId::as_str),
            since: query.since.map_or(i64::MIN, |at| at.timestamp_millis()),
            until: query.until.map_or(i64::MAX, |at| at.timestamp_millis()),
            bucket: query.bucket,
        }
    }

    fn by(&self, dimension: &Dimension) -> bool {
        self.dims.contains(dimension)
    }

    /// The rollup knows neither runs nor threads.
    fn rolled_up(&self) -> bool {
        self.run.is_none() && self.thread.is_none() && !self.by(&Dimension::Run) && !self.by(&Dimension::Thread)
    }
}

/// What is summed before names are looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Part {
    start: i64,
    series: i64,
    run_no: Option<i64>,
    thread: Option<String>,
}

type Parts = HashMap<Part, Sum>;

fn collect(conn: &Connection, scope: &Scope<'_>) -> Result<Vec<SumRow>, LedgerError> {
    let mut parts = Parts::new();
    // The whole quarters within the window come from the rollup, its two ends from usage.
    let first = if scope.since == i64::MIN { i64::MIN } else { div_up(scope.since) };
    let end = if scope.until == i64::MAX { i64::MAX } else { scope.until.div_euclid(BUCKET) };
    if scope.rolled_up() && first < end {
        from_rollup(conn, scope, first, end, &mut parts)?;
        if scope.since != i64::MIN {
            from_usage(conn, scope, scope.since, first.saturating_mul(BUCKET), &mut parts)?;
        }
        if scope.until != i64::MAX {
            from_usage(conn, scope, end.saturating_mul(BUCKET), scope.until, &mut parts)?;
        }
    } else {
        from_usage(conn, scope, scope.since, scope.until, &mut parts)?;
    }
    named(conn, scope, parts)
}

fn div_up(millis: i64) -> i64 {
    millis.div_euclid(BUCKET).saturating_add((millis.rem_euclid(BUCKET) != 0).into())
}

fn from_rollup(
    conn: &Connection,
    scope: &Scope<'_>,
    first: i64,
    end: i64,
    parts: &mut Parts,
) -> Result<(), LedgerError> {
    let mut statement = conn.prepare_cached(
        "SELECT bucket, series, responses, input, cached_input, cache_write, output, reasoning, cost, estimated, unpriced
         FROM rollup WHERE bucket >= ?1 AND bucket < ?2",
    )?;
    let mut rows = statement.query([first, end])?;
    while let Some(row) = rows.next()? {
        let start = start_of(scope, row.get::<_, i64>(0)?.saturating_mul(BUCKET));
        let part = Part { start, series: row.get(1)?, run_no: None, thread: None };
        parts.entry(part).or_default().add(&read_sum(row, 2)?);
    }
    Ok(())
}

fn from_usage(
    conn: &Connection,
    scope: &Scope<'_>,
    since: i64,
    until: i64,
    parts: &mut Parts,
) -> Result<(), LedgerError> {
    if since >= until {
        return Ok(());
    }
    let mut sql = String::from(
        "SELECT at, series, run_no, thread, 1, input, cached_input, cache_write, output, reasoning, coalesce(cost, 0),
                pricing = 'estimated', pricing = 'unpriced'
         FROM usage WHERE at >= ?1 AND at < ?2",
    );
    let mut values = vec![rusqlite::types::Value::from(since), until.into()];
    for (condition, value) in
        [(" AND thread = ?", scope.thread), (" AND run_no = (SELECT no FROM runs WHERE id = ?)", scope.run)]
    {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(value.to_owned().into());
        }
    }
    let (by_run, by_thread) = (scope.by(&Dimension::Run), scope.by(&Dimension::Thread));
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        let part = Part {
            start: start_of(scope, row.get(0)?),
            series: row.get(1)?,
            run_no: if by_run { row.get(2)? } else { None },
            thread: if by_thread { row.get(3)? } else { None },
        };
        parts.entry(part).or_default().add(&read_sum(row, 4)?);
    }
    Ok(())
}

fn start_of(scope: &Scope<'_>, at: i64) -> i64 {
    scope.bucket.map_or(0, |bucket| at.div_euclid(bucket.millis()).saturating_mul(bucket.millis()))
}

fn named(conn: &Connection, scope: &Scope<'_>, parts: Parts) -> Result<Vec<SumRow>, LedgerError> {
    let mut book = SeriesBook::default();
    let mut runs: HashMap<i64, String> = HashMap::new();
    let mut sums: BTreeMap<(i64, Vec<Option<String>>), Sum> = BTreeMap::new();
    for (part, sum) in parts {
        let series = book.get(conn, part.series)?;
        let mut values = Vec::with_capacity(scope.dims.len());
        for dimension in scope.dims {
            values.push(match (dimension, part.run_no) {
                (Dimension::Run, None) => None,
                (Dimension::Run, Some(no)) => Some(run_id(conn, no, &mut runs)?),
                (Dimension::Thread, _) => part.thread.clone(),
                _ => series.get(dimension).map(str::to_owned),
            });
        }
        sums.entry((part.start, values)).or_default().add(&sum);
    }
    let row = |((start, values), sum)| {
        let start = scope.bucket.map(|_| moment(start)).transpose()?;
        Ok(SumRow { start, values, sum })
    };
    sums.into_iter().map(row).collect()
}

fn run_id(conn: &Connection, no: i64, known: &mut HashMap<i64, String>) -> Result<String, LedgerError> {
    if let Some(id) = known.get(&no) {
        return Ok(id.clone());
    }
    let id: String = conn.prepare_cached("SELECT id FROM runs WHERE no = ?1")?.query_row([no], |row| row.get(0))?;
    known.insert(no, id.clone());
    Ok(id)
}
