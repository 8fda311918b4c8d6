//! What is written in one turn: events, and the rows that follow from them.

use std::path::Path;

use rusqlite::{OptionalExtension, Transaction, params};

use crate::model::event::EventKind;
use crate::model::{Event, ResponseKey, RunId, ThreadId, Timestamp, WorkClass};

use super::LedgerError;
use super::budgets::BudgetsMut;
use super::calls;
use super::chain::{self, HookChange, Link, ResponseEntry, ResponseKind};
use super::figures;
use super::hash::Hash;
use super::hooks::HooksMut;
use super::own_run::Seat;
use super::questions::QuestionsMut;
use super::read_position::Watch;
use super::responses::Responses;
use super::rows::thread::ThreadRow;
use super::runs::Runs;
use super::sub_agents::SubAgents;
use super::sums::Sums;
use super::usage::{self, Holder, Inserted};
use super::values::{count, json};
use super::work::{self, ClassSource};

/// One transaction, from its beginning to its commit. See [`super::Ledger::turn`].
#[derive(Debug)]
pub struct Turn<'a> {
    pub(super) tx: &'a Transaction<'a>,
    pub(super) now: Timestamp,
    pub(super) seat: Option<&'a Seat>,
    pub(super) watch: Option<Watch>,
    pub(super) late: Late,
    /// Where runs listen.
    pub(super) sockets: Option<&'a Path>,
}

/// Whether this turn may add to its own run after that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Late {
    /// It may not.
    #[default]
    No,
    /// It may, and has not yet.
    May,
    /// It has, and the run is still to be sealed with this end.
    Added(Box<EventKind>),
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its place in its run's chain, from 1; for a repeated response the place of the chain's last entry.
    pub seq: u64,
    /// `false`: a response that the ledger has already, from this or another run or from an import.
    pub new: bool,
    /// Who has counted a response that the ledger has already, where it was not this run: it is not in this run's sums.
    pub holder: Option<Holder>,
}

impl<'a> Turn<'a> {
    /// Runs as they stand in this turn.
    pub fn runs(&self) -> Runs<'_> {
        Runs { conn: self.tx, sockets: self.sockets }
    }

    /// Responses, this turn's included.
    pub fn responses(&self) -> Responses<'_> {
        Responses { conn: self.tx }
    }

    /// Sums of what was spent, this turn's included.
    pub fn sums(&self) -> Sums<'_> {
        Sums { conn: self.tx }
    }

    /// Sub-agents of runs and threads.
    pub fn sub_agents(&self) -> SubAgents<'_> {
        SubAgents { conn: self.tx }
    }

    /// Questions: put, answered and withdrawn.
    pub fn questions(&mut self) -> QuestionsMut<'_, 'a> {
        QuestionsMut { turn: self }
    }

    /// What shared budgets hold, to change it.
    pub fn budgets(&mut self) -> BudgetsMut<'_, 'a> {
        BudgetsMut { turn: self }
    }

    /// What hooks that have no supervisor leave to one another.
    pub fn hooks(&mut self) -> HooksMut<'_, 'a> {
        HooksMut { turn: self }
    }

    /// Adds an event to its run's chain, and what follows from it: the run's row, a thread's, a response's usage, the
    /// seal. A response that the ledger has, by `(thread, key)`, is not added again.
    ///
    /// `RunStarted` is accepted for the run that [`super::Ledger::start_run`] named; after `RunEnded` nothing is
    /// accepted but `RunResumed`, for the run that `start_run` named, or what [`Turn::adds_late`] lets through.
    pub fn append(&mut self, event: &Event) -> Result<Appended, LedgerError> {
        if let EventKind::RunStarted { .. } = &event.kind {
            self.insert_run(event)?;
        }
        if let EventKind::RunResumed { .. } = &event.kind {
            self.reopen_run(&event.run)?;
        }
        if self.late == Late::May && self.is_own(&event.run) && self.is_sealed(&event.run)? {
            self.unseal(event)?;
        }
        let run_no = self.open_run(&event.run)?;
        let (last, hash) = self.run_head(run_no, &event.run)?;
        let data = match &event.kind {
            EventKind::Response(response) => {
                let (usage, digest) = match usage::insert(self.tx, run_no, &event.run, response)? {
                    Inserted::New(usage, digest) => (usage, digest),
                    Inserted::Known => {
                        let holder = usage::holder(self.tx, run_no, &response.thread, &response.key)?;
                        return Ok(Appended { seq: last, new: false, holder });
                    }
                    Inserted::Confirms(told) => {
                        let (thread, key) = (response.thread.clone(), response.key.clone());
                        let kind = EventKind::Confirmed { thread, told, key };
                        return Ok(Appended { new: false, ..self.append(&Event { kind, ..event.clone() })? });
                    }
                };
                if let Some(watch) = &mut self.watch {
                    watch.own_usage(usage);
                }
                let kind = ResponseKind::Response;
                let (at, run, agent) = (event.at, event.run.clone(), event.agent.clone());
                json(&ResponseEntry { at, run, agent, kind, usage, digest })?
            }
            _ => json(event)?,
        };
        let (seq, head) = (last.saturating_add(1), hash.next(data.as_bytes()));
        self.tx
            .prepare_cached("INSERT INTO events (run_no, seq, data, hash) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![run_no, count(seq), data, head])?;
        self.follow(event, run_no, seq, head)?;
        calls::insert(self.tx, run_no, event)?;
        figures::insert(self.tx, event)?;
        Ok(Appended { seq, new: true, holder: None })
    }

    /// These responses, as far as the ledger has them, are of this class of work from now on.
    pub fn classify(&self, class: WorkClass, responses: &[(ThreadId, ResponseKey)]) -> Result<(), LedgerError> {
        work::classify(self.tx, ClassSource::ByItsRun, responses.iter().map(|(thread, key)| (thread, key, class)))
    }

    /// From here on this turn may write of its own run although that has ended: what was under way then has come to its
    /// end. Nobody has let the run go on, so that it stays this turn's only in what is added, ended as it did and when
    /// the turn is over sealed so once more, if anything was.
    pub fn adds_late(&mut self) {
        if self.late == Late::No {
            self.late = Late::May;
        }
    }

    /// Opens the run's chain for what came after its end.
    fn unseal(&mut self, event: &Event) -> Result<(), LedgerError> {
        let run_no = self.run_no(&event.run)?;
        let last: String = self
            .tx
            .prepare_cached("SELECT data FROM events WHERE run_no = ?1 ORDER BY seq DESC LIMIT 1")?
            .query_row([run_no], |row| row.get(0))?;
        let unreadable = |error| LedgerError::unreadable(format!("the end of run {}: {error}", event.run));
        let end = serde_json::from_str::<Event>(&last).map_err(unreadable)?.kind;
        if !matches!(end, EventKind::RunEnded { .. }) {
            return Err(LedgerError::unreadable(format!("the end of run {}: its last event is none", event.run)));
        }
        self.tx.execute(
            "UPDATE runs SET ended = NULL, outcome = NULL, code = NULL, rule = NULL WHERE no = ?1",
            [run_no],
        )?;
        self.late = Late::Added(Box::new(end));
        let kind = EventKind::RunReopened;
        self.append(&Event { at: event.at, run: event.run.clone(), agent: None, kind }).map(drop)
    }

    /// What was added to a run that had ended leaves it ended as it was.
    pub(super) fn finish(&mut self) -> Result<(), LedgerError> {
        let (Late::May | Late::Added(_), Some(seat)) = (&self.late, self.seat) else { return Ok(()) };
        if let Late::Added(end) = std::mem::take(&mut self.late)
            && !self.is_sealed(&seat.run)?
        {
            self.append(&Event { at: self.now, run: seat.run.clone(), agent: None, kind: *end })?;
        }
        // It spends nothing more.
        let sql = "DELETE FROM reservations WHERE run_no = (SELECT no FROM runs WHERE id = ?1 AND ended IS NOT NULL)";
        self.tx.prepare_cached(sql)?.execute([seat.run.as_str()])?;
        Ok(())
    }

    /// Keeps what `govern resume` needs to go on with the run (JSON of the caller's making; no prompts, no secrets).
    /// A later call replaces it.
    pub fn keep_command(&mut self, run: &RunId, data: &str) -> Result<(), LedgerError> {
        let run_no = self.open_run(run)?;
        self.tx
            .prepare_cached("INSERT OR REPLACE INTO run_commands (run_no, data) VALUES (?1, ?2)")?
            .execute(params![run_no, data])?;
        self.link(&Link::Command { at: self.now, run: run.clone(), digest: Hash::of(data.as_bytes()) })
    }

    /// Remembers that hooks in a file of Codex's are about to be changed: by whom, and to what text.
    pub fn change_hooks(&mut self, what: HookChange, by: &str, path: &Path, text: &str) -> Result<(), LedgerError> {
        let (path, digest) = (path.display().to_string(), Hash::of(text.as_bytes()));
        self.link(&Link::Hooks { at: self.now, what, by: by.to_owned(), path, digest })
    }

    /// Remembers that somebody wanted a run to go on who may not have it so, and why: the run itself stays as it was.
    pub fn refuse(&mut self, run: &RunId, by: &str, why: &str) -> Result<(), LedgerError> {
        self.link(&Link::Refused { at: self.now, run: run.clone(), by: by.to_owned(), why: why.to_owned() })
    }

    /// Remembers that what the agents of these runs wrote is about to be removed, and by whom.
    pub fn prune(
        &mut self,
        by: &str,
        before: Timestamp,
        runs: &[RunId],
        (files, bytes): (u64, u64),
    ) -> Result<(), LedgerError> {
        self.link(&Link::Pruned { at: self.now, by: by.to_owned(), before, runs: runs.to_vec(), files, bytes })
    }

    /// What an event changes beside the chain.
    fn follow(&mut self, event: &Event, run_no: i64, seq: u64, head: Hash) -> Result<(), LedgerError> {
        let (at, run) = (self.now, event.run.clone());
        match &event.kind {
            EventKind::RunStarted { policy, prices, .. } => {
                self.link(&Link::Run { at, run, policy: policy.clone(), prices: prices.clone(), head })
            }
            EventKind::ThreadSeen { .. } => self.see_thread(event, run_no),
            EventKind::Confirmed { thread, told, key } => usage::confirmed::keep(self.tx, thread, key, told),
            EventKind::RunResumed { .. } => {
                self.link(&Link::Reopen { at, run, seq, head })?;
                self.take_over_cut_off(&event.run, run_no)
            }
            EventKind::AgentEnded { .. } => self.forget_under_way(run_no, event.agent.as_ref()),
            EventKind::RunReopened => self.link(&Link::Reopen { at, run, seq, head }),
            EventKind::RunEnded { .. } => {
                self.end_run(event, run_no)?;
                self.link(&Link::Seal { at, run, events: seq, head })
            }
            EventKind::Asked { .. }
            | EventKind::Answered { .. }
            | EventKind::Extended { .. }
            | EventKind::Braked { .. } => self.link(&Link::Point { at, run, seq, head }),
            EventKind::Registered { .. }
            | EventKind::AgentStarted { .. }
            | EventKind::Response(_)
            | EventKind::Differed { .. }
            | EventKind::Skipped { .. }
            | EventKind::Decided(_)
            | EventKind::Requested { .. }
            | EventKind::Outcome { .. }
            | EventKind::Marked { .. }
            | EventKind::Gated { .. }
            | EventKind::Allotted { .. }
            | EventKind::Pooled { .. }
            | EventKind::ToolCalled { .. }
            | EventKind::CutOff { .. }
            | EventKind::Examined(_)
            | EventKind::AgentSkipped { .. } => Ok(()),
        }
    }

    fn insert_run(&self, event: &Event) -> Result<(), LedgerError> {
        let EventKind::RunStarted { command, cwd, observe, policy, prices, govern, attribution } = &event.kind else {
            return Ok(());
        };
        let seat = self
            .seat
            .filter(|seat| seat.run == event.run)
            .ok_or_else(|| LedgerError::NotStarted { run: event.run.clone() })?;
        self.tx.execute(
            "INSERT INTO runs (id, started, command, cwd, attribution, pid, pid_started, observe, policy, prices, govern)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                event.run.as_str(),
                event.at.timestamp_millis(),
                json(command)?,
                cwd,
                json(attribution)?,
                seat.process.pid,
                count(seat.process.started),
                observe,
                policy,
                prices,
                govern
            ],
        )?;
        Ok(())
    }

    /// The run that [`super::Ledger::start_run`] named goes on: it is this process's from now on.
    fn reopen_run(&self, run: &RunId) -> Result<(), LedgerError> {
        let seat =
            self.seat.filter(|seat| seat.run == *run).ok_or_else(|| LedgerError::NotStarted { run: run.clone() })?;
        self.tx.execute(
            "UPDATE runs SET ended = NULL, outcome = NULL, code = NULL, rule = NULL, pid = ?2, pid_started = ?3
             WHERE id = ?1",
            params![run.as_str(), seat.process.pid, count(seat.process.started)],
        )?;
        Ok(())
    }

    fn end_run(&self, event: &Event, run_no: i64) -> Result<(), LedgerError> {
        let EventKind::RunEnded { outcome, code, rule, .. } = &event.kind else { return Ok(()) };
        self.tx.execute(
            "UPDATE runs SET ended = ?2, outcome = ?3, code = ?4, rule = ?5 WHERE no = ?1",
            params![run_no, event.at.timestamp_millis(), outcome, code, rule.as_ref().map(|rule| rule.as_str())],
        )?;
        self.tx.execute("DELETE FROM reservations WHERE run_no = ?1", [run_no])?;
        self.forget_under_way(run_no, None)
    }

    fn see_thread(&self, event: &Event, run_no: i64) -> Result<(), LedgerError> {
        let Some(row) = ThreadRow::of(event) else { return Ok(()) };
        self.tx
            .prepare_cached(
                "INSERT INTO threads (run_no, thread, root, parent, agent, path, codex, billing, role)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (run_no, thread) DO UPDATE SET root = excluded.root, parent = excluded.parent,
                   agent = excluded.agent, path = excluded.path, codex = excluded.codex,
                   billing = excluded.billing, role = excluded.role",
            )?
            .execute(params![
                run_no,
                row.thread,
                row.root,
                row.parent,
                row.agent,
                row.path,
                row.codex,
                row.billing,
                row.role
            ])?;
        Ok(())
    }

    /// The row of a run that was started here and has not ended.
    fn open_run(&self, run: &RunId) -> Result<i64, LedgerError> {
        let row: Option<(i64, Option<i64>)> = self
            .tx
            .prepare_cached("SELECT no, ended FROM runs WHERE id = ?1")?
            .query_row([run.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match row {
            Some((no, None)) => Ok(no),
            Some((_, Some(_))) => Err(LedgerError::Sealed { run: run.clone() }),
            None => Err(LedgerError::NotStarted { run: run.clone() }),
        }
    }

    /// The row of this process's own run.
    pub(super) fn own_run(&self) -> Result<i64, LedgerError> {
        let run = &self.seat.ok_or(LedgerError::NoRun)?.run;
        if self.late == Late::No { self.open_run(run) } else { self.run_no(run) }
    }

    fn is_own(&self, run: &RunId) -> bool {
        self.seat.is_some_and(|seat| seat.run == *run)
    }

    fn is_sealed(&self, run: &RunId) -> Result<bool, LedgerError> {
        Ok(self.tx.prepare_cached("SELECT 1 FROM runs WHERE id = ?1 AND ended IS NOT NULL")?.exists([run.as_str()])?)
    }

    /// The row of a run that was started here.
    fn run_no(&self, run: &RunId) -> Result<i64, LedgerError> {
        let no = self
            .tx
            .prepare_cached("SELECT no FROM runs WHERE id = ?1")?
            .query_row([run.as_str()], |row| row.get(0))
            .optional()?;
        no.ok_or_else(|| LedgerError::NotStarted { run: run.clone() })
    }

    /// How long a run's chain is, and its last hash.
    fn run_head(&self, run_no: i64, run: &RunId) -> Result<(u64, Hash), LedgerError> {
        let head: Option<(i64, Hash)> = self
            .tx
            .prepare_cached("SELECT seq, hash FROM events WHERE run_no = ?1 ORDER BY seq DESC LIMIT 1")?
            .query_row([run_no], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(head.map_or_else(|| (0, Hash::run_seed(run.as_str())), |(seq, hash)| (seq.unsigned_abs(), hash)))
    }

    /// Adds an entry to the ledger's own chain.
    pub(super) fn link(&self, link: &Link) -> Result<(), LedgerError> {
        chain::link(self.tx, link)
    }
}
