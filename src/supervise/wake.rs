//! What woke the loop, and the inputs that it becomes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock;
use crate::codex::{Invocation, Kind, Ungovernable};
use crate::decide::Effect;
use crate::decide::governor::OBSERVE_WITHIN;
use crate::decide::input::{Input, Timer};
use crate::decide::lifecycle::State;
use crate::error::Error;
use crate::exit::Exit;
use crate::model::event::EventKind;
use crate::model::{AgentName, Billing, ProcessIdentity, Response};
use crate::policy::cost::cost;
use crate::process::{self, How, LaunchFailure, Missing, Order, Report, Status};
use crate::tail::login::Login;
use crate::tail::watch::Notice;
use crate::usage::meter::Answer;

use super::sessions::{Change, Found, Reading, Reads};
use super::supervisor::Supervisor;
use super::ward::Ward;

/// How often the tree is looked through for Codexes whose files nobody announced: soon after the
/// start, then seldom. The kernel tells an unprivileged process nothing of a grandchild's birth.
const SWEEPS: [Duration; 5] = [
    Duration::from_millis(400),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// How often it is looked through at least where a limit binds a command that is not Codex itself.
const WARY_SWEEP: Duration = Duration::from_secs(1);

impl Supervisor {
    /// Reads what is new in the files that changed.
    pub(super) fn touched(&mut self, first: Notice) -> Vec<Input> {
        let mut paths: Vec<PathBuf> = Vec::new();
        let mut inputs = Vec::new();
        for notice in std::iter::once(first).chain(self.sessions.pending()) {
            match notice {
                Notice::Touched(path) => {
                    // Open files are told by their real place; a home may be reached through a link.
                    let path = std::fs::canonicalize(&path).unwrap_or(path);
                    if !paths.contains(&path) {
                        paths.push(path);
                    }
                }
                Notice::Trouble(what) => {
                    let what = format!("session files can no longer be watched ({what})");
                    inputs.extend(self.of_all(|agent| Input::Blind { agent, what: what.clone() }));
                }
            }
        }
        inputs.extend(self.full_disk());
        let now = clock::monotonic();
        if paths.iter().any(|path| self.sessions.is_news(path, now)) {
            inputs.extend(self.claim_open());
        }
        for path in paths {
            if !self.sessions.owns(&path) && !matches!(self.sessions.claim_by_lineage(&path, now), Ok(true)) {
                continue;
            }
            inputs.extend(self.read(&path));
        }
        inputs
    }

    /// Takes every session file that a process of an agent has open.
    fn claim_open(&mut self) -> Vec<Input> {
        let mut inputs = Vec::new();
        let mut open = BTreeSet::new();
        // Whoever writes a session is a Codex, whatever its name.
        for (process, agent) in self.owned() {
            for path in process::open_session_files(process.identity.pid) {
                open.insert(path.clone());
                if self.sessions.owns(&path) {
                    inputs.extend(self.observed(process.identity));
                    continue;
                }
                match self.sessions.claim(&path, &agent) {
                    Ok(()) => {
                        inputs.extend(self.observed(process.identity));
                        inputs.extend(self.read(&path));
                    }
                    // Removed before it was seen: its Codex stays unobserved, and is dealt with as such.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => self.unreadable(&path, &error),
                }
            }
        }
        // A thread whose writer is gone asks for nothing more; where no file is seen open at all, the
        // look itself has failed.
        if !open.is_empty() {
            for path in self.sessions.at_work() {
                if !open.contains(&path) {
                    inputs.extend(self.read(&path));
                    inputs.extend(self.sessions.rest(&path).map(phase));
                }
            }
        }
        inputs
    }

    /// What a Codex spends can be seen, by whatever file: told once for each process.
    pub(super) fn observed(&self, codex: ProcessIdentity) -> Option<Input> {
        (!self.governor.sees_spend_of(codex)).then_some(Input::CodexObserved(codex))
    }

    /// Codex goes on without a session file where it cannot write one.
    fn full_disk(&mut self) -> Vec<Input> {
        let Some(folder) = self.sessions.newly_full() else { return Vec::new() };
        let what = format!("the disk under `{}` is full: sessions cannot be written", folder.display());
        self.of_all(|agent| Input::Blind { agent, what: what.clone() })
    }

    fn read(&mut self, path: &Path) -> Vec<Input> {
        match self.sessions.read(path) {
            Ok(readings) => self.understand(readings),
            Err(error) => {
                self.unreadable(path, &error);
                Vec::new()
            }
        }
    }

    fn unreadable(&mut self, path: &Path, error: &std::io::Error) {
        self.mark(format!("session file `{}` cannot be read: {error}", path.display()));
    }

    /// Reads all files of ours to their end: before a decision that ends something.
    pub(super) fn drain(&mut self) -> Vec<Input> {
        let mut inputs = self.claim_open();
        let notices = self.sessions.pending();
        for notice in notices {
            if let Notice::Touched(path) = notice
                && !self.sessions.owns(&path)
            {
                let _claimed = self.sessions.claim_by_lineage(&path, clock::monotonic());
            }
        }
        inputs.extend(self.read_all());
        inputs.extend(self.full_disk());
        inputs
    }

    /// Reads what is new in all files that are known to be ours.
    pub(super) fn read_all(&mut self) -> Vec<Input> {
        let read = self.sessions.read_all();
        self.understand_all(read)
    }

    /// As [`Supervisor::drain`], with last lines that nobody will finish: when all writers are gone.
    pub(super) fn drain_to_the_end(&mut self) -> Vec<Input> {
        let mut inputs = self.drain();
        let rest = self.sessions.finish_all();
        inputs.extend(self.understand_all(rest));
        inputs
    }

    fn understand_all(&mut self, read: Vec<(PathBuf, Reads)>) -> Vec<Input> {
        let mut inputs = Vec::new();
        for (path, readings) in read {
            match readings {
                Ok(readings) => inputs.extend(self.understand(readings)),
                Err(error) => self.unreadable(&path, &error),
            }
        }
        inputs
    }

    fn understand(&mut self, readings: Vec<Reading>) -> Vec<Input> {
        let mut inputs = Vec::new();
        let mut moved = BTreeSet::new();
        let now = self.moment().uptime;
        for reading in readings {
            match reading {
                Reading::Thread(found) => self.found(&found),
                Reading::Did(agent, deed) => {
                    self.working.did(&agent, now, deed);
                    moved.insert(agent);
                }
                Reading::Window(agent, thread, tokens) => self.working.window(&agent, &thread, tokens),
                Reading::Plan(agent, windows) => inputs.push(Input::Plan { agent, windows }),
                Reading::Answered { agent, answer, home, plan } => {
                    moved.insert(agent.clone());
                    // What was done before is known when its answer is judged.
                    inputs.extend(self.working.news());
                    let response = self.price(agent, answer, &home, plan.as_deref());
                    inputs.push(Input::Responded(Box::new(response)));
                }
                Reading::Phase(change) => inputs.push(phase(change)),
                Reading::Skipped { path, lines, reason } => {
                    self.skipped += lines;
                    let path = path.display().to_string();
                    self.note(EventKind::Skipped { path, lines, reason });
                }
            }
        }
        inputs.extend(self.progress(moved));
        inputs
    }

    fn found(&mut self, found: &Found) {
        let billing = self.billing(&found.home, found.provider.as_deref(), found.plan.as_deref());
        let seen = EventKind::ThreadSeen {
            thread: found.thread.clone(),
            root: found.root.clone(),
            parent: found.parent.clone(),
            path: found.path.display().to_string(),
            codex: found.codex.clone(),
            billing,
            role: found.role.clone(),
        };
        self.note_of(&found.agent, seen);
    }

    pub(super) fn billing(&mut self, home: &Path, provider: Option<&str>, plan: Option<&str>) -> Billing {
        self.logins.entry(home.to_owned()).or_insert_with(|| Login::of(home)).billing(provider, plan)
    }

    fn price(&mut self, agent: AgentName, answer: Answer, home: &Path, plan: Option<&str>) -> Response {
        let billing = self.billing(home, answer.provider.as_deref(), plan);
        let own = self.wards.get(&agent).map(|ward| ward.attribution.clone());
        let asked = || self.advising.as_ref().map(|advising| advising.adviser.attribution.clone());
        let attribution = own.or_else(asked).unwrap_or_default();
        let unpriced = &self.governor.policy().models.unpriced;
        let cost =
            cost(&self.prices, unpriced, billing, answer.model.as_ref(), &answer.tier, answer.at, &answer.tokens);
        Response {
            run: Some(self.run.clone()),
            agent: Some(agent),
            thread: answer.thread,
            root: answer.root,
            key: answer.key,
            at: answer.at,
            model: answer.model,
            provider: answer.provider,
            tier: answer.tier,
            tokens: answer.tokens,
            cost,
            basis: answer.basis,
            billing,
            attribution,
        }
    }

    /// Looks through the tree for Codexes: their homes, their files, and flags that hide them.
    pub(super) fn sweep(&mut self) -> Vec<Input> {
        self.sweeps = (self.sweeps + 1).min(SWEEPS.len() - 1);
        let mut inputs = Vec::new();
        for (codex, agent) in self.codexes() {
            let pid = codex.identity.pid;
            if let Some(home) = process::environ_var(pid, "CODEX_HOME").map(PathBuf::from)
                && let Err(error) = self.sessions.watch(&home)
            {
                let what = format!("session files under `{}` cannot be watched ({error})", home.display());
                inputs.push(Input::Blind { agent: agent.clone(), what });
            }
            let invocation = Invocation::parse(&codex.argv());
            let ephemeral =
                invocation.as_ref().is_some_and(|one| one.ungovernable().contains(&Ungovernable::Ephemeral));
            let works_at_once =
                invocation.is_some_and(|invocation| matches!(invocation.kind(), Kind::Exec(_) | Kind::Review));
            inputs.push(Input::CodexSeen { agent, process: codex.identity, ephemeral, works_at_once });
        }
        inputs.extend(self.claim_open());
        inputs.extend(self.full_disk());
        inputs
    }

    /// When to look again.
    pub(super) fn sweep_after(&self) -> Duration {
        let usual = SWEEPS.get(self.sweeps).copied().unwrap_or(Duration::from_secs(8));
        // Behind a script any moment may bring a Codex with another home, or one that hides.
        let hides = |ward: &Ward| ward.invocation.is_none() && ward.finished.is_none();
        let wary = self.governor.enforces() && self.wards.values().any(hides);
        if wary { usual.min(WARY_SWEEP) } else { usual }
    }

    /// What the guard reports.
    pub(super) fn reported(&mut self, report: Report) -> Result<Vec<Input>, Error> {
        if let Report::Frozen { request, .. }
        | Report::Thawed { request, .. }
        | Report::Refused { request, .. }
        | Report::Ended { request: Some(request), .. } = &report
            && self.in_passing.remove(request)
        {
            return Ok(Vec::new());
        }
        if let Some(inputs) = self.adviser_reported(&report)? {
            return Ok(inputs);
        }
        Ok(match report {
            Report::Launched { agent, root, .. } => {
                process::release_stdin();
                self.owners.launched(root, &agent);
                if let Some(started) = self.wards.get_mut(&agent).and_then(|ward| ward.started(root)) {
                    self.note_of(&agent, started);
                }
                vec![Input::Launched(agent)]
            }
            Report::LaunchFailed { failure, .. } if self.alone.is_some() => return Err(launch_failed(&failure)),
            Report::LaunchFailed { agent, failure, .. } => {
                let because = launch_failed(&failure).message().to_owned();
                vec![Input::NotLaunched { agent, because }]
            }
            Report::Frozen { agent, unsettled, .. } => {
                if unsettled > 0 {
                    self.mark_of(&agent, format!("{} could not be seen to stand still", processes(unsettled, &agent)));
                }
                let mut inputs = self.drain();
                inputs.push(Input::Frozen(agent));
                inputs
            }
            Report::RootExited { agent, status, .. } => {
                if let Some(ward) = self.wards.get_mut(&agent) {
                    ward.status = Some(status);
                }
                let ending = self.governor.agent(&agent).is_some_and(|agent| matches!(agent.state, State::Ending(_)));
                // What govern ends is not what the command left behind.
                let leftover = if ending { 0 } else { self.left_behind(&agent) };
                let mut inputs = self.drain();
                if leftover > 0 && self.alone.is_none() {
                    // The run goes on, and none of them may go on in it.
                    self.order_in_passing(Order::End { agent: agent.clone(), how: How::KillNow })?;
                }
                let ok = status == Status::Exited(0);
                inputs.extend(self.gate_failed(&agent, ok));
                inputs.push(Input::Exited { agent, leftover, ok });
                inputs
            }
            Report::Ended { agent, request: Some(_), survivors, .. } => {
                if survivors > 0 {
                    self.mark_of(
                        &agent,
                        format!(
                            "{} did not die: inside the kernel no signal reaches them",
                            processes(survivors, &agent)
                        ),
                    );
                }
                let mut inputs = self.drain();
                inputs.push(Input::Ended(agent));
                inputs
            }
            // Its command's own end was told before.
            Report::Ended { request: None, .. } | Report::Thawed { .. } | Report::Forwarded { .. } => Vec::new(),
            Report::Refused { agent, because, .. } => {
                self.mark_of(&agent, format!("the guard refused an order: {because:?}"));
                Vec::new()
            }
            Report::GuardLost { killed } => {
                return Err(Error::new(format!("the guard process died; the agent's {killed} processes were ended")));
            }
        })
    }

    fn tree(&self) -> Vec<process::Process> {
        self.guard_pid().map_or_else(Vec::new, process::descendants)
    }

    /// The processes of all agents.
    fn owned(&mut self) -> Vec<(process::Process, AgentName)> {
        let tree = self.tree();
        self.owners.sort(tree)
    }

    fn codexes(&mut self) -> Vec<(process::Process, AgentName)> {
        let owned = self.owned();
        let tree: Vec<process::Process> = owned.iter().map(|(process, _)| *process).collect();
        let codexes = process::codex_processes(&tree);
        owned.into_iter().filter(|(process, _)| codexes.contains(process)).collect()
    }

    /// The Codexes of an agent whose command has ended.
    fn left_behind(&mut self, agent: &AgentName) -> u32 {
        let left = self.codexes().into_iter().filter(|(_, owner)| owner == agent).count();
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// A timer, or several.
    pub(super) fn due(&mut self) -> Vec<Input> {
        let mut due = Vec::new();
        for timer in self.timers.due(clock::monotonic()) {
            match timer {
                // A Codex that is still waiting for its prompt has nothing to be observed yet.
                // One that stands still writes nothing either.
                Timer::Observe(ref agent, codex) if process::waits_for_input(codex.pid) || self.stands_still(agent) => {
                    self.timers.arm(clock::monotonic(), timer, OBSERVE_WITHIN);
                }
                Timer::Observe(_, codex) if !self.governor.sees_spend_of(codex) => {
                    // Its file may have been opened since the last look.
                    due.extend(self.claim_open());
                    due.push(Input::Due(timer));
                }
                _ => due.push(Input::Due(timer)),
            }
        }
        due
    }
}

fn processes(count: u32, agent: &AgentName) -> String {
    if count == 1 { format!("1 process of `{agent}`") } else { format!("{count} processes of `{agent}`") }
}

pub(super) fn launch_failed(failure: &LaunchFailure) -> Error {
    let exit = failure.exit();
    let error = match failure.what {
        Missing::Program if exit == Exit::NotFound => Error::new(format!("`{}` was not found", failure.name))
            .hint("write the command after `--` as without govern; `govern doctor` says which Codex it finds"),
        Missing::Program => Error::new(format!("`{}` cannot be executed: {}", failure.name, failure.reason())),
        Missing::Folder => Error::new(format!("folder `{}` cannot be entered: {}", failure.name, failure.reason())),
        Missing::Output => Error::new(format!("`{}` cannot be written: {}", failure.name, failure.reason())),
    };
    error.exit(exit)
}

fn phase(change: Change) -> Input {
    Input::Phase { agent: change.agent, thread: change.thread, phase: change.phase }
}

/// Effects that only the ledger sees.
pub(super) fn is_for_ledger(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Record { .. }
            | Effect::Reserve { .. }
            | Effect::Extend { .. }
            | Effect::Withdraw(_)
            | Effect::Expire(..)
    )
}
