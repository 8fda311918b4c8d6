//! Which session files are this run's, and what is new in them.
//!
//! A file is ours when a process of the agent's tree has it open: a shared `CODEX_HOME` holds
//! others' as well. Where that was missed (a file that was closed again before we looked), the
//! lineage in its first line tells.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::model::{AgentName, PlanWindow, ServiceTier, ThreadId, Timestamp};
use crate::rollout::{self, Deed};
use crate::tail::cursor::{Cursor, LONGEST_LINE};
use crate::tail::locate::is_session_file;
use crate::tail::session::{home_of, name_is_older, name_of, parent_totals, root_of};
use crate::tail::space;
use crate::tail::watch::{Notice, WatchError, Watcher};
use crate::usage::meter::{Answer, Counting, Meter, Phase};

use super::working::Deeds;

/// How soon a file that was not ours is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The files of a run.
pub(super) struct Sessions {
    watcher: Option<Watcher>,
    notices: mpsc::UnboundedReceiver<Notice>,
    send: mpsc::UnboundedSender<Notice>,
    homes: BTreeSet<PathBuf>,
    /// A full disk was told of.
    full: bool,
    files: BTreeMap<PathBuf, Session>,
    /// Files that were not ours when last looked at, and the root of their family.
    foreign: HashMap<PathBuf, (Instant, Option<ThreadId>)>,
    since: Timestamp,
    deeds: Deeds,
}

struct Session {
    agent: AgentName,
    home: PathBuf,
    cursor: Cursor,
    meter: Meter,
    counting: Counting,
    told: bool,
    phase: Phase,
    deeds: Deeds,
    window: Option<u64>,
    plan: Vec<PlanWindow>,
}

/// What a session file had to say.
pub(super) enum Reading {
    /// It is a thread of this run.
    Thread(Found),
    /// A model answered.
    Answered {
        /// Whose.
        agent: AgentName,
        /// What.
        answer: Answer,
        /// The home it was found in: its log-in tells who pays.
        home: PathBuf,
        /// The plan that the file names, if it does.
        plan: Option<String>,
    },
    /// The agent did something.
    Did(AgentName, Deed),
    /// A thread's model can read so many tokens at once.
    Window(AgentName, ThreadId, u64),
    /// How much of the plan's own limits is used.
    Plan(AgentName, Vec<PlanWindow>),
    /// A thread's requests started or ended.
    Phase(Change),
    /// Lines that could not be read.
    Skipped {
        /// Where.
        path: PathBuf,
        /// How many.
        lines: u64,
        /// Why, and where the first is.
        reason: String,
    },
}

/// A thread's requests started or ended.
pub(super) struct Change {
    /// Whose.
    pub(super) agent: AgentName,
    /// Which.
    pub(super) thread: ThreadId,
    /// How it stands.
    pub(super) phase: Phase,
}

/// What one file had to say.
pub(super) type Reads = std::io::Result<Vec<Reading>>;

/// How far a file is read.
#[derive(Clone, Copy)]
enum Upto {
    /// Its writer may be in the middle of a line.
    LastFeed,
    /// Nobody will write to it any more.
    End,
}

/// A thread, as its file's first lines tell.
pub(super) struct Found {
    pub(super) agent: AgentName,
    pub(super) thread: ThreadId,
    pub(super) root: ThreadId,
    pub(super) parent: Option<ThreadId>,
    pub(super) path: PathBuf,
    pub(super) home: PathBuf,
    pub(super) codex: Option<String>,
    pub(super) provider: Option<String>,
    pub(super) plan: Option<String>,
    pub(super) role: Option<String>,
}

impl Sessions {
    /// Watches nothing yet. What was recorded before `since` is history.
    pub(super) fn new(since: Timestamp, deeds: Deeds) -> Self {
        let (send, notices) = mpsc::unbounded_channel();
        Self {
            watcher: None,
            notices,
            send,
            homes: BTreeSet::new(),
            full: false,
            files: BTreeMap::new(),
            foreign: HashMap::new(),
            since,
            deeds,
        }
    }

    /// Watches a Codex home, once.
    pub(super) fn watch(&mut self, home: &Path) -> Result<(), WatchError> {
        if !self.homes.insert(home.to_owned()) {
            return Ok(());
        }
        let watcher = match &mut self.watcher {
            Some(watcher) => watcher,
            none => {
                let send = self.send.clone();
                none.insert(Watcher::new(move |notice| {
                    // The run may be over already.
                    let _ended = send.send(notice);
                })?)
            }
        };
        watcher.add_home(home)
    }

    /// A folder whose sessions can be written no longer because its disk is full: told once, for one.
    pub(super) fn newly_full(&mut self) -> Option<PathBuf> {
        self.newly_full_by(space::is_full)
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
    pub(super) async fn notice(&mut self) -> Notice {
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
    pub(super) fn at_work(&self) -> Vec<PathBuf> {
        self.files.iter().filter(|(_, session)| session.phase != Phase::Idle).map(|(path, _)| path.clone()).collect()
    }

    /// Takes a thread as resting, whatever its file says last: nobody goes on with it.
    pub(super) fn rest(&mut self, path: &Path) -> Option<Change> {
        let session = self.files.get_mut(path).filter(|session| session.phase != Phase::Idle)?;
        session.phase = Phase::Idle;
        let thread = session.meter.thread()?.clone();
        Some(Change { agent: session.agent.clone(), thread, phase: Phase::Idle })
    }

    /// Is it a thread of this run?
    pub(super) fn owns(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }

    /// The service tier that a thread's next request asks for.
    pub(super) fn tier_of(&self, thread: &ThreadId) -> Option<&ServiceTier> {
        let session = self.files.values().find(|session| session.meter.thread() == Some(thread))?;
        Some(session.meter.tier())
    }

    /// What tells who pays for a thread: its home, its provider and the plan that its file names.
    pub(super) fn payer_of(&self, thread: &ThreadId) -> Option<(PathBuf, Option<String>, Option<String>)> {
        let session = self.files.values().find(|session| session.meter.thread() == Some(thread))?;
        let meter = &session.meter;
        Some((session.home.clone(), meter.provider().map(str::to_owned), meter.plan_type().map(str::to_owned)))
    }

    /// The agent of a thread of this run.
    pub(super) fn agent_of(&self, thread: &ThreadId) -> Option<&AgentName> {
        let session = self.files.values().find(|session| session.meter.thread() == Some(thread))?;
        Some(&session.agent)
    }

    /// An agent's root thread, by its first file that is a root.
    pub(super) fn root_of(&self, agent: &AgentName) -> Option<&ThreadId> {
        self.files
            .values()
            .filter(|session| session.agent == *agent)
            .filter_map(|session| session.meter.thread().filter(|id| session.meter.root() == Some(id)))
            .next()
    }

    /// Takes a file as a thread of this agent. What was in it before is read for its state, and
    /// counts only if it was recorded during this run.
    pub(super) fn claim(&mut self, path: &Path, agent: &AgentName) -> std::io::Result<()> {
        if self.owns(path) || !is_session_file(path) {
            return Ok(());
        }
        let meta = std::fs::metadata(path)?;
        let born_here = meta.created().ok().map(Timestamp::from).is_some_and(|created| created >= self.since);
        let grown_from = match (born_here, name_is_older(path, self.since)) {
            (true, false) => 0,
            // An old session that was unpacked or moved meanwhile: only its records' times can tell.
            (true, true) => u64::MAX,
            (false, _) => meta.len(),
        };
        let counting = Counting { from: self.since, grown_from };
        let session = Session {
            agent: agent.clone(),
            home: home_of(path),
            cursor: Cursor::open(path)?,
            meter: Meter::new(name_of(path).as_ref(), counting),
            counting,
            told: false,
            phase: Phase::Idle,
            deeds: self.deeds,
            window: None,
            plan: Vec::new(),
        };
        self.files.insert(path.to_owned(), session);
        Ok(())
    }

    /// Worth looking through the tree's open files for: not ours, and not looked at just now. A
    /// busy stranger in the same home costs one look a second.
    pub(super) fn is_news(&self, path: &Path, now: Instant) -> bool {
        !self.owns(path) && self.foreign.get(path).is_none_or(|(seen, _)| now.duration_since(*seen) >= LOOK_AGAIN)
    }

    /// A file that no process has open any more, but whose family is ours. Says whether it is.
    pub(super) fn claim_by_lineage(&mut self, path: &Path, now: Instant) -> std::io::Result<bool> {
        let known = self.foreign.get(path).and_then(|(_, root)| root.clone());
        let root = match known {
            Some(root) => Some(root),
            None => root_of(path)?,
        };
        self.foreign.insert(path.to_owned(), (now, root.clone()));
        let Some(root) = root else { return Ok(false) };
        let family = self.files.values().find(|session| session.meter.root() == Some(&root));
        let Some(agent) = family.map(|session| session.agent.clone()) else { return Ok(false) };
        self.foreign.remove(path);
        self.claim(path, &agent)?;
        Ok(true)
    }

    /// Reads what is new in one file of ours.
    pub(super) fn read(&mut self, path: &Path) -> Reads {
        self.read_by(path, Upto::LastFeed)
    }

    fn read_by(&mut self, path: &Path, upto: Upto) -> Reads {
        self.inherit(path)?;
        let Some(session) = self.files.get_mut(path) else { return Ok(Vec::new()) };
        let mut readings = session.read(path, upto)?;
        for reading in &mut readings {
            match reading {
                Reading::Thread(found) => found.root = self.family(&found.root),
                Reading::Answered { answer, .. } => answer.root = self.family(&answer.root),
                Reading::Did(..)
                | Reading::Window(..)
                | Reading::Plan(..)
                | Reading::Phase(_)
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
            let above = self.files.values().find(|session| session.meter.thread() == Some(root));
            match above.and_then(|session| session.meter.root()) {
                Some(above) if above != root => root = above,
                Some(_) | None => break,
            }
        }
        root.clone()
    }

    /// Reads what is new in all files of ours.
    pub(super) fn read_all(&mut self) -> Vec<(PathBuf, Reads)> {
        self.each(Self::read)
    }

    /// As [`Sessions::read_all`], and a last line that its writer did not finish: only once all writers are gone.
    pub(super) fn finish_all(&mut self) -> Vec<(PathBuf, Reads)> {
        self.each(|sessions, path| sessions.read_by(path, Upto::End))
    }

    fn each(&mut self, read: impl Fn(&mut Self, &Path) -> Reads) -> Vec<(PathBuf, Reads)> {
        let paths: Vec<PathBuf> = self.files.keys().cloned().collect();
        paths
            .into_iter()
            .map(|path| {
                let read = read(self, &path);
                (path, read)
            })
            .collect()
    }

    /// Gives a copy of its parent's counts to a fork or sub-agent that may repeat them.
    fn inherit(&mut self, path: &Path) -> std::io::Result<()> {
        let Some(session) = self.files.get(path) else { return Ok(()) };
        let Some(parent) = session.meter.wants_parent().cloned() else { return Ok(()) };
        let known = self.files.values().find(|other| other.meter.thread() == Some(&parent));
        let totals = match known {
            Some(other) => Some(other.meter.totals().to_vec()),
            None => parent_totals(&session.home, &parent)?,
        };
        if let (Some(session), Some(totals)) = (self.files.get_mut(path), totals) {
            session.meter.inherit(&totals);
        }
        Ok(())
    }
}

impl Session {
    fn read(&mut self, path: &Path, upto: Upto) -> Reads {
        let mut readings = Vec::new();
        if self.read_into(path, upto, &mut readings)? {
            // Another file stands in its place: all of it is read again, and the ledger knows what it has.
            self.cursor = Cursor::open(path)?;
            self.meter = Meter::new(name_of(path).as_ref(), self.counting);
            readings.clear();
            self.read_into(path, upto, &mut readings)?;
        }
        Ok(readings)
    }

    /// Says whether the file was replaced or cut meanwhile.
    fn read_into(&mut self, path: &Path, upto: Upto, readings: &mut Vec<Reading>) -> std::io::Result<bool> {
        let mut refused: Option<(u64, String)> = None;
        let Self { agent, home, cursor, meter, told, phase, counting, deeds, window, plan } = self;
        let on_line = |position: u64, line: &[u8]| {
            let (position, record) = match rollout::read(line) {
                Ok(record) => (position, record),
                Err(why) => {
                    refused.get_or_insert_with(|| (0, format!("{why} at byte {position}"))).0 += 1;
                    match rollout::after_torn(position, line) {
                        Some(whole) => whole,
                        None => return,
                    }
                }
            };
            let answer = meter.push(position, &record);
            if !*told && meter.thread().is_some() {
                *told = true;
                readings.extend(found(agent, home, path, meter).map(Reading::Thread));
            }
            if *deeds == Deeds::Read
                && let Some(deed) = rollout::deed::deed(line).filter(|deed| deed.at >= counting.from)
            {
                readings.push(Reading::Did(agent.clone(), deed));
            }
            if meter.window() != *window {
                *window = meter.window();
                let told = meter.thread().cloned().zip(*window);
                readings.extend(told.map(|(thread, tokens)| Reading::Window(agent.clone(), thread, tokens)));
            }
            if meter.plan_windows() != plan.as_slice() {
                *plan = meter.plan_windows().to_vec();
                readings.push(Reading::Plan(agent.clone(), plan.clone()));
            }
            let now = meter.phase();
            if now != *phase {
                *phase = now;
                if let Some(thread) = meter.thread() {
                    readings.push(Reading::Phase(Change { agent: agent.clone(), thread: thread.clone(), phase: now }));
                }
            }
            if let Some(answer) = answer.filter(|answer| answer.counts) {
                let plan = meter.plan_type().map(str::to_owned);
                readings.push(Reading::Answered { agent: agent.clone(), answer, home: home.clone(), plan });
            }
        };
        let progress = match upto {
            Upto::LastFeed => cursor.read(on_line)?,
            Upto::End => cursor.finish(on_line)?,
        };
        if progress.too_long > 0 {
            refused.get_or_insert_with(|| (0, format!("longer than {} MiB", LONGEST_LINE >> 20))).0 +=
                progress.too_long;
        }
        if let Some((lines, reason)) = refused {
            readings.push(Reading::Skipped { path: path.to_owned(), lines, reason });
        }
        Ok(progress.rewound)
    }
}

fn found(agent: &AgentName, home: &Path, path: &Path, meter: &Meter) -> Option<Found> {
    let thread = meter.thread()?.clone();
    Some(Found {
        agent: agent.clone(),
        root: meter.root().cloned().unwrap_or_else(|| thread.clone()),
        thread,
        parent: meter.parent().cloned(),
        path: path.to_owned(),
        home: home.to_owned(),
        codex: meter.codex_version().map(str::to_owned),
        provider: meter.provider().map(str::to_owned),
        plan: meter.plan_type().map(str::to_owned),
        role: meter.role().map(str::to_owned),
    })
}

#[cfg(test)]
mod tests;
