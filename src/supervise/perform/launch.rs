//! Commands of agents: how they are started, and ended.

use std::ffi::OsString;

use crate::clocks::{KILL_GRACE, STOP_GRACE};
use crate::codex::{Failing, HookTarget, Invocation, NoHooks, at_address};
use crate::decide::Governor;
use crate::decide::agents::lifecycle::{After, State};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{AgentName, ThreadId};
use crate::policy::rule::Rung;
use crate::process::{self, How, LaunchFailure, Missing, Order};
use crate::supervise::context::Context;
use crate::supervise::core::Core;
use crate::supervise::intake::gateway::Gateway;
use crate::supervise::intake::installed::failure_mark;
use crate::supervise::managed_agent::{GO_ON, ManagedAgent};
use crate::supervise::process_owners::AGENT;

/// Starts the command of an agent from the beginning.
pub(super) fn begin(agent: &AgentName, attempt: u32, core: &mut Core, gateway: Option<&Gateway>) -> Result<(), Error> {
    if core.run.alone.is_none() {
        let again = if attempt > 1 { format!("starts again, attempt {attempt}") } else { "starts".to_owned() };
        core.journal.say_of(agent, &again);
    }
    let Some((argv, resumes)) = core.agents.get(agent).map(ManagedAgent::first) else { return Ok(()) };
    launch(agent, (argv, resumes), core, gateway)
}

/// Goes on with a thread on another model.
pub(super) fn restart(
    agent: &AgentName,
    (thread, rung): (&ThreadId, &Rung),
    core: &mut Core,
    gateway: Option<&Gateway>,
) -> Result<(), Error> {
    let argv = core
        .agents
        .get(agent)
        .and_then(ManagedAgent::invocation)
        .ok_or_else(|| Error::new("the agent was not started as a Codex that can be restarted"))?
        .resume_with(thread, Some(rung), GO_ON)
        .map_err(|why| Error::new("the agent cannot continue with another model").caused_by(&why))?;
    launch(agent, (argv, Some(thread.clone())), core, gateway)
}

/// Goes on with an agent's thread on its model, which is told why its work is not done.
pub(in crate::supervise) fn again(
    agent: &AgentName,
    text: &str,
    core: &mut Core,
    gateway: Option<&Gateway>,
) -> Result<(), Error> {
    let Some(known) = core.governor().agent(agent) else { return Ok(()) };
    let (thread, rung) = (known.root.clone(), known.routed.clone());
    let invocation = core.agents.get(agent).and_then(ManagedAgent::invocation);
    let (Some(thread), Some(invocation)) = (thread, invocation) else {
        return Err(Error::new("the agent was not started as a Codex that can go on"));
    };
    let argv = invocation
        .resume_with(&thread, rung.as_ref(), text)
        .map_err(|why| Error::new("the agent cannot go on after its check").caused_by(&why))?;
    core.journal.say_of(agent, "goes on with what its check said");
    launch(agent, (argv, Some(thread)), core, gateway)
}

/// Starts a command under the guard.
fn launch(
    agent: &AgentName,
    (argv, resumes): (Vec<OsString>, Option<ThreadId>),
    core: &mut Core,
    gateway: Option<&Gateway>,
) -> Result<(), Error> {
    let hooked = with_hooks(agent, argv.clone(), &mut core.context());
    let secrets = without_secrets(core.governor());
    let Some(managed) = core.agents.get_mut(agent) else { return Ok(()) };
    let mut launch = managed.launch(agent, &core.run.id, argv, hooked, resumes);
    if let Some(gateway) = gateway
        && let Some(codex) = Invocation::parse(&launch.argv)
    {
        launch.argv = at_address(&codex, gateway.codex_url());
    }
    launch.env.extend(secrets);
    launch.env.extend(gateway.into_iter().flat_map(Gateway::environment));
    if core.agents.have_adviser() {
        // Beside another's, an orphan must tell whose it is.
        launch.env.push((AGENT.into(), Some(agent.as_str().into())));
    }
    core.processes.order(Order::Launch(launch))
}

/// What signs notices is for the sender alone.
pub(super) fn without_secrets(governor: &Governor) -> Vec<(OsString, Option<OsString>)> {
    governor.policy().notify.variables().into_iter().map(|name| (name.into(), None)).collect()
}

/// The command line with govern's hooks in it, where it can have them.
fn with_hooks(agent: &AgentName, argv: Vec<OsString>, context: &mut Context<'_>) -> Vec<OsString> {
    let Some(invocation) = Invocation::parse(&argv) else { return argv };
    let Some(govern) = process::own_program() else {
        let why = "govern cannot tell where its own program is, so its hooks are left out";
        context.journal.mark_of(agent, why.to_owned());
        return argv;
    };
    let socket = context.run.socket();
    let failing = if context.governor.gates() { Failing::Closed } else { Failing::Open };
    let posix_shell = process::has_posix_shell();
    let failed = failure_mark(agent, context.run);
    let running = process::own_identity().map(|own| own.pid);
    let (govern, socket, failed) = (&*govern, &*socket, &*failed);
    let target = HookTarget { govern, running, socket, failed, failing, posix_shell };
    match invocation.with_hooks(&target) {
        Ok(hooked) => hooked,
        Err(NoHooks::NoSession) => argv,
        // Under a limit it was refused before.
        Err(why) => {
            context.journal.mark_of(agent, format!("no hooks: {why}"));
            argv
        }
    }
}

/// Ends the agent's tree. It stands still: Codex alone is woken by the signal, so that no tool's end
/// makes it ask its model again (no further request in 100 trials with 0.118, 0.135 and 0.169);
/// tools may then clean up after themselves. Ordered once more, it makes haste.
pub(in crate::supervise) fn end_tree(agent: AgentName, core: &mut Core) -> Result<(), Error> {
    let killed = core.governor().agent(&agent).is_some_and(|agent| agent.state == State::Ending(After::Killed));
    let again = core.agents.get_mut(&agent).is_some_and(ManagedAgent::end);
    let grace = if killed { KILL_GRACE } else { STOP_GRACE };
    let how = if again { How::KillNow } else { How::Graceful { interrupt: grace, terminate: grace } };
    core.processes.order(Order::End { agent, how })
}

/// Why a command was not started.
pub(in crate::supervise) fn launch_failed(failure: &LaunchFailure) -> Error {
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
