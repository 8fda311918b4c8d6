//! The guard process: parent of the agents, adopter of their orphans, the last to leave.
//!
//! One thread, one `poll` over the socket to govern and a signalfd. When the socket closes, govern
//! is dead: whatever is left is killed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{IsTerminal, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::agent::Agent;
use super::error::ProcessError;
use super::freeze::{self, Members, count, signal};
use super::governor_stopped::{Observation, Standstill};
use super::launch::{launch, stdin_of};
use super::proc_fs::{codex_processes, environ_var};
use super::terminal::{Terminal, without_ttou};
use super::tree::{self, Process};
use super::wire::{self, Launch, Leftovers, Numbered, Order, Refusal, Report, Status, Stdin, TerminalSession};
use crate::clock;
use crate::clocks::LAST_SWEEP;
use crate::model::{AgentName, ProcessIdentity};

/// Between two looks at an agent that is being ended.
const TICK: Duration = Duration::from_millis(2);

/// What the guard takes over at the fork.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) socket: UnixStream,
    /// The signal mask that govern was started with.
    pub(super) mask: SigSet,
    pub(super) terminal: Option<Terminal>,
}

/// Is the guard until govern is gone or has finished. Never comes back into govern's own code.
pub(super) fn run(start: Start) -> ! {
    let outcome = std::panic::catch_unwind(move || {
        let mut keeper = match Keeper::open(start) {
            Ok(keeper) => keeper,
            // govern reads the end of the stream, and nothing was started yet.
            Err(_) => return 1,
        };
        keeper.watch();
        0
    });
    let code = outcome.unwrap_or_else(|_| {
        kill_everything();
        101
    });
    #[expect(unsafe_code, reason = "a forked copy must not run govern's own exit")]
    // SAFETY: `_exit` ends the process at once and touches nothing of it.
    unsafe {
        nix::libc::_exit(code)
    }
}

/// Kills all descendants of this process and reaps those that are its children.
pub(super) fn kill_everything() -> u32 {
    let me = nix::unistd::getpid().as_raw();
    let members = |see: &mut dyn FnMut(&Process)| tree::walk(&tree::children(me), see);
    freeze::exterminate(&members, || while next_status().is_some() {}, LAST_SWEEP)
}

struct Keeper {
    socket: UnixStream,
    signals: SignalFd,
    mask: SigSet,
    terminal: Option<Terminal>,
    agents: BTreeMap<AgentName, Agent>,
    /// Whose a process is: what was once seen below an agent stays its own when it is orphaned.
    owners: HashMap<ProcessIdentity, AgentName>,
    read: Vec<u8>,
    unsent: Vec<u8>,
    finish: Option<Leftovers>,
    standstill: Standstill,
}

impl Keeper {
    fn open(start: Start) -> Result<Self, ProcessError> {
        let refused = ProcessError::system;
        nix::sys::prctl::set_name(tree::GUARD_NAME).map_err(refused("name the guard"))?;
        nix::sys::prctl::set_child_subreaper(true).map_err(refused("adopt orphans"))?;
        // CONT and CHLD are told, and act as they would: Ctrl-Z and `fg` work on the whole group.
        let told: SigSet = [Signal::SIGCHLD, Signal::SIGCONT].into_iter().collect();
        let mut deaf = SigSet::all();
        for left in [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU, Signal::SIGSEGV, Signal::SIGBUS] {
            deaf.remove(left);
        }
        for left in [Signal::SIGILL, Signal::SIGFPE, Signal::SIGABRT, Signal::SIGTRAP, Signal::SIGSYS] {
            deaf.remove(left);
        }
        deaf.thread_set_mask().map_err(refused("block signals"))?;
        let signals = SignalFd::with_flags(&told, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
            .map_err(refused("receive signals"))?;
        start.socket.set_nonblocking(true).map_err(ProcessError::io("set up the guard's socket"))?;
        Ok(Self {
            socket: start.socket,
            signals,
            mask: start.mask,
            terminal: start.terminal,
            agents: BTreeMap::new(),
            owners: HashMap::new(),
            read: Vec::new(),
            unsent: Vec::new(),
            finish: None,
            standstill: Standstill::of_parent(),
        })
    }

    fn watch(&mut self) {
        loop {
            self.wait();
            if self.drain_signals() {
                self.standstill.continued();
                self.hold_again();
            }
            self.reap();
            let Some(has_spoken) = self.receive() else { return self.govern_is_gone() };
            self.look_at_govern(has_spoken);
            for name in self.names() {
                self.advance(&name);
            }
            self.flush();
            if let Some(leftovers) = self.finish {
                return self.leave(leftovers);
            }
        }
    }

    fn wait(&self) {
        let ending = self.agents.values().any(Agent::is_ending).then_some(TICK);
        let looks = self.agents.values().any(|agent| !agent.over).then(|| self.standstill.due_in());
        // Rounded up: one that is due in less than a millisecond is not asked for again and again.
        let timeout = ending.into_iter().chain(looks).min().map(|wait| wait + Duration::from_micros(999));
        let timeout =
            timeout.map_or(PollTimeout::NONE, |wait| PollTimeout::try_from(wait).unwrap_or(PollTimeout::ZERO));
        let mut wanted = PollFlags::POLLIN;
        if !self.unsent.is_empty() {
            wanted |= PollFlags::POLLOUT;
        }
        let mut sources =
            [PollFd::new(self.socket.as_fd(), wanted), PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        // Interrupted or not: everything is looked at.
        let _ = poll(&mut sources, timeout);
    }

    /// Empties the signalfd; says whether somebody continued processes.
    fn drain_signals(&self) -> bool {
        let mut continued = false;
        while let Ok(Some(info)) = self.signals.read_signal() {
            continued |= info.ssi_signo == Signal::SIGCONT as u32;
        }
        continued
    }

    /// While govern stands still its agents do: nobody would see what they do. This has no part in a Ctrl-Z, which stops
    /// the guard as well.
    fn look_at_govern(&mut self, has_spoken: bool) {
        let told = self.standstill.look(has_spoken);
        match told {
            None => {}
            Some(Observation::Stopped) => {
                let names = self.names();
                for name in &names {
                    self.with(name, |agent, members| agent.wait(members));
                }
                let shown = self.agents.values().any(|agent| !agent.over && agent.full_screen);
                if let Some(govern) = self.standstill.govern().filter(|_| !shown && !names.is_empty()) {
                    say(&format!("govern: stopped by a signal, and so are its agents: `kill -CONT {}`\n", govern.pid));
                }
            }
            Some(Observation::GoesOn(lasted)) => {
                self.agents.values_mut().for_each(Agent::go_on);
                self.report(&Report::StoodStill { lasted });
            }
        }
    }

    /// A shell's `fg` continues the whole group, and with it what is to stay frozen.
    fn hold_again(&mut self) {
        for name in self.names() {
            if self.agents.get(&name).is_some_and(|agent| agent.held && !agent.is_ending()) {
                self.freeze(&name);
            }
        }
    }

    fn reap(&mut self) {
        let mut continued = false;
        while let Some((pid, change)) = next_status() {
            let Some(status) = change else {
                continued = true;
                continue;
            };
            self.owners.retain(|identity, _| identity.pid != pid);
            let exited =
                self.agents.iter_mut().find_map(|(name, agent)| Some((name.clone(), agent.reaped(pid, status)?)));
            if let Some((agent, status)) = exited {
                let left = self.members(&agent).iter().filter(|process| !process.is_dead()).count();
                self.report(&Report::RootExited { agent, status, left: count(left) });
            }
        }
        if continued {
            self.hold_again();
        }
    }

    /// Takes in what govern sent and obeys; says whether there was anything, and `None` if govern is gone.
    fn receive(&mut self) -> Option<bool> {
        let mut space = [0; 16 * 1024];
        let mut has_spoken = false;
        loop {
            match self.socket.read(&mut space) {
                Ok(0) => return None,
                Ok(read) => {
                    has_spoken = true;
                    self.read.extend_from_slice(space.get(..read).unwrap_or_default());
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(_) => return None,
            }
        }
        loop {
            match wire::unframe::<Numbered>(&mut self.read) {
                Ok(Some(numbered)) => self.obey(numbered.request, numbered.order),
                Ok(None) => return Some(has_spoken),
                // A govern that can't be understood can't be obeyed either.
                Err(_) => return None,
            }
        }
    }

    fn obey(&mut self, request: u64, order: Order) {
        let report = match order {
            Order::Launch(launch) => self.launch(request, &launch),
            Order::Freeze { agent } => match self.refusal(&agent, false) {
                Some(because) => Report::Refused { request, agent, because },
                None => {
                    let stillness = self.freeze(&agent);
                    if let Some(held) = self.agents.get_mut(&agent) {
                        held.waits = false;
                    }
                    let (processes, unsettled) = (stillness.processes, stillness.unsettled);
                    Report::Frozen { request, agent, processes, unsettled }
                }
            },
            Order::Thaw { agent } => match self.refusal(&agent, false) {
                Some(because) => Report::Refused { request, agent, because },
                None => {
                    let processes = self.agents.get_mut(&agent).map(Agent::thaw).unwrap_or_default();
                    Report::Thawed { request, agent, processes }
                }
            },
            Order::End { agent, how } => match self.refusal(&agent, true) {
                Some(because) => Report::Refused { request, agent, because },
                None => return self.end(request, agent, how),
            },
            Order::Forward { agent, signal: number } => {
                let root = self.agents.get(&agent).and_then(|agent| agent.root);
                let delivered = match (root, Signal::try_from(number)) {
                    (Some(root), Ok(number)) => signal(root, number),
                    _ => false,
                };
                Report::Forwarded { request, agent, delivered }
            }
            Order::Finish(leftovers) => {
                self.finish = Some(leftovers);
                return;
            }
        };
        self.report(&report);
    }

    fn refusal(&self, agent: &AgentName, to_end: bool) -> Option<Refusal> {
        match self.agents.get(agent) {
            None => Some(Refusal::NoSuchAgent),
            Some(agent) if agent.is_ending() && !to_end => Some(Refusal::Ending),
            Some(_) => None,
        }
    }

    fn launch(&mut self, request: u64, order: &Launch) -> Report {
        let agent = order.agent.clone();
        self.advance(&agent);
        if self.agents.get(&agent).is_some_and(|agent| !agent.over) {
            return Report::Refused { request, agent, because: Refusal::StillRunning };
        }
        match launch(order, self.mask, stdin_of(order)) {
            Err(failure) => Report::LaunchFailed { request, agent, failure },
            Ok(pid) => {
                if order.stdin == Stdin::Inherit {
                    release_stdin();
                }
                if order.session == TerminalSession::Own {
                    super::this_process::stay_in_foreground();
                }
                // A child that is not yet reaped keeps its number, dead or alive.
                let root = tree::identity_of(pid).unwrap_or(ProcessIdentity { pid, started: 0 });
                self.agents.insert(agent.clone(), Agent::new(Some(root), order));
                Report::Launched { request, agent, root }
            }
        }
    }

    fn freeze(&mut self, name: &AgentName) -> freeze::Stillness {
        self.with(name, |agent, members| agent.freeze(members)).unwrap_or_default()
    }

    fn end(&mut self, request: u64, name: AgentName, how: wire::How) {
        if self.agents.get(&name).is_some_and(|agent| agent.over) {
            return self.report(&Report::Ended { request: Some(request), agent: name, killed: 0, survivors: 0 });
        }
        self.with(&name, |agent, members| agent.end(request, how, members));
        self.advance(&name);
    }

    fn advance(&mut self, name: &AgentName) {
        if let Some(over) = self.with(name, |agent, members| agent.advance(members)).flatten() {
            let (killed, survivors) = (over.killed, over.survivors);
            if over.requests.is_empty() {
                self.report(&Report::Ended { request: None, agent: name.clone(), killed, survivors });
            }
            for request in over.requests {
                self.report(&Report::Ended { request: Some(request), agent: name.clone(), killed, survivors });
            }
        }
    }

    /// Lends an agent, with a way to see its processes.
    fn with<T>(&mut self, name: &AgentName, act: impl FnOnce(&mut Agent, &Members<'_>) -> T) -> Option<T> {
        let mut agent = self.agents.remove(name)?;
        let root = agent.root;
        let alone = self.agents.values().all(|other| other.over);
        let owners = std::cell::RefCell::new(std::mem::take(&mut self.owners));
        let done = act(&mut agent, &|see| members(name, root, alone, &mut owners.borrow_mut(), see));
        self.owners = owners.into_inner();
        self.agents.insert(name.clone(), agent);
        Some(done)
    }

    fn members(&mut self, name: &AgentName) -> Vec<Process> {
        self.with(name, |_, members| members(&mut |_| ())).unwrap_or_default()
    }

    fn names(&self) -> Vec<AgentName> {
        self.agents.iter().filter(|(_, agent)| !agent.over).map(|(name, _)| name.clone()).collect()
    }

    fn report(&mut self, report: &Report) {
        if let Ok(framed) = wire::frame(report) {
            self.unsent.extend_from_slice(&framed);
        }
        self.flush();
    }

    fn flush(&mut self) {
        while !self.unsent.is_empty() {
            match self.socket.write(&self.unsent) {
                Ok(0) => return,
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                // Full: govern reads later. Closed: the next read says so.
                Err(_) => return,
            }
        }
    }

    fn govern_is_gone(&mut self) {
        let full_screen = self.agents.values().any(|agent| !agent.over && agent.full_screen);
        let killed = kill_everything();
        if let Some(terminal) = &self.terminal
            && killed > 0
        {
            terminal.restore(full_screen);
        }
        if killed > 0 {
            say(GONE);
        }
    }

    fn leave(&mut self, leftovers: Leftovers) {
        match leftovers {
            Leftovers::Kill => drop(kill_everything()),
            Leftovers::Leave => {
                for codex in codex_processes(&tree::descendants(nix::unistd::getpid().as_raw())) {
                    kill_below(codex.identity);
                }
                for agent in self.agents.values_mut() {
                    agent.thaw();
                }
            }
        }
    }
}

/// What the guard says of a govern that has left agents behind. Of what it died, nobody but its parent is told.
const GONE: &str = "error: govern ended before its agents (killed, or it crashed), and they were ended with it
hint: what was recorded until then stands in the ledger: `govern report --last`, `govern audit verify`\n";

/// Says something where govern writes its errors, if that takes it at once.
fn say(text: &str) {
    let stderr = std::io::stderr();
    let mut ready = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    let takes = poll(&mut ready, PollTimeout::ZERO) == Ok(1)
        && ready.iter().any(|stderr| stderr.revents().is_some_and(|is| is.contains(PollFlags::POLLOUT)));
    if takes {
        // There is nobody else to tell.
        let _unread = without_ttou(|| stderr.lock().write_all(text.as_bytes()));
    }
}

/// Kills a process and all that descends from it.
fn kill_below(top: ProcessIdentity) {
    let members = |see: &mut dyn FnMut(&Process)| tree::walk(&[top.pid], see);
    freeze::freeze(&members, &mut HashSet::new());
    let doomed = members(&mut |_| ());
    for process in &doomed {
        signal(process.identity, Signal::SIGKILL);
    }
    let begun = clock::monotonic();
    while doomed.iter().any(|process| tree::alive(process.identity))
        && clock::monotonic().saturating_duration_since(begun) < LAST_SWEEP
    {
        std::thread::sleep(TICK);
    }
}

/// The processes of an agent: its first one, those below it, and the orphans that are its own.
fn members(
    name: &AgentName,
    root: Option<ProcessIdentity>,
    alone: bool,
    owners: &mut HashMap<ProcessIdentity, AgentName>,
    see: &mut dyn FnMut(&Process),
) -> Vec<Process> {
    let me = nix::unistd::getpid().as_raw();
    if alone {
        return tree::walk(&tree::children(me), see);
    }
    let mut roots = Vec::new();
    for child in tree::children(me).into_iter().filter_map(tree::read) {
        let own = match owners.get(&child.identity) {
            _ if root == Some(child.identity) => true,
            Some(owner) => owner == name,
            // Orphaned before it was ever seen: what it was started with may tell.
            None => environ_var(child.identity.pid, "GOVERN_AGENT").is_some_and(|agent| agent == name.as_str()),
        };
        if own {
            roots.push(child.identity.pid);
        }
    }
    let found = tree::walk(&roots, see);
    owners.extend(found.iter().map(|process| (process.identity, name.clone())));
    found
}

/// Takes the next change of a child: its number, and its status if it ended, `None` if it was continued.
fn next_status() -> Option<(i32, Option<Status>)> {
    use nix::libc::{WEXITSTATUS, WIFCONTINUED, WIFEXITED, WNOHANG, WTERMSIG};
    loop {
        let mut status = 0;
        #[expect(
            unsafe_code,
            reason = "the wrapper does not know real-time signals, and loses the status of what one ended"
        )]
        // SAFETY: `status` is a valid place for the answer.
        let pid = unsafe { nix::libc::waitpid(-1, &raw mut status, WNOHANG | nix::libc::WCONTINUED) };
        match pid {
            0 => return None,
            -1 if Errno::last() == Errno::EINTR => {}
            -1 => return None,
            pid if WIFCONTINUED(status) => return Some((pid, None)),
            pid if WIFEXITED(status) => {
                return Some((pid, Some(Status::Exited(u8::try_from(WEXITSTATUS(status)).unwrap_or(u8::MAX)))));
            }
            pid => return Some((pid, Some(Status::Signalled(u8::try_from(WTERMSIG(status)).unwrap_or(u8::MAX))))),
        }
    }
}

/// Lets go of a stdin that is not a terminal: whoever writes into it must be told when the agent closes it.
pub(super) fn release_stdin() {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return;
    }
    if let Ok(null) = std::fs::File::open("/dev/null") {
        let _ = nix::unistd::dup2_stdin(OwnedFd::from(null));
    }
}
