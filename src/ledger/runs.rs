//! What is read of runs: how they stand, their threads and their chains.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::model::event::{Answer, EventKind};
use crate::model::{
    AgentName, Alive, Approval, Billing, Brake, Braked, BudgetName, Event, ProcessIdentity, RunId, RunInfo, RunProcess,
    ThreadId, ThreadInfo, Timestamp,
};

use super::LedgerError;
use super::chain::Link;
use super::hash::Hash;
use super::responses::Responses;
use super::rows::approval::{ApprovalRow, SELECT};
use super::series::SeriesBook;
use super::values::{at_least, before, moment};

/// Which runs; all by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunFilter {
    /// Started then or later, or still open.
    pub since: Option<Timestamp>,
    /// Started before.
    pub until: Option<Timestamp>,
    /// Only so many, the newest.
    pub limit: Option<u32>,
}

/// An event and its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// From 1.
    pub seq: u64,
    /// What it says; a response with its usage.
    pub event: Event,
    /// Of it and all before it.
    pub hash: Hash,
}

const RUNS: &str = "SELECT id, started, ended, command, cwd, attribution, outcome, code, rule, pid, pid_started,
    observe, policy, prices FROM runs";

/// What a person did to a run that only a person may undo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldBack {
    /// The brake is on.
    Braked(Brake, Braked),
    /// A question was answered with a no, which ended it.
    Denied(Braked),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was stopped: nothing more was to be asked.
    Stopped,
    /// Likewise, at once.
    Killed,
    /// By itself, or because of govern.
    Otherwise,
}

/// How a run stands that may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It was never started.
    New,
    /// Its end is recorded.
    Ended {
        /// The process by which it was under way last.
        process: ProcessIdentity,
        /// When.
        at: Timestamp,
        /// How.
        how: Ended,
    },
    /// It is under way by this process.
    Open(ProcessIdentity),
}

/// Zero lets go on.
fn severity(brake: Brake) -> u8 {
    match brake {
        Brake::Continue => 0,
        Brake::Pause => 1,
        Brake::Stop => 2,
        Brake::Kill => 3,
    }
}

/// What is severer outweighs what is milder; whoever lets the run go on, or starts it again, lifts all.
fn brake_of(conn: &Connection, run: &RunId) -> Result<Option<(Brake, Braked)>, LedgerError> {
    let mut statement = conn.prepare_cached(
        "SELECT e.data FROM events e WHERE e.run_no = (SELECT no FROM runs WHERE id = ?1)
         AND (instr(data, '\"kind\":\"braked\"') > 0 OR instr(data, '\"kind\":\"run_resumed\"') > 0) ORDER BY e.seq",
    )?;
    let mut rows = statement.query([run.as_str()])?;
    let mut held: Option<(Brake, Braked)> = None;
    while let Some(row) = rows.next()? {
        let event: Event = serde_json::from_str(&row.get::<_, String>(0)?)
            .map_err(|error| LedgerError::unreadable(format!("an event of run {run}: {error}")))?;
        held = match (event.kind, held) {
            (EventKind::Braked { brake, .. }, Some(held))
                if severity(brake) <= severity(held.0) && severity(brake) > 0 =>
            {
                Some(held)
            }
            (EventKind::Braked { brake, by, reason }, _) if severity(brake) > 0 => {
                Some((brake, Braked { by, reason, at: event.at }))
            }
            (_, _) => None,
        };
    }
    Ok(held)
}

/// Runs, their threads and their chains.
#[derive(Clone, Copy, Debug)]
pub struct Runs<'a> {
    pub(super) conn: &'a Connection,
    /// Where runs listen.
    pub(super) sockets: Option<&'a Path>,
}

impl Runs<'_> {
    /// The run that was started last.
    pub fn last(&self) -> Result<Option<RunInfo>, LedgerError> {
        let mut statement = self.conn.prepare_cached(&format!("{RUNS} ORDER BY no DESC LIMIT 1"))?;
        let mut rows = statement.query([])?;
        rows.next()?.map(run_info).transpose()
    }

    /// Runs, the newest first.
    pub fn list(&self, filter: &RunFilter) -> Result<Vec<RunInfo>, LedgerError> {
        let mut statement = self.conn.prepare_cached(&format!(
            "{RUNS} WHERE (started >= ?1 OR ended IS NULL) AND started < ?2 ORDER BY no DESC LIMIT ?3"
        ))?;
        let mut rows = statement.query(params![
            at_least(filter.since),
            before(filter.until),
            filter.limit.map_or(-1, i64::from)
        ])?;
        let mut runs = Vec::new();
        while let Some(row) = rows.next()? {
            runs.push(run_info(row)?);
        }
        Ok(runs)
    }

    /// Runs that have not ended and whose govern is `alive`, the newest first.
    pub fn live(&self, alive: &Alive<'_>) -> Result<Vec<RunInfo>, LedgerError> {
        let mut statement = self.conn.prepare_cached(&format!("{RUNS} WHERE ended IS NULL ORDER BY no DESC"))?;
        let mut rows = statement.query([])?;
        let mut runs = Vec::new();
        while let Some(row) = rows.next()? {
            let run = run_info(row)?;
            if self.lives(&run, alive) {
                runs.push(run);
            }
        }
        Ok(runs)
    }

    /// A run has ended, or its govern is not `alive`. One that the ledger does not know is not over.
    pub fn is_over(&self, run: &RunId, alive: &Alive<'_>) -> Result<bool, LedgerError> {
        let mut statement = self.conn.prepare_cached(&format!("{RUNS} WHERE id = ?1"))?;
        let mut rows = statement.query([run.as_str()])?;
        let Some(row) = rows.next()? else { return Ok(false) };
        let info = run_info(row)?;
        Ok(info.ended.is_some() || !self.lives(&info, alive))
    }

    /// The govern of this run is `alive`, whether the run has ended or not.
    pub fn lives(&self, run: &RunInfo, alive: &Alive<'_>) -> bool {
        alive(&RunProcess { run: &run.id, process: run.process, sockets: self.sockets })
    }

    /// The run with this id, or the only one whose id begins so.
    pub fn find(&self, prefix: &str) -> Result<RunInfo, LedgerError> {
        let mut statement = self.conn.prepare_cached(&format!(
            "{RUNS} WHERE substr(id, 1, length(?1)) = ?1 AND ?1 <> '' ORDER BY id <> ?1, no DESC LIMIT 10"
        ))?;
        let mut rows = statement.query([prefix])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(run_info(row)?);
        }
        let exact = found.first().is_some_and(|run| run.id.as_str() == prefix);
        match (found.len(), found.first()) {
            (_, None) => Err(LedgerError::NoSuchRun { prefix: prefix.to_owned() }),
            (count, Some(run)) if exact || count == 1 => Ok(run.clone()),
            _ => Err(LedgerError::Ambiguous {
                prefix: prefix.to_owned(),
                candidates: found.into_iter().map(|run| run.id).collect(),
            }),
        }
    }

    /// Who paused a run, where nobody let it go on since.
    pub fn pause_of(&self, run: &RunId) -> Result<Option<Braked>, LedgerError> {
        let brake = brake_of(self.conn, run)?;
        Ok(brake.filter(|(brake, _)| *brake == Brake::Pause).map(|(_, braked)| braked))
    }

    /// What a person did to a run that only a person may undo: the brake that is on, or the no to a question that ended it
    /// since it was started last.
    pub fn held_back(&self, run: &RunId) -> Result<Option<HeldBack>, LedgerError> {
        if let Some((brake, braked)) = brake_of(self.conn, run)? {
            return Ok(Some(HeldBack::Braked(brake, braked)));
        }
        let resumed = self.last_resumed(run)?.unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(self.denied_since(run, resumed)?.map(HeldBack::Denied))
    }

    /// When a run went on last; `None` where it never did.
    fn last_resumed(&self, run: &RunId) -> Result<Option<Timestamp>, LedgerError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT e.data FROM events e WHERE e.run_no = (SELECT no FROM runs WHERE id = ?1)
             AND instr(data, '\"kind\":\"run_resumed\"') > 0 ORDER BY e.seq DESC LIMIT 1",
        )?;
        let data: Option<String> = statement.query_row([run.as_str()], |row| row.get(0)).optional()?;
        let event = data.map(|data| serde_json::from_str::<Event>(&data)).transpose();
        let unreadable = |error| LedgerError::unreadable(format!("an event of run {run}: {error}"));
        Ok(event.map_err(unreadable)?.map(|event| event.at))
    }

    /// What `govern resume` needs to go on with a run, as [`super::Turn::keep_command`] was given it.
    ///
    /// # Errors
    ///
    /// It is not what the ledger's chain says: somebody else has written it, and nothing is to be started by it.
    pub fn command_of(&self, run: &RunId) -> Result<Option<String>, LedgerError> {
        let data: Option<String> = self
            .conn
            .query_row(
                "SELECT c.data FROM run_commands c JOIN runs r ON r.no = c.run_no WHERE r.id = ?1",
                [run.as_str()],
                |row| row.get(0),
            )
            .optional()?;
        let digest = data.as_ref().map(|data| Hash::of(data.as_bytes()));
        if digest != self.command_in_chain(run)? {
            let what =
                format!("the command that resumes run `{run}` was changed: it is not what the ledger's chain says");
            return Err(LedgerError::unreadable(what));
        }
        Ok(data)
    }

    /// The digest of that, by the last link about it.
    fn command_in_chain(&self, run: &RunId) -> Result<Option<Hash>, LedgerError> {
        let sql = r#"SELECT data FROM links WHERE substr(data, 1, 17) = '{"kind":"command"' ORDER BY n DESC"#;
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let link = serde_json::from_str(&row.get::<_, String>(0)?);
            let unreadable = |error| LedgerError::unreadable(format!("a link about a command: {error}"));
            if let Link::Command { run: of, digest, .. } = link.map_err(unreadable)?
                && of == *run
            {
                return Ok(Some(digest));
            }
        }
        Ok(None)
    }

    /// A run's threads, in the order they were seen.
    pub fn threads(&self, run: &RunId) -> Result<Vec<ThreadInfo>, LedgerError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT t.thread, t.root, t.parent, t.agent, t.path, t.codex, t.billing, t.role,
                    (SELECT nullif(k.provider, '') FROM usage u JOIN kinds k ON k.id = u.kind JOIN thread_ids i ON i.no = u.thread
                     WHERE i.id = t.thread LIMIT 1)
             FROM threads t JOIN runs r ON r.no = t.run_no WHERE r.id = ?1 ORDER BY t.no",
        )?;
        let mut rows = statement.query([run.as_str()])?;
        let mut threads = Vec::new();
        while let Some(row) = rows.next()? {
            threads.push(ThreadInfo {
                thread: ThreadId::new(row.get::<_, String>(0)?),
                root: ThreadId::new(row.get::<_, String>(1)?),
                parent: row.get::<_, Option<String>>(2)?.map(ThreadId::new),
                run: Some(run.clone()),
                agent: row.get::<_, Option<String>>(3)?.map(AgentName::new),
                path: row.get(4)?,
                codex: row.get(5)?,
                billing: billing(&row.get::<_, String>(6)?)?,
                role: row.get(7)?,
                provider: row.get(8)?,
            });
        }
        Ok(threads)
    }

    /// How a run stands.
    pub fn state(&self, run: &RunId) -> Result<RunState, LedgerError> {
        let mut statement =
            self.conn.prepare_cached("SELECT ended, outcome, pid, pid_started FROM runs WHERE id = ?1")?;
        let found = statement.query_row([run.as_str()], |row| {
            let process = ProcessIdentity { pid: row.get(2)?, started: row.get::<_, i64>(3)?.unsigned_abs() };
            Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<String>>(1)?, process))
        });
        Ok(match found.optional()? {
            None => RunState::New,
            Some((None, _, process)) => RunState::Open(process),
            Some((Some(ended), outcome, process)) => {
                let how = match outcome.as_deref() {
                    Some("stopped") => Ended::Stopped,
                    Some("killed") => Ended::Killed,
                    _ => Ended::Otherwise,
                };
                RunState::Ended { process, at: moment(ended)?, how }
            }
        })
    }

    /// The brake that holds or ended a run, and who used it first; `None` where nobody did, or let it go on since.
    pub fn brake_of(&self, run: &RunId) -> Result<Option<(Brake, Braked)>, LedgerError> {
        brake_of(self.conn, run)
    }

    /// The last no that ended this run, since then: to a question that it waited for itself, or shared.
    fn denied_since(&self, run: &RunId, since: Timestamp) -> Result<Option<Braked>, LedgerError> {
        let sql = format!(
            "{SELECT} WHERE a.state = 'denied' AND a.answered >= ?2 AND a.id IN (SELECT approval FROM approval_runs
             WHERE run_no = (SELECT no FROM runs WHERE id = ?1)) ORDER BY a.id DESC"
        );
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut rows = statement.query(params![run.as_str(), since.timestamp_millis()])?;
        while let Some(row) = rows.next()? {
            let Approval { answer, by, reason, answered, .. } = ApprovalRow::read(row)?.approval()?;
            if let (Some(Answer::Stop | Answer::Kill), Some(by), Some(at)) = (answer, by, answered) {
                return Ok(Some(Braked { by, reason, at }));
            }
        }
        Ok(None)
    }

    /// A run's chain, in order.
    pub fn events(&self, run: &RunId) -> Result<Vec<Entry>, LedgerError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT e.seq, e.data, e.hash FROM events e JOIN runs r ON r.no = e.run_no WHERE r.id = ?1 ORDER BY e.seq",
        )?;
        let mut rows = statement.query([run.as_str()])?;
        let responses = Responses { conn: self.conn };
        let mut book = SeriesBook::default();
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            let seq = row.get::<_, i64>(0)?.unsigned_abs();
            let event = responses.event(run, seq, &row.get::<_, String>(1)?, &mut book)?;
            entries.push(Entry { seq, event, hash: row.get(2)? });
        }
        Ok(entries)
    }
}

fn billing(word: &str) -> Result<Billing, LedgerError> {
    [Billing::Api, Billing::Plan, Billing::Local, Billing::Unknown]
        .into_iter()
        .find(|billing| billing.as_str() == word)
        .ok_or_else(|| LedgerError::unreadable(format!("the billing `{word}` is unknown")))
}

fn run_info(row: &Row<'_>) -> Result<RunInfo, LedgerError> {
    let id: String = row.get(0)?;
    let parsed =
        |what: &str, error: serde_json::Error| LedgerError::unreadable(format!("the {what} of run `{id}`: {error}"));
    Ok(RunInfo {
        started: moment(row.get(1)?)?,
        ended: row.get::<_, Option<i64>>(2)?.map(moment).transpose()?,
        command: serde_json::from_str(&row.get::<_, String>(3)?).map_err(|error| parsed("command", error))?,
        cwd: row.get(4)?,
        attribution: serde_json::from_str(&row.get::<_, String>(5)?).map_err(|error| parsed("attribution", error))?,
        outcome: row.get(6)?,
        code: row.get(7)?,
        rule: row.get::<_, Option<String>>(8)?.map(BudgetName::new),
        process: ProcessIdentity { pid: row.get(9)?, started: row.get::<_, i64>(10)?.unsigned_abs() },
        observe: row.get(11)?,
        policy: row.get(12)?,
        prices: row.get(13)?,
        id: RunId::new(id),
    })
}
