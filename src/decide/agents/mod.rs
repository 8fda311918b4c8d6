//! The agents of a run: all that there are, by their ids.

mod agent;
mod clock;
mod gate_state;
pub(super) mod ids;
pub mod lifecycle;
mod requests;
pub mod schedule;
pub(super) mod thread;
pub(super) mod trend;

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use crate::model::event::EventKind;
use crate::model::{AgentName, ApprovalId};

use super::message::{Effect, Effects, Question};

use ids::AgentId;

pub(super) use agent::Begins;
pub use agent::{Agent, AgentSetup, Hold, with_model};

/// The agents of a run.
pub(super) struct Agents {
    /// By name.
    list: Vec<Agent>,
    /// As they were named.
    order: Vec<AgentId>,
    /// How much was asked of them so far: each request has a number, and each place in a queue.
    numbered: u64,
}

impl Agents {
    /// All who are set up so, each made by `make`.
    pub(super) fn new(setups: Vec<AgentSetup>, mut make: impl FnMut(AgentId, AgentSetup) -> Agent) -> Self {
        let named: Vec<AgentName> = setups.iter().map(|setup| setup.name.clone()).collect();
        let by_name: BTreeMap<AgentName, AgentSetup> =
            setups.into_iter().map(|setup| (setup.name.clone(), setup)).collect();
        let list = by_name.into_values().enumerate().map(|(place, setup)| make(AgentId(place), setup)).collect();
        let mut agents = Self { list, order: Vec::new(), numbered: 0 };
        agents.order = named.iter().filter_map(|name| agents.id(name)).collect();
        agents
    }

    /// The agent of this name; `None`: it is none of this run's.
    pub(super) fn id(&self, name: &AgentName) -> Option<AgentId> {
        self.list.binary_search_by(|agent| agent.setup.name.cmp(name)).ok().map(AgentId)
    }

    pub(super) fn name(&self, id: AgentId) -> &AgentName {
        &self[id].setup.name
    }

    /// All of them, by name.
    pub(super) fn ids(&self) -> impl Iterator<Item = AgentId> + use<> {
        (0..self.list.len()).map(AgentId)
    }

    /// All of them, as they were named.
    pub(super) fn as_named(&self) -> impl Iterator<Item = &Agent> {
        self.order.iter().map(|id| &self[*id])
    }

    pub(super) fn values(&self) -> std::slice::Iter<'_, Agent> {
        self.list.iter()
    }

    pub(super) fn values_mut(&mut self) -> std::slice::IterMut<'_, Agent> {
        self.list.iter_mut()
    }

    /// The question of this number, while somebody, or a tool, waits for its answer.
    pub(super) fn question(&self, approval: ApprovalId) -> Option<&Question> {
        let mut held = self.list.iter().filter_map(|agent| agent.held.as_ref());
        let hold = held.find(|hold| hold.approval == Some(approval)).map(|hold| &hold.question);
        let ahead = || {
            let mut asked = self.list.iter().filter_map(|agent| agent.ahead.as_ref());
            asked.find(|(_, number)| *number == Some(approval)).map(|(question, _)| question)
        };
        hold.or_else(|| self.list.iter().find_map(|agent| agent.gate.question(approval))).or_else(ahead).or_else(|| {
            let mut reviewed = self.list.iter().filter(|agent| agent.review() == Some(approval));
            reviewed.find_map(Agent::review_question)
        })
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// A number that none has had before.
    pub(super) fn next_number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    /// Says something of an agent, which is named where there are several.
    pub(super) fn say(&self, who: AgentId, text: &str, effects: &mut Effects) {
        let text = if self.len() > 1 { format!("{}: {text}", self.name(who)) } else { text.to_owned() };
        effects.push(Effect::Say(text));
    }

    /// Records something that a reader of the run must know of, of one of them or of all.
    pub(super) fn mark(&self, who: Option<AgentId>, what: String, effects: &mut Effects) {
        self.record(who, EventKind::Marked { what }, effects);
    }

    /// Records something, of one of them or of all.
    pub(super) fn record(&self, who: Option<AgentId>, kind: EventKind, effects: &mut Effects) {
        effects.record(who.map(|who| self.name(who)), kind);
    }
}

impl Index<AgentId> for Agents {
    type Output = Agent;

    fn index(&self, AgentId(place): AgentId) -> &Agent {
        #[expect(
            clippy::indexing_slicing,
            reason = "INVARIANT: an id is made of an agent that is there, and none goes away"
        )]
        &self.list[place]
    }
}

impl IndexMut<AgentId> for Agents {
    fn index_mut(&mut self, AgentId(place): AgentId) -> &mut Agent {
        #[expect(
            clippy::indexing_slicing,
            reason = "INVARIANT: an id is made of an agent that is there, and none goes away"
        )]
        &mut self.list[place]
    }
}
