//! Corrections of where spend belongs: rows go to another series, and the ledger's chain keeps what was recorded.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::{Attribution, Money, RunId, ThreadId, Timestamp};

use super::audit_failure::{Checked, broken};
use super::chain::{self, Link};
use super::rollup::{Share, Shares};
use super::rows::usage::{SELECT, Stored, UsageRow};
use super::series::{Series, SeriesBook};
use super::usage::number_series;
use super::values::json;
use super::{Ledger, LedgerError};

/// Responses of one transaction, and so of one link: other governs wait meanwhile.
const BATCH: usize = 4_096;

/// What one thread spent that belongs to the same: who asks may move it as a whole.
#[derive(Clone, Debug)]
pub struct Belonging {
    /// The run that recorded it; `None`: imported.
    pub run: Option<RunId>,
    /// Where that run was started.
    pub cwd: Option<String>,
    /// The thread.
    pub thread: ThreadId,
    /// Where it belongs by now.
    pub attribution: Attribution,
    /// How many responses.
    pub responses: u64,
    /// What those with a price cost.
    pub cost: Money,
    /// How many of them have none.
    pub unpriced: u64,
    run_no: Option<i64>,
    thread_no: i64,
    series: i64,
}

/// A thread of a run, both by number; without a run it was imported.
type Thread = (Option<i64>, i64);

/// The time that is looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
}

impl Span {
    fn bounds(self) -> [i64; 2] {
        let millis = |at: Option<Timestamp>, none| at.map_or(none, |at| at.timestamp_millis());
        [millis(self.since, i64::MIN), millis(self.until, i64::MAX)]
    }
}

/// All that was spent in this time, by thread and by where it belongs, in the order in which it was recorded.
pub fn belongings(ledger: &Ledger, span: Span) -> Result<Vec<Belonging>, LedgerError> {
    let mut statement = ledger.conn.prepare(
        "SELECT u.run_no, u.thread, u.series, r.id, r.cwd, t.id, count(*), sum(coalesce(c.cost, u.cost, 0)),
                sum(coalesce(c.pricing, k.pricing) = 'unpriced')
         FROM usage u JOIN kinds k ON k.id = u.kind JOIN thread_ids t ON t.no = u.thread LEFT JOIN runs r ON r.no = u.run_no
         LEFT JOIN repriced c ON c.usage = u.id WHERE u.at >= ?1 AND u.at < ?2 GROUP BY 1, 2, 3 ORDER BY min(u.id)",
    )?;
    let mut rows = statement.query(span.bounds())?;
    let mut book = SeriesBook::default();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let series = row.get(2)?;
        found.push(Belonging {
            run: row.get::<_, Option<String>>(3)?.map(RunId::new),
            cwd: row.get(4)?,
            thread: ThreadId::new(row.get::<_, String>(5)?),
            attribution: book.get(&ledger.conn, series)?.attribution.clone(),
            responses: row.get::<_, i64>(6)?.unsigned_abs(),
            cost: Money::from_nanos(row.get(7)?),
            unpriced: row.get::<_, i64>(8)?.unsigned_abs(),
            run_no: row.get(0)?,
            thread_no: row.get(1)?,
            series,
        });
    }
    Ok(found)
}

/// Moves what was spent in this time to where it belongs: rows, sums and a link of the chain together, some thousand
/// rows at once. Says how many responses were moved.
pub fn attribute(
    ledger: &mut Ledger,
    now: Timestamp,
    by: &str,
    span: Span,
    moves: &[(Belonging, Attribution)],
) -> Result<u64, LedgerError> {
    let mut groups: BTreeMap<(i64, String), Vec<Thread>> = BTreeMap::new();
    for (one, to) in moves {
        groups.entry((one.series, json(to)?)).or_default().push((one.run_no, one.thread_no));
    }
    let mut moved = 0_u64;
    for ((series, to), mut threads) in groups {
        let to: Attribution = serde_json::from_str(&to).map_err(|error| LedgerError::unreadable(error.to_string()))?;
        while !threads.is_empty() {
            moved = moved.saturating_add(batch(ledger, (now, by), span, (series, &to), &mut threads)?);
        }
    }
    Ok(moved)
}

fn batch(
    ledger: &mut Ledger,
    (now, by): (Timestamp, &str),
    span: Span,
    (from, to): (i64, &Attribution),
    threads: &mut Vec<Thread>,
) -> Result<u64, LedgerError> {
    let tx = ledger.transaction()?;
    let mut found: Vec<Stored> = Vec::new();
    while found.len() < BATCH
        && let Some((run_no, thread)) = threads.last()
    {
        let room = BATCH - found.len();
        let more = rows_of(&tx, span, (*run_no, *thread, from), room)?;
        if more.len() < room {
            threads.pop();
        }
        found.extend(more);
    }
    // As it was written: the digests of rows are over this text.
    let Some(before) = found.first().map(|stored| stored.row.series.clone()) else { return Ok(0) };
    let series = SeriesBook::default().get(&tx, from)?;
    let after = json(&Series { attribution: to.clone(), ..(*series).clone() })?;
    let series = number_series(&tx, &after)?;
    let (mut taken, mut given) = (Shares::default(), Shares::default());
    for stored in &found {
        let (sum, share) = (stored.row.sum()?, stored.share());
        taken.add(share, &sum);
        given.add(Share { series, ..share }, &sum);
    }
    rewrite(&tx, series, &found)?;
    taken.take(&tx)?;
    given.write(&tx)?;
    let rows = found.len() as u64;
    let usage = stretches(found.iter().map(|stored| stored.id).collect());
    let link = Link::Attributed { at: now, by: by.to_owned(), from: before, to: after, rows, usage };
    chain::link(&tx, &link)?;
    tx.commit()?;
    Ok(rows)
}

fn rows_of(
    conn: &Connection,
    span: Span,
    (run_no, thread, series): (Option<i64>, i64, i64),
    most: usize,
) -> Result<Vec<Stored>, LedgerError> {
    let sql = format!(
        "{SELECT} WHERE u.run_no IS ?1 AND u.thread = ?2 AND u.series = ?3 AND u.at >= ?4 AND u.at < ?5 ORDER BY u.id LIMIT ?6"
    );
    let [since, until] = span.bounds();
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params![run_no, thread, series, since, until, most], Stored::read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The only change of a row beside its class of work: the trigger that forbids it is taken away within this transaction, and
/// nobody else sees the ledger without it.
fn rewrite(conn: &Connection, series: i64, rows: &[Stored]) -> Result<(), LedgerError> {
    let forbids: Option<String> = conn
        .query_row("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = 'usage_stays'", [], |row| {
            row.get(0)
        })
        .optional()?;
    conn.execute_batch("DROP TRIGGER IF EXISTS usage_stays")?;
    let mut set = conn.prepare("UPDATE usage SET series = ?2 WHERE id = ?1")?;
    for stored in rows {
        set.execute([stored.id, series])?;
    }
    forbids.map_or(Ok(()), |forbids| Ok(conn.execute_batch(&forbids)?))
}

/// The first and the last number of each stretch without a gap.
fn stretches(mut ids: Vec<i64>) -> Vec<(i64, i64)> {
    ids.sort_unstable();
    let mut found: Vec<(i64, i64)> = Vec::new();
    for id in ids {
        match found.last_mut() {
            Some((_, last)) if last.saturating_add(1) == id => *last = id,
            _ => found.push((id, id)),
        }
    }
    found
}

/// What the ledger's chain says of corrections, for the audit: as what each row was recorded, and where it belongs now.
#[derive(Debug, Default)]
pub(super) struct Corrected(HashMap<i64, (Rc<str>, Rc<str>)>);

impl Corrected {
    /// A link says so.
    pub(super) fn add(
        &mut self,
        (from, to): (String, String),
        rows: u64,
        usage: &[(i64, i64)],
    ) -> Result<(), &'static str> {
        let length = |(first, last): &(i64, i64)| last.saturating_sub(*first).saturating_add(1).max(0).unsigned_abs();
        if usage.iter().map(length).fold(0, u64::saturating_add) != rows || rows > BATCH as u64 {
            return Err("its rows are not as many as their numbers");
        }
        let (from, to): (Rc<str>, Rc<str>) = (from.into(), to.into());
        for id in usage.iter().flat_map(|(first, last)| *first..=*last) {
            let (_, now) = self.0.entry(id).or_insert_with(|| (Rc::clone(&from), Rc::clone(&from)));
            if **now != *from {
                return Err("it moves what was not there");
            }
            *now = Rc::clone(&to);
        }
        Ok(())
    }

    /// The row as it was recorded, which is what the chains hold.
    pub(super) fn recorded(&self, stored: Stored) -> Checked<UsageRow> {
        let Some((recorded, now)) = self.0.get(&stored.id) else { return Ok(stored.recorded()) };
        if stored.row.series != **now {
            return broken(format!("usage {}", stored.id), "it belongs elsewhere than the ledger's chain says");
        }
        Ok(UsageRow { series: recorded.to_string(), ..stored.recorded() })
    }
}
