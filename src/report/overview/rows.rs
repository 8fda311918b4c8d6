//! The agents of all runs in one list: in an order that somebody chose, and only those that they look for.

use std::cmp::Reverse;

use super::Overview;
use crate::model::{AgentState, LiveAgent, Money, RunInfo};
use crate::report::RunStatus;
use crate::report::text::shell_words;

/// One line: a run and an agent of it; a run whose agents are not known yet has a line without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentRow<'a> {
    /// The run.
    pub run: &'a RunStatus,
    /// The agent.
    pub agent: Option<&'a LiveAgent>,
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// What needs somebody, then what works, then what is over.
    #[default]
    State,
    /// The most expensive.
    Spent,
    /// The quickest to spend.
    Rate,
    /// What comes to its limit soonest.
    Left,
    /// Names, as an alphabet has them.
    Name,
    /// The newest run.
    Run,
}

impl Order {
    /// All, as a key goes through them.
    pub const ALL: [Self; 6] = [Self::State, Self::Spent, Self::Rate, Self::Left, Self::Name, Self::Run];

    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Spent => "spent",
            Self::Rate => "rate",
            Self::Left => "left",
            Self::Name => "name",
            Self::Run => "run",
        }
    }

    /// The next one.
    pub fn next(self) -> Self {
        let place = Self::ALL.iter().position(|order| *order == self).unwrap_or_default();
        Self::ALL.get(place + 1).copied().unwrap_or_default()
    }
}

impl AgentRow<'_> {
    fn info(&self) -> &RunInfo {
        &self.run.info
    }

    /// The words that somebody may look for.
    fn words(&self) -> Vec<String> {
        let info = self.info();
        let mut words = vec![info.id.to_string(), shell_words(&info.command)];
        let attribution = &info.attribution;
        let of = [&attribution.team, &attribution.project, &attribution.client, &attribution.task, &attribution.branch];
        words.extend(of.into_iter().flatten().cloned());
        if let Some(agent) = self.agent {
            words.extend([agent.agent.to_string(), agent.state.to_string()]);
            words.extend(agent.model.as_ref().map(ToString::to_string));
        }
        words
    }

    /// Each part of the filter stands somewhere in its words, whatever its case.
    fn fits(&self, filter: &str) -> bool {
        let words: Vec<String> = self.words().iter().map(|word| word.to_lowercase()).collect();
        filter.split_whitespace().all(|part| words.iter().any(|word| word.contains(part)))
    }

    fn rank(&self) -> u8 {
        match self.agent.map(|agent| agent.state) {
            Some(AgentState::Held) => 0,
            Some(AgentState::Paused | AgentState::Throttled | AgentState::Ending) => 1,
            Some(AgentState::Working | AgentState::Starting | AgentState::Alive) | None => 2,
            Some(AgentState::Resting) => 3,
            Some(AgentState::Failed | AgentState::Stopped | AgentState::Killed) => 4,
            Some(AgentState::Waiting) => 5,
            Some(AgentState::Done | AgentState::Skipped) => 6,
        }
    }
}

impl Overview {
    /// The agents that fit a filter (empty: all), in this order; those that are equal stay as their runs have them.
    pub fn agents(&self, order: Order, filter: &str) -> Vec<AgentRow<'_>> {
        let filter = filter.to_lowercase();
        let mut rows = Vec::new();
        for run in &self.status.runs {
            rows.extend(run.live.agents.iter().map(|agent| AgentRow { run, agent: Some(agent) }));
            if run.live.agents.is_empty() {
                rows.push(AgentRow { run, agent: None });
            }
        }
        rows.retain(|row| row.fits(&filter));
        let cost = |row: &AgentRow<'_>| row.agent.map_or(Money::ZERO, |agent| agent.cost_usd);
        let rate = |row: &AgentRow<'_>| row.agent.and_then(|agent| agent.cost_usd_per_minute).unwrap_or_default();
        let left = |row: &AgentRow<'_>| {
            let left = row.agent.filter(|agent| agent.state.is_under_way()).and_then(|agent| agent.limit.as_ref());
            left.and_then(|limit| limit.seconds_left).unwrap_or(u64::MAX)
        };
        match order {
            Order::State => rows.sort_by_key(AgentRow::rank),
            Order::Spent => rows.sort_by_key(|row| Reverse(cost(row))),
            Order::Rate => rows.sort_by_key(|row| Reverse(rate(row))),
            Order::Left => rows.sort_by_key(left),
            Order::Name => rows.sort_by_key(|row| row.agent.map(|agent| agent.agent.to_string())),
            Order::Run => {}
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    fn names(order: Order, filter: &str) -> Vec<String> {
        let overview = sample::overview();
        let rows = overview.agents(order, filter);
        rows.iter().filter_map(|row| Some(row.agent?.agent.to_string())).collect()
    }

    #[test]
    fn each_order_has_its_first() {
        for (order, first, last) in [
            (Order::State, "document", "plan"),
            (Order::Spent, "codex", "review-of-everything"),
            (Order::Rate, "codex", "document"),
            (Order::Name, "codex", "test"),
            (Order::Run, "plan", "codex"),
        ] {
            let names = names(order, "");
            assert_eq!((names.len(), names[0].as_str(), names[5].as_str()), (6, first, last), "{order:?}");
        }
        assert_eq!(names(Order::Left, "")[0], "implement");
        let all: Vec<Order> =
            (0..7).scan(Order::State, |order, _| Some(std::mem::replace(order, order.next()))).collect();
        assert_eq!(all, [Order::ALL.as_slice(), &[Order::State]].concat());
    }

    #[test]
    fn a_filter_finds_agents_models_states_teams_and_commands() {
        assert_eq!(names(Order::Run, "held"), ["document"]);
        assert_eq!(names(Order::Run, "ASTRA"), ["plan"]);
        assert_eq!(names(Order::Run, "web"), ["codex"]);
        assert_eq!(names(Order::Run, "luna held"), ["document"]);
        assert_eq!(names(Order::Run, "luna done"), [""; 0]);
    }
}
