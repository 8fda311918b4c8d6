//! Codexes inside tools: which thread's tool has started the Codex that calls.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{AgentName, ProcessIdentity, ThreadId};
use crate::process;

use super::strangers::THREAD;
use super::supervisor::Supervisor;

/// What is known of Codexes that have called a hook of govern's.
#[derive(Default)]
pub(super) struct Nested {
    /// The thread whose tool has started it; none where none did, or it cannot be told.
    inside: BTreeMap<ProcessIdentity, Option<ThreadId>>,
    /// The roots of the threads that it called for.
    roots: BTreeMap<ProcessIdentity, BTreeSet<ThreadId>>,
}

impl Supervisor {
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
