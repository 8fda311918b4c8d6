//! What became of each agent of a fleet, and of what was shared out among them, by the run's own events.

use std::collections::{BTreeMap, BTreeSet};

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::budget::Amount;
use super::run_rows::{RunRow, RunTally};
use super::summary::Totals;
use super::timeline::Entry;
use crate::model::event::{AgentResult, EventKind, GOVERNOR, Moved, REVIEW};
use crate::model::{AgentName, BudgetName, CheckEnd, Event, Examined, ThreadId, ThreadInfo, Unit};

/// What became of one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentEnd {
    /// Which.
    pub agent: Option<AgentName>,
    /// What; `None` while it is under way, or waits.
    pub result: Option<AgentResult>,
    /// The exit code of its last command as a shell shows it, govern's own where govern ended it; `None` where it never ran.
    pub code: Option<i32>,
    /// How often it was started from the beginning.
    pub attempts: u32,
    /// What it had of the models.
    pub totals: Totals,
    /// What of that its unit counts: what it declared and was given is in this.
    pub unit: Option<Unit>,
    /// What it spent, in its unit.
    pub spent: Option<i64>,
    /// What it declared, in its unit.
    pub expected: Option<i64>,
    /// The part of a budget that it was given at the start.
    pub allotted: Option<i64>,
    /// What it was given of the pool since.
    pub given: i64,
    /// What it gave back.
    pub returned: i64,
    /// How often a thread of its was answered by another model than before.
    pub model_changes: u32,
    /// What was decided about it, by its word, and how often.
    pub decisions: BTreeMap<String, u32>,
    /// Its threads, where it has several.
    pub threads: Vec<ThreadEnd>,
    /// What its work came to, where that was looked at.
    pub examined: Option<Examined>,
    /// Who said yes or no to it.
    pub reviewed_by: Option<String>,
    /// Why it ended as it did, where there is a reason.
    pub because: Option<String>,
    /// Its last root thread: what `codex exec resume` can go on with.
    pub thread: Option<ThreadId>,
}

/// One thread of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadEnd {
    /// Which.
    pub thread: ThreadId,
    /// The sub-agent's nickname or role; `None` for a root.
    pub role: Option<String>,
    /// How far below its root it stands.
    pub depth: usize,
    /// What it had.
    pub totals: Totals,
    /// How often it was answered by another model than before.
    pub model_changes: u32,
}

/// What became of a pool. Amounts are in its unit's smallest part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolEnd {
    /// The budget.
    pub budget: BudgetName,
    /// What that is counted per.
    pub scope: String,
    /// What it counts.
    pub unit: Unit,
    /// What was handed out at the start.
    pub allotted: i64,
    /// What nobody was given then.
    pub start: i64,
    /// What it gave since.
    pub given: i64,
    /// What it got back.
    pub got_back: i64,
    /// What was in it after it last gave or got back something.
    pub left: i64,
}

impl PoolEnd {
    /// What is in the fleet's own pool when all has ended: its events tell no more than each gift and return. Where a
    /// person lifted the budget meanwhile, and where others spend from it as well, the last event's word stands.
    fn settle(&mut self, agents: &[AgentEnd], events: &[Event]) {
        let lifted = events.iter().any(|event| {
            matches!(&event.kind, EventKind::Extended { budget, by, .. } if *budget == self.budget && by != GOVERNOR)
        });
        if lifted || !self.scope.starts_with("run=") || agents.iter().any(|agent| agent.unit != Some(self.unit)) {
            return;
        }
        let held = agents.iter().map(|agent| {
            let given = agent.allotted.map(|first| first.saturating_add(agent.given).saturating_sub(agent.returned));
            given.unwrap_or(0).max(agent.spent.unwrap_or(0))
        });
        self.left = held.fold(self.allotted.saturating_add(self.start), i64::saturating_sub);
    }

    /// What was spent from it by agents that have no allotment, or beyond it.
    pub fn drawn(&self) -> i64 {
        self.start.saturating_sub(self.given).saturating_add(self.got_back).saturating_sub(self.left)
    }
}

/// A fleet at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetEnd {
    /// Its agents, as its file names them; none for a run of one command.
    pub agents: Vec<AgentEnd>,
    /// What was shared out among them.
    pub pools: Vec<PoolEnd>,
    /// What each team spent; `None`: no team.
    pub teams: BTreeMap<Option<String>, Totals>,
    /// What each model was paid; `None`: unknown.
    pub models: BTreeMap<Option<String>, Totals>,
}

/// What a fleet's end is read from.
pub(super) struct Read<'a> {
    pub(super) events: &'a [Event],
    pub(super) threads: &'a [ThreadInfo],
    pub(super) rows: &'a [RunRow],
    pub(super) tally: &'a RunTally,
    pub(super) told: &'a [Entry],
    /// The agents of which part, or all, of what they spent could not be seen.
    pub(super) unobserved: &'a BTreeSet<&'a AgentName>,
    /// Nothing more will happen to any agent.
    pub(super) over: bool,
}

impl FleetEnd {
    /// A run of one command has registered nobody, and is no fleet.
    pub(super) fn of(read: &Read<'_>) -> Self {
        let mut agents: Vec<AgentEnd> = Vec::new();
        for event in read.events.iter().filter(|event| matches!(event.kind, EventKind::Registered { .. })) {
            // A fleet that goes on registers its agents again.
            if !agents.iter().any(|known| known.agent == event.agent) {
                agents.push(AgentEnd { agent: event.agent.clone(), ..AgentEnd::default() });
            }
        }
        if agents.is_empty() {
            return Self::default();
        }
        for agent in &mut agents {
            agent.read(read);
        }
        let mut pools = pools(read.events);
        pools.iter_mut().for_each(|pool| pool.settle(&agents, read.events));
        Self { agents, pools, teams: read.tally.teams.clone(), models: read.tally.models.clone() }
    }
}

impl AgentEnd {
    fn read(&mut self, read: &Read<'_>) {
        let mut starts = (0_u32, 0_u32);
        let mut code = None;
        let mut review = None;
        // The unit of its allotment outweighs that of what it declared.
        let allotted =
            read.events.iter().filter(|event| event.agent == self.agent).find_map(|event| match &event.kind {
                EventKind::Allotted { budget, unit, .. } => Some((budget.clone(), Unit::from_str_exact(unit)?)),
                _ => None,
            });
        for event in read.events.iter().filter(|event| event.agent == self.agent) {
            match &event.kind {
                EventKind::Registered { spend, unit, responses, milliseconds, .. } => {
                    let said = unit.as_deref().and_then(Unit::from_str_exact);
                    let unit = allotted.as_ref().map(|(_, unit)| *unit).or(said).unwrap_or(Unit::Usd);
                    self.unit = Some(unit);
                    self.expected = match unit {
                        Unit::Responses => responses.and_then(|count| i64::try_from(count).ok()),
                        Unit::Minutes => *milliseconds,
                        _ if said == Some(unit) => *spend,
                        Unit::Usd | Unit::Credits | Unit::Tok | Unit::AllTok | Unit::ToolCalls => None,
                    };
                }
                EventKind::Allotted { budget, amount, .. } if self.is_first(&allotted, budget) => {
                    self.allotted = Some(*amount);
                }
                EventKind::Pooled { budget, moved, amount, .. } if self.is_first(&allotted, budget) => match moved {
                    Moved::Extended => self.given = self.given.saturating_add(*amount),
                    Moved::GivenBack => self.returned = self.returned.saturating_add(*amount),
                },
                EventKind::Requested { what, .. } if what == "start" || what == "start again" => starts.0 += 1,
                EventKind::AgentStarted { resumes, .. } => {
                    starts.1 += u32::from(resumes.is_none());
                    (self.result, self.because) = (None, None);
                }
                EventKind::AgentEnded { code: ended, result, because, .. } => {
                    (code, self.result) = (Some(*ended), *result);
                    self.because = Some(because.clone());
                }
                EventKind::Examined(examined) => self.examined = Some(examined.clone()),
                EventKind::Asked { approval, budget: Some(budget), .. } if budget.as_str() == REVIEW => {
                    review = Some(*approval);
                }
                EventKind::Answered { approval, by, .. } if review == Some(*approval) => {
                    self.reviewed_by = Some(by.clone());
                }
                EventKind::AgentSkipped { because } => {
                    (self.result, self.because) = (Some(AgentResult::Skipped), Some(because.clone()));
                }
                _ => {}
            }
        }
        self.attempts = starts.0.max(starts.1);
        if read.over && self.result.is_none() {
            self.result = Some(AgentResult::Lost);
        }
        // What ended well has nothing to explain, whatever happened to it on the way.
        self.because.take_if(|because| self.result == Some(AgentResult::Done) || because.is_empty());
        self.code = match self.result {
            Some(AgentResult::Stopped | AgentResult::Killed) => Some(124),
            _ => code,
        }
        .filter(|_| self.attempts > 0);
        self.count(read);
    }

    /// Of several budgets that are shared out, the first one's part is shown.
    fn is_first(&self, allotted: &Option<(BudgetName, Unit)>, budget: &BudgetName) -> bool {
        allotted.as_ref().is_some_and(|(first, _)| first == budget)
    }

    fn count(&mut self, read: &Read<'_>) {
        for row in read.rows.iter().filter(|row| row.agent == self.agent) {
            self.totals.merge(&row.totals);
            match self.threads.iter_mut().find(|known| known.thread == row.thread) {
                Some(known) => known.totals.merge(&row.totals),
                None => self.threads.push(ThreadEnd {
                    thread: row.thread.clone(),
                    role: row.role.clone(),
                    depth: row.depth,
                    totals: row.totals.clone(),
                    model_changes: read.tally.model_changes(&row.thread),
                }),
            }
        }
        self.totals.unobserved = self.agent.as_ref().is_some_and(|agent| read.unobserved.contains(agent));
        self.model_changes = self.threads.iter().map(|thread| thread.model_changes).sum();
        self.spent = self.unit.and_then(|unit| self.totals.amount(unit));
        if self.threads.len() < 2 {
            self.threads.clear();
        }
        for told in read.told.iter().filter(|told| told.agent == self.agent && !told.would) {
            if told.is_decision() {
                *self.decisions.entry(told.what.clone()).or_default() += 1;
            }
        }
        let roots = read.threads.iter().filter(|thread| thread.agent == self.agent && thread.thread == thread.root);
        self.thread = roots.map(|thread| thread.thread.clone()).next_back();
    }
}

/// What was shared out, in the order of the first share.
fn pools(events: &[Event]) -> Vec<PoolEnd> {
    let mut pools: Vec<PoolEnd> = Vec::new();
    for event in events {
        let (EventKind::Allotted { budget, scope, unit, .. } | EventKind::Pooled { budget, scope, unit, .. }) =
            &event.kind
        else {
            continue;
        };
        let Some(unit) = Unit::from_str_exact(unit) else { continue };
        let is_it = |pool: &PoolEnd| pool.budget == *budget && pool.scope == *scope;
        let place = pools.iter().position(is_it).unwrap_or_else(|| {
            let (budget, scope) = (budget.clone(), scope.clone());
            pools.push(PoolEnd { budget, scope, unit, allotted: 0, start: 0, given: 0, got_back: 0, left: 0 });
            pools.len() - 1
        });
        let Some(of) = pools.get_mut(place) else { continue };
        match &event.kind {
            EventKind::Allotted { amount, pool, .. } => {
                (of.allotted, of.start, of.left) = (of.allotted.saturating_add(*amount), *pool, *pool);
            }
            EventKind::Pooled { moved: Moved::Extended, amount, pool, .. } => {
                (of.given, of.left) = (of.given.saturating_add(*amount), *pool);
            }
            EventKind::Pooled { moved: Moved::GivenBack, amount, pool, .. } => {
                (of.got_back, of.left) = (of.got_back.saturating_add(*amount), *pool);
            }
            _ => {}
        }
    }
    pools
}

impl Serialize for AgentEnd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unit = self.unit.unwrap_or(Unit::Usd);
        let amount = |amount: Option<i64>| amount.map(|amount| Amount(unit, amount));
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("agent", &self.agent)?;
        map.serialize_entry("result", &self.result)?;
        map.serialize_entry("exit_code", &self.code)?;
        map.serialize_entry("attempts", &self.attempts)?;
        map.serialize_entry("responses", &self.totals.responses)?;
        map.serialize_entry("cost_usd", &self.totals.known_cost())?;
        map.serialize_entry("unobserved", &self.totals.unobserved)?;
        map.serialize_entry("unit", unit.as_str())?;
        map.serialize_entry("expected", &amount(self.expected))?;
        map.serialize_entry("allotted", &amount(self.allotted))?;
        map.serialize_entry("given", &Amount(unit, self.given))?;
        map.serialize_entry("returned", &Amount(unit, self.returned))?;
        map.serialize_entry("spent", &amount(self.spent))?;
        map.serialize_entry("model_changes", &self.model_changes)?;
        map.serialize_entry("decisions", &self.decisions)?;
        let check = self.examined.as_ref().and_then(|examined| examined.check.as_ref());
        let changed = self.examined.as_ref().and_then(|examined| examined.changed);
        map.serialize_entry("check", &check.map(|check| &check.command))?;
        map.serialize_entry("check_passed", &check.map(|check| check.end == CheckEnd::Passed))?;
        map.serialize_entry("files_changed", &changed.map(|changed| changed.files))?;
        map.serialize_entry("lines_added", &changed.map(|changed| changed.added))?;
        map.serialize_entry("lines_removed", &changed.map(|changed| changed.removed))?;
        map.serialize_entry("reviewed_by", &self.reviewed_by)?;
        map.serialize_entry("because", &self.because)?;
        map.serialize_entry("thread", &self.thread)?;
        map.end()
    }
}

impl Serialize for PoolEnd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let amount = |amount| Amount(self.unit, amount);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("budget", &self.budget)?;
        map.serialize_entry("scope", &self.scope)?;
        map.serialize_entry("unit", self.unit.as_str())?;
        map.serialize_entry("allotted", &amount(self.allotted))?;
        map.serialize_entry("start", &amount(self.start))?;
        map.serialize_entry("given", &amount(self.given))?;
        map.serialize_entry("got_back", &amount(self.got_back))?;
        map.serialize_entry("drawn", &amount(self.drawn()))?;
        map.serialize_entry("left", &amount(self.left))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use crate::report::tests::sample;

    #[test]
    fn agents_teams_models_and_threads_come_to_the_runs_total_and_a_pool_to_what_it_had() {
        let report = sample::fleet_run();
        let total = report.totals.cost;
        let fleet = &report.fleet;
        assert_eq!(fleet.agents.iter().map(|agent| agent.totals.cost).sum::<crate::model::Money>(), total);
        assert_eq!(fleet.teams.values().map(|of| of.cost).sum::<crate::model::Money>(), total);
        assert_eq!(fleet.models.values().map(|of| of.cost).sum::<crate::model::Money>(), total);
        for agent in fleet.agents.iter().filter(|agent| !agent.threads.is_empty()) {
            let threads = agent.threads.iter().map(|thread| thread.totals.cost);
            assert_eq!(threads.sum::<crate::model::Money>(), agent.totals.cost);
        }
        let pool = &fleet.pools[0];
        let drawn = pool.drawn();
        assert_eq!(pool.start - pool.given + pool.got_back - drawn, pool.left);
        let beyond = |agent: &&super::AgentEnd| {
            agent.spent.unwrap() - agent.allotted.unwrap_or(0) - agent.given + agent.returned
        };
        assert_eq!(fleet.agents.iter().map(|agent| beyond(&agent).max(0)).sum::<i64>(), drawn);
        assert_eq!(fleet.agents.iter().filter_map(|agent| agent.allotted).sum::<i64>(), pool.allotted);
        assert_eq!(fleet.agents.iter().map(|agent| agent.given).sum::<i64>(), pool.given);
    }

    #[test]
    fn a_run_of_one_command_is_no_fleet() {
        assert_eq!(sample::run().fleet, super::FleetEnd::default());
    }
}
