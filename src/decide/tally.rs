//! Pure. Budgets in tool calls: counted when a tool is let run or refused, judged while it waits.

use crate::model::{AgentName, Dimension, ThreadId, Unit};
use crate::policy::rule::Budget;
use crate::policy::verdict::judge;

use super::account::Account;
use super::agent::Agent;
use super::charge::is_shared;
use super::context::Context;
use super::governor::Governor;

impl Governor {
    /// Some budget counts tool calls.
    pub(super) fn counts_calls(&self) -> bool {
        self.rules.iter().any(|budget| counts_calls(budget))
    }

    /// A tool of this thread waits: what it falls under is opened, and counted with what others called.
    pub(super) fn open_for_call(&mut self, cx: &Context<'_>, name: &AgentName, thread: &ThreadId) {
        let rules = self.rules.clone();
        for (index, budget) in rules.iter().enumerate().filter(|(_, budget)| counts_calls(budget)) {
            let Some(agent) = self.agents.get(name) else { return };
            let place = Account::place(index, budget, cx.policy.timezone, cx.now.wall, |dimension| {
                self.call_value(agent, thread, dimension)
            });
            if let Some(account) = place {
                self.open(cx, account, name);
            }
        }
        self.recount_calls(cx);
    }

    /// A tool may have waited since it came to the gate: what others called meanwhile is counted before any is let run.
    pub(super) fn recount_for_waiting(&mut self, cx: &Context<'_>) {
        if self.agents.values().any(|agent| agent.gate.tools().next().is_some()) {
            self.recount_calls(cx);
        }
    }

    /// What others may have called is read from the ledger, which has each call of this run that was let run before.
    fn recount_calls(&mut self, cx: &Context<'_>) {
        for account in self.accounts.iter_mut().filter(|account| !account.is_past(cx.now.wall)) {
            if counts_calls(&account.rule) && is_shared(&account.rule) {
                account.recount(cx.books);
            }
        }
    }

    /// A call of this thread was let run, or refused.
    pub(super) fn charge_call(&mut self, name: &AgentName, thread: &ThreadId) {
        let Some(agent) = self.agents.get(name) else { return };
        let charged: Vec<usize> = (0..self.accounts.len())
            .filter(|index| {
                self.account(*index).is_some_and(|account| {
                    counts_calls(&account.rule)
                        && account.agents.contains(name)
                        && self.falls_under(account, agent, thread)
                })
            })
            .collect();
        for index in charged {
            if let Some(account) = self.accounts.get_mut(index) {
                account.spent = account.spent.saturating_add(1);
            }
        }
    }

    /// A tool of the agent waits that this account would count: 1 for the next one, however many wait. Each is judged when
    /// those before it have run.
    pub(super) fn calls_waiting(&self, account: &Account, agent: &Agent) -> i64 {
        let waits = agent.gate.tools().any(|thread| self.falls_under(account, agent, thread));
        i64::from(waits)
    }

    /// No limit in tool calls keeps a tool of the agent from running, whatever else holds the agent.
    pub(super) fn calls_fit(&self, cx: &Context<'_>, name: &AgentName) -> bool {
        (0..self.accounts.len()).all(|index| {
            let Some(account) = self.account(index).filter(|account| counts_calls(&account.rule)) else { return true };
            let standing = self.standing(cx, index, name).filter(|_| self.concerns(index, name));
            let fired = standing.and_then(|standing| judge(&account.rule, &standing));
            self.observes_account(index) || fired.is_none_or(|fired| !fired.verb.is_hard())
        })
    }

    fn falls_under(&self, account: &Account, agent: &Agent, thread: &ThreadId) -> bool {
        let value = |dimension: &Dimension| self.call_value(agent, thread, dimension);
        let same = account.per.iter().zip(&account.values).all(|(dimension, wanted)| value(dimension) == *wanted);
        same && account.rule.only.iter().all(|(dimension, patterns)| {
            value(dimension).is_some_and(|found| patterns.iter().any(|pattern| pattern.is_match(&found)))
        })
    }

    fn call_value(&self, agent: &Agent, thread: &ThreadId, dimension: &Dimension) -> Option<String> {
        match dimension {
            Dimension::Thread => Some(thread.to_string()),
            Dimension::Model => agent.threads.get(thread)?.model.as_ref().map(ToString::to_string),
            other => agent.value(&self.fixed.run, other),
        }
    }
}

fn counts_calls(budget: &Budget) -> bool {
    budget.unit() == Unit::ToolCalls
}
