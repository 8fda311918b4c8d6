//! The usage rows: responses, unique by thread and key.

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::{Response, ResponseKey, RunId, ThreadId};

use super::LedgerError;
use super::hash::Hash;

use super::rollup::{Share, Shares};
use super::rows::usage::{OBSERVED, UsageRow};

pub(super) mod confirmed;

/// What a row names by number, found or made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) thread: i64,
    pub(super) root: i64,
    pub(super) series: i64,
    pub(super) kind: i64,
}

impl Numbers {
    pub(super) fn of(conn: &Connection, row: &UsageRow) -> Result<Self, LedgerError> {
        let thread = number_thread(conn, &row.thread)?;
        Ok(Self {
            thread,
            root: if row.root == row.thread { thread } else { number_thread(conn, &row.root)? },
            series: number_series(conn, &row.series)?,
            kind: number_kind(conn, row.provider.as_deref(), &row.tier, &row.pricing)?,
        })
    }
}

const INSERT: &str = "INSERT INTO usage (run_no, thread, key, root, at, series, kind, input, cached_input, cache_write,
    output, reasoning, cost, guess, work) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
    ON CONFLICT (thread, key) DO NOTHING";

/// What became of a row.
pub(super) enum Put {
    /// It is in the ledger under this number.
    New(i64),
    /// The ledger has the response already.
    Known,
    /// So it has, under this key, by what a hook told: to be kept by [`confirmed::keep`].
    Confirms(ResponseKey),
}

/// What became of a run's response.
pub(super) enum Inserted {
    /// It is in the ledger under this number, and this is what the row says.
    New(i64, Hash),
    /// As [`Put::Known`].
    Known,
    /// As [`Put::Confirms`].
    Confirms(ResponseKey),
}

/// Adds a row and gathers its share of the sums, unless the ledger has the response already. A row whose place in its
/// file is taken by another response is known by its time as well, and its key says so afterwards.
pub(super) fn put(
    conn: &Connection,
    run_no: Option<i64>,
    numbers: Numbers,
    row: &mut UsageRow,
    shares: &mut Shares,
) -> Result<Put, LedgerError> {
    match confirmed::of(conn, numbers.thread, row)? {
        Some(confirmed::Record::Known) => return Ok(Put::Known),
        Some(confirmed::Record::Confirms(told)) => return Ok(Put::Confirms(told)),
        None => {}
    }
    if !add(conn, run_no, numbers, row)? {
        if !is_taken_by_another(conn, numbers.thread, row)? {
            return Ok(Put::Known);
        }
        row.key = format!("{}~{}", row.key, row.at);
        if !add(conn, run_no, numbers, row)? {
            return Ok(Put::Known);
        }
    }
    let id = conn.last_insert_rowid();
    let (series, thread, work) = (numbers.series, numbers.thread, row.work.unwrap_or(0));
    shares.add(Share { at: row.at, series, thread, run_no, work }, &row.sum()?);
    Ok(Put::New(id))
}

/// One thread that goes on in two copies of its file has different responses at one place: they differ in time and in
/// numbers. The same response told twice differs at most in one of them, and a response's own id settles it.
fn is_taken_by_another(conn: &Connection, thread: i64, row: &UsageRow) -> Result<bool, LedgerError> {
    if !row.key.starts_with('@') {
        return Ok(false);
    }
    let mut statement = conn.prepare_cached(
        "SELECT at <> ?3 AND (input, cached_input, output) <> (?4, ?5, ?6) FROM usage WHERE thread = ?1 AND key = ?2",
    )?;
    let values = params![thread, row.key, row.at, row.input, row.cached_input, row.output];
    Ok(statement.query_row(values, |found| found.get(0)).optional()?.unwrap_or(false))
}

/// Says whether the row was new.
fn add(conn: &Connection, run_no: Option<i64>, numbers: Numbers, row: &UsageRow) -> Result<bool, LedgerError> {
    let Numbers { thread, root, series, kind } = numbers;
    let guess = Some(row.basis.as_str()).filter(|basis| *basis != OBSERVED);
    let added = conn.prepare_cached(INSERT)?.execute(params![
        run_no,
        thread,
        row.key,
        root,
        row.at,
        series,
        kind,
        row.input,
        row.cached_input,
        row.cache_write,
        row.output,
        row.reasoning,
        row.cost,
        guess,
        row.work
    ])?;
    Ok(added > 0)
}

/// Adds a run's response and its share of the sums, unless the ledger has it already.
pub(super) fn insert(
    conn: &Connection,
    run_no: i64,
    run: &RunId,
    response: &Response,
) -> Result<Inserted, LedgerError> {
    let mut row = UsageRow::of(response, run)?;
    let numbers = Numbers::of(conn, &row)?;
    let mut shares = Shares::default();
    Ok(match put(conn, Some(run_no), numbers, &mut row, &mut shares)? {
        Put::New(id) => {
            shares.write(conn)?;
            Inserted::New(id, row.digest()?)
        }
        Put::Known => Inserted::Known,
        Put::Confirms(told) => Inserted::Confirms(told),
    })
}

/// Who, beside the run that tells of a response, has counted it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// An import, which belongs to no run.
    Import,
    /// Another run: one of two that are inside one another.
    AnotherRun,
}

/// Whose a response is that the ledger has, if it is not this run's. What another run has recorded of a thread before this
/// one began is no spend of this one, which only goes on with the thread.
pub(super) fn holder(
    conn: &Connection,
    run_no: i64,
    thread: &ThreadId,
    key: &ResponseKey,
) -> Result<Option<Holder>, LedgerError> {
    let mut statement = conn.prepare_cached(
        "SELECT run_no, at > (SELECT started FROM runs WHERE no = ?3) FROM usage \
         WHERE thread = (SELECT no FROM thread_ids WHERE id = ?1) AND key = ?2",
    )?;
    let found = statement
        .query_row(params![thread.as_str(), key.as_str(), run_no], |row| {
            Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, bool>(1)?))
        })
        .optional()?;
    Ok(found.and_then(|(holder, since)| match holder {
        None => Some(Holder::Import),
        Some(other) if other != run_no && since => Some(Holder::AnotherRun),
        Some(_) => None,
    }))
}

pub(super) fn number_thread(conn: &Connection, id: &str) -> Result<i64, LedgerError> {
    let known =
        conn.prepare_cached("SELECT no FROM thread_ids WHERE id = ?1")?.query_row([id], |row| row.get(0)).optional()?;
    number(conn, known, |conn| Ok(conn.prepare_cached("INSERT INTO thread_ids (id) VALUES (?1)")?.execute([id])?))
}

pub(super) fn number_series(conn: &Connection, data: &str) -> Result<i64, LedgerError> {
    let known =
        conn.prepare_cached("SELECT id FROM series WHERE data = ?1")?.query_row([data], |row| row.get(0)).optional()?;
    number(conn, known, |conn| Ok(conn.prepare_cached("INSERT INTO series (data) VALUES (?1)")?.execute([data])?))
}

fn number_kind(conn: &Connection, provider: Option<&str>, tier: &str, pricing: &str) -> Result<i64, LedgerError> {
    let values = params![provider.unwrap_or_default(), tier, pricing];
    let known = conn
        .prepare_cached("SELECT id FROM kinds WHERE provider = ?1 AND tier = ?2 AND pricing = ?3")?
        .query_row(values, |row| row.get(0))
        .optional()?;
    number(conn, known, |conn| {
        Ok(conn.prepare_cached("INSERT INTO kinds (provider, tier, pricing) VALUES (?1, ?2, ?3)")?.execute(params![
            provider.unwrap_or_default(),
            tier,
            pricing
        ])?)
    })
}

fn number(
    conn: &Connection,
    known: Option<i64>,
    insert: impl FnOnce(&Connection) -> Result<usize, LedgerError>,
) -> Result<i64, LedgerError> {
    match known {
        Some(number) => Ok(number),
        None => {
            insert(conn)?;
            Ok(conn.last_insert_rowid())
        }
    }
}
