//! The totals: sums of usage by origin and time, quick for any number of responses.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, params};

use crate::model::{Dimension, RunId, Slice, Sum, ThreadId, Timestamp};

use super::LedgerError;
use super::responses::Filter;
use super::series::SeriesBook;
use super::values::{at_least, before, moment, work_class};
use super::window_sums::{self, PartialSum, Parts, Scope};

/// Tells the start of the piece of time (a day, a month in some zone) that a quarter of an hour belongs to, by the
/// start of that quarter. A piece begins and ends on quarters of UTC, and goes on without a gap.
pub type Piece<'a> = &'a dyn Fn(Timestamp) -> Timestamp;

/// What to sum, and by what.
#[derive(Clone, Default)]
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
    /// Rows apart for each piece of time.
    pub piece: Option<Piece<'a>>,
}

/// What to cut into slices.
#[derive(Clone, Default)]
pub struct SliceQuery<'a> {
    /// Only this run's.
    pub run: Option<&'a RunId>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
    /// Runs apart; else their slices name none.
    pub by_run: bool,
    /// Threads apart; else their slices name none.
    pub by_thread: bool,
    /// Classes of work apart; else their slices name none.
    pub by_work: bool,
    /// Pieces of time apart.
    pub piece: Option<Piece<'a>>,
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

/// Sums of what was spent, what this turn has written and imported history included.
#[derive(Clone, Copy, Debug)]
pub struct Sums<'a> {
    pub(super) conn: &'a Connection,
}

impl Sums<'_> {
    /// Sums in the order of time, then values.
    pub fn rows(&self, query: &SumQuery<'_>) -> Result<Vec<SumRow>, LedgerError> {
        sums(self.conn, query)
    }

    /// Sums of a window `[start, end)`, imported history included.
    pub fn by(
        &self,
        dims: &[Dimension],
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    ) -> Result<SumsBy, LedgerError> {
        sums_by(self.conn, dims, start, end)
    }

    /// All spend by origin, and by run, thread and piece of time where asked: what reports are made of. In the order
    /// of time.
    pub fn slices(&self, query: &SliceQuery<'_>) -> Result<Vec<Slice>, LedgerError> {
        let mut slices = Vec::new();
        self.each_slice(query, |slice| slices.push(slice))?;
        Ok(slices)
    }

    /// The same, one by one: there may be as many as there are threads.
    pub fn each_slice(&self, query: &SliceQuery<'_>, mut each: impl FnMut(Slice)) -> Result<(), LedgerError> {
        let run = query.run.map(|run| window_sums::run_no(self.conn, run.as_str())).transpose()?;
        let run = match run {
            Some(None) => return Ok(()),
            found => found.flatten(),
        };
        let scope = Scope {
            run,
            thread: None,
            since: at_least(query.since),
            until: before(query.until),
            by_run: query.by_run,
            by_thread: query.by_thread,
            by_work: query.by_work,
            piece: query.piece,
        };
        let mut found: Vec<(PartialSum, Sum)> = window_sums::collect(self.conn, &scope)?.into_iter().collect();
        found.sort_unstable_by_key(|(part, _)| *part);
        let mut names = Names::new(self.conn);
        found.into_iter().try_for_each(|(part, sum)| {
            each(names.slice(part, sum, query.piece.is_some())?);
            Ok(())
        })
    }

    /// The time of the first and of the last response; `None` without any.
    pub fn span(&self, filter: &Filter) -> Result<Option<(Timestamp, Timestamp)>, LedgerError> {
        let (since, until) = (at_least(filter.since), before(filter.until));
        let (first, last): (Option<i64>, Option<i64>) = match &filter.run {
            Some(run) => self.conn.query_row(
                "SELECT min(at), max(at) FROM usage
                 WHERE run_no = (SELECT no FROM runs WHERE id = ?3) AND +at >= ?1 AND +at < ?2",
                params![since, until, run.as_str()],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?,
            // Two questions: for one with both, SQLite would read all rows.
            None => self.conn.query_row(
                "SELECT (SELECT min(at) FROM usage WHERE at >= ?1 AND at < ?2),
                        (SELECT max(at) FROM usage WHERE at >= ?1 AND at < ?2)",
                params![since, until],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?,
        };
        first.zip(last).map(|(first, last)| Ok((moment(first)?, moment(last)?))).transpose()
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
        let Some(narrow) = narrow(self.conn, &query, named(&Dimension::Run), named(&Dimension::Thread))? else {
            return Ok(Sum::default());
        };
        let rows = named_rows(self.conn, &query, window_sums::collect(self.conn, &narrow)?)?;
        Ok(rows.into_iter().find(|row| row.values == values).map(|row| row.sum).unwrap_or_default())
    }
}

fn sums(conn: &Connection, query: &SumQuery<'_>) -> Result<Vec<SumRow>, LedgerError> {
    match narrow(conn, query, query.run.map(RunId::as_str), query.thread.map(ThreadId::as_str))? {
        Some(scope) => named_rows(conn, query, window_sums::collect(conn, &scope)?),
        None => Ok(Vec::new()),
    }
}

fn sums_by(
    conn: &Connection,
    dims: &[Dimension],
    start: Option<Timestamp>,
    end: Option<Timestamp>,
) -> Result<SumsBy, LedgerError> {
    let rows = sums(conn, &SumQuery { dims, since: start, until: end, ..SumQuery::default() })?;
    Ok(rows.into_iter().map(|row| (row.values, row.sum)).collect())
}

/// The query by number; `None` if nothing was ever recorded of what it names.
fn narrow<'a>(
    conn: &Connection,
    query: &SumQuery<'a>,
    run: Option<&str>,
    thread: Option<&str>,
) -> Result<Option<Scope<'a>>, LedgerError> {
    let run_no = run.map(|run| window_sums::run_no(conn, run)).transpose()?;
    let thread_no = thread.map(|thread| window_sums::thread_no(conn, thread)).transpose()?;
    if run_no == Some(None) || thread_no == Some(None) {
        return Ok(None);
    }
    Ok(Some(Scope {
        run: run_no.flatten(),
        thread: thread_no.flatten(),
        since: at_least(query.since),
        until: before(query.until),
        by_run: query.dims.contains(&Dimension::Run),
        by_thread: query.dims.contains(&Dimension::Thread),
        by_work: query.dims.contains(&Dimension::Work),
        piece: query.piece,
    }))
}

fn named_rows(conn: &Connection, query: &SumQuery<'_>, parts: Parts) -> Result<Vec<SumRow>, LedgerError> {
    let mut names = Names::new(conn);
    let mut sums: BTreeMap<(i64, Vec<Option<String>>), Sum> = BTreeMap::new();
    for (part, sum) in parts {
        let values = names.values(part, query.dims)?;
        sums.entry((part.start, values)).or_default().add(&sum);
    }
    let row = |((start, values), sum)| {
        let start = query.piece.map(|_| moment(start)).transpose()?;
        Ok(SumRow { start, values, sum })
    };
    sums.into_iter().map(row).collect()
}

/// The names behind numbers, each looked up once.
pub(super) struct Names<'a> {
    conn: &'a Connection,
    series: SeriesBook,
    runs: HashMap<i64, String>,
    threads: HashMap<i64, String>,
}

impl<'a> Names<'a> {
    pub(super) fn new(conn: &'a Connection) -> Self {
        Self { conn, series: SeriesBook::default(), runs: HashMap::new(), threads: HashMap::new() }
    }

    pub(super) fn values(&mut self, part: PartialSum, dims: &[Dimension]) -> Result<Vec<Option<String>>, LedgerError> {
        let series = self.series.get(self.conn, part.series)?;
        dims.iter()
            .map(|dimension| match dimension {
                Dimension::Run => self.run(part.run_no),
                Dimension::Thread => self.thread(part.thread),
                Dimension::Work => Ok(work_class(part.work).map(|class| class.as_str().to_owned())),
                other => Ok(series.get(other).map(str::to_owned)),
            })
            .collect()
    }

    fn slice(&mut self, part: PartialSum, sum: Sum, timed: bool) -> Result<Slice, LedgerError> {
        let series = self.series.get(self.conn, part.series)?;
        Ok(Slice {
            start: if timed { Some(moment(part.start)?) } else { None },
            run: self.run(part.run_no)?.map(RunId::new),
            thread: self.thread(part.thread)?.map(ThreadId::new),
            agent: series.agent.clone(),
            model: series.model.clone(),
            work: work_class(part.work),
            source: Some(series.source),
            billing: series.billing,
            attribution: series.attribution.clone(),
            sum,
        })
    }

    fn run(&mut self, no: i64) -> Result<Option<String>, LedgerError> {
        name(self.conn, "SELECT id FROM runs WHERE no = ?1", &mut self.runs, no)
    }

    fn thread(&mut self, no: i64) -> Result<Option<String>, LedgerError> {
        name(self.conn, "SELECT id FROM thread_ids WHERE no = ?1", &mut self.threads, no)
    }
}

/// The name of a number; zero is nobody's.
fn name(
    conn: &Connection,
    sql: &str,
    known: &mut HashMap<i64, String>,
    no: i64,
) -> Result<Option<String>, LedgerError> {
    if no == 0 {
        return Ok(None);
    }
    if let Some(name) = known.get(&no) {
        return Ok(Some(name.clone()));
    }
    let name: String = conn.prepare_cached(sql)?.query_row([no], |row| row.get(0))?;
    known.insert(no, name.clone());
    Ok(Some(name))
}
