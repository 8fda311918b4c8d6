//! What hooks that have no supervisor leave to one another: one row for each thread of their run.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::{Attribution, ProcessIdentity, RunId, ThreadId};

use super::{LedgerError, Turn};

/// A thread and what its hooks know of it: JSON of the caller's making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attended {
    /// Which.
    pub thread: ThreadId,
    /// What is known.
    pub data: String,
}

/// What a session that hooks attend to keeps from its beginning, whatever changes in its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The repository's policy: its path and text. `None`: there was none.
    pub policy: Option<(PathBuf, String)>,
    /// Where its spend belongs.
    pub attribution: Attribution,
}

/// What hooks that have no supervisor have left.
#[derive(Clone, Copy, Debug)]
pub struct Hooks<'a> {
    pub(super) conn: &'a Connection,
}

impl Hooks<'_> {
    /// What was pinned for a run, if it is under way by this process, or was last.
    pub fn pinned(&self, run: &RunId, process: ProcessIdentity) -> Result<Option<Pinned>, LedgerError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT p.path, p.policy, r.attribution, r.pid_started FROM runs r JOIN pinned p ON p.run_no = r.no
             WHERE r.id = ?1 AND r.pid = ?2",
        )?;
        let found: Option<(Option<String>, Option<String>, String, i64)> = statement
            .query_row(params![run.as_str(), process.pid], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()?;
        let Some((path, policy, attribution, started)) = found else { return Ok(None) };
        if started.unsigned_abs() != process.started {
            return Ok(None);
        }
        let attribution = serde_json::from_str(&attribution)
            .map_err(|error| LedgerError::unreadable(format!("the attribution of a run: {error}")))?;
        Ok(Some(Pinned { policy: path.map(PathBuf::from).zip(policy), attribution }))
    }

    /// The policy files, but for the repository's, that sessions of these processes began under and are under way.
    pub fn policies_of(&self, processes: &[ProcessIdentity]) -> Result<Vec<PathBuf>, LedgerError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT p.policies, r.pid_started FROM runs r JOIN pinned p ON p.run_no = r.no
             WHERE r.ended IS NULL AND r.pid = ?1 AND p.policies IS NOT NULL",
        )?;
        let mut found = Vec::new();
        for process in processes {
            let mut rows = statement.query([process.pid])?;
            while let Some(row) = rows.next()? {
                let (policies, started): (String, i64) = (row.get(0)?, row.get(1)?);
                if started.unsigned_abs() == process.started {
                    let paths: Vec<PathBuf> = serde_json::from_str(&policies)
                        .map_err(|error| LedgerError::unreadable(format!("the policies of a session: {error}")))?;
                    found.extend(paths);
                }
            }
        }
        Ok(found)
    }

    /// The threads of a run that hooks attend to.
    pub fn attended(&self, run: &RunId) -> Result<Vec<Attended>, LedgerError> {
        attended(self.conn, run)
    }
}

/// The same in a turn, for hooks of this process's own run.
#[derive(Debug)]
pub struct HooksMut<'t, 'a> {
    pub(super) turn: &'t mut Turn<'a>,
}

impl HooksMut<'_, '_> {
    /// The threads of a run that hooks attend to, this turn's writes included.
    pub fn attended(&self, run: &RunId) -> Result<Vec<Attended>, LedgerError> {
        attended(self.turn.tx, run)
    }

    /// Keeps what is known of a thread of this process's own run, in place of what was known before.
    pub fn attend(&mut self, thread: &ThreadId, data: &str) -> Result<(), LedgerError> {
        let own = self.turn.own_run()?;
        self.turn
            .tx
            .prepare_cached("INSERT OR REPLACE INTO attended (run_no, thread, data) VALUES (?1, ?2, ?3)")?
            .execute(params![own, thread.as_str(), data])?;
        Ok(())
    }

    /// Keeps the repository's policy of this process's own run as it is now, and where its other policies lie.
    pub fn pin(&mut self, policy: Option<(&Path, &str)>, others: &[PathBuf]) -> Result<(), LedgerError> {
        let own = self.turn.own_run()?;
        // One whose name is no text is not missed later.
        let others: Vec<&str> = others.iter().filter_map(|path| path.to_str()).collect();
        let others = serde_json::to_string(&others)
            .map_err(|error| LedgerError::unreadable(format!("the policies of a session: {error}")))?;
        let (path, text) = policy.map(|(path, text)| (path.display().to_string(), text)).unzip();
        self.turn
            .tx
            .prepare_cached("INSERT OR REPLACE INTO pinned (run_no, path, policy, policies) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![own, path, text, others])?;
        Ok(())
    }
}

fn attended(conn: &Connection, run: &RunId) -> Result<Vec<Attended>, LedgerError> {
    let no: Option<i64> = conn
        .prepare_cached("SELECT no FROM runs WHERE id = ?1")?
        .query_row([run.as_str()], |row| row.get(0))
        .optional()?;
    let Some(no) = no else { return Ok(Vec::new()) };
    let mut statement = conn.prepare_cached("SELECT thread, data FROM attended WHERE run_no = ?1")?;
    let rows = statement
        .query_map([no], |row| Ok(Attended { thread: ThreadId::new(row.get::<_, String>(0)?), data: row.get(1)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
