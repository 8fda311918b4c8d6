//! One agent's processes inside the guard: what is frozen, and how far its end has come.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::freeze::{self, Members, Stillness, count, signal};
use super::proc_fs::{code_mode_hosts, codex_processes};
use super::tree::{Process, alive};
use super::wire::{How, Launch, Status};
use crate::clock;
use crate::clocks::UNKILLABLE;
use crate::model::ProcessIdentity;

/// One launch of one agent.
#[derive(Debug)]
pub(super) struct Agent {
    /// Its first process, until it is reaped.
    pub(super) root: Option<ProcessIdentity>,
    /// It was to take the whole screen.
    pub(super) full_screen: bool,
    /// Nothing is left of it, and that was reported.
    pub(super) over: bool,
    /// It is to be frozen.
    pub(super) held: bool,
    /// It is frozen because govern stands still, and not by an order.
    pub(super) waits: bool,
    /// What this guard stopped.
    stopped: HashSet<ProcessIdentity>,
    ending: Option<Ending>,
}

#[derive(Debug)]
struct Ending {
    /// The orders that are answered when it is over.
    requests: Vec<u64>,
    stage: Stage,
    until: Instant,
    terminate: Duration,
    /// The Codex processes that were asked to end.
    asked: HashSet<ProcessIdentity>,
    killed: HashSet<ProcessIdentity>,
}

/// How far an end has come. Each stage begins when the one before is done or its time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The Codexes have INT; all else is frozen, save what they wait for before they end.
    Interrupt,
    /// The Codexes that are left have TERM; all else is frozen.
    Terminate,
    /// No Codex is left; the rest has TERM, and goes on.
    Clear,
    /// What is left is killed.
    Kill,
}

/// An agent's end.
#[derive(Clone, Debug)]
pub(super) struct Over {
    /// The orders that asked for it; none if it ended by itself.
    pub(super) requests: Vec<u64>,
    pub(super) killed: u32,
    pub(super) survivors: u32,
}

impl Agent {
    pub(super) fn new(root: Option<ProcessIdentity>, launch: &Launch) -> Self {
        Self {
            root,
            full_screen: launch.full_screen,
            over: false,
            held: false,
            waits: false,
            stopped: HashSet::new(),
            ending: None,
        }
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    /// Takes the root's status, if this is it.
    pub(super) fn reaped(&mut self, pid: i32, status: Status) -> Option<Status> {
        let root = self.root.filter(|root| root.pid == pid)?;
        self.stopped.remove(&root);
        self.root = None;
        Some(status)
    }

    pub(super) fn freeze(&mut self, members: &Members<'_>) -> Stillness {
        self.held = true;
        freeze::freeze(members, &mut self.stopped)
    }

    /// Nobody governs it: it stands still until that is over, unless it does so already or ends.
    pub(super) fn wait(&mut self, members: &Members<'_>) {
        if !self.held && !self.over && !self.is_ending() {
            self.freeze(members);
            self.waits = true;
        }
    }

    /// It is governed again.
    pub(super) fn go_on(&mut self) {
        if std::mem::take(&mut self.waits) && !self.is_ending() {
            self.thaw();
        }
    }

    pub(super) fn thaw(&mut self) -> u32 {
        (self.held, self.waits) = (false, false);
        freeze::thaw(&std::mem::take(&mut self.stopped))
    }

    /// Begins the end; of one that has begun, only a kill changes the course.
    pub(super) fn end(&mut self, request: u64, how: How, members: &Members<'_>) {
        let stage = match (how, &mut self.ending) {
            (How::KillNow, _) => Stage::Kill,
            (How::Graceful { .. }, Some(ending)) => return ending.requests.push(request),
            (How::Graceful { .. }, None) => Stage::Interrupt,
        };
        self.freeze(members);
        let (interrupt, terminate) = match how {
            How::KillNow => (UNKILLABLE, UNKILLABLE),
            How::Graceful { interrupt, terminate } => (interrupt, terminate),
        };
        let begun = self.ending.take().map(|ending| (ending.requests, ending.killed));
        let (mut requests, killed) = begun.unwrap_or_default();
        requests.push(request);
        let until = clock::monotonic() + interrupt;
        let mut ending = Ending { requests, stage, until, terminate, asked: HashSet::new(), killed };
        if stage == Stage::Interrupt {
            let tree = members(&mut |_| ());
            for codex in codex_processes(&tree) {
                ending.asked.insert(codex.identity);
                self.release(codex.identity, Signal::SIGINT);
            }
            for host in code_mode_hosts(&tree) {
                signal(host.identity, Signal::SIGCONT);
                self.stopped.remove(&host.identity);
            }
        }
        self.ending = Some(ending);
    }

    /// Does what is due, and says when it is over: when there is no process left, not even a dead one
    /// that nobody has reaped (it may have left an orphan that this walk did not see).
    pub(super) fn advance(&mut self, members: &Members<'_>) -> Option<Over> {
        if self.over || (self.root.is_some() && self.ending.is_none()) {
            return None;
        }
        let tree = members(&mut |_| ());
        if tree.is_empty() {
            return Some(self.finish(0));
        }
        let mut ending = self.ending.take()?;
        let late = clock::monotonic() >= ending.until;
        match ending.stage {
            Stage::Interrupt | Stage::Terminate => self.wait_for_codexes(&mut ending, &tree, late),
            Stage::Clear if late || !codex_processes(&tree).is_empty() => {
                self.freeze(members);
                ending.enter(Stage::Kill, UNKILLABLE);
            }
            Stage::Clear => self.release_frozen(&tree),
            Stage::Kill => {}
        }
        if ending.stage == Stage::Kill {
            let left = members(&mut |process| ending.kill(process));
            if late && clock::monotonic() >= ending.until {
                self.ending = Some(ending);
                return Some(self.finish(count(left.iter().filter(|process| !process.is_dead()).count())));
            }
        }
        self.ending = Some(ending);
        None
    }

    fn wait_for_codexes(&mut self, ending: &mut Ending, tree: &[Process], late: bool) {
        // One that was not there when the others were asked: started by something that was not yet frozen, or by
        // a Codex on its way out. It is not asked.
        for codex in codex_processes(tree) {
            if !ending.asked.contains(&codex.identity) {
                ending.kill(&codex);
            }
        }
        let left: Vec<ProcessIdentity> = ending.asked.iter().copied().filter(|identity| alive(*identity)).collect();
        if left.is_empty() {
            self.clear(ending, tree);
        } else if late && ending.stage == Stage::Interrupt {
            for codex in left {
                self.release(codex, Signal::SIGTERM);
            }
            ending.enter(Stage::Terminate, ending.terminate);
        } else if late {
            for codex in left {
                if signal(codex, Signal::SIGKILL) {
                    ending.killed.insert(codex);
                }
            }
            self.clear(ending, tree);
        }
    }

    /// Every Codex is gone: the rest may tidy up.
    fn clear(&mut self, ending: &mut Ending, tree: &[Process]) {
        for process in tree.iter().filter(|process| !process.is_dead()) {
            if !ending.killed.contains(&process.identity) {
                self.release(process.identity, Signal::SIGTERM);
            }
        }
        ending.enter(Stage::Clear, ending.terminate);
    }

    /// A walk during which a Codex died has not seen those whom it orphaned: they come later.
    fn release_frozen(&mut self, tree: &[Process]) {
        for process in tree {
            if self.stopped.contains(&process.identity) {
                self.release(process.identity, Signal::SIGTERM);
            }
        }
    }

    /// Sends a signal and lets the process act on it.
    fn release(&mut self, to: ProcessIdentity, with: Signal) {
        signal(to, with);
        signal(to, Signal::SIGCONT);
        self.stopped.remove(&to);
    }

    fn finish(&mut self, survivors: u32) -> Over {
        self.over = true;
        self.held = false;
        self.stopped.clear();
        let ending = self.ending.take().map(|ending| (ending.requests, count(ending.killed.len())));
        let (requests, killed) = ending.unwrap_or_default();
        Over { requests, killed, survivors }
    }
}

impl Ending {
    fn kill(&mut self, process: &Process) {
        if !process.is_dead() && signal(process.identity, Signal::SIGKILL) {
            self.killed.insert(process.identity);
        }
    }

    fn enter(&mut self, stage: Stage, time: Duration) {
        self.stage = stage;
        self.until = clock::monotonic() + time;
    }
}
