//! One agent of the run, as the loop has charge of it: how it is started, and how far it is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::codex::{self, Invocation};
use crate::decide::agents::{Agent, AgentSetup};
use crate::decide::message::Ending;
use crate::exit::Exit;
use crate::model::event::{AgentResult, EventKind};
use crate::model::{AgentName, Attribution, Money, ProcessIdentity, Registration, RunId, ThreadId};
use crate::process::{Launch, Output, Status, Stdin, TerminalSession};

use super::process_owners::AGENT;
use super::run_plan::{Keep, Planned, Seat};

/// What a routed or resumed agent is told: the one prompt that govern itself writes.
pub const GO_ON: &str = "Go on with the task where you left off.";

/// An agent that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finished {
    pub(super) ending: Ending,
    pub(super) exit: Exit,
    pub(super) in_flight: u32,
    pub(super) in_flight_cost: Money,
}

/// One agent of the run.
pub(super) struct ManagedAgent {
    attribution: Attribution,
    invocation: Option<Invocation>,
    command: Vec<OsString>,
    resumes: Option<ThreadId>,
    folder: Option<PathBuf>,
    seat: Seat,
    full_screen: bool,
    keep: Option<Keep>,
    kept: Option<String>,
    /// What was ordered to be started, and on which thread, until it is.
    ordered: Option<(Vec<OsString>, Option<ThreadId>)>,
    has_hooks: bool,
    status: Option<Status>,
    finished: Option<Finished>,
    ending: bool,
}

impl ManagedAgent {
    pub(super) fn new(planned: Planned) -> Self {
        Self {
            attribution: planned.setup.attribution,
            invocation: planned.invocation,
            command: planned.command,
            resumes: planned.resumes,
            folder: planned.folder,
            seat: planned.seat,
            full_screen: planned.setup.full_screen,
            keep: planned.keep,
            kept: None,
            ordered: None,
            has_hooks: false,
            status: None,
            finished: None,
            ending: false,
        }
    }

    /// Where its spend belongs.
    pub(super) fn attribution(&self) -> &Attribution {
        &self.attribution
    }

    /// Its command as Codex would understand it, if it is one.
    pub(super) fn invocation(&self) -> Option<&Invocation> {
        self.invocation.as_ref()
    }

    /// It was started with govern's hooks.
    pub(super) fn has_hooks(&self) -> bool {
        self.has_hooks
    }

    /// How its command ended.
    pub(super) fn status(&self) -> Option<Status> {
        self.status
    }

    /// Its command has ended.
    pub(super) fn exited(&mut self, status: Status) {
        self.status = Some(status);
    }

    /// A signal ended its command, or a launcher tells by the code that one has.
    pub(super) fn is_signalled(&self) -> bool {
        self.status.is_some_and(|status| Exit::from(status).code() > 128)
    }

    /// Set once it is over.
    pub(super) fn finished(&self) -> Option<&Finished> {
        self.finished.as_ref()
    }

    /// Its end was ordered.
    pub(super) fn is_ending(&self) -> bool {
        self.ending
    }

    /// Its end is ordered; says whether it was before.
    pub(super) fn end(&mut self) -> bool {
        std::mem::replace(&mut self.ending, true)
    }

    /// The command from its beginning, what it reads, and the thread it goes on with.
    pub(super) fn first(&self) -> (Vec<OsString>, Option<ThreadId>) {
        (self.command.clone(), self.resumes.clone())
    }

    /// The order to start a command of this agent; `hooked` is the same with govern's hooks.
    pub(super) fn launch(
        &mut self,
        agent: &AgentName,
        run: &RunId,
        argv: Vec<OsString>,
        hooked: Vec<OsString>,
        resumes: Option<ThreadId>,
    ) -> Launch {
        // Nested tools can tell which run they are part of.
        let mut env = vec![("GOVERN_RUN".into(), Some(run.as_str().into()))];
        let (stdin, output, session) = match &self.seat {
            // A person sits before a screen, whether it goes on or not.
            Seat::Governs if resumes.is_none() || self.full_screen => {
                (Stdin::Inherit, Output::Inherit, TerminalSession::Governs)
            }
            Seat::Governs => (Stdin::Null, Output::Inherit, TerminalSession::Governs),
            Seat::Own { out, err } => {
                env.push((AGENT.into(), Some(agent.as_str().into())));
                (Stdin::Null, Output::Files { out: out.clone(), err: err.clone() }, TerminalSession::Own)
            }
        };
        if let Some(folder) = &self.folder {
            // The name of the folder, as a shell that entered it would have it.
            env.push(("PWD".into(), Some(folder.into())));
        }
        self.has_hooks = hooked != argv;
        self.ordered = Some((argv, resumes));
        self.status = None;
        self.ending = false;
        let (agent, cwd, full_screen) = (agent.clone(), self.folder.clone(), self.full_screen);
        Launch { agent, argv: hooked, env, cwd, stdin, output, session, full_screen }
    }

    /// Where it works.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The order to run what says whether its work is done, and the file that this writes to.
    pub(super) fn launch_check(&self, agent: &AgentName, run: &RunId, command: &str) -> (Launch, PathBuf) {
        let out = match &self.seat {
            Seat::Own { out, .. } if out.extension().is_some() => out.with_extension("check"),
            // Nothing of what is written is kept.
            Seat::Own { .. } | Seat::Governs => PathBuf::from("/dev/null"),
        };
        let mut env =
            vec![("GOVERN_RUN".into(), Some(run.as_str().into())), (AGENT.into(), Some(agent.as_str().into()))];
        env.extend(self.folder.iter().map(|folder| ("PWD".into(), Some(folder.into()))));
        let launch = Launch {
            agent: agent.clone(),
            argv: ["sh", "-c", command].map(OsString::from).into(),
            env,
            cwd: self.folder.clone(),
            stdin: Stdin::Null,
            output: Output::Files { out: out.clone(), err: out.clone() },
            session: TerminalSession::Own,
            full_screen: false,
        };
        (launch, out)
    }

    /// What was ordered has been started.
    pub(super) fn started(&mut self, root: ProcessIdentity) -> Option<EventKind> {
        let (argv, resumes) = self.ordered.take()?;
        Some(EventKind::AgentStarted { command: codex::redacted(&argv), pid: root.pid, resumes })
    }

    /// How it ended, for the run's chain, why, and how long it was active; `None` while it is not over.
    pub(super) fn ended(&self, because: &str, active: Duration) -> Option<EventKind> {
        let Finished { ending, in_flight, in_flight_cost, .. } = self.finished?;
        let code = i32::from(self.status.map_or(Exit::Ended, Exit::from).code());
        let result = Some(match ending {
            Ending::Itself => AgentResult::Done,
            Ending::Failed => AgentResult::Failed,
            Ending::Stopped => AgentResult::Stopped,
            Ending::Killed => AgentResult::Killed,
            Ending::Skipped => AgentResult::Skipped,
        });
        let (because, active_ms) = (because.to_owned(), u64::try_from(active.as_millis()).ok());
        Some(EventKind::AgentEnded { code, in_flight, in_flight_cost, result, because, active_ms })
    }

    pub(super) fn finish(&mut self, ending: Ending, in_flight: u32, in_flight_cost: Money) {
        let exit = match (ending, self.status) {
            (Ending::Itself | Ending::Failed, Some(status)) => Exit::from(status),
            (Ending::Itself | Ending::Failed | Ending::Skipped, _) => Exit::Failed,
            (Ending::Stopped | Ending::Killed, _) => Exit::Ended,
        };
        self.finished = Some(Finished { ending, exit, in_flight, in_flight_cost });
    }

    /// What `govern resume` would start, when it is known and has changed.
    pub(super) fn new_going_on(&mut self, agent: &Agent, root: Option<&ThreadId>) -> Option<String> {
        let thread = agent.root.as_ref().or(root)?;
        let argv = self.invocation()?.resume_with(thread, agent.routed.as_ref(), GO_ON).ok()?;
        let now = self.keep.as_ref()?(thread, codex::redacted(&argv));
        let changed = self.kept.as_ref() != Some(&now);
        changed.then(|| self.kept.insert(now).clone())
    }
}

/// What an agent of a fleet declared, for the run's chain.
pub(super) fn registered(setup: &AgentSetup) -> EventKind {
    let Registration { spend, responses, minutes, tier, priority } = setup.registration.clone();
    EventKind::Registered {
        spend: spend.map(|spend| spend.amount),
        unit: spend.map(|spend| spend.unit.as_str().to_owned()),
        responses,
        milliseconds: minutes.map(|minutes| minutes.amount),
        tier,
        priority: priority.get(),
        needs: setup.needs.clone(),
    }
}
