//! The figures that metrics ask beside sums: decisions, refused tool calls, how long hooks and holds took.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rusqlite::{Connection, params};
use serde::Deserialize;

use crate::model::event::{Decision, EventKind, ToolVerdict};
use crate::model::{Event, HOOK_BOUNDS, Histogram, RunId, Sum, WAIT_BOUNDS};

use super::calls;
use super::rollup::{self, SUMS, read_sum};
use super::values::{count, json};
use super::{Ledger, LedgerError, Turn};

/// How many decisions, by what was done and the budget or alert that wanted it.
pub type Decided = BTreeMap<(String, String), u64>;

/// What stands for a time longer than any bound.
const LONGER: i64 = -1;

/// A series that keeps its name among too many, and what it had counted before it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptName {
    /// The values of its labels.
    pub labels: Vec<String>,
    /// What stays with the others of each of its values.
    pub base: Vec<i64>,
}

/// Who spends, as far as metrics keep it apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Spends {
    /// The model.
    pub model: Option<String>,
    /// The team.
    pub team: Option<String>,
    /// The project.
    pub project: Option<String>,
    /// The client.
    pub client: Option<String>,
    /// The agent.
    pub agent: Option<String>,
}

/// What somebody used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Who.
    pub who: Spends,
    /// Of all time.
    pub sum: Sum,
    /// Tool calls, those that did not run included.
    pub calls: i64,
    /// Tool calls that did not run.
    pub denied: i64,
}

/// A series without what no metric shows: a ledger may have very many, by tasks and branches.
#[derive(Deserialize)]
struct Who<'a> {
    #[serde(borrow)]
    agent: Option<Cow<'a, str>>,
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow)]
    attribution: Of<'a>,
}

#[derive(Deserialize)]
struct Of<'a> {
    #[serde(borrow, default)]
    team: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    project: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    client: Option<Cow<'a, str>>,
}

impl From<Who<'_>> for Spends {
    fn from(who: Who<'_>) -> Self {
        let Who { agent, model, attribution: Of { team, project, client } } = who;
        let own = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        Self { model: own(model), team: own(team), project: own(project), client: own(client), agent: own(agent) }
    }
}

/// How long hooks and holds took of all runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    /// Hooks that nothing held.
    pub hooks: Histogram,
    /// All agents together were held.
    pub held: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self { hooks: Histogram::new(HOOK_BOUNDS), held: Duration::ZERO }
    }
}

impl Times {
    /// Adds what a run's hooks and holds took since this was last called.
    pub fn add_to(&self, turn: &mut Turn<'_>, run: &RunId) -> Result<(), LedgerError> {
        let Self { hooks, held } = self;
        let held = i64::try_from(held.as_millis()).unwrap_or(i64::MAX);
        turn.tx
            .prepare_cached(
                "INSERT INTO run_times SELECT no, ?2, ?3 FROM runs WHERE id = ?1
                 ON CONFLICT (run_no) DO UPDATE SET held_ms = held_ms + ?2, hook_us = hook_us + ?3",
            )?
            .execute(params![run.as_str(), held, count(hooks.micros())])?;
        let mut add = turn.tx.prepare_cached(
            "INSERT INTO hook_times SELECT ?2, no, ?3 FROM runs WHERE id = ?1
             ON CONFLICT (bound, run_no) DO UPDATE SET calls = calls + ?3",
        )?;
        for (bound, calls) in hooks.counted() {
            add.execute(params![run.as_str(), bound.map_or(LONGER, count), count(calls)])?;
        }
        Ok(())
    }
}

impl KeptName {
    /// Keeps which series of a metric have names of their own, in the place of those that had.
    pub fn keep(turn: &mut Turn<'_>, metric: &str, names: &[Self]) -> Result<(), LedgerError> {
        turn.tx.execute("DELETE FROM metric_names WHERE metric = ?1", [metric])?;
        let mut insert = turn.tx.prepare_cached("INSERT INTO metric_names VALUES (?1, ?2, ?3)")?;
        for name in names {
            insert.execute(params![metric, json(&name.labels)?, json(&name.base)?])?;
        }
        Ok(())
    }
}

/// Reads what metrics ask.
#[derive(Debug)]
pub struct Counters<'a>(&'a Connection);

impl<'a> Counters<'a> {
    /// Those of a ledger.
    pub fn of(ledger: &'a Ledger) -> Self {
        Self(&ledger.conn)
    }

    /// All decisions of all runs.
    pub fn decided(&self) -> Result<Decided, LedgerError> {
        let mut statement = self.0.prepare_cached("SELECT action, budget, decisions FROM decided")?;
        let rows = statement
            .query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get::<_, i64>(2).map(i64::unsigned_abs)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What everybody used since the ledger was made, imports included.
    pub fn spenders(&self) -> Result<Vec<Used>, LedgerError> {
        let mut by: HashMap<i64, Used> = HashMap::new();
        let mut statement = self.0.prepare_cached(&format!("SELECT series, {SUMS} FROM rollup_by_series"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            by.entry(row.get(0)?).or_default().sum = read_sum(row, 1)?;
        }
        let calls = "SELECT series, CAST(total(calls) AS INTEGER) FROM calls_by_day GROUP BY series";
        self.each_count(calls, |series, calls| by.entry(series).or_default().calls = calls)?;
        let denied = "SELECT series, calls FROM calls_denied";
        self.each_count(denied, |series, denied| by.entry(series).or_default().denied = denied)?;
        let mut statement = self.0.prepare_cached("SELECT id, data FROM series")?;
        let mut rows = statement.query([])?;
        let mut together: HashMap<Spends, Used> = HashMap::new();
        while let Some(row) = rows.next()? {
            let Some(used) = by.remove(&row.get(0)?) else { continue };
            let data = row.get_ref(1)?.as_str().unwrap_or_default();
            let who: Who<'_> =
                serde_json::from_str(data).map_err(|error| LedgerError::unreadable(format!("a series: {error}")))?;
            let one = together.entry(who.into()).or_default();
            one.sum.add(&used.sum);
            (one.calls, one.denied) = (one.calls.saturating_add(used.calls), one.denied.saturating_add(used.denied));
        }
        Ok(together.into_iter().map(|(who, used)| Used { who, ..used }).collect())
    }

    fn each_count(&self, sql: &str, mut each: impl FnMut(i64, i64)) -> Result<(), LedgerError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            each(row.get(0)?, row.get(1)?);
        }
        Ok(())
    }

    /// How long hooks and holds took of all runs.
    pub fn times(&self) -> Result<Times, LedgerError> {
        let mut times = Times::default();
        // As floats, which no sum of a changed ledger can break.
        let hooks = "SELECT bound, CAST(total(calls) AS INTEGER) FROM hook_times GROUP BY bound";
        self.each_count(hooks, |bound, calls| {
            times.hooks.add_counted(u64::try_from(bound).unwrap_or(u64::MAX), calls.unsigned_abs());
        })?;
        let sums = "SELECT CAST(total(held_ms) AS INTEGER), CAST(total(hook_us) AS INTEGER) FROM run_times";
        self.each_count(sums, |held, hooks| {
            times.held = Duration::from_millis(held.unsigned_abs());
            times.hooks.add_sum(hooks.unsigned_abs());
        })?;
        Ok(times)
    }

    /// How long people, or deadlines, took to answer questions.
    pub fn answer_times(&self) -> Result<Histogram, LedgerError> {
        let mut waits = Histogram::new(WAIT_BOUNDS);
        let mut statement = self.0.prepare_cached(
            "SELECT asked, answered FROM approvals WHERE state IN ('approved', 'denied', 'expired') AND answered IS NOT NULL",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let millis = row.get::<_, i64>(1)?.saturating_sub(row.get(0)?);
            waits.add(Duration::from_millis(u64::try_from(millis).unwrap_or(0)));
        }
        Ok(waits)
    }

    /// Which series of a metric have names of their own, where there are too many.
    pub fn kept_names(&self, metric: &str) -> Result<Vec<KeptName>, LedgerError> {
        let mut statement = self.0.prepare_cached("SELECT labels, base FROM metric_names WHERE metric = ?1")?;
        let rows = statement.query_map([metric], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let unreadable = |error| LedgerError::unreadable(format!("a name of `{metric}`: {error}"));
        let read = |row: rusqlite::Result<(String, String)>| {
            let (labels, base) = row?;
            let labels = serde_json::from_str(&labels).map_err(unreadable)?;
            Ok(KeptName { labels, base: serde_json::from_str(&base).map_err(unreadable)? })
        };
        rows.map(read).collect()
    }
}

/// What was decided, as it is counted; nothing where the event is about something else.
fn key(event: &Event) -> Option<(String, String)> {
    let EventKind::Decided(Decision { verb, budget, alert, would, .. }) = &event.kind else { return None };
    let action = if *would { format!("would_{verb}") } else { verb.to_string() };
    Some((action, alert.as_ref().map_or_else(|| budget.to_string(), ToString::to_string)))
}

/// Counts a decision; nothing where the event is about something else.
pub(super) fn insert(conn: &Connection, event: &Event) -> Result<(), LedgerError> {
    let Some((action, budget)) = key(event) else { return Ok(()) };
    conn.prepare_cached(
        "INSERT INTO decided VALUES (?1, ?2, 1) ON CONFLICT (action, budget) DO UPDATE SET decisions = decisions + 1",
    )?
    .execute([action, budget])?;
    Ok(())
}

/// Counts what the sums and events of an older ledger tell: for a migration.
pub(super) fn fill(conn: &Connection) -> Result<(), LedgerError> {
    rollup::fill_series(conn)?;
    let mut statement = conn.prepare(
        r#"SELECT run_no, data FROM events
           WHERE instr(data, '"kind":"decided"') > 0 OR instr(data, '"verdict":"denied"') > 0"#,
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        // What cannot be read is told of by the audit, and keeps no ledger from being opened.
        let Ok(event) = serde_json::from_str::<Event>(&row.get::<_, String>(1)?) else { continue };
        insert(conn, &event)?;
        if let Some(series) = calls::series_of(conn, row.get(0)?, &event)? {
            calls::deny(conn, series, &event)?;
        }
    }
    Ok(())
}

/// What the chains tell of decisions and refused calls, for the audit.
#[derive(Debug, Default)]
pub(super) struct Counted {
    decided: Decided,
    denied: u64,
}

impl Counted {
    /// A chain has this event.
    pub(super) fn add(&mut self, event: &Event) {
        if let Some(key) = key(event) {
            let decisions = self.decided.entry(key).or_default();
            *decisions = decisions.saturating_add(1);
        }
        if matches!(&event.kind, EventKind::ToolCalled { verdict: ToolVerdict::Denied, .. }) {
            self.denied = self.denied.saturating_add(1);
        }
    }

    /// What is counted otherwise than the chains tell, if something is.
    pub(super) fn differs(&self, conn: &Connection) -> Result<Option<String>, LedgerError> {
        let mut statement = conn.prepare("SELECT action, budget, decisions FROM decided")?;
        let rows = statement
            .query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get::<_, i64>(2).map(i64::unsigned_abs)?)))?;
        if rows.collect::<Result<Decided, _>>()? != self.decided {
            return Ok(Some("the count of decisions".to_owned()));
        }
        let denied: i64 = conn.query_row("SELECT coalesce(sum(calls), 0) FROM calls_denied", [], |row| row.get(0))?;
        Ok((denied.unsigned_abs() != self.denied).then(|| "the count of refused tool calls".to_owned()))
    }
}
