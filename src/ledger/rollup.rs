//! The sums that are kept beside the rows: by quarter of an hour, by day, by day and thread, and of all time.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use crate::model::{Money, Sum, Tokens};

use super::LedgerError;
use super::values::count;

/// A quarter of an hour in milliseconds: every time zone's midnight falls on the edge of one.
pub(super) const QUARTER: i64 = 900_000;

/// A day of UTC in milliseconds.
pub(super) const DAY: i64 = 86_400_000;

/// Where a row's share belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// Milliseconds since 1970.
    pub(super) at: i64,
    /// The number of its series.
    pub(super) series: i64,
    /// The number of its thread.
    pub(super) thread: i64,
    /// The number of its run; `None`: imported.
    pub(super) run_no: Option<i64>,
    /// The number of its class of work; 0: not known.
    pub(super) work: i64,
}

/// What rows add to the sums, gathered before it is written: an import writes each sum once a batch.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares {
    quarters: BTreeMap<[i64; 3], Sum>,
    days: BTreeMap<[i64; 3], Sum>,
    threads: BTreeMap<[i64; 5], Sum>,
    series: BTreeMap<[i64; 1], Sum>,
}

/// The ten sums, in the order of [`read_sum`].
pub(super) const SUMS: &str =
    "responses, input, cached_input, cache_write, output, reasoning, cost, estimated, unpriced, inferred";

/// A table of sums by its name and key.
pub(super) struct Grain {
    pub(super) table: &'static str,
    pub(super) keys: &'static str,
    find: &'static str,
    holes: &'static str,
}

const QUARTERS: Grain = Grain {
    table: "rollup",
    keys: "bucket, series, work",
    find: "bucket = ? AND series = ? AND work = ?",
    holes: "?, ?, ?",
};

const DAYS: Grain = Grain {
    table: "rollup_by_day",
    keys: "day, series, work",
    find: "day = ? AND series = ? AND work = ?",
    holes: "?, ?, ?",
};

const THREADS: Grain = Grain {
    table: "rollup_by_thread",
    keys: "day, thread, run_no, series, work",
    find: "day = ? AND thread = ? AND run_no = ? AND series = ? AND work = ?",
    holes: "?, ?, ?, ?, ?",
};

const SERIES: Grain = Grain { table: "rollup_by_series", keys: "series", find: "series = ?", holes: "?" };

impl Shares {
    /// Gathers one row's.
    pub(super) fn add(&mut self, to: Share, sum: &Sum) {
        let day = to.at.div_euclid(DAY);
        self.quarters.entry([to.at.div_euclid(QUARTER), to.series, to.work]).or_default().add(sum);
        self.days.entry([day, to.series, to.work]).or_default().add(sum);
        self.threads.entry([day, to.thread, to.run_no.unwrap_or(0), to.series, to.work]).or_default().add(sum);
        self.series.entry([to.series]).or_default().add(sum);
    }

    /// Adds them to what is stored, and forgets them.
    pub(super) fn write(&mut self, conn: &Connection) -> Result<(), LedgerError> {
        write(conn, &SERIES, &self.series)?;
        self.write_in_time(conn)
    }

    /// The same of those sums that the third version of a ledger had.
    fn write_in_time(&mut self, conn: &Connection) -> Result<(), LedgerError> {
        let Self { quarters, days, threads, series: _ } = std::mem::take(self);
        write(conn, &QUARTERS, &quarters)?;
        write(conn, &DAYS, &days)?;
        write(conn, &THREADS, &threads)
    }

    /// Takes them away from what is stored: rows that belong to another class from now on.
    pub(super) fn take(&mut self, conn: &Connection) -> Result<(), LedgerError> {
        let Self { quarters, days, threads, series } = std::mem::take(self);
        alter(conn, &QUARTERS, &quarters, Sum::take)?;
        alter(conn, &DAYS, &days, Sum::take)?;
        alter(conn, &THREADS, &threads, Sum::take)?;
        alter(conn, &SERIES, &series, Sum::take)
    }

    /// The first sum that is stored otherwise, or not at all, or that no row belongs to.
    pub(super) fn differs(&self, conn: &Connection) -> Result<Option<String>, LedgerError> {
        let found = differs(conn, &QUARTERS, &self.quarters)?;
        let found = found.map_or_else(|| differs(conn, &DAYS, &self.days), |found| Ok(Some(found)))?;
        let found = found.map_or_else(|| differs(conn, &THREADS, &self.threads), |found| Ok(Some(found)))?;
        found.map_or_else(|| differs(conn, &SERIES, &self.series), |found| Ok(Some(found)))
    }
}

/// What prices that came later change of the sums.
#[derive(Clone, Debug, Default)]
pub(super) struct Repricings {
    quarters: BTreeMap<[i64; 3], Repricing>,
    days: BTreeMap<[i64; 3], Repricing>,
    threads: BTreeMap<[i64; 5], Repricing>,
    series: BTreeMap<[i64; 1], Repricing>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Repricing {
    responses: u64,
    cost: Money,
    estimated: u64,
}

impl Repricings {
    /// Gathers one response's.
    pub(super) fn add(&mut self, to: Share, cost: Money, is_estimated: bool) {
        let day = to.at.div_euclid(DAY);
        let thread = [day, to.thread, to.run_no.unwrap_or(0), to.series, to.work];
        for change in [
            self.quarters.entry([to.at.div_euclid(QUARTER), to.series, to.work]).or_default(),
            self.days.entry([day, to.series, to.work]).or_default(),
            self.threads.entry(thread).or_default(),
            self.series.entry([to.series]).or_default(),
        ] {
            change.responses = change.responses.saturating_add(1);
            change.cost += cost;
            change.estimated = change.estimated.saturating_add(is_estimated.into());
        }
    }

    /// Changes what is stored.
    pub(super) fn write(&self, conn: &Connection) -> Result<(), LedgerError> {
        change(conn, &QUARTERS, &self.quarters)?;
        change(conn, &DAYS, &self.days)?;
        change(conn, &THREADS, &self.threads)?;
        change(conn, &SERIES, &self.series)
    }
}

fn change<const KEYS: usize>(
    conn: &Connection,
    grain: &Grain,
    changes: &BTreeMap<[i64; KEYS], Repricing>,
) -> Result<(), LedgerError> {
    alter(conn, grain, changes, |sum, change| {
        sum.unpriced = sum.unpriced.saturating_sub(change.responses);
        sum.cost += change.cost;
        sum.estimated = sum.estimated.saturating_add(change.estimated);
    })
}

/// Adds in Rust, not in SQL, where an overflow would turn a total into an error.
fn write<const KEYS: usize>(
    conn: &Connection,
    grain: &Grain,
    shares: &BTreeMap<[i64; KEYS], Sum>,
) -> Result<(), LedgerError> {
    alter(conn, grain, shares, Sum::add)
}

fn alter<T, const KEYS: usize>(
    conn: &Connection,
    grain: &Grain,
    changes: &BTreeMap<[i64; KEYS], T>,
    by: impl Fn(&mut Sum, &T),
) -> Result<(), LedgerError> {
    let Grain { table, find, holes, .. } = grain;
    let mut stored = conn.prepare_cached(&format!("SELECT {SUMS} FROM {table} WHERE {find}"))?;
    let mut empty = conn.prepare_cached(&format!("DELETE FROM {table} WHERE {find}"))?;
    let mut replace =
        conn.prepare_cached(&format!("INSERT OR REPLACE INTO {table} VALUES ({holes}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"))?;
    for (key, change) in changes {
        let mut sum = stored.query_row(params_from_iter(key), |row| read_sum(row, 0)).optional()?.unwrap_or_default();
        by(&mut sum, change);
        match sum.responses {
            0 => empty.execute(params_from_iter(key))?,
            _ => replace.execute(params_from_iter(key.iter().copied().chain(as_stored(&sum))))?,
        };
    }
    Ok(())
}

fn differs<const KEYS: usize>(
    conn: &Connection,
    grain: &Grain,
    shares: &BTreeMap<[i64; KEYS], Sum>,
) -> Result<Option<String>, LedgerError> {
    let Grain { table, keys, .. } = grain;
    let mut statement = conn.prepare(&format!("SELECT {keys}, {SUMS} FROM {table}"))?;
    let mut rows = statement.query([])?;
    let mut seen = 0_usize;
    while let Some(row) = rows.next()? {
        let mut key = [0_i64; KEYS];
        for (index, part) in key.iter_mut().enumerate() {
            *part = row.get(index)?;
        }
        let expected = shares.get(&key).map(as_stored);
        if expected != Some(as_stored(&read_sum(row, KEYS)?)) {
            return Ok(Some(format!("sum {key:?} of `{table}`")));
        }
        seen = seen.saturating_add(1);
    }
    Ok((seen != shares.len()).then(|| format!("a sum of `{table}`")))
}

/// Reads [`SUMS`] from column `first` on.
pub(super) fn read_sum(row: &Row<'_>, first: usize) -> rusqlite::Result<Sum> {
    let whole = |at: usize| row.get::<_, i64>(first + at).map(i64::unsigned_abs);
    Ok(Sum {
        responses: whole(0)?,
        tokens: Tokens {
            input: whole(1)?,
            cached_input: whole(2)?,
            cache_write_input: whole(3)?,
            output: whole(4)?,
            reasoning_output: whole(5)?,
        },
        cost: Money::from_nanos(row.get(first + 6)?),
        estimated: whole(7)?,
        unpriced: whole(8)?,
        inferred: whole(9)?,
    })
}

/// A part of it stands at the end of the scale: more was added to it than it says.
pub(super) fn is_at_its_end(sum: &Sum) -> bool {
    as_stored(sum).contains(&i64::MAX)
}

/// In the order of [`SUMS`], within SQLite's signed integers.
fn as_stored(sum: &Sum) -> [i64; 10] {
    let Tokens { input, cached_input, cache_write_input, output, reasoning_output } = sum.tokens;
    let counts = [sum.responses, input, cached_input, cache_write_input, output, reasoning_output].map(count);
    let [responses, input, cached, write, output, reasoning] = counts;
    let [estimated, unpriced, inferred] = [sum.estimated, sum.unpriced, sum.inferred].map(count);
    [responses, input, cached, write, output, reasoning, sum.cost.nanos(), estimated, unpriced, inferred]
}

/// Makes all sums from the rows where none were kept before, and forgets the statistics that plans rested on: for a
/// migration.
pub(super) fn fill(conn: &Connection) -> Result<(), LedgerError> {
    if conn.query_row("SELECT EXISTS (SELECT 1 FROM rollup_by_day)", [], |row| row.get(0))? {
        return Ok(());
    }
    if conn.table_exists(None, "sqlite_stat1")? {
        conn.execute_batch("DELETE FROM sqlite_stat1; ANALYZE sqlite_schema;")?;
    }
    gathered(conn)?.write_in_time(conn)
}

/// Makes the sums of all time from those by day: for a later migration.
pub(super) fn fill_series(conn: &Connection) -> Result<(), LedgerError> {
    let mut sums: BTreeMap<[i64; 1], Sum> = BTreeMap::new();
    let mut statement = conn.prepare(&format!("SELECT series, {SUMS} FROM rollup_by_day"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        sums.entry([row.get(0)?]).or_default().add(&read_sum(row, 1)?);
    }
    write(conn, &SERIES, &sums)
}

/// What all rows add up to, in the shape of version 3: prices that came later came after it.
pub(super) fn gathered(conn: &Connection) -> Result<Shares, LedgerError> {
    let mut shares = Shares::default();
    let mut statement = conn.prepare(
        "SELECT u.at, u.series, u.thread, u.run_no, coalesce(u.work, 0), 1, u.input, u.cached_input, u.cache_write, u.output, u.reasoning,
                coalesce(u.cost, 0), k.pricing = 'estimated', k.pricing = 'unpriced', u.guess IS NOT NULL
         FROM usage u JOIN kinds k ON k.id = u.kind",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (at, series, thread) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let share = Share { at, series, thread, run_no: row.get(3)?, work: row.get(4)? };
        shares.add(share, &read_sum(row, 5)?);
    }
    Ok(shares)
}
