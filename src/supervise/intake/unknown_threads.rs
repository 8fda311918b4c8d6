//! Tools of threads that neither a session file nor a hook tells of. Codex names the thread in the environment of what it
//! runs for it (0.118 to 0.171), so that a thread shows itself by its first tool, whatever its client asked for: one that
//! writes no file and for which hooks were turned off (`thread/start` of an app server takes both) shows itself by
//! nothing else. By the same variable, a Codex inside a tool shows which thread's tool has started it.

use std::collections::{BTreeMap, BTreeSet};

use crate::decide::message::Input;
use crate::model::{AgentName, ProcessIdentity, ThreadId};
use crate::process;

use crate::supervise::process_scan::ProcessScan;

/// The variable by which Codex tells its tools whose they are.
const THREAD: &str = "CODEX_THREAD_ID";

/// What looks for them remember.
#[derive(Default)]
pub(super) struct Strangers {
    /// Processes whose threads are known.
    looked_at: BTreeSet<ProcessIdentity>,
    told: BTreeSet<ThreadId>,
}

/// A tool that was found, whose thread is to be known.
pub(super) struct FoundTool {
    agent: AgentName,
    codex: ProcessIdentity,
    pub(super) thread: ThreadId,
}

impl Strangers {
    /// The tools that were started since the last look, with the threads whose they are.
    pub(super) fn tools(&mut self, seen: &ProcessScan) -> Vec<FoundTool> {
        let tree = || seen.owned.iter().map(|(process, _)| process);
        let codexes: BTreeMap<i32, ProcessIdentity> =
            seen.codexes.iter().map(|codex| (codex.identity.pid, codex.identity)).collect();
        let parents: BTreeMap<i32, i32> = tree().map(|process| (process.identity.pid, process.parent)).collect();
        self.looked_at.retain(|known| tree().any(|process| process.identity == *known));
        let mut tools = Vec::new();
        for (process, agent) in &seen.owned {
            let pid = process.identity.pid;
            if process.is_dead() || codexes.contains_key(&pid) || self.looked_at.contains(&process.identity) {
                continue;
            }
            let mut above = std::iter::successors(parents.get(&pid), |pid| parents.get(pid)).take(seen.owned.len());
            let Some(codex) = above.find_map(|pid| codexes.get(pid)).copied() else { continue };
            // Looked up first: what it becomes meanwhile is not what was read.
            let is_settled = !process.is_becoming();
            // What a Codex was given itself, it hands on to all that it starts.
            let said = thread_named_to(pid).filter(|said| thread_named_to(codex.pid).as_ref() != Some(said));
            if said.is_some() || is_settled {
                self.looked_at.insert(process.identity);
            }
            tools.extend(said.map(|thread| FoundTool { agent: agent.clone(), codex, thread }));
        }
        tools
    }

    /// Nothing tells of a tool's thread; told once.
    pub(super) fn is_strange(&mut self, tool: FoundTool) -> Option<Input> {
        let FoundTool { agent, codex, thread } = tool;
        self.told.insert(thread.clone()).then_some(Input::Stranger { agent, codex, thread })
    }
}

/// The thread that this process was told it is a tool of.
pub(super) fn thread_named_to(pid: i32) -> Option<ThreadId> {
    let said = process::environ_var(pid, THREAD).filter(|said| !said.is_empty())?;
    Some(ThreadId::new(said.to_string_lossy()))
}
