//! What one walk through the trees of all agents has found. Several look at it, so that each process is asked what it is
//! once for all of them.

use crate::model::AgentName;
use crate::process::{Process, codex_processes};

/// The processes of all agents, parents before children, as they were a moment ago.
pub(super) struct ProcessScan {
    /// Whose they are.
    pub(super) owned: Vec<(Process, AgentName)>,
    /// Those that talk to a model.
    pub(super) codexes: Vec<Process>,
}

impl ProcessScan {
    pub(super) fn new(owned: Vec<(Process, AgentName)>) -> Self {
        let tree: Vec<Process> = owned.iter().map(|(process, _)| *process).collect();
        Self { codexes: codex_processes(&tree), owned }
    }

    /// The Codexes, and whose they are.
    pub(super) fn codexes(&self) -> Vec<(Process, AgentName)> {
        self.owned.iter().filter(|(process, _)| self.codexes.contains(process)).cloned().collect()
    }
}
