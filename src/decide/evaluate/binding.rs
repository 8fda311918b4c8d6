//! Whether what is due binds an agent here, or is only said.

use crate::model::Unit;

use crate::policy::rule::Policy;

use crate::decide::accounts::Accounts;
use crate::decide::context::Context;
use crate::decide::evaluate::due::{Due, Source};

/// It is a budget in minutes that asks for this.
pub(in crate::decide) fn counts_time(accounts: &Accounts, source: Source) -> bool {
    let Source::Step { account, .. } = source else { return false };
    accounts[account].key.unit == Unit::Minutes
}

pub(in crate::decide) fn observes(cx: &Context<'_>, accounts: &Accounts, source: Source) -> bool {
    match source {
        Source::Step { account, .. } => accounts.observes(account),
        Source::Alert(alert) => cx.policy.observe || cx.fixed.alerts[alert].observe,
    }
}

/// Keeps the agent from its next request.
pub(in crate::decide) fn is_hard(cx: &Context<'_>, accounts: &Accounts, due: &Due) -> bool {
    due.verb.is_hard() && !observes(cx, accounts, due.source)
}

pub(in crate::decide) fn counts_minutes(accounts: &Accounts, source: Source) -> bool {
    let Source::Step { account, .. } = source else { return false };
    accounts[account].key.unit == Unit::Minutes
}

/// The policy can hold or end an agent here, by its budgets or by the models that it allows.
pub(in crate::decide) fn gates(policy: &Policy, accounts: &Accounts) -> bool {
    let at_gate = policy.models.restricts() || policy.has_gates() || policy.limits_spawns();
    accounts.enforces() || (!policy.observe && at_gate)
}
