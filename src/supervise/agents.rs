//! The agents of a run, as the loop has charge of them.

use std::collections::BTreeMap;

use crate::decide::message::Input;
use crate::model::event::GOVERNOR;
use crate::model::{AgentName, Attribution};

use super::managed_agent::ManagedAgent;
use super::run_plan::Planned;

/// By their names.
pub(super) struct Agents {
    managed: BTreeMap<AgentName, ManagedAgent>,
    /// Where the spend of a governor model belongs, if one can be asked.
    adviser: Option<Attribution>,
}

impl Agents {
    pub(super) fn new(planned: Vec<Planned>, adviser: Option<Attribution>) -> Self {
        let managed = planned.into_iter().map(|agent| (agent.setup.name.clone(), ManagedAgent::new(agent)));
        Self { managed: managed.collect(), adviser }
    }

    /// A governor model can be asked.
    pub(super) fn have_adviser(&self) -> bool {
        self.adviser.is_some()
    }

    /// It is the Codex of the governor model.
    pub(super) fn is_adviser(&self, name: &AgentName) -> bool {
        self.adviser.is_some() && name.as_str() == GOVERNOR
    }

    /// Where the spend of an agent belongs; that of nobody who is known is the governor model's.
    pub(super) fn attribution(&self, name: &AgentName) -> Attribution {
        let own = self.get(name).map(|agent| agent.attribution().clone());
        own.or_else(|| self.adviser.clone()).unwrap_or_default()
    }

    pub(super) fn get(&self, name: &AgentName) -> Option<&ManagedAgent> {
        self.managed.get(name)
    }

    pub(super) fn get_mut(&mut self, name: &AgentName) -> Option<&mut ManagedAgent> {
        self.managed.get_mut(name)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &ManagedAgent> {
        self.managed.values()
    }

    /// Every agent is over.
    pub(super) fn are_over(&self) -> bool {
        self.values().all(|agent| agent.finished().is_some())
    }

    /// For each agent that is not over the same input.
    pub(super) fn of_all(&self, input: impl Fn(AgentName) -> Input) -> Vec<Input> {
        let not_over = self.managed.iter().filter(|(_, agent)| agent.finished().is_none());
        not_over.map(|(name, _)| input(name.clone())).collect()
    }
}
