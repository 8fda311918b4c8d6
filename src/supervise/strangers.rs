//! Tools of threads that neither a session file nor a hook tells of. Codex names the thread in the environment of what it
//! runs for it (0.118 to 0.171), so that a thread shows itself by its first tool, whatever its client asked for: one that
//! writes no file and for which hooks were turned off (`thread/start` of an app server takes both) shows itself by
//! nothing else. By the same variable, a Codex inside a tool shows which thread's tool has started it.

use std::collections::{BTreeMap, BTreeSet};

use crate::decide::message::Input;
use crate::model::{AgentName, ProcessIdentity, ThreadId};
use crate::process;

use super::seen::Seen;
use super::supervisor::Supervisor;

/// The variable by which Codex tells its tools whose they are.
const THREAD: &str = "CODEX_THREAD_ID";

/// What looks for them remember.
#[derive(Default)]
pub(super) struct Strangers {
    /// Processes whose threads are known.
    looked_at: BTreeSet<ProcessIdentity>,
    told: BTreeSet<ThreadId>,
}

/// What is known of Codexes that have called a hook of govern's.
#[derive(Default)]
pub(super) struct Nested {
    /// The thread whose tool has started it; none where none did, or it cannot be told.
    inside: BTreeMap<ProcessIdentity, Option<ThreadId>>,
    /// The roots of the threads that it called for.
    roots: BTreeMap<ProcessIdentity, BTreeSet<ThreadId>>,
}

impl Supervisor {
    /// Looks at the tools that were started since the last look; each thread that nothing tells of is told of once.
    pub(super) fn strangers(&mut self, seen: &Seen) -> Vec<Input> {
        let tree = || seen.owned.iter().map(|(process, _)| process);
        let codexes: BTreeMap<i32, ProcessIdentity> =
            seen.codexes.iter().map(|codex| (codex.identity.pid, codex.identity)).collect();
        let parents: BTreeMap<i32, i32> = tree().map(|process| (process.identity.pid, process.parent)).collect();
        self.strangers.looked_at.retain(|known| tree().any(|process| process.identity == *known));
        let mut inputs = Vec::new();
        let mut is_claimed = false;
        for (process, agent) in &seen.owned {
            let pid = process.identity.pid;
            if process.is_dead() || codexes.contains_key(&pid) || self.strangers.looked_at.contains(&process.identity) {
                continue;
            }
            let mut above = std::iter::successors(parents.get(&pid), |pid| parents.get(pid)).take(seen.owned.len());
            let Some(codex) = above.find_map(|pid| codexes.get(pid)).copied() else { continue };
            // Looked up first: what it becomes meanwhile is not what was read.
            let is_settled = !process.is_becoming();
            let said = process::environ_var(pid, THREAD).filter(|said| !said.is_empty());
            // What a Codex was given itself, it hands on to all that it starts.
            let Some(said) = said.filter(|said| process::environ_var(codex.pid, THREAD).as_ref() != Some(said)) else {
                if is_settled {
                    self.strangers.looked_at.insert(process.identity);
                }
                continue;
            };
            let thread = ThreadId::new(said.to_string_lossy());
            if !self.knows(&thread) && !std::mem::replace(&mut is_claimed, true) {
                // Its file may have been opened since the last look.
                inputs.extend(self.claim_open());
            }
            self.strangers.looked_at.insert(process.identity);
            if !self.knows(&thread) && self.strangers.told.insert(thread.clone()) {
                inputs.push(Input::Stranger { agent: agent.clone(), codex, thread });
            }
        }
        inputs
    }

    fn knows(&self, thread: &ThreadId) -> bool {
        self.sessions.agent_of(thread).is_some() || self.agent_without_file(thread).is_some()
    }

    /// The thread of the same agent whose tool has started this Codex, which calls for a thread of this root.
    pub(super) fn inside_of(
        &mut self,
        codex: Option<ProcessIdentity>,
        agent: &AgentName,
        root: &ThreadId,
    ) -> Option<ThreadId> {
        let codex = codex?;
        self.nested.roots.entry(codex).or_default().insert(root.clone());
        if let Some(known) = self.nested.inside.get(&codex) {
            return known.clone();
        }
        let of_agent = |thread: &ThreadId| {
            thread != root && self.governor.agent(agent).is_some_and(|agent| agent.threads.contains_key(thread))
        };
        // Codex tells its tools whose they are, and they hand that on. Where a tool's environment lacks it, it is one of
        // the nearest Codex above: of its root thread, if that has but one.
        let said = process::environ_var(codex.pid, THREAD).map(|said| ThreadId::new(said.to_string_lossy()));
        let inside = said.filter(of_agent).or_else(|| self.root_above(codex).filter(of_agent));
        self.nested.inside.insert(codex, inside.clone());
        inside
    }

    fn root_above(&self, codex: ProcessIdentity) -> Option<ThreadId> {
        let roots = process::codexes_above(codex.pid).into_iter().find_map(|above| self.nested.roots.get(&above))?;
        roots.first().filter(|_| roots.len() == 1).cloned()
    }
}
