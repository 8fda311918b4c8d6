//! Questions to people: asked once a budget, answered once, withdrawn when nobody waits any more.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::event::Answer;
use crate::model::{
    AgentName, Alive, Approval, ApprovalId, ApprovalState, BudgetKey, MayAnswer, ProcessIdentity, RunId, RunProcess,
    Subject, Threshold, Timestamp,
};

use super::chain::Link;
use super::outbox;
use super::rows::approval::{ApprovalRow, SELECT};
use super::runs::Runs;
use super::values::{json, key_text, moment};
use super::{LedgerError, Turn};

/// A question that a run wants answered.
#[derive(Clone, Debug)]
pub struct Question {
    /// The budget that asks.
    pub key: BudgetKey,
    /// The agent that is held.
    pub agent: AgentName,
    /// What is asked, for a person.
    pub text: String,
    /// What a plain `approve` extends by, in the smallest part of the budget's unit.
    pub extend: i64,
    /// When the policy's `else` applies.
    pub deadline: Option<Timestamp>,
    /// What it is about.
    pub about: Subject,
    /// The step before the limit that asks.
    pub step: Option<Threshold>,
    /// Who may answer, and by what.
    pub may: MayAnswer,
}

/// A question that was put, or joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Put {
    /// Its number.
    pub approval: ApprovalId,
    /// Nobody had asked it before; else this run waits for the answer to another's, which has its own deadline.
    pub new: bool,
    /// When its `else` applies, to all who wait.
    pub deadline: Option<Timestamp>,
}

/// Shown in the place of what is asked.
const CHANGED: &str = "changed in the ledger by somebody else, and not to be answered (`govern audit verify`)";

/// Why a question is withdrawn whose runs are over.
const ALONE: &str = "nobody waits for it any more";

/// Questions in a turn: put, answered and withdrawn.
#[derive(Debug)]
pub struct QuestionsMut<'t, 'a> {
    pub(super) turn: &'t mut Turn<'a>,
}

impl QuestionsMut<'_, '_> {
    /// Asks, or joins the question that waits for this budget already. A question that no `alive` run waits for any more
    /// is withdrawn and asked anew.
    pub fn ask(&mut self, question: &Question, alive: &Alive<'_>) -> Result<Put, LedgerError> {
        let (mut key, run_no) = (key_text(&question.key)?, self.turn.own_run()?);
        if question.about == Subject::Ahead {
            // It holds nobody and has no deadline: whoever is held at the limit has a question of their own.
            key = format!("ahead of {key} by {} of {run_no}", question.agent);
        }
        let pending: Option<(i64, Option<i64>)> = self
            .turn
            .tx
            .prepare_cached("SELECT id, deadline FROM approvals WHERE key = ?1 AND state = 'pending'")?
            .query_row([&key], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((id, deadline)) = pending {
            self.drop_waiters(id, &|waiter, govern| waiter == run_no || alive(govern))?;
            if !self.withdraw_if_alone(id)? {
                self.wait_for(id, run_no)?;
                let deadline = deadline.map(moment).transpose()?;
                return Ok(Put { approval: ApprovalId(id), new: false, deadline });
            }
        }
        let approval = self.ask_anew(question, &key, run_no)?;
        Ok(Put { approval, new: true, deadline: question.deadline })
    }

    /// The question about this that was answered last, by a person. One that the ledger's chain does not hold as it stands
    /// was answered by nobody.
    pub fn last_answered(&self, key: &BudgetKey) -> Result<Option<Approval>, LedgerError> {
        let sql = format!("{SELECT} WHERE a.key = ?1 AND a.state IN ('approved', 'denied') ORDER BY a.id DESC LIMIT 1");
        let row = self.turn.tx.prepare_cached(&sql)?.query_row([key_text(key)?], ApprovalRow::read).optional()?;
        match row {
            Some(row) if is_answer(self.turn, &row)? => Ok(Some(row.approval()?)),
            Some(_) | None => Ok(None),
        }
    }

    /// The steps of this budget before its limit that a person has said yes to, since then. What the ledger's chain does
    /// not hold as it stands was answered by nobody.
    pub fn steps_passed(&self, key: &BudgetKey, since: Option<Timestamp>) -> Result<Vec<Threshold>, LedgerError> {
        let sql =
            format!("{SELECT} WHERE a.key = ?1 AND a.state = 'approved' AND a.step IS NOT NULL AND a.answered >= ?2");
        let since = since.map_or(i64::MIN, |since| since.timestamp_millis());
        let mut statement = self.turn.tx.prepare_cached(&sql)?;
        let mut rows = statement.query(params![key_text(key)?, since])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let row = ApprovalRow::read(row)?;
            if !is_answer(self.turn, &row)? {
                continue;
            }
            let step = row.step.as_deref().map(serde_json::from_str::<Threshold>).transpose();
            let unreadable = |error| LedgerError::unreadable(format!("the step of approval {}: {error}", row.id));
            found.extend(step.map_err(unreadable)?);
        }
        Ok(found)
    }

    /// Answers a question that still waits; `false` if it has been answered, has expired or was withdrawn before.
    /// `state` is what becomes of it; asking for `Pending` changes nothing.
    pub fn answer(
        &mut self,
        id: ApprovalId,
        state: ApprovalState,
        answer: Option<&Answer>,
        by: &str,
        reason: Option<&str>,
    ) -> Result<bool, LedgerError> {
        let known = self.turn.tx.prepare_cached("SELECT 1 FROM approvals WHERE id = ?1")?.exists([id.0])?;
        if !known {
            return Err(LedgerError::NoSuchApproval { id });
        }
        if state == ApprovalState::Pending {
            return Ok(false);
        }
        self.settle(id.0, state, answer, Some(by), reason)
    }

    /// Somebody has said yes to a question that waits for more than one: this is shown, and decides nothing.
    pub fn vote(&mut self, id: ApprovalId, by: &str) -> Result<(), LedgerError> {
        let row = self.turn.tx.query_row(&format!("{SELECT} WHERE a.id = ?1"), [id.0], ApprovalRow::read)?;
        expect_as_asked(self.turn.tx, &row)?;
        let mut votes = row.approval()?.votes;
        votes.push(by.to_owned());
        self.turn.tx.execute(
            "UPDATE approvals SET votes = ?2 WHERE id = ?1 AND state = 'pending'",
            params![id.0, json(&votes)?],
        )?;
        self.link_approval(id.0)
    }

    /// A run no longer waits for answers; questions for which nobody else waits are withdrawn. Says which.
    pub fn withdraw_for(&mut self, run: &RunId) -> Result<Vec<ApprovalId>, LedgerError> {
        let run_no: Option<i64> = self
            .turn
            .tx
            .prepare_cached("SELECT no FROM runs WHERE id = ?1")?
            .query_row([run.as_str()], |row| row.get(0))
            .optional()?;
        self.withdraw(&|waiter, _| Some(waiter) != run_no)
    }

    /// This process's run no longer waits for an answer; the question is withdrawn if no `alive` run waits for it any
    /// more. Says whether it was.
    pub fn leave(&mut self, id: ApprovalId, alive: &Alive<'_>) -> Result<bool, LedgerError> {
        let own = self.turn.own_run()?;
        if !self.is_pending(id.0)? {
            return Ok(false);
        }
        self.drop_waiters(id.0, &|waiter, govern| waiter != own && alive(govern))?;
        self.withdraw_if_alone(id.0)
    }

    /// Clears up after runs whose govern is no longer `alive`: they reserve nothing and wait for nothing. Says which
    /// questions were withdrawn for it.
    pub fn clear_dead(&mut self, alive: &Alive<'_>) -> Result<Vec<ApprovalId>, LedgerError> {
        for (run_no, run, process) in self.waiting(
            "SELECT no, pid, pid_started, id FROM runs
            WHERE no IN (SELECT run_no FROM reservations) AND ended IS NULL",
            None,
        )? {
            if !alive(&RunProcess { run: &run, process, sockets: self.turn.sockets }) {
                self.turn.tx.execute("DELETE FROM reservations WHERE run_no = ?1", [run_no])?;
            }
        }
        self.withdraw(&|_, govern| alive(govern))
    }

    fn withdraw(&mut self, keep: &dyn Fn(i64, &RunProcess<'_>) -> bool) -> Result<Vec<ApprovalId>, LedgerError> {
        let pending: Vec<i64> = self
            .turn
            .tx
            .prepare_cached("SELECT id FROM approvals WHERE state = 'pending' ORDER BY id")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let mut withdrawn = Vec::new();
        for id in pending {
            self.drop_waiters(id, keep)?;
            if self.withdraw_if_alone(id)? {
                withdrawn.push(ApprovalId(id));
            }
        }
        Ok(withdrawn)
    }

    fn ask_anew(&mut self, question: &Question, key: &str, run_no: i64) -> Result<ApprovalId, LedgerError> {
        let id: i64 = self.turn.tx.query_row("SELECT coalesce(max(id), 0) + 1 FROM approvals", [], |row| row.get(0))?;
        self.turn.tx.execute(
            "INSERT INTO approvals (id, key, run_no, agent, budget, scope, window, unit, extend, question, asked,
                                    deadline, state, revision, about, step, approvers)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 'pending', ?13, ?14, ?15, ?16)",
            params![
                id,
                key,
                run_no,
                question.agent.as_str(),
                question.key.budget.as_str(),
                question.key.scope,
                question.key.window_start.map(|at| at.timestamp_millis()),
                question.key.unit.as_str(),
                question.extend,
                question.text,
                self.turn.now.timestamp_millis(),
                question.deadline.map(|at| at.timestamp_millis()),
                self.next_revision()?,
                question.about.as_str(),
                question.step.as_ref().map(json).transpose()?,
                (question.may != MayAnswer::default()).then(|| json(&question.may)).transpose()?
            ],
        )?;
        self.wait_for(id, run_no)?;
        self.link_approval(id)?;
        Ok(ApprovalId(id))
    }

    fn settle(
        &mut self,
        id: i64,
        state: ApprovalState,
        answer: Option<&Answer>,
        by: Option<&str>,
        reason: Option<&str>,
    ) -> Result<bool, LedgerError> {
        if matches!(state, ApprovalState::Approved | ApprovalState::Denied) {
            let row = self.turn.tx.query_row(&format!("{SELECT} WHERE a.id = ?1"), [id], ApprovalRow::read)?;
            expect_as_asked(self.turn.tx, &row)?;
        }
        let answer = answer.map(json).transpose()?;
        let revision = self.next_revision()?;
        let changed = self.turn.tx.execute(
            "UPDATE approvals SET state = ?2, answer = ?3, by = ?4, reason = ?5, answered = ?6, revision = ?7
             WHERE id = ?1 AND state = 'pending'",
            params![id, state.as_str(), answer, by, reason, self.turn.now.timestamp_millis(), revision],
        )?;
        if changed == 0 {
            return Ok(false);
        }
        if let Some(watch) = &mut self.turn.watch {
            watch.own_revision(revision);
        }
        self.link_approval(id)?;
        let row = self.turn.tx.query_row(&format!("{SELECT} WHERE a.id = ?1"), [id], ApprovalRow::read)?;
        outbox::settled(self.turn.tx, self.turn.now, &row.approval()?)?;
        Ok(true)
    }

    fn is_pending(&self, id: i64) -> Result<bool, LedgerError> {
        let mut statement =
            self.turn.tx.prepare_cached("SELECT 1 FROM approvals WHERE id = ?1 AND state = 'pending'")?;
        Ok(statement.exists([id])?)
    }

    fn wait_for(&self, id: i64, run_no: i64) -> Result<(), LedgerError> {
        self.turn.tx.execute("INSERT OR IGNORE INTO approval_runs (approval, run_no) VALUES (?1, ?2)", [id, run_no])?;
        Ok(())
    }

    /// Runs that ended wait for nothing, whatever `keep` says.
    fn drop_waiters(&self, id: i64, keep: &dyn Fn(i64, &RunProcess<'_>) -> bool) -> Result<(), LedgerError> {
        self.turn.tx.execute(
            "DELETE FROM approval_runs
             WHERE approval = ?1 AND run_no IN (SELECT no FROM runs WHERE ended IS NOT NULL)",
            [id],
        )?;
        let waiting = self.waiting(
            "SELECT r.no, r.pid, r.pid_started, r.id FROM approval_runs w JOIN runs r ON r.no = w.run_no WHERE w.approval = ?1",
            Some(id),
        )?;
        for (run_no, run, process) in waiting {
            if !keep(run_no, &RunProcess { run: &run, process, sockets: self.turn.sockets }) {
                self.turn.tx.execute("DELETE FROM approval_runs WHERE approval = ?1 AND run_no = ?2", [id, run_no])?;
            }
        }
        Ok(())
    }

    fn withdraw_if_alone(&mut self, id: i64) -> Result<bool, LedgerError> {
        let waited_for =
            self.turn.tx.prepare_cached("SELECT 1 FROM approval_runs WHERE approval = ?1")?.exists([id])?;
        if waited_for {
            return Ok(false);
        }
        self.settle(id, ApprovalState::Withdrawn, None, None, Some(ALONE))
    }

    /// Runs and their processes; `sql` gives number, pid, start and id.
    fn waiting(&self, sql: &str, approval: Option<i64>) -> Result<Vec<(i64, RunId, ProcessIdentity)>, LedgerError> {
        let mut statement = self.turn.tx.prepare_cached(sql)?;
        let rows = statement.query_map(rusqlite::params_from_iter(approval), |row| {
            let process = ProcessIdentity { pid: row.get(1)?, started: row.get::<_, i64>(2)?.unsigned_abs() };
            Ok((row.get(0)?, RunId::new(row.get::<_, String>(3)?), process))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn next_revision(&self) -> Result<i64, LedgerError> {
        Ok(self.turn.tx.query_row("SELECT coalesce(max(revision), 0) + 1 FROM approvals", [], |row| row.get(0))?)
    }

    fn link_approval(&self, id: i64) -> Result<(), LedgerError> {
        let approval = self.turn.tx.query_row(&format!("{SELECT} WHERE a.id = ?1"), [id], ApprovalRow::read)?;
        self.turn.link(&Link::Approval { at: self.turn.now, approval })
    }

    /// A run waits for an answer that is still to come.
    pub fn is_asking(&self, run: &RunId) -> Result<bool, LedgerError> {
        let mut statement = self.turn.tx.prepare_cached(
            "SELECT 1 FROM approvals WHERE state = 'pending' AND run_no = (SELECT no FROM runs WHERE id = ?1)
             AND (deadline IS NULL OR deadline > ?2)",
        )?;
        Ok(statement.exists(params![run.as_str(), self.turn.now.timestamp_millis()])?)
    }
}

/// What a question says was written by the supervisor of a run, as its chain tells; and where it is this process's run,
/// by this process.
pub(super) fn is_answer(turn: &Turn<'_>, row: &ApprovalRow) -> Result<bool, LedgerError> {
    let sql = "SELECT revision FROM approvals WHERE id = ?1";
    let revision: i64 = turn.tx.prepare_cached(sql)?.query_row([row.id], |row| row.get(0))?;
    let watch = turn.watch.as_ref();
    Ok(match row.told_by(turn.tx)? {
        // The run's chain tells of it once it was carried out, later in the same turn.
        None => watch.is_some_and(|watch| watch.is_own_revision(revision)),
        Some(run) => {
            let is_ours = turn.seat.is_some_and(|seat| seat.is_this_process() && seat.run == run);
            !is_ours || watch.is_none_or(|watch| watch.wrote_revision(revision))
        }
    })
}

/// A question that waits for an answer stands as it was asked. One that somebody else has changed may show what is not asked,
/// and a yes to that would be taken for a yes to the other.
fn expect_as_asked(conn: &Connection, row: &ApprovalRow) -> Result<(), LedgerError> {
    if row.is_pending() && row.told_by(conn)?.is_none() {
        let id = row.id;
        return Err(LedgerError::unreadable(format!(
            "question {id} was changed: it is not what the ledger's chain says"
        )));
    }
    Ok(())
}

/// Questions as they were written down.
#[derive(Clone, Copy, Debug)]
pub struct Questions<'a> {
    pub(super) conn: &'a Connection,
    /// Where runs listen.
    pub(super) sockets: Option<&'a Path>,
}

impl Questions<'_> {
    /// Questions, the oldest first.
    pub fn all(&self, only_pending: bool) -> Result<Vec<Approval>, LedgerError> {
        let mut statement =
            self.conn.prepare_cached(&format!("{SELECT} WHERE a.state = 'pending' OR NOT ?1 ORDER BY a.id"))?;
        let mut rows = statement.query([only_pending])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let row = ApprovalRow::read(row)?;
            let changed = expect_as_asked(self.conn, &row).is_err();
            let approval = row.approval()?;
            // What somebody else has written into it is not shown as what is asked.
            found.push(if changed { Approval { question: CHANGED.to_owned(), ..approval } } else { approval });
        }
        Ok(found)
    }

    /// Questions as they stand, the oldest first. One that no run waits for any more whose govern is `alive` is withdrawn,
    /// whether that was written down yet or not.
    pub fn standing(&self, only_pending: bool, alive: &Alive<'_>) -> Result<Vec<Approval>, LedgerError> {
        let mut found = self.all(only_pending)?;
        if found.iter().any(|approval| approval.state == ApprovalState::Pending) {
            let live: HashSet<RunId> =
                Runs { conn: self.conn, sockets: self.sockets }.live(alive)?.into_iter().map(|run| run.id).collect();
            for approval in found.iter_mut().filter(|approval| approval.state == ApprovalState::Pending) {
                if !self.waiting_for(approval.id)?.iter().any(|run| live.contains(run)) {
                    approval.state = ApprovalState::Withdrawn;
                    approval.reason = Some(ALONE.to_owned());
                }
            }
        }
        found.retain(|approval| !only_pending || approval.state == ApprovalState::Pending);
        Ok(found)
    }

    /// One question.
    ///
    /// # Errors
    ///
    /// There is none, or it waits for an answer and is not as its run asked it.
    pub fn find(&self, id: ApprovalId) -> Result<Approval, LedgerError> {
        let found = self.conn.query_row(&format!("{SELECT} WHERE a.id = ?1"), [id.0], ApprovalRow::read).optional()?;
        let row = found.ok_or(LedgerError::NoSuchApproval { id })?;
        expect_as_asked(self.conn, &row)?;
        row.approval()
    }

    /// The runs that wait, or waited to the end, for a question's answer.
    pub fn waiting_for(&self, id: ApprovalId) -> Result<Vec<RunId>, LedgerError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT r.id FROM approval_runs w JOIN runs r ON r.no = w.run_no WHERE w.approval = ?1 ORDER BY r.no",
        )?;
        let rows = statement.query_map([id.0], |row| row.get::<_, String>(0))?;
        rows.map(|id| Ok(RunId::new(id?))).collect()
    }
}
