//! Whether a Codex has govern's hooks: on its command line, in the configuration of its home, or in the machine's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::codex::installed::{self, Trust};
use crate::codex::{HookEvent, Invocation};
use crate::decide::message::Input;
use crate::gate::failure_marks;
use crate::model::AgentName;
use crate::process;
use crate::supervise::context::Context;
use crate::supervise::run::Run;
use crate::tail::{locate, settings};

/// govern's hooks are with this Codex: on its command line, in the configuration of its home, or in the machine's.
/// Whether it runs them is found out by what comes. `argv` is what it was called with when it was known for a Codex:
/// the child that one forks for a tool is the same process a moment later, and another program.
pub(super) fn has_hooks((pid, argv): (i32, &[OsString]), invocation: Option<&Invocation>, run: &Run) -> bool {
    has_hook((pid, argv), invocation, HookEvent::PostModelRequest, run)
}

/// The same of govern's hook for this event.
pub(super) fn has_hook(
    (pid, argv): (i32, &[OsString]),
    invocation: Option<&Invocation>,
    event: HookEvent,
    run: &Run,
) -> bool {
    let socket = run.socket().display().to_string();
    if argv.iter().any(|word| word.to_string_lossy().contains(&socket)) {
        return true;
    }
    let managed = settings::at(&process::path_seen_by(pid, Path::new(settings::MANAGED))).unwrap_or_default();
    if runs_hook(&managed, Trust::Managed(""), event) {
        return true;
    }
    let Some(home) = codex_home(pid).filter(|_| invocation.is_none_or(|own| own.refuses_hooks().is_none())) else {
        return false;
    };
    let here = process::path_seen_by(pid, &home);
    let text = settings::of(&here).unwrap_or_default();
    // Codex goes by the name that it was given for its home, or by where that leads: the hooks were trusted as the
    // installed Codex goes.
    let names = [Some(home), here.canonicalize().ok()].into_iter().flatten();
    names
        .map(|name| name.join("config.toml").display().to_string())
        .any(|name| runs_hook(&text, Trust::Hashes(&[name]), event))
}

/// A Codex that has no hooks of govern's where they could stand, or whose flags take them away, before it has asked
/// anything. Nobody's flags take away those of the machine.
pub(super) fn without_hooks(
    agent: &AgentName,
    (pid, argv): (i32, &[OsString]),
    has_threads: bool,
    invocation: Option<&Invocation>,
    context: &Context<'_>,
) -> Option<Input> {
    let counts = has_threads && context.governor.policy().counts_by_hooks();
    let refuses = invocation.is_some_and(|own| own.refuses_hooks().is_some());
    let has_hooks = || match refuses {
        false => has_hook((pid, argv), invocation, HookEvent::PreToolUse, context.run),
        true => of_machine(pid),
    };
    if !counts || has_hooks() {
        return None;
    }
    let what = format!("codex (process {pid}) has no hooks of govern's");
    Some(Input::Uncounted { agent: agent.clone(), what })
}

/// A configuration has govern's hook for this event, and Codex runs it.
fn runs_hook(text: &str, trust: Trust<'_>, event: HookEvent) -> bool {
    let is_it = |found: &installed::Found| found.event == event && found.trusted;
    installed::standing(text, trust).is_ok_and(|standing| !standing.off && standing.hooks.iter().any(is_it))
}

/// The home of a Codex that runs.
pub(super) fn codex_home(pid: i32) -> Option<PathBuf> {
    locate::codex_home(|name| process::environ_var(pid, name))
}

/// The machine's own hooks are installed where this process looks for them. Whether it runs them is found out by what comes.
fn of_machine(pid: i32) -> bool {
    let file = process::path_seen_by(pid, Path::new(settings::MANAGED));
    settings::at(&file).is_some_and(|text| text.lines().any(installed::is_own))
}

/// Where the hooks of an agent leave word that they could not ask.
pub(in crate::supervise) fn failure_mark(agent: &AgentName, run: &Run) -> PathBuf {
    let place = run.order.iter().position(|name| name == agent).unwrap_or(run.order.len());
    failure_marks::path_of(&run.sockets, &run.id, place)
}

/// What an agent's hooks have left before its command ended, other than well.
pub(super) fn have_failed(agent: &AgentName, ok: bool, run: &Run) -> Option<Input> {
    let failed = failure_marks::take(&failure_mark(agent, run));
    (failed && !ok).then(|| Input::GateFailed(agent.clone()))
}
