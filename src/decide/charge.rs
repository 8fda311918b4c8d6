//! Pure. What was spent, and what is about to be, against each budget it falls under.

use std::time::Duration;

use crate::model::{AgentName, Dimension, Money, Response, Unit};
use crate::policy::rule::{Budget, Window};
use crate::policy::verdict::Standing;

use super::account::{Account, Books, amount};
use super::agent::Agent;
use super::effect::Effect;
use super::governor::Governor;
use super::input::{Moment, Phase, Timer};
use super::lifecycle::State;

impl Governor {
    pub(super) fn open(&mut self, mut account: Account, agent: &AgentName, books: &dyn Books) -> Option<usize> {
        let found = self.accounts.iter().position(|a| a.key == account.key && a.budget == account.budget);
        if let Some(index) = found {
            if let Some(account) = self.accounts.get_mut(index) {
                account.agents.insert(agent.clone());
            }
            return None;
        }
        let budget = self.policy.budgets.get(account.budget)?;
        account.open(budget, books);
        if matches!(budget.window, Window::Life) && account.spent > 0 {
            account.pass_mild_steps(budget);
        }
        account.agents.insert(agent.clone());
        self.accounts.push(account);
        Some(self.accounts.len() - 1)
    }

    /// Adds a response to the accounts it falls under. An account that is opened for it has it
    /// already: the ledger is asked after the response was written.
    pub(super) fn charge(&mut self, response: &Response, own: Option<&AgentName>, books: &dyn Books) {
        for index in 0..self.policy.budgets.len() {
            let Some(budget) = self.policy.budgets.get(index) else { continue };
            let value = |dimension: &Dimension| response.get(dimension).map(str::to_owned);
            let Some(place) = Account::place(index, budget, self.policy.timezone, response.at, value) else { continue };
            let unit = place.key.unit;
            let opened = match own {
                Some(agent) => self.open(place.clone(), agent, books).is_some(),
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

    /// What this run's live threads are likely to add to an account: the largest recent response
    /// of each that is between requests or has one under way.
    pub(super) fn predicted(&self, account: &Account, price: impl Fn(&Agent, &Response) -> i64) -> i64 {
        let matches = |response: &Response| {
            account.per.iter().zip(&account.values).all(|(dim, value)| response.get(dim) == value.as_deref())
        };
        account
            .agents
            .iter()
            .filter_map(|name| self.agents.get(name))
            .flat_map(|agent| agent.threads.values().map(move |thread| (agent, thread)))
            .filter(|(_, thread)| thread.phase != Phase::Idle)
            .filter_map(|(agent, thread)| thread.recent().filter(|r| matches(r)).map(|r| price(agent, r)).max())
            .fold(0_i64, i64::saturating_add)
    }

    pub(super) fn standing(&self, account: &Account, budget: &Budget, name: &AgentName, books: &dyn Books) -> Standing {
        let unit = account.key.unit;
        let others = if is_shared(budget) { books.reserved_by_others(&account.key) } else { 0 };
        let own = self.predicted(account, |_, response| amount(response, unit));
        let agent = self.agents.get(name);
        let rung = agent.filter(|agent| agent.setup.restartable).and_then(|agent| self.next_rung(agent));
        let routed = rung.map(|rung| {
            self.predicted(account, |_, response| match unit {
                Unit::Usd => (self.quote)(&rung.model, &response.tier, response.at, &response.tokens)
                    .money()
                    .map_or(i64::MAX, Money::nanos),
                _ => amount(response, unit),
            })
        });
        Standing {
            limit: account.limit(),
            spent: account.spent,
            reserved: own.saturating_add(others),
            reserved_if_routed: routed.map(|routed| routed.saturating_add(others)),
            turn_under_way: agent.is_some_and(Agent::turn_under_way),
            fired: account.fired,
        }
    }

    /// Claims what the live threads are likely to add; a held agent claims nothing.
    pub(super) fn reserve(&mut self, name: &AgentName) {
        let held = |agent: &Agent| !matches!(agent.state, State::Running | State::Starting(_));
        let mut claims = Vec::new();
        for (index, account) in self.accounts.iter().enumerate().filter(|(_, a)| a.agents.contains(name)) {
            let idle = account.agents.iter().filter_map(|name| self.agents.get(name)).all(held);
            let unit = account.key.unit;
            let amount = if idle { 0 } else { self.predicted(account, |_, response| amount(response, unit)) };
            if amount != account.reserved {
                claims.push((index, amount));
            }
        }
        for (index, amount) in claims {
            let Some(account) = self.accounts.get_mut(index) else { continue };
            account.reserved = amount;
            if self.policy.budgets.get(account.budget).is_some_and(is_shared) {
                self.effects.push(Effect::Reserve { key: account.key.clone(), amount });
            }
        }
    }

    pub(super) fn arm_minutes(&mut self, now: Moment) {
        self.count_minutes(now);
        let running = self.agents.values().any(|agent| agent.state == State::Running);
        let soonest = self
            .accounts()
            .filter(|(_, account)| account.key.unit == Unit::Minutes)
            .flat_map(|(budget, account)| budget.steps.iter().filter_map(|step| account.until(step.at)))
            .min();
        if let Some(ahead) = soonest.filter(|_| running) {
            let wait = Duration::from_millis(ahead.unsigned_abs()) + Duration::from_millis(1);
            self.effects.push(Effect::Arm(Timer::Minutes, wait));
        }
    }

    pub(super) fn count_minutes(&mut self, now: Moment) {
        for account in self.accounts.iter_mut().filter(|account| account.key.unit == Unit::Minutes) {
            let active: Duration =
                account.agents.iter().filter_map(|name| self.agents.get(name)).map(|a| a.active(now.uptime)).sum();
            account.spent = i64::try_from(active.as_millis()).unwrap_or(i64::MAX);
        }
    }

    pub(super) fn account(&self, index: usize) -> Option<(&Account, &Budget)> {
        let account = self.accounts.get(index)?;
        Some((account, self.policy.budgets.get(account.budget)?))
    }
}

/// Others may spend from it at the same time.
fn is_shared(budget: &Budget) -> bool {
    !matches!(budget.window, Window::Life)
}
