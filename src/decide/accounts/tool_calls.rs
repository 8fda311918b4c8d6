//! Budgets in tool calls: counted when a tool is let run or refused, judged while it waits.

use crate::model::{Dimension, ThreadId, Unit};
use crate::policy::rule::Budget;
use crate::policy::verdict::judge;

use super::account::Account;
use super::claims::is_shared;
use super::ids::AccountId;
use super::{Accounts, Spenders};
use crate::decide::agents::Agent;
use crate::decide::agents::ids::AgentId;
use crate::decide::context::Context;

/// Some budget counts tool calls.
pub(in crate::decide) fn are_counted(accounts: &Accounts) -> bool {
    accounts.rules.iter().any(|budget| counts_calls(budget))
}

/// A tool of this thread waits: what it falls under is opened, and counted with what others called.
pub(in crate::decide) fn open(
    accounts: &mut Accounts,
    cx: &Context<'_>,
    by: &Spenders<'_>,
    who: AgentId,
    thread: &ThreadId,
) {
    let rules = accounts.rules.clone();
    for budget in rules.iter().filter(|budget| counts_calls(budget)) {
        let agent = &by.agents[who];
        let place = Account::place(budget, cx.policy.timezone, cx.now.wall, |dimension| {
            by.call_value(agent, thread, dimension)
        });
        if let Some(account) = place {
            accounts.open(cx, account, who);
        }
    }
    recount(accounts, cx);
}

/// A tool may have waited since it came to the gate: what others called meanwhile is counted before any is let run.
pub(in crate::decide) fn recount_waiting(accounts: &mut Accounts, cx: &Context<'_>, by: &Spenders<'_>) {
    if by.agents.values().any(|agent| agent.gate.tools().next().is_some()) {
        recount(accounts, cx);
    }
}

/// What others may have called is read from the ledger, which has each call of this run that was let run before.
fn recount(accounts: &mut Accounts, cx: &Context<'_>) {
    for account in accounts.list.iter_mut().filter(|account| !account.is_past(cx.now.wall)) {
        if counts_calls(&account.rule) && is_shared(&account.rule) {
            account.recount(cx.books);
        }
    }
}

/// A call of this thread was let run, or refused.
pub(in crate::decide) fn charge(accounts: &mut Accounts, by: &Spenders<'_>, who: AgentId, thread: &ThreadId) {
    let agent = &by.agents[who];
    let counts = |account: &&mut Account| {
        let calls = counts_calls(&account.rule) && account.agents.contains(&who);
        calls && by.falls_under(account, agent, thread)
    };
    for account in accounts.list.iter_mut().filter(counts) {
        account.spent = account.spent.saturating_add(1);
    }
}

/// No limit in tool calls keeps a tool of the agent from running, whatever else holds the agent.
pub(in crate::decide) fn fit(accounts: &Accounts, cx: &Context<'_>, by: &Spenders<'_>, who: AgentId) -> bool {
    let fits = |id: AccountId| {
        if accounts.observes(id) || !accounts.concerns(by, id, who) {
            return true;
        }
        let fired = judge(&accounts[id].rule, &accounts.standing(cx, by, id, who));
        fired.is_none_or(|fired| !fired.verb.is_hard())
    };
    accounts.ids().filter(|id| counts_calls(&accounts[*id].rule)).all(fits)
}

impl Spenders<'_> {
    /// A tool of the agent waits that this account would count: 1 for the next one, however many wait. Each is judged when
    /// those before it have run.
    pub(in crate::decide) fn calls_waiting(&self, account: &Account, agent: &Agent) -> i64 {
        let waits = agent.gate.tools().any(|thread| self.falls_under(account, agent, thread));
        i64::from(waits)
    }

    fn falls_under(&self, account: &Account, agent: &Agent, thread: &ThreadId) -> bool {
        account.holds(|dimension| self.call_value(agent, thread, dimension))
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
