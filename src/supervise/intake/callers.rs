//! Codexes that call govern's hooks, and those that do not: their tools and sub-agents nobody would count, such as those of
//! one that a tool of a governed Codex starts. Under a limit on either they are stopped.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sha2::{Digest, Sha256};

use crate::codex::{HookEvent, Invocation};
use crate::decide::Governor;
use crate::decide::message::Input;
use crate::gate::hook::HookInput;
use crate::model::{AgentName, FileId, ModelId, ProcessIdentity, ThreadId};
use crate::process;
use crate::rollout::RanTool;
use crate::shell::CommandLine;
use crate::supervise::context::Context;
use crate::turn::hook::judge;

use super::installed::has_hook;
use super::sessions::Sessions;
use super::unknown_threads::thread_named_to;

/// What is known of Codexes that have called a hook of govern's.
#[derive(Default)]
pub(super) struct Callers {
    hooked: HashSet<ProcessIdentity>,
    /// Threads whose Codex has; others may make calls that nobody counts.
    counted: HashSet<ThreadId>,
    /// What hooks have asked about, until it ran.
    judged: JudgedCommands,
    /// The thread whose tool has started it; none where none did, or it cannot be told.
    inside: BTreeMap<ProcessIdentity, Option<ThreadId>>,
    /// The roots of the threads that it called for.
    roots: BTreeMap<ProcessIdentity, BTreeSet<ThreadId>>,
}

impl Callers {
    /// This Codex has called a hook.
    pub(super) fn calls(&mut self, codex: Option<ProcessIdentity>) {
        self.hooked.extend(codex);
    }

    /// A hook asks about this.
    pub(super) fn judges(&mut self, input: &HookInput) {
        self.judged.note(input);
    }

    /// A thread has its first answer: its Codex has called a hook before, or it calls none, wherever hooks stand.
    pub(super) fn answered_uncounted(
        &mut self,
        (agent, thread): (&AgentName, &ThreadId),
        sessions: &Sessions,
        context: &mut Context<'_>,
    ) -> Option<Input> {
        if !context.governor.policy().counts_by_hooks() || self.counted.contains(thread) {
            return None;
        }
        let file = sessions.file_of(thread)?;
        let tree = context.processes.owned();
        let writer = tree.iter().find(|(process, _)| process::writes(process.identity.pid, file));
        let silent = writer.filter(|(process, _)| !self.hooked.contains(&process.identity));
        let Some((process, _)) = silent else {
            self.counted.insert(thread.clone());
            return None;
        };
        let what = format!("codex (process {}) has called none of govern's hooks", process.identity.pid);
        Some(Input::Uncounted { agent: agent.clone(), what })
    }

    /// A tool of a thread ran, as its file tells: news where it is not known to have asked. Whether its Codex has hooks,
    /// the file's writer tells; where that is gone, whether the thread has called.
    pub(super) fn ran(
        &mut self,
        (agent, file, ran): (AgentName, FileId, RanTool),
        context: &mut Context<'_>,
    ) -> Option<Input> {
        if context.governor.agent(&agent)?.gate.may_have_asked(&ran.call) {
            return self.ran_otherwise(agent, ran, context);
        }
        let tree = context.processes.owned();
        let writer = tree.iter().find(|(process, _)| process::writes(process.identity.pid, file));
        let hooked = match writer {
            Some((process, _)) => {
                self.hooked.contains(&process.identity) || {
                    let argv = process.codex_argv();
                    let called = (process.identity.pid, &*argv);
                    has_hook(called, Invocation::parse(&argv).as_ref(), HookEvent::PreToolUse, context.run)
                }
            }
            None => context.governor.agent(&agent)?.has_called(&ran.thread),
        };
        let RanTool { thread, tool, call, .. } = ran;
        Some(Input::Ran { agent, thread, tool, call, hooked })
    }

    /// News where the command that ran is not the one that was judged: then it is judged as it ran.
    fn ran_otherwise(&mut self, agent: AgentName, ran: RanTool, context: &Context<'_>) -> Option<Input> {
        let RanTool { thread, tool, call, command, .. } = ran;
        let command = command?;
        let model = self.judged.changed(&call, &command)?;
        let who = (context.governor, context.governor.agent(&agent)?, &context.run.id);
        let judged = judge((&tool, Some(CommandLine::Text(&command))), model.as_ref(), &thread, who);
        Some(Input::RanOtherwise { agent, thread, tool, call, judged })
    }

    /// The thread of the same agent whose tool has started this Codex, which calls for a thread of this root.
    pub(super) fn inside_of(
        &mut self,
        codex: Option<ProcessIdentity>,
        agent: &AgentName,
        root: &ThreadId,
        governor: &Governor,
    ) -> Option<ThreadId> {
        let codex = codex?;
        self.roots.entry(codex).or_default().insert(root.clone());
        if let Some(known) = self.inside.get(&codex) {
            return known.clone();
        }
        let of_agent = |thread: &ThreadId| {
            thread != root && governor.agent(agent).is_some_and(|agent| agent.threads.contains_key(thread))
        };
        // Codex tells its tools whose they are, and they hand that on. Where a tool's environment lacks it, it is one of
        // the nearest Codex above: of its root thread, if that has but one.
        let said = thread_named_to(codex.pid);
        let inside = said.filter(of_agent).or_else(|| self.root_above(codex).filter(of_agent));
        self.inside.insert(codex, inside.clone());
        inside
    }

    fn root_above(&self, codex: ProcessIdentity) -> Option<ThreadId> {
        let roots = process::codexes_above(codex.pid).into_iter().find_map(|above| self.roots.get(&above))?;
        roots.first().filter(|_| roots.len() == 1).cloned()
    }
}

/// The commands that hooks have asked about, until a session file tells what ran: by the id of the call, for a run.
#[derive(Debug, Default)]
struct JudgedCommands {
    commands: HashMap<String, (Mark, Option<ModelId>)>,
}

/// SHA-256 of a command.
type Mark = [u8; 32];

fn mark(command: &str) -> Mark {
    // Codex hands on what the model wrote; a shell reads the same with or without the white space around it.
    Sha256::digest(command.trim()).into()
}

impl JudgedCommands {
    /// A hook asks: what would run is kept, where it is a command line and has a name.
    fn note(&mut self, input: &HookInput) {
        let command = input.tool_input.get("command").and_then(serde_json::Value::as_str);
        if let (Some(call), Some(command)) = (&input.tool_use_id, command) {
            self.commands.insert(call.clone(), (mark(command), input.model.clone()));
        }
    }

    /// This command ran. If that is not what was judged, the model that called it; the outer `None`: it is, or nobody knows.
    fn changed(&mut self, call: &str, command: &str) -> Option<Option<ModelId>> {
        let (judged, model) = self.commands.remove(call)?;
        (judged != mark(command)).then_some(model)
    }
}
