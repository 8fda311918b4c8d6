//! What woke the loop, and the inputs that it becomes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::clock;
use crate::codex::{Invocation, Kind, Session, Start, Ungovernable, keeps_threads_in_memory};
use crate::decide::Effect;
use crate::decide::agents::lifecycle::State;
use crate::decide::message::{Input, Timer, Works};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{AgentName, ThreadId};
use crate::process::{self, How, LaunchFailure, Missing, Order, Report, Status};
use crate::report::text;
use crate::tail::locate::codex_home;
use crate::tail::settings;
use crate::turn::configured::begins_with;

use super::seen::Seen;
use super::supervisor::Supervisor;
use super::ward::Ward;

impl Supervisor {
    /// Looks through the tree for Codexes: their homes, their files, and flags that hide them.
    pub(super) fn sweep(&mut self) -> Vec<Input> {
        self.sweeps = self.sweeps.saturating_add(1);
        if self.guard.as_ref().is_some_and(process::Guard::was_stopped) {
            self.mark("the guard process was stopped by a signal, and govern let it go on".to_owned());
        }
        let seen = self.seen();
        let mut inputs = self.looked_at(seen.codexes());
        inputs.extend(self.handing_away(&seen));
        inputs.extend(self.claim_open());
        inputs.extend(self.strangers(&seen));
        inputs.extend(self.unseen());
        inputs.extend(self.full_disk());
        inputs
    }

    /// What the command lines and homes of Codexes tell.
    pub(super) fn looked_at(&mut self, codexes: Vec<(process::Process, AgentName)>) -> Vec<Input> {
        let mut inputs = Vec::new();
        for (codex, agent) in codexes {
            let argv = codex.codex_argv();
            // It is being executed, or gone; or it was the child of a Codex and is another program by now, such as git.
            // Nothing becomes a Codex again: what is one after its words were read, was one before.
            if argv.is_empty() || !process::is_codex(codex.identity.pid) {
                continue;
            }
            self.glanced.looked_at(codex.identity);
            let pid = codex.identity.pid;
            // Its home as it is called where it lives, and where that is from here.
            let home = codex_home(|name| process::environ_var(pid, name)).map(|home| process::path_seen_by(pid, &home));
            let in_memory = home.as_deref().and_then(settings::of).is_some_and(|text| keeps_threads_in_memory(&text));
            if let Some(home) = home
                && let Err(error) = self.sessions.watch(&home)
            {
                let what = format!("session files under `{}` cannot be watched ({error})", home.display());
                inputs.push(Input::Blind { agent: agent.clone(), what });
            }
            let invocation = Invocation::parse(&argv);
            let is_told = |one: &Invocation| one.ungovernable().contains(&Ungovernable::Ephemeral);
            let ephemeral = in_memory || invocation.as_ref().is_some_and(is_told);
            let kind = invocation.as_ref().map(Invocation::kind);
            let works = match &kind {
                Some(Kind::Exec(_) | Kind::Review) => Works::AtOnce,
                Some(Kind::AppServer) => Works::ForOthers,
                Some(Kind::Other(name)) if name == "mcp-server" => Works::ForOthers,
                _ => Works::WhenTyped,
            };
            let has_threads = works != Works::WhenTyped || matches!(kind, Some(Kind::Interactive(_)));
            inputs.extend(self.without_hooks(&agent, (pid, &argv), has_threads, invocation.as_ref()));
            let tells = !(ephemeral || works == Works::ForOthers) || self.has_hooks((pid, &argv), invocation.as_ref());
            let seen = Input::CodexSeen { agent: agent.clone(), process: codex.identity, ephemeral, tells, works };
            inputs.push(seen);
            if works == Works::AtOnce && !self.has_hooks((pid, &argv), invocation.as_ref()) {
                inputs.push(self.begins(&agent, &codex, &argv, invocation.as_ref()));
            }
            if has_threads {
                // Hooks tell only of what has begun, and not those of every version: no limit relies on them alone where a
                // session file was to be.
                let needs_none =
                    ephemeral || !self.governor.enforces() && self.has_hooks((pid, &argv), invocation.as_ref());
                inputs.extend(self.will_write(&agent, codex.identity, (works == Works::AtOnce, needs_none)));
            }
        }
        inputs
    }

    /// What a Codex will ask that does not ask here before, by its command line and its configuration.
    fn begins(
        &self,
        agent: &AgentName,
        codex: &process::Process,
        argv: &[OsString],
        invocation: Option<&Invocation>,
    ) -> Input {
        let pid = codex.identity.pid;
        let home = codex_home(|name| process::environ_var(pid, name)).map(|home| process::path_seen_by(pid, &home));
        let folder = PathBuf::from(format!("/proc/{pid}/cwd"));
        let folder = match invocation.and_then(Invocation::working_folder) {
            Some(named) => folder.join(named),
            None => std::fs::read_link(&folder).map_or(folder, |folder| process::path_seen_by(pid, &folder)),
        };
        let thread = match invocation.map(Invocation::kind) {
            Some(Kind::Exec(Start::Resume(Session::Named(id)))) => Some(ThreadId::new(id)),
            _ => None,
        };
        let model = begins_with(argv, home.as_deref(), Some(&folder));
        Input::CodexBegins { agent: agent.clone(), process: codex.identity, model, thread }
    }

    /// When to look again.
    pub(super) fn sweep_after(&self) -> Duration {
        let usual = self.clocks.sweep_after(self.sweeps);
        // Behind a script any moment may bring a Codex with another home, or one that hides.
        let hides = |ward: &Ward| ward.invocation.is_none() && ward.finished.is_none();
        let wary = self.governor.enforces() && self.wards.values().any(hides);
        if wary { usual.min(self.clocks.wary_sweep) } else { usual }
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
                    self.mark_of(&agent, format!("{} could not be seen to have stopped", processes(unsettled, &agent)));
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
                self.end_who_left(&agent)?;
                // What govern ends is not what the command left behind.
                let leftover = if ending { 0 } else { self.left_behind(&agent) };
                let mut inputs = self.drain();
                if leftover > 0 && self.alone.is_none() {
                    // The run goes on, and none of them may go on in it.
                    self.order_in_passing(Order::End { agent: agent.clone(), how: How::KillNow })?;
                }
                let ok = status == Status::Exited(0);
                let cut_off = self.sessions.cut_off(&agent).into_iter();
                inputs.extend(cut_off.map(|thread| Input::Unanswered { agent: agent.clone(), thread }));
                let failed = self.gate_failed(&agent, ok);
                let all_ended = leftover == 0 && failed.is_none();
                inputs.extend(all_ended.then(|| self.asked_nothing(&agent, &inputs)).flatten());
                inputs.extend(failed);
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
            Report::StoodStill { lasted } => {
                let lasted = text::duration(lasted);
                self.mark(format!(
                    "govern was stopped by a signal or a debugger for {lasted}; its agents stood still, too"
                ));
                self.drain()
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
    pub(super) fn owned(&mut self) -> Vec<(process::Process, AgentName)> {
        let tree = self.tree();
        self.owners.sort(tree)
    }

    /// The processes of all agents, and which of them are Codexes.
    pub(super) fn seen(&mut self) -> Seen {
        Seen::new(self.owned())
    }

    pub(super) fn codexes(&mut self) -> Vec<(process::Process, AgentName)> {
        self.seen().codexes()
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
                // What is waited for may have ended without a word.
                Timer::Room(_) => {
                    due.extend(self.ended_without_file());
                    due.push(Input::Due(timer));
                }
                // A Codex that is still waiting for its prompt has nothing to be observed yet.
                // One that stands still writes nothing either.
                Timer::Observe(ref agent, codex) if process::waits_for_input(codex.pid) || self.stands_still(agent) => {
                    self.timers.arm(clock::monotonic(), timer, self.clocks.observe);
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
        Missing::Program => Error::new(format!("`{}` cannot be executed: {}", failure.name, failure.reason()))
            .hint("name a program, and look at its mode: a folder, or a file that is not executable, is none"),
        Missing::Folder => Error::new(format!("folder `{}` cannot be entered: {}", failure.name, failure.reason()))
            .hint("name a folder that is there and is yours to enter"),
        Missing::Output => Error::new(format!("`{}` cannot be written: {}", failure.name, failure.reason()))
            .hint("the state folder must be yours and writable; `govern doctor` says where it is"),
    };
    error.exit(exit)
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
