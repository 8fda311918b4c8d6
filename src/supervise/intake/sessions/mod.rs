//! Which session files are this run's, and what is new in them.
//!
//! A file is ours when a process of the agent's tree has it open: a shared `CODEX_HOME` holds
//! others' as well. Where that was missed (a file that was closed again before we looked), the
//! lineage in its first line tells.
//!
//! A file is told from others by its device and inode, and is held open from when it is found: what its writer adds is
//! read to the end, whatever is done to its name meanwhile.

mod session;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;

use crate::clocks::FOREIGN_FILE;
use crate::model::{AgentName, FileId, ServiceTier, ThreadId, Timestamp};
use crate::tail::Held;
use crate::tail::free_space;
use crate::tail::locate::is_session_file;
use crate::tail::session::{name_of, parent_totals, root_of};
use crate::tail::watch::{Notice, WatchError, Watcher};
use crate::usage::meter::Phase;
use crate::work::Own;

pub(super) use session::{Change, Found, Reading, Reads};
use session::{OpenSession, Upto};

use super::progress::Deeds;

/// The files of a run.
pub(in crate::supervise) struct Sessions {
    watcher: Option<Watcher>,
    notices: mpsc::UnboundedReceiver<Notice>,
    send: mpsc::UnboundedSender<Notice>,
    homes: BTreeSet<PathBuf>,
    /// A full disk was told of.
    full: bool,
    /// As they were found.
    files: Vec<OpenSession>,
    /// Files that were not ours when last looked at, and the root of their family.
    foreign: HashMap<FileId, (Instant, Option<ThreadId>)>,
    since: Timestamp,
    deeds: Deeds,
    work: Arc<Own>,
}

impl Sessions {
    /// Watches nothing yet. What was recorded before `since` is history.
    pub(super) fn new(since: Timestamp, deeds: Deeds, work: Arc<Own>) -> Self {
        let (send, notices) = mpsc::unbounded_channel();
        Self {
            watcher: None,
            notices,
            send,
            homes: BTreeSet::new(),
            full: false,
            files: Vec::new(),
            foreign: HashMap::new(),
            since,
            deeds,
            work,
        }
    }

    /// Watches a Codex home, once.
    pub(super) fn watch(&mut self, home: &Path) -> Result<(), WatchError> {
        if !self.homes.insert(home.to_owned()) {
            return Ok(());
        }
        self.watcher()?.add_home(home)
    }

    fn watcher(&mut self) -> Result<&mut Watcher, WatchError> {
        Ok(match &mut self.watcher {
            Some(watcher) => watcher,
            none => {
                let send = self.send.clone();
                none.insert(Watcher::new(move |notice| {
                    // The run may be over already.
                    let _ended = send.send(notice);
                })?)
            }
        })
    }

    /// A folder whose sessions can be written no longer because its disk is full: told once, for one.
    pub(super) fn newly_full(&mut self) -> Option<PathBuf> {
        self.newly_full_by(free_space::is_full)
    }

    fn newly_full_by(&mut self, is_full: impl Fn(&Path) -> bool) -> Option<PathBuf> {
        if self.full {
            return None;
        }
        let mut folders = self.homes.iter().map(|home| home.join("sessions"));
        let full = folders.find(|folder| is_full(folder));
        self.full = full.is_some();
        full
    }

    /// The next change. Nothing is lost when the wait is given up.
    pub(in crate::supervise) async fn notice(&mut self) -> Notice {
        match self.notices.recv().await {
            Some(notice) => notice,
            // INVARIANT: `send` lives as long as `self`, so the channel never ends.
            None => std::future::pending().await,
        }
    }

    /// The files that changes name which have come in already, so that many changes are one reading.
    pub(super) fn pending(&mut self) -> Vec<Notice> {
        std::iter::from_fn(|| self.notices.try_recv().ok()).collect()
    }

    /// The files of threads that have a turn under way.
    pub(super) fn at_work(&self) -> Vec<FileId> {
        self.files.iter().filter(|session| session.phase != Phase::Idle).map(OpenSession::id).collect()
    }

    /// Takes a thread as resting, whatever its file says last: nobody goes on with it.
    pub(super) fn rest(&mut self, id: FileId) -> Option<(Change, Option<ThreadId>)> {
        let session = self.get_mut(id).filter(|session| session.phase != Phase::Idle)?;
        let cut_off = session.cut_off();
        session.rest();
        let thread = session.meter.thread()?.clone();
        let root = session.meter.root().cloned();
        Some((Change { agent: session.agent.clone(), thread, root, phase: Phase::Idle, by_answer: false }, cut_off))
    }

    /// The threads of an agent that are gone in the middle of a request; told once.
    pub(super) fn cut_off(&mut self, agent: &AgentName) -> Vec<ThreadId> {
        let of_agent = self.files.iter_mut().filter(|session| session.agent == *agent);
        of_agent.filter_map(OpenSession::cut_off).collect()
    }

    fn get_mut(&mut self, id: FileId) -> Option<&mut OpenSession> {
        self.files.iter_mut().find(|session| session.id() == id)
    }

    /// Is it a thread of this run?
    pub(super) fn owns(&self, id: FileId) -> bool {
        self.files.iter().any(|session| session.id() == id)
    }

    /// Those of our files that this path leads to, or that were called so.
    pub(super) fn at(&self, path: &Path, id: Option<FileId>) -> Vec<FileId> {
        let is_meant = |session: &&OpenSession| Some(session.id()) == id || session.file.is_called(path);
        self.files.iter().filter(is_meant).map(OpenSession::id).collect()
    }

    /// A file of this name is ours, this one or another.
    pub(super) fn knows_name_of(&self, path: &Path) -> bool {
        let name = name_of(path);
        name.is_some() && self.files.iter().any(|session| session.name == name)
    }

    /// The service tier that a thread's next request asks for.
    pub(super) fn tier_of(&self, thread: &ThreadId) -> Option<&ServiceTier> {
        let session = self.files.iter().rev().find(|session| session.meter.thread() == Some(thread))?;
        Some(session.meter.tier())
    }

    /// What tells who pays for a thread: its home, its provider and the plan that its file names.
    pub(super) fn payer_of(&self, thread: &ThreadId) -> Option<(PathBuf, Option<String>, Option<String>)> {
        let session = self.files.iter().find(|session| session.meter.thread() == Some(thread))?;
        let meter = &session.meter;
        Some((session.home.clone(), meter.provider().map(str::to_owned), meter.plan_type().map(str::to_owned)))
    }

    /// The file that a thread of this run is written to: the last of several.
    pub(super) fn file_of(&self, thread: &ThreadId) -> Option<FileId> {
        self.files.iter().rev().find(|session| session.meter.thread() == Some(thread)).map(OpenSession::id)
    }

    /// The agent of a thread of this run.
    pub(super) fn agent_of(&self, thread: &ThreadId) -> Option<&AgentName> {
        let session = self.files.iter().find(|session| session.meter.thread() == Some(thread))?;
        Some(&session.agent)
    }

    /// An agent's root thread, by its first file that is a root.
    pub(super) fn root_of(&self, agent: &AgentName) -> Option<&ThreadId> {
        self.files
            .iter()
            .filter(|session| session.agent == *agent)
            .filter_map(|session| session.meter.thread().filter(|id| session.meter.root() == Some(id)))
            .next()
    }

    /// Takes a file as a thread of this agent. What was in it before is read for its state, and
    /// counts only if it was recorded during this run. Of two files of one name, which hold the same thread, the later
    /// goes on from what the earlier has shown.
    ///
    /// # Errors
    /// Where the file cannot be looked at or watched.
    pub(super) fn claim(&mut self, file: Held, agent: &AgentName) -> Result<(), Unclaimed> {
        if self.owns(file.id()) {
            return Ok(());
        }
        self.watcher()?.add_held(&file)?;
        self.foreign.remove(&file.id());
        let mut session = OpenSession::new(file, agent.clone(), self.since, (self.deeds, self.work.clone()))?;
        let same = |before: &&mut OpenSession| session.name.is_some() && before.name == session.name;
        if let Some(before) = self.files.iter_mut().rev().find(same) {
            session = session.succeeds(before);
        }
        self.files.push(session);
        Ok(())
    }

    /// Says of each file whether a process of the run has it open for writing.
    pub(super) fn are_written(&mut self, open: &BTreeSet<FileId>) {
        for session in &mut self.files {
            session.written = open.contains(&session.id());
        }
    }

    /// One of ours could not be read; whose and what it was called last, at the first time.
    pub(super) fn newly_unreadable(&mut self, id: FileId) -> Option<(AgentName, PathBuf)> {
        let session = self.get_mut(id)?;
        let first = !std::mem::replace(&mut session.unreadable, true);
        first.then(|| (session.agent.clone(), session.file.path().to_owned()))
    }

    /// Says of one file whether a process of the run has it open for writing.
    pub(super) fn is_written(&mut self, id: FileId, written: bool) {
        self.get_mut(id).into_iter().for_each(|session| session.written = written);
    }

    /// Worth looking through the tree's open files for: not ours, and not looked at just now. A
    /// busy stranger in the same home costs one look a second.
    pub(super) fn is_news(&self, id: FileId, now: Instant) -> bool {
        !self.owns(id) && self.foreign.get(&id).is_none_or(|(seen, _)| now.duration_since(*seen) >= FOREIGN_FILE)
    }

    /// A file that no process has open any more, but whose family is ours. Says which it is, if so.
    pub(super) fn claim_by_lineage(&mut self, path: &Path, now: Instant) -> Result<Option<FileId>, Unclaimed> {
        // What stands where another of ours is being written, is not what its writer writes.
        let name = name_of(path);
        let stands_in = |session: &OpenSession| session.written && session.name == name;
        if !is_session_file(path) || self.files.iter().any(stands_in) {
            return Ok(None);
        }
        let file = Held::open(path)?;
        let id = file.id();
        let known = self.foreign.get(&id).and_then(|(_, root)| root.clone());
        let root = match known {
            Some(root) => Some(root),
            None => root_of(path)?,
        };
        self.foreign.insert(id, (now, root.clone()));
        let Some(root) = root else { return Ok(None) };
        let family = self.files.iter().find(|session| session.meter.root() == Some(&root));
        let Some(agent) = family.map(|session| session.agent.clone()) else { return Ok(None) };
        self.claim(file, &agent)?;
        self.is_written(id, false);
        Ok(Some(id))
    }

    /// Reads what is new in one file of ours.
    pub(super) fn read(&mut self, id: FileId) -> Reads {
        self.read_by(id, Upto::LastFeed)
    }

    fn read_by(&mut self, id: FileId, upto: Upto) -> Reads {
        self.inherit(id)?;
        let Some(session) = self.get_mut(id) else { return Ok(Vec::new()) };
        let mut readings = session.read(upto)?;
        for reading in &mut readings {
            match reading {
                Reading::Thread(found) => found.root = self.family(&found.root),
                Reading::Answered { answer, .. } => answer.root = self.family(&answer.root),
                Reading::Did(..)
                | Reading::Classed(..)
                | Reading::Ran(..)
                | Reading::Window(..)
                | Reading::Plan(..)
                | Reading::Phase(_)
                | Reading::Altered { .. }
                | Reading::Unanswered(..)
                | Reading::Untold(..)
                | Reading::Skipped { .. } => {}
            }
        }
        Ok(readings)
    }

    /// The root above a root: files of versions up to about 0.135 name only their parent.
    fn family(&self, named: &ThreadId) -> ThreadId {
        let mut root = named;
        // No family is as deep as this; a circle in damaged files must end.
        for _ in 0..64 {
            let above = self.files.iter().find(|session| session.meter.thread() == Some(root));
            match above.and_then(|session| session.meter.root()) {
                Some(above) if above != root => root = above,
                Some(_) | None => break,
            }
        }
        root.clone()
    }

    /// Reads what is new in all files of ours.
    pub(super) fn read_all(&mut self) -> Vec<(FileId, Reads)> {
        self.each(Self::read)
    }

    /// As [`Sessions::read_all`], and a last line that its writer did not finish: only once all writers are gone.
    pub(super) fn finish_all(&mut self) -> Vec<(FileId, Reads)> {
        self.each(|sessions, id| sessions.read_by(id, Upto::End))
    }

    fn each(&mut self, read: impl Fn(&mut Self, FileId) -> Reads) -> Vec<(FileId, Reads)> {
        let ids: Vec<FileId> = self.files.iter().map(OpenSession::id).collect();
        ids.into_iter()
            .map(|id| {
                let read = read(self, id);
                (id, read)
            })
            .collect()
    }

    /// Gives a copy of its parent's counts to a fork or sub-agent that may repeat them.
    fn inherit(&mut self, id: FileId) -> std::io::Result<()> {
        let Some(session) = self.files.iter().find(|session| session.id() == id) else { return Ok(()) };
        let Some(parent) = session.meter.wants_parent().cloned() else { return Ok(()) };
        let known = self.files.iter().find(|other| other.meter.thread() == Some(&parent));
        let totals = match known {
            Some(other) => Some(other.meter.totals().to_vec()),
            None => parent_totals(&session.home, &parent)?,
        };
        if let (Some(session), Some(totals)) = (self.get_mut(id), totals) {
            session.meter.inherit(&totals);
        }
        Ok(())
    }
}

/// Why a file could not be taken as a thread's.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unclaimed {
    /// It cannot be opened or looked at.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// It cannot be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
}

impl Unclaimed {
    /// The file, or its writer, has just gone.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::File(error) if error.kind() == std::io::ErrorKind::NotFound)
    }
}

#[cfg(test)]
mod tests;
