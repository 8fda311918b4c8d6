//! The audit of one run: its chain, and the rows that were made from it.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::event::EventKind;
use crate::model::{Event, RunId};

use super::attributed::Corrected;
use super::audit_failure::{Checked, Stop, broken};
use super::calls;
use super::chain::ResponseEntry;
use super::figures::Counted;
use super::hash::Hash;
use super::rows::thread::ThreadRow;
use super::rows::usage::{SELECT, Stored};
use super::usage::confirmed::Confirmed;
use super::values::json;

/// What the links promise of a run.
pub(super) struct Run {
    pub(super) policy: String,
    pub(super) prices: String,
    pub(super) points: HashMap<u64, Hash>,
    pub(super) sealed: bool,
    /// The digest of what `govern resume` needs.
    pub(super) command: Option<Hash>,
}

/// What the chains of the runs know.
#[derive(Default)]
pub(super) struct KnownToRuns {
    /// The numbers of usage rows.
    pub(super) usage: HashSet<i64>,
    /// Records of responses that count already: here the ledger's own chain knows some, too.
    pub(super) confirmed: Confirmed,
    /// Where rows belonged when they were recorded.
    pub(super) corrected: Corrected,
    /// Decisions, and tool calls that did not run.
    pub(super) counted: Counted,
}

/// What is found out on the way along a chain.
struct Walk<'a> {
    conn: &'a Connection,
    no: i64,
    id: &'a RunId,
    run: &'a Run,
    seen: &'a mut KnownToRuns,
    threads: HashMap<String, ThreadRow>,
    calls: i64,
    ended: Option<End>,
}

/// What stands after a seal, and is not that the run goes on, or that something is added.
const AFTER_SEAL: &str = "it comes after the seal";

/// A run's end: when, how, with which code, by which budget.
type End = (i64, String, Option<i32>, Option<String>);

/// Checks one run's chain and rows; says how many entries it has. Adds what it knows to what was seen.
pub(super) fn check(conn: &Connection, no: i64, id: &RunId, run: &Run, seen: &mut KnownToRuns) -> Checked<u64> {
    let mut walk = Walk { conn, no, id, run, seen, threads: HashMap::new(), calls: 0, ended: None };
    let mut hash = Hash::run_seed(id.as_str());
    let mut statement = conn.prepare_cached("SELECT seq, data, hash FROM events WHERE run_no = ?1 ORDER BY seq")?;
    let mut rows = statement.query([no])?;
    let (mut seq, mut points) = (0_u64, 0_usize);
    while let Some(row) = rows.next()? {
        seq = seq.saturating_add(1);
        let place = || format!("event {seq} of run `{id}`");
        let (found, data): (i64, String) = (row.get(0)?, row.get(1)?);
        if found.unsigned_abs() != seq {
            return broken(place(), "it is missing");
        }
        hash = hash.next(data.as_bytes());
        if row.get::<_, Hash>(2)? != hash {
            return broken(place(), "its hash does not fit what it says and what was before");
        }
        if let Some(point) = run.points.get(&seq) {
            if *point != hash {
                return broken(place(), "the ledger's chain says otherwise");
            }
            points = points.saturating_add(1);
        }
        walk.entry(&data).or_else(|stop| match stop {
            Stop::Broken { what, .. } => broken(place(), what),
            failed @ Stop::Failed(_) => Err(failed),
        })?;
    }
    if points != run.points.len() {
        return broken(format!("run `{id}`"), format!("only {seq} events are left, the ledger's chain knows of more"));
    }
    walk.rows()?;
    Ok(seq)
}

impl Walk<'_> {
    /// One entry against the row it was made with. The place of a finding is the caller's to add.
    fn entry(&mut self, data: &str) -> Checked<()> {
        let sealed = self.ended.is_some();
        if let Ok(entry) = serde_json::from_str::<ResponseEntry>(data) {
            if sealed {
                return broken("", AFTER_SEAL);
            }
            self.seen.usage.insert(entry.usage);
            return self.usage(&entry);
        }
        let event: Event = match serde_json::from_str(data) {
            Ok(event) => event,
            Err(error) => return broken("", error.to_string()),
        };
        if sealed && !matches!(event.kind, EventKind::RunResumed { .. } | EventKind::RunReopened) {
            return broken("", AFTER_SEAL);
        }
        if event.run != *self.id {
            return broken("", "it is another run's");
        }
        if let EventKind::ToolCalled { .. } = &event.kind {
            self.calls += 1;
        }
        self.seen.counted.add(&event);
        if let EventKind::Confirmed { thread, told, key } = &event.kind {
            self.seen.confirmed.add(thread, key, told);
        }
        if let Some(row) = ThreadRow::of(&event) {
            self.threads.insert(row.thread.clone(), row);
        }
        self.run_row(&event)
    }

    fn usage(&self, entry: &ResponseEntry) -> Checked<()> {
        let stored = self
            .conn
            .prepare_cached(&format!("{} WHERE u.id = ?1", SELECT))?
            .query_row([entry.usage], Stored::read)
            .optional()?;
        match stored {
            None => broken("", "its usage is missing"),
            Some(stored) if stored.run_no != Some(self.no) => broken("", "its usage belongs to another run"),
            Some(stored) => match self.seen.corrected.recorded(stored)?.digest()? == entry.digest {
                true => Ok(()),
                false => broken("", "its usage was changed"),
            },
        }
    }

    /// The run's row against the event that began or ended it.
    fn run_row(&mut self, event: &Event) -> Checked<()> {
        let at = event.at.timestamp_millis();
        let same = match &event.kind {
            EventKind::RunStarted { command, cwd, observe, policy, prices, govern, attribution } => {
                let mut same = self.conn.prepare_cached(
                    "SELECT 1 FROM runs WHERE no = ?1 AND started = ?2 AND command = ?3 AND cwd = ?4 AND observe = ?5
                     AND policy = ?6 AND prices = ?7 AND govern = ?8 AND attribution = ?9",
                )?;
                let (command, attribution) = (json(command)?, json(attribution)?);
                same.exists(params![self.no, at, command, cwd, observe, policy, prices, govern, attribution])?
                    && self.run.policy == *policy
                    && self.run.prices == *prices
            }
            EventKind::RunEnded { outcome, code, rule, .. } => {
                // A run that went on has ended more than once: its row tells the last end.
                self.ended = Some((at, outcome.clone(), *code, rule.as_ref().map(|rule| rule.as_str().to_owned())));
                true
            }
            EventKind::RunResumed { .. } | EventKind::RunReopened => {
                self.ended = None;
                true
            }
            _ => true,
        };
        if same { Ok(()) } else { broken("", "the run's row was changed") }
    }

    /// What can be said only once the whole chain is known.
    fn rows(&self) -> Checked<()> {
        let changed = |what: &str| broken(format!("run `{}`", self.id), what);
        if self.ended.is_some() != self.run.sealed {
            return changed("it ended, and its seal is missing from the ledger's chain");
        }
        let row = self.conn.prepare_cached("SELECT ended, outcome, code, rule FROM runs WHERE no = ?1")?.query_row(
            [self.no],
            |row| {
                let ended: Option<i64> = row.get(0)?;
                let end = (row.get::<_, Option<String>>(1)?, row.get::<_, Option<i32>>(2)?, row.get(3)?);
                Ok((ended, end))
            },
        )?;
        let same = match (&self.ended, row) {
            (None, (None, (None, None, None))) => true,
            (Some((at, outcome, code, rule)), (Some(ended), (Some(said), exit, by))) => {
                (*at, outcome, *code, rule) == (ended, &said, exit, &by)
            }
            (None | Some(_), _) => false,
        };
        if !same {
            return changed("the run's row was changed");
        }
        let command: Option<String> = self
            .conn
            .prepare_cached("SELECT data FROM run_commands WHERE run_no = ?1")?
            .query_row([self.no], |row| row.get(0))
            .optional()?;
        if command.map(|data| Hash::of(data.as_bytes())) != self.run.command {
            return changed("the command that resumes it was changed");
        }
        if calls::of_run(self.conn, self.no)? != self.calls {
            return changed("its tool calls are counted otherwise than its chain tells");
        }
        let mut statement = self.conn.prepare_cached(ThreadRow::SELECT)?;
        let mut rows = statement.query([self.no])?;
        let mut known = 0_usize;
        while let Some(row) = rows.next()? {
            let row = ThreadRow::read(row)?;
            if self.threads.get(&row.thread) != Some(&row) {
                return changed("the row of one of its threads was changed");
            }
            known = known.saturating_add(1);
        }
        if known == self.threads.len() { Ok(()) } else { changed("the row of one of its threads is missing") }
    }
}
