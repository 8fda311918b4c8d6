//! Pure. Budgets in tool calls: counted when a tool is let run or refused, judged while it waits.

use crate::model::{AgentName, Dimension, ThreadId, Unit};
use crate::policy::rule::Budget;
use crate::policy::verdict::judge;

use super::account::Account;
use super::claims::is_shared;
use super::{Accounts, Spenders};
use crate::decide::agent::Agent;
use crate::decide::context::Context;

impl Accounts {
    /// Some budget counts tool calls.
    pub(in crate::decide) fn counts_calls(&self) -> bool {
        self.rules.iter().any(|budget| counts_calls(budget))
    }

    /// A tool of this thread waits: what it falls under is opened, and counted with what others called.
    pub(in crate::decide) fn open_for_call(
        &mut self,
        cx: &Context<'_>,
        by: &Spenders<'_>,
        name: &AgentName,
        thread: &ThreadId,
    ) {
        let rules = self.rules.clone();
        for (index, budget) in rules.iter().enumerate().filter(|(_, budget)| counts_calls(budget)) {
            let Some(agent) = by.agents.get(name) else { return };
            let place = Account::place(index, budget, cx.policy.timezone, cx.now.wall, |dimension| {
                by.call_value(agent, thread, dimension)
            });
            if let Some(account) = place {
                self.open(cx, account, name);
            }
        }
        self.recount_calls(cx);
    }

    /// A tool may have waited since it came to the gate: what others called meanwhile is counted before any is let run.
    pub(in crate::decide) fn recount_for_waiting(&mut self, cx: &Context<'_>, by: &Spenders<'_>) {
        if by.agents.values().any(|agent| agent.gate.tools().next().is_some()) {
            self.recount_calls(cx);
        }
    }

    /// What others may have called is read from the ledger, which has each call of this run that was let run before.
    fn recount_calls(&mut self, cx: &Context<'_>) {
        for account in self.list.iter_mut().filter(|account| !account.is_past(cx.now.wall)) {
            if counts_calls(&account.rule) && is_shared(&account.rule) {
                account.recount(cx.books);
            }
        }
    }

    /// A call of this thread was let run, or refused.
    pub(in crate::decide) fn charge_call(&mut self, by: &Spenders<'_>, name: &AgentName, thread: &ThreadId) {
        let Some(agent) = by.agents.get(name) else { return };
        let charged: Vec<usize> = (0..self.list.len())
            .filter(|index| {
                self.get(*index).is_some_and(|account| {
                    counts_calls(&account.rule)
                        && account.agents.contains(name)
                        && by.falls_under(account, agent, thread)
                })
            })
            .collect();
        for index in charged {
            if let Some(account) = self.list.get_mut(index) {
                account.spent = account.spent.saturating_add(1);
            }
        }
    }

    /// No limit in tool calls keeps a tool of the agent from running, whatever else holds the agent.
    pub(in crate::decide) fn calls_fit(&self, cx: &Context<'_>, by: &Spenders<'_>, name: &AgentName) -> bool {
        (0..self.list.len()).all(|index| {
            let Some(account) = self.get(index).filter(|account| counts_calls(&account.rule)) else { return true };
            let standing = self.standing(cx, by, index, name).filter(|_| self.concerns(by, index, name));
            let fired = standing.and_then(|standing| judge(&account.rule, &standing));
            self.observes(index) || fired.is_none_or(|fired| !fired.verb.is_hard())
        })
    }
}

impl Spenders<'_> {
    /// A tool of the agent waits that this account would count: 1 for the next one, however many wait. Each is judged when
    /// those before it have run.
    pub(in crate::decide) fn calls_waiting(&self, account: &Account, agent: &Agent) -> i64 {
        let waits = agent.gate.tools().any(|thread| self.falls_under(account, agent, thread));
        i64::from(waits)
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
