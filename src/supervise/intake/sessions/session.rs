//! One session file of a run: what is new in it, for the agent whose thread it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::progress::Deeds;
use crate::model::{AgentName, FileId, PlanWindow, ThreadId, Timestamp, WorkClass};
use crate::rollout::{self, Deed, RanTool, SessionName};
use crate::tail::cursor::LONGEST_LINE;
use crate::tail::session::{home_of, name_is_older, name_of};
use crate::tail::{Alteration, Held, Whereabouts};
use crate::usage::meter::{Answer, Counting, Meter, Phase};
use crate::work::{Classed, LiveTurns, Own};

/// What a session file had to say.
pub(in crate::supervise::intake) enum Reading {
    /// It is a thread of this run.
    Thread(Found),
    /// A model answered.
    Answered {
        /// Whose.
        agent: AgentName,
        /// What.
        answer: Answer,
        /// The home it was found in: its login tells who pays.
        home: PathBuf,
        /// The plan that the file names, if it does.
        plan: Option<String>,
        /// The class of its turn's work by now.
        work: WorkClass,
    },
    /// A turn's responses are of another class of work than they were told as.
    Classed(AgentName, Classed),
    /// The agent did something.
    Did(AgentName, Deed),
    /// A tool of the thread's ran that is one of those that ask first.
    Ran(AgentName, FileId, RanTool),
    /// A thread's model can read so many tokens at once.
    Window(AgentName, ThreadId, u64),
    /// How much of the plan's own limits is used.
    Plan(AgentName, Vec<PlanWindow>),
    /// A thread's requests started or ended.
    Phase(Change),
    /// Something was done to the file by somebody else than its writer. Told once of each kind.
    Altered {
        /// Whose.
        agent: AgentName,
        /// Which file.
        id: FileId,
        /// Its last name.
        path: PathBuf,
        /// What.
        how: Alteration,
    },
    /// A turn of this thread has ended with a request that was perhaps served and is not counted.
    Unanswered(AgentName, ThreadId),
    /// A response of this thread does not say what it used.
    Untold(AgentName, ThreadId),
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
pub(in crate::supervise::intake) struct Change {
    /// Whose.
    pub(in crate::supervise::intake) agent: AgentName,
    /// Which.
    pub(in crate::supervise::intake) thread: ThreadId,
    /// The root of its family, where the file names it.
    pub(in crate::supervise::intake) root: Option<ThreadId>,
    /// How it stands.
    pub(in crate::supervise::intake) phase: Phase,
    /// The same record tells of an answer, which is read next.
    pub(in crate::supervise::intake) by_answer: bool,
}

/// What one file had to say.
pub(in crate::supervise::intake) type Reads = std::io::Result<Vec<Reading>>;

/// How far a file is read.
#[derive(Clone, Copy)]
pub(super) enum Upto {
    /// Its writer may be in the middle of a line.
    LastFeed,
    /// Nobody will write to it any more.
    End,
}

/// A thread, as its file's first lines tell.
pub(in crate::supervise::intake) struct Found {
    pub(in crate::supervise::intake) agent: AgentName,
    pub(in crate::supervise::intake) thread: ThreadId,
    pub(in crate::supervise::intake) root: ThreadId,
    pub(in crate::supervise::intake) parent: Option<ThreadId>,
    pub(in crate::supervise::intake) path: PathBuf,
    pub(in crate::supervise::intake) home: PathBuf,
    pub(in crate::supervise::intake) codex: Option<String>,
    pub(in crate::supervise::intake) provider: Option<String>,
    pub(in crate::supervise::intake) plan: Option<String>,
    pub(in crate::supervise::intake) role: Option<String>,
}

/// A thread's file: held open, and counted up to a place in it.
pub(super) struct OpenSession {
    pub(super) file: Held,
    /// As it was called when it was found.
    pub(super) name: Option<SessionName>,
    pub(super) agent: AgentName,
    pub(super) home: PathBuf,
    pub(super) meter: Meter,
    counting: Counting,
    told: bool,
    pub(super) phase: Phase,
    /// Nobody writes it: its thread rests, whatever it says last, until more is written.
    rests: bool,
    deeds: Deeds,
    work: LiveTurns,
    /// When the last of what it shows was done.
    last_deed: Option<Timestamp>,
    window: Option<u64>,
    plan: Vec<PlanWindow>,
    /// A process had it open for writing when that was last looked at.
    pub(super) written: bool,
    /// That something was done to it was told.
    alteration: Option<Alteration>,
    /// It has a line that Codex did not write.
    foreign: bool,
    /// That it cannot be read was told.
    pub(super) unreadable: bool,
}

impl OpenSession {
    /// A thread of this agent, whose file is held from now on. What was in it before is read for its state, and counts
    /// only if it was recorded since the run began.
    pub(super) fn new(
        file: Held,
        agent: AgentName,
        since: Timestamp,
        (deeds, work): (Deeds, Arc<Own>),
    ) -> std::io::Result<Self> {
        let meta = file.metadata()?;
        let born_here = meta.created().ok().map(Timestamp::from).is_some_and(|created| created >= since);
        let grown_from = match (born_here, name_is_older(file.path(), since)) {
            (true, false) => 0,
            // An old session that was unpacked or moved meanwhile: only its records' times can tell.
            (true, true) => u64::MAX,
            (false, _) => meta.len(),
        };
        let counting = Counting { from: since, grown_from };
        let name = name_of(file.path());
        Ok(Self {
            agent,
            home: home_of(file.path()),
            meter: Meter::new(name.as_ref(), counting),
            file,
            name,
            counting,
            told: false,
            phase: Phase::Idle,
            rests: false,
            deeds,
            work: LiveTurns::new(work),
            last_deed: None,
            window: None,
            plan: Vec::new(),
            written: true,
            alteration: None,
            foreign: false,
            unreadable: false,
        })
    }

    /// Goes on from what another file of the same name has shown, which holds the same thread: what counted there does
    /// not count again here.
    pub(super) fn succeeds(mut self, before: &mut Self) -> Self {
        self.meter = before.meter.clone();
        self.meter.rewind();
        self.work = std::mem::take(&mut before.work);
        self.phase = std::mem::replace(&mut before.phase, Phase::Idle);
        self.last_deed = before.last_deed;
        self.told = before.told;
        self
    }

    /// Its writer is gone: the thread that had a request under way, if it had; told once.
    pub(super) fn cut_off(&mut self) -> Option<ThreadId> {
        let asks = self.phase == Phase::InFlight && self.meter.asks_here();
        self.rests |= asks;
        self.phase = if asks { Phase::Idle } else { self.phase };
        self.meter.thread().cloned().filter(|_| asks)
    }

    /// Its writer is gone.
    pub(super) fn rest(&mut self) {
        (self.phase, self.rests) = (Phase::Idle, true);
    }

    /// Which file it is.
    pub(super) fn id(&self) -> FileId {
        self.file.id()
    }

    /// Reads what is new.
    pub(super) fn read(&mut self, upto: Upto) -> Reads {
        let mut readings = Vec::new();
        let rewound = self.read_into(upto, &mut readings)?;
        let is_foreign = !self.foreign && self.meter.foreign_line().is_some();
        self.foreign |= is_foreign;
        let altered = match (rewound, self.written) {
            (true, _) => Some(Alteration::Rewritten),
            (false, _) if is_foreign => Some(Alteration::Foreign),
            // Codex itself archives, compresses and deletes the files that nobody writes any more.
            (false, false) => None,
            (false, true) => match self.file.whereabouts() {
                Whereabouts::Known => None,
                Whereabouts::Replaced => Some(Alteration::Replaced),
                Whereabouts::Lost => Some(Alteration::Lost),
            },
        };
        if let Some(how) = altered.filter(|how| self.alteration.replace(*how) != Some(*how)) {
            let path = self.file.path().to_owned();
            readings.push(Reading::Altered { agent: self.agent.clone(), id: self.id(), path, how });
        }
        Ok(readings)
    }

    /// Says whether the file was cut or written over: then all of it came once more.
    fn read_into(&mut self, upto: Upto, readings: &mut Vec<Reading>) -> std::io::Result<bool> {
        let mut refused: Option<(u64, String)> = None;
        let path = self.file.path().to_owned();
        let rewinds = self.file.rewind_if_rewritten()?;
        if rewinds {
            self.meter.rewind();
        }
        let seen_before = self.last_deed.filter(|_| rewinds);
        let file_id = self.id();
        let Self {
            agent, home, file, meter, told, phase, rests, counting, deeds, work, last_deed, window, plan, ..
        } = self;
        let on_line = |position: u64, line: &[u8]| {
            *rests = false;
            let (position, record) = match rollout::read(line) {
                Ok(record) => (position, record),
                Err(why) => {
                    let untold = meter.thread().cloned().filter(|_| why.is_usage());
                    readings.extend(untold.map(|thread| Reading::Untold(agent.clone(), thread)));
                    refused.get_or_insert_with(|| (0, format!("{why} at byte {position}"))).0 += 1;
                    match rollout::after_torn(position, line) {
                        Some(whole) => whole,
                        None => return,
                    }
                }
            };
            if let Some(classed) = work.record(&record) {
                readings.push(Reading::Classed(agent.clone(), classed));
            }
            let answer = meter.push(position, &record);
            if !*told && meter.thread().is_some() {
                *told = true;
                readings.extend(found(agent, home, &path, meter).map(Reading::Thread));
            }
            if *deeds == Deeds::Read
                && let Some(deed) = rollout::action::deed(line).filter(|deed| deed.at >= counting.from)
                && seen_before.is_none_or(|seen| deed.at > seen)
            {
                *last_deed = (*last_deed).max(Some(deed.at));
                readings.push(Reading::Did(agent.clone(), deed));
            }
            if let Some(act) = rollout::act(line, work.has_items()) {
                work.did(&act);
            }
            if let Some(tool) = rollout::ran(line)
                && (position >= counting.grown_from || tool.at >= counting.from)
                && meter.thread() == Some(&tool.thread)
            {
                readings.push(Reading::Ran(agent.clone(), file_id, tool));
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
            // What is read once more tells how the thread stood, until its end.
            let answer = answer.filter(|answer| answer.counts);
            if !rewinds {
                readings.extend(moved(agent, meter, phase, answer.is_some()));
            }
            let lost = meter.take_unanswered() && !rewinds;
            let lost = meter.thread().cloned().filter(|_| lost);
            readings.extend(lost.map(|thread| Reading::Unanswered(agent.clone(), thread)));
            if let Some(answer) = answer {
                let plan = meter.plan_type().map(str::to_owned);
                let work = work.answered(&answer.thread, &answer.key);
                readings.push(Reading::Answered { agent: agent.clone(), answer, home: home.clone(), plan, work });
            }
        };
        let progress = match upto {
            Upto::LastFeed => file.read(on_line)?,
            Upto::End => file.finish(on_line)?,
        };
        readings.extend(self.work.changed().map(|classed| Reading::Classed(self.agent.clone(), classed)));
        if !self.rests {
            readings.extend(moved(&self.agent, &self.meter, &mut self.phase, false));
        }
        if progress.too_long > 0 {
            refused.get_or_insert_with(|| (0, format!("longer than {} MiB", LONGEST_LINE >> 20))).0 +=
                progress.too_long;
        }
        if let Some((lines, reason)) = refused {
            readings.push(Reading::Skipped { path, lines, reason });
        }
        Ok(rewinds)
    }
}

/// The thread's phase, where it is another now.
fn moved(agent: &AgentName, meter: &Meter, phase: &mut Phase, by_answer: bool) -> Option<Reading> {
    let now = meter.phase();
    if std::mem::replace(phase, now) == now {
        return None;
    }
    let thread = meter.thread()?.clone();
    Some(Reading::Phase(Change { agent: agent.clone(), thread, root: meter.root().cloned(), phase: now, by_answer }))
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
