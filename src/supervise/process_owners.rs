//! Whose a process is: that of the agent whose first process it descends from.

use std::collections::HashMap;

use crate::model::{AgentName, ProcessIdentity};
use crate::process::{self, Process};

/// The variable by which an orphan tells whose it is; each agent of a fleet is started with it.
pub(super) const AGENT: &str = "GOVERN_AGENT";

/// What is known of processes and agents. What was once seen below an agent stays its own when it is orphaned.
pub(super) struct Owners {
    /// The only agent there is: all processes are its own.
    only: Option<AgentName>,
    agents: Vec<AgentName>,
    known: HashMap<ProcessIdentity, AgentName>,
}

impl Owners {
    pub(super) fn new(agents: Vec<AgentName>) -> Self {
        let only = if let [only] = agents.as_slice() { Some(only.clone()) } else { None };
        Self { only, agents, known: HashMap::new() }
    }

    /// An agent's first process.
    pub(super) fn launched(&mut self, root: ProcessIdentity, agent: &AgentName) {
        self.known.insert(root, agent.clone());
    }

    /// The processes of a whole tree, parents before children, that are somebody's.
    pub(super) fn sort(&mut self, tree: Vec<Process>) -> Vec<(Process, AgentName)> {
        if let Some(only) = &self.only {
            return tree.into_iter().map(|process| (process, only.clone())).collect();
        }
        let mut of_pid: HashMap<i32, AgentName> = HashMap::new();
        let mut owned = Vec::new();
        for process in tree {
            let known = self.known.get(&process.identity).or_else(|| of_pid.get(&process.parent)).cloned();
            let Some(agent) = known.or_else(|| self.says(process.identity.pid)) else { continue };
            of_pid.insert(process.identity.pid, agent.clone());
            owned.push((process, agent));
        }
        self.known = owned.iter().map(|(process, agent)| (process.identity, agent.clone())).collect();
        owned
    }

    /// Whose this process is; it lives.
    pub(super) fn of(&self, pid: i32) -> Option<AgentName> {
        if self.only.is_some() {
            return self.only.clone();
        }
        let mut lineage = process::lineage(pid).into_iter();
        lineage.find_map(|process| self.known.get(&process.identity).cloned()).or_else(|| self.says(pid))
    }

    fn says(&self, pid: i32) -> Option<AgentName> {
        let said = process::environ_var(pid, AGENT)?;
        self.agents.iter().find(|agent| said == agent.as_str()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::State;

    fn process(pid: i32, parent: i32) -> Process {
        // Numbers that no process has, so that nobody's environment is read.
        let far = |pid: i32| pid + (1 << 29);
        let identity = ProcessIdentity { pid: far(pid), started: 1 };
        Process { identity, parent: far(parent), state: State::Sleeping, still: false, loaded: true }
    }

    fn told(owners: &mut Owners, tree: &[Process]) -> String {
        let owned = owners.sort(tree.to_vec());
        owned.iter().map(|(process, agent)| format!("{} {agent};", process.identity.pid - (1 << 29))).collect()
    }

    #[test]
    fn a_process_is_its_ancestors_agents_and_stays_so_as_an_orphan() {
        let mut owners = Owners::new(vec!["a".into(), "b".into()]);
        owners.launched(process(1, 0).identity, &"a".into());
        owners.launched(process(2, 0).identity, &"b".into());
        let tree = [process(1, 0), process(2, 0), process(9, 0), process(3, 1), process(4, 2), process(5, 4)];
        assert_eq!(told(&mut owners, &tree), "1 a;2 b;3 a;4 b;5 b;");
        // Adopted by the guard; a new process of an old number is another one.
        let mut reused = process(4, 9);
        reused.identity.started = 2;
        assert_eq!(told(&mut owners, &[process(2, 0), process(3, 0), process(5, 0), reused]), "2 b;3 a;5 b;");
    }

    #[test]
    fn of_one_agent_all_processes_are_its_own() {
        let mut owners = Owners::new(vec!["a".into()]);
        assert_eq!(told(&mut owners, &[process(1, 0), process(2, 7)]), "1 a;2 a;");
        assert_eq!(owners.of(1), Some("a".into()));
    }
}
