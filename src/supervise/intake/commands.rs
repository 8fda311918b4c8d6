//! What the command lines and homes of Codexes tell, before any of them shows anything.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::codex::{EarlierSession, Invocation, Kind, Start, Ungovernable, keeps_threads_in_memory};
use crate::decide::message::{Input, Works};
use crate::model::{AgentName, ThreadId};
use crate::process::{self, Process};
use crate::supervise::context::Context;
use crate::tail::settings;
use crate::turn::configured::begins_with;

use super::command_lines::Glances;
use super::installed::{codex_home, has_hooks, without_hooks};
use super::sessions::Sessions;
use super::silent_codexes::Unseen;

/// What the command lines and homes of Codexes tell.
pub(super) fn read_commands(
    codexes: Vec<(Process, AgentName)>,
    (sessions, glances, unseen): (&mut Sessions, &mut Glances, &mut Unseen),
    context: &Context<'_>,
) -> Vec<Input> {
    let mut inputs = Vec::new();
    for (codex, agent) in codexes {
        let argv = codex.codex_argv();
        // It is being executed, or gone; or it was the child of a Codex and is another program by now, such as git.
        // Nothing becomes a Codex again: what is one after its words were read, was one before.
        if argv.is_empty() || !process::is_codex(codex.identity.pid) {
            continue;
        }
        glances.looked_at(codex.identity);
        let pid = codex.identity.pid;
        // Its home as it is called where it lives, and where that is from here.
        let home = codex_home(pid).map(|home| process::path_seen_by(pid, &home));
        let in_memory = home.as_deref().and_then(settings::of).is_some_and(|text| keeps_threads_in_memory(&text));
        if let Some(home) = home
            && let Err(error) = sessions.watch(&home)
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
        inputs.extend(without_hooks(&agent, (pid, &argv), has_threads, invocation.as_ref(), context));
        let tells =
            !(ephemeral || works == Works::ForOthers) || has_hooks((pid, &argv), invocation.as_ref(), context.run);
        let seen = Input::CodexSeen { agent: agent.clone(), process: codex.identity, ephemeral, tells, works };
        inputs.push(seen);
        if works == Works::AtOnce && !has_hooks((pid, &argv), invocation.as_ref(), context.run) {
            inputs.push(begins(&agent, &codex, &argv, invocation.as_ref()));
        }
        if has_threads {
            // Hooks tell only of what has begun, and not those of every version: no limit relies on them alone where a
            // session file was to be.
            let needs_none =
                ephemeral || !context.governor.enforces() && has_hooks((pid, &argv), invocation.as_ref(), context.run);
            inputs.extend(unseen.will_write(&agent, codex.identity, (works == Works::AtOnce, needs_none)));
        }
    }
    inputs
}

/// What a Codex will ask that does not ask here before, by its command line and its configuration.
fn begins(agent: &AgentName, codex: &Process, argv: &[OsString], invocation: Option<&Invocation>) -> Input {
    let pid = codex.identity.pid;
    let home = codex_home(pid).map(|home| process::path_seen_by(pid, &home));
    let folder = PathBuf::from(format!("/proc/{pid}/cwd"));
    let folder = match invocation.and_then(Invocation::working_folder) {
        Some(named) => folder.join(named),
        None => std::fs::read_link(&folder).map_or(folder, |folder| process::path_seen_by(pid, &folder)),
    };
    let thread = match invocation.map(Invocation::kind) {
        Some(Kind::Exec(Start::Resume(EarlierSession::Named(id)))) => Some(ThreadId::new(id)),
        _ => None,
    };
    let model = begins_with(argv, home.as_deref(), Some(&folder));
    Input::CodexBegins { agent: agent.clone(), process: codex.identity, model, thread }
}
