//! Pure. What was spent, and what is about to be, against each budget it falls under.

use std::time::Duration;

use crate::model::{AgentName, Dimension, Response, ThreadId, Unit};
use crate::policy::rule::{Budget, Rung, Window};
use crate::policy::verdict::Standing;

use super::account::{Account, amount};
use super::agent::Agent;
use super::context::Context;
use super::effect::Effect;
use super::foretold::binds;
use super::governor::Governor;
use super::input::{Moment, Timer};
use super::lifecycle::State;

/// Who was first to record a response.
#[derive(Clone, Copy, Debug)]
pub(super) enum Recorded<'a> {
    /// This run.
    Here,
    /// Another run or an import, like this.
    Elsewhere(&'a Response),
}

impl Governor {
    /// Opens the accounts that an agent's spend of this moment falls under, as far as they are known
    /// before a model answers.
    pub(super) fn open_current(&mut self, cx: &Context<'_>, name: &AgentName) {
        let Some(agent) = self.agents.get(name) else { return };
        let timezone = cx.policy.timezone;
        let known_late = |dim: &Dimension| matches!(dim, Dimension::Thread | Dimension::Model);
        let budgets = self.rules.iter().enumerate();
        // To place an account takes a calendar; to see that it is there does not.
        let is_open = |index: usize, budget: &Budget| {
            let mut own = self.accounts.iter().filter(|a| a.budget == index && a.agents.contains(name));
            own.any(|a| {
                let current = matches!(budget.window, Window::Rolling(_)) || a.bounds.contains(cx.now.wall);
                current && a.per.iter().zip(&a.values).all(|(dim, value)| agent.value(cx.run, dim) == *value)
            })
        };
        let mut places: Vec<Account> = budgets
            .filter(|(index, budget)| !budget.per.iter().any(known_late) && !is_open(*index, budget))
            .filter_map(|(index, budget)| {
                Account::place(index, budget, timezone, cx.now.wall, |dim| agent.value(cx.run, dim))
            })
            .collect();
        let past = self.accounts.iter().filter(|account| account.is_past(cx.now.wall) && account.agents.contains(name));
        places.extend(past.filter_map(|account| account.in_window_of(timezone, cx.now.wall)));
        for account in places {
            self.open(cx, account, name);
        }
    }

    /// Opens the accounts of the thread and the model that Codex names before it asks: one that is spent binds this very
    /// request, in a new run as well.
    pub(super) fn open_for_request(&mut self, cx: &Context<'_>, name: &AgentName, thread: &ThreadId) {
        let Some(agent) = self.agents.get(name) else { return };
        let model = agent.threads.get(thread).and_then(|thread| thread.model.as_ref());
        let value = |dimension: &Dimension| match dimension {
            Dimension::Thread => Some(thread.to_string()),
            Dimension::Model => model.map(ToString::to_string),
            other => agent.value(cx.run, other),
        };
        let known = |dimension: &Dimension| *dimension != Dimension::Model || model.is_some();
        let late = |dimension: &&Dimension| matches!(dimension, Dimension::Thread | Dimension::Model);
        let budgets = self.rules.iter().enumerate();
        let places: Vec<Account> = budgets
            .filter(|(_, budget)| {
                let mut late = budget.per.iter().chain(budget.only.iter().map(|(dim, _)| dim)).filter(late).peekable();
                late.peek().is_some() && late.all(known)
            })
            .filter_map(|(index, budget)| Account::place(index, budget, cx.policy.timezone, cx.now.wall, value))
            .collect();
        for place in places {
            self.open(cx, place, name);
        }
    }

    pub(super) fn open(&mut self, cx: &Context<'_>, mut account: Account, agent: &AgentName) -> Option<usize> {
        let found = self.accounts.iter_mut().find(|a| a.key == account.key && a.budget == account.budget);
        if let Some(found) = found {
            found.agents.insert(agent.clone());
            return None;
        }
        account.open(cx.books);
        if matches!(account.rule.window, Window::Life) && account.spent > 0 {
            account.pass_mild_steps();
        }
        account.agents.insert(agent.clone());
        self.accounts.push(account);
        Some(self.accounts.len() - 1)
    }

    /// Adds a response to the accounts it falls under. An account that is opened for it has it
    /// already: the ledger is asked after the response was written.
    pub(super) fn charge(&mut self, cx: &Context<'_>, response: &Response, own: Option<&AgentName>) {
        for index in 0..self.rules.len() {
            let Some(budget) = self.rules.get(index) else { continue };
            let value = |dimension: &Dimension| response.get(dimension).map(str::to_owned);
            let Some(place) = Account::place(index, budget, cx.policy.timezone, response.at, value) else { continue };
            let unit = place.key.unit;
            let opened = match own {
                Some(agent) => self.open(cx, place.clone(), agent).is_some(),
                None => false,
            };
            if opened {
                continue;
            }
            for account in self.accounts.iter_mut().filter(|a| a.key == place.key && a.budget == index) {
                account.spent = account.spent.saturating_add(amount(response, unit));
            }
        }
    }

    /// Adds a response that another run, or an import, was first to record: accounts that count it as it is `recorded`
    /// have it from the ledger, and the others have not, whether they are opened for it or were before: those of this
    /// run, and those of a team, say, that the other run was not told of.
    pub(super) fn charge_beside(
        &mut self,
        cx: &Context<'_>,
        response: &Response,
        recorded: &Response,
        own: Option<&AgentName>,
    ) {
        for index in 0..self.rules.len() {
            let Some(budget) = self.rules.get(index) else { continue };
            let value = |dimension: &Dimension| response.get(dimension).map(str::to_owned);
            let Some(place) = Account::place(index, budget, cx.policy.timezone, response.at, value) else { continue };
            let has_it = !place.per.contains(&Dimension::Run) && place.counts(recorded);
            let key = place.key.clone();
            if let Some(agent) = own {
                self.open(cx, place, agent);
            }
            for account in self.accounts.iter_mut().filter(|a| !has_it && a.key == key && a.budget == index) {
                let amount = amount(response, key.unit);
                account.spent = account.spent.saturating_add(amount);
                account.beside = account.beside.saturating_add(amount);
            }
        }
    }

    /// Adds a response to the accounts it falls under, whoever has recorded it.
    pub(super) fn charge_as(
        &mut self,
        cx: &Context<'_>,
        recorded: Recorded<'_>,
        response: &Response,
        own: Option<&AgentName>,
    ) {
        match recorded {
            Recorded::Here => self.charge(cx, response, own),
            Recorded::Elsewhere(row) => self.charge_beside(cx, response, row, own),
        }
    }

    /// How an account stands for one of its agents.
    pub(super) fn standing(&self, cx: &Context<'_>, index: usize, name: &AgentName) -> Option<Standing> {
        let account = self.account(index)?;
        let agent = self.agents.get(name)?;
        let reserved = self.reserved_with(cx, index, agent, agent.next_model())?;
        let fits = account.spent < account.limit() && account.spent.saturating_add(reserved) <= account.limit();
        let settled = agent.settled.get(&index).filter(|_| fits);
        let began_before = agent.began_spent.as_ref().is_none_or(|spent| !spent.contains(&index));
        // A route that has to wait makes no room for a request that does not.
        let routed = if agent.is_at_safe_point() { self.reserved_if_routed(cx, index, agent) } else { None };
        Some(Standing {
            limit: account.limit(),
            spent: account.spent,
            reserved,
            all_sent: agent.has_sent_all(),
            reserved_if_routed: routed,
            turn_under_way: agent.turn_under_way() && began_before,
            fired: account.fired.max(agent.fired.get(&index).max(settled).copied()).max(account.answered_step()),
        })
    }

    /// What would be reserved of an account if the agent went on with its next model down; `None`
    /// where it can't.
    pub(super) fn reserved_if_routed(&self, cx: &Context<'_>, index: usize, agent: &Agent) -> Option<i64> {
        let rung = self.next_rung(agent).filter(|_| agent.setup.restartable)?;
        self.reserved_with(cx, index, agent, Some(&rung))
    }

    /// What is reserved of an account with the agent on this model: others' claims and what its own
    /// and its peers' threads are likely to add.
    fn reserved_with(&self, cx: &Context<'_>, index: usize, agent: &Agent, rung: Option<&Rung>) -> Option<i64> {
        let account = self.account(index)?;
        let own = self.predicted(account, agent, rung);
        Some(own.saturating_add(self.reserved_beside(cx, account, agent)))
    }

    /// What others than this agent have reserved of an account.
    pub(super) fn reserved_beside(&self, cx: &Context<'_>, account: &Account, agent: &Agent) -> i64 {
        let others = if is_shared(&account.rule) { cx.books.reserved_by_others(&account.key).max(0) } else { 0 };
        let peers = account.agents.iter().filter(|peer| **peer != agent.setup.name);
        let beside = peers.filter_map(|peer| self.agents.get(peer)).map(|peer| self.claim(account, peer));
        let asked = self.adviser.as_ref().map_or(0, |adviser| adviser.claim(account));
        let first = self.waited_before(account, agent);
        beside.chain([asked, first]).fold(others, i64::saturating_add)
    }

    /// What is left of an account beside all that is claimed; who is `held` adds no more than it was promised.
    pub(super) fn free(&self, cx: &Context<'_>, account: &Account, held: Option<&AgentName>) -> i64 {
        let others = if is_shared(&account.rule) { cx.books.reserved_by_others(&account.key).max(0) } else { 0 };
        let own = self.adviser.as_ref().map_or(0, |adviser| adviser.claim(account));
        let claim = |name: &AgentName| match self.agents.get(name) {
            _ if held == Some(name) => self.promised(account, name),
            Some(agent) => self.claim(account, agent),
            None => 0,
        };
        let claimed = account.agents.iter().map(claim).fold(others.saturating_add(own), i64::saturating_add);
        account.limit().saturating_sub(account.spent).saturating_sub(claimed)
    }

    /// What an account must keep for an agent: what it is likely to add while it works, or was promised.
    pub(super) fn claim(&self, account: &Account, agent: &Agent) -> i64 {
        let next = if agent.is_stopping_for_room() && !agent.is_held_at_gate() {
            // Who is about to stand still for others' claims must not be what they wait for, save for what it has sent.
            self.predicted_of_sent(account, agent)
        } else if agent.is_held_at_gate() || agent.works() {
            self.predicted_beside(account, agent)
        } else {
            0
        };
        next.max(self.promised(account, &agent.setup.name))
    }

    /// The account binds what the agent does next. Where it is per model or thread, only as long as
    /// one of the agent's threads is of that kind.
    pub(super) fn concerns(&self, index: usize, name: &AgentName) -> bool {
        let (Some(account), Some(agent)) = (self.account(index), self.agents.get(name)) else { return false };
        if !account.agents.contains(name) {
            return false;
        }
        let known_late = |dim: &Dimension| matches!(dim, Dimension::Thread | Dimension::Model);
        let dims = account.per.iter().chain(account.rule.only.iter().map(|(dim, _)| dim));
        if !dims.into_iter().any(known_late) {
            return true;
        }
        if account.key.unit == Unit::ToolCalls {
            return self.calls_waiting(account, agent) > 0;
        }
        let rung = agent.next_model();
        agent.threads.iter().any(|(id, thread)| {
            let last = thread.recent().last();
            match (rung.map(|rung| &rung.model).filter(|_| last.is_some()).or(thread.model.as_ref()), last) {
                (Some(model), _) => binds(account, id, Some(model)),
                (None, Some(last)) => account.counts(last),
                (None, None) => false,
            }
        })
    }

    /// Claims what the live threads are likely to add, or what their agents were promised; one that is held and was
    /// promised nothing claims nothing.
    pub(super) fn reserve(&mut self, cx: &Context<'_>, name: &AgentName) {
        let mut claims = Vec::new();
        for (index, account) in self.accounts.iter().enumerate().filter(|(_, a)| a.agents.contains(name)) {
            // A tool call is judged and counted in one transaction: nothing is claimed in between.
            let claims_none = account.key.unit == Unit::ToolCalls;
            let agents = account.agents.iter().filter_map(|name| self.agents.get(name));
            // With the last agent all is over.
            let asked = self.adviser.as_ref().filter(|_| self.agents.values().any(Agent::is_live));
            let asked = asked.map(|adviser| adviser.claim(account));
            let amount = agents
                .map(|agent| self.claim(account, agent))
                .chain(asked)
                .filter(|_| !account.is_past(cx.now.wall) && !claims_none)
                .fold(0_i64, i64::saturating_add);
            if amount != account.reserved || !account.is_claimed_so {
                claims.push((index, amount));
            }
        }
        for (index, amount) in claims {
            let Some(account) = self.accounts.get_mut(index) else { continue };
            (account.reserved, account.is_claimed_so) = (amount, true);
            if is_shared(&account.rule) {
                self.effects.push(Effect::Reserve { key: account.key.clone(), amount });
            }
        }
    }

    pub(super) fn reserve_all(&mut self, cx: &Context<'_>) {
        for name in self.names() {
            self.reserve(cx, &name);
        }
    }

    pub(super) fn arm_minutes(&mut self, cx: &Context<'_>) {
        self.lifted_time = false;
        self.count_minutes(cx);
        let running = |name: &&AgentName| self.agents.get(name).is_some_and(|agent| agent.state == State::Running);
        let soonest = self
            .accounts
            .iter()
            .filter(|account| account.key.unit == Unit::Minutes)
            .filter_map(|account| {
                let steps = account.rule.steps.iter().filter_map(|step| account.until(step.at));
                let ahead = steps.chain(account.until_grace_ends()).min()?;
                // Time passes as often as agents run.
                let times = u64::try_from(account.agents.iter().filter(running).count()).ok().filter(|n| *n > 0)?;
                Some(ahead.unsigned_abs().div_ceil(times))
            })
            .min();
        if let Some(ahead) = soonest {
            let wait = Duration::from_millis(ahead) + Duration::from_millis(1);
            self.effects.push(Effect::Arm(Timer::Minutes, wait));
        }
    }

    /// Some budget counts minutes.
    pub(super) fn limits_time(&self) -> bool {
        self.rules.iter().any(|budget| budget.unit() == Unit::Minutes)
    }

    /// Time passes by itself: what budgets in minutes have spent is counted when they are judged.
    pub(super) fn count_minutes(&mut self, cx: &Context<'_>) {
        for index in 0..self.accounts.len() {
            let Some(account) = self.accounts.get(index).filter(|account| account.key.unit == Unit::Minutes) else {
                continue;
            };
            let spent = self.active_millis(account, cx.now);
            if let Some(account) = self.accounts.get_mut(index) {
                account.spent = spent;
            }
        }
    }

    /// How long the agents of an account were active, all together.
    pub(super) fn active_millis(&self, account: &Account, now: Moment) -> i64 {
        let own = account.agents.iter().filter_map(|name| self.agents.get(name)).map(|a| a.active(now.uptime));
        // Agents that were over before the run went on are in what the run may take, and in no other's part of it.
        let whole = !account.per.contains(&Dimension::Agent);
        let over = self.over_before.values().filter(|_| whole).copied();
        i64::try_from(own.chain(over).sum::<Duration>().as_millis()).unwrap_or(i64::MAX)
    }

    /// A turn that begins at a limit has no grace.
    pub(super) fn note_turn(&mut self, name: &AgentName) {
        let Some(agent) = self.agents.get(name) else { return };
        let began = match (agent.turn_under_way(), &agent.began_spent) {
            (false, _) => None,
            (true, Some(_)) => return,
            (true, None) => {
                let spent = self
                    .accounts
                    .iter()
                    .enumerate()
                    .filter(|(_, account)| account.agents.contains(name) && account.spent >= account.limit());
                Some(spent.map(|(index, _)| index).collect())
            }
        };
        if let Some(agent) = self.agents.get_mut(name) {
            agent.began_spent = began;
        }
    }

    pub(super) fn account(&self, index: usize) -> Option<&Account> {
        self.accounts.get(index)
    }
}

/// Others may spend from it at the same time.
pub(super) fn is_shared(budget: &Budget) -> bool {
    !matches!(budget.window, Window::Life)
}
