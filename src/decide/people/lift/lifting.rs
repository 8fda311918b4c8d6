//! Limits are lifted: before the run goes on, and by answers.

use crate::model::BudgetKey;
use crate::model::BudgetName;
use crate::model::event::EventKind;
use crate::model::event::Lifts;

use crate::decide::accounts::account::Account;
use crate::decide::accounts::{Accounts, Spenders};
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::context::Context;
use crate::decide::evaluate::rearm;
use crate::decide::message::{About, Effect, Effects};
use crate::decide::people::lift::{Lift, Lifted, Lifting};
use crate::decide::people::permission;

/// Lifts the limit that stopped the run.
///
/// # Errors
/// Why it may not go on so.
pub(in crate::decide) fn lift_limit(
    cx: &Context<'_>,
    lifting: &mut Lifting,
    agents: &mut Agents,
    accounts: &mut Accounts,
    lift: Lift,
) -> Result<(), String> {
    let named = |account: &&Account| lift.budget.as_ref().is_none_or(|budget| account.key.budget == *budget);
    let counts = |account: &&Account| account.key.unit == lift.by_amount.unit && !account.agents.is_empty();
    let mut own = accounts.iter().filter(counts);
    // The budget that stopped it, else the narrowest that counts in this unit: the last one.
    let account = own.clone().find(named).or(own.next_back());
    let Some((key, agent)) = account.and_then(|account| Some((account.key.clone(), *account.agents.first()?))) else {
        return Err(format!("no budget of this run counts what `--extend {}` would lift", lift.by_amount));
    };
    permission::may_be_lifted(accounts, cx, Some((&lift.who, &lift.started_by)), &key, lift.by_amount.amount)
        .map_err(|not| not.to_string())?;
    lift_accounts(agents, accounts, &key, lift.by_amount.amount);
    lifting.lifted = Some(Lifted { lift, key, agent });
    Ok(())
}

/// A person ends an agent: the limit that it waits at still stands in the way of whoever goes on with it.
pub(in crate::decide) fn note_limit_in_the_way(lifting: &mut Lifting, agents: &Agents, who: AgentId) {
    let agent = &agents[who];
    let found = agent
        .held
        .iter()
        .chain(&agent.question)
        .map(|hold| &hold.question)
        .find(|question| question.about == About::Limit);
    if let Some(budget) = found.map(|question| question.key.budget.clone()) {
        lifting.waited_at = Some(budget);
    }
}

/// Something was started by the lifted limit: it is written down, unless other answers have used up meanwhile what
/// they may come to.
pub(in crate::decide) fn book_lift(
    cx: &Context<'_>,
    lifting: &mut Lifting,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
) {
    let Some(Lifted { lift, key, agent }) = lifting.lifted.take() else { return };
    let amount = lift.by_amount.amount;
    match permission::may_be_lifted(accounts, cx, Some((&lift.who, &lift.started_by)), &key, amount) {
        Ok(()) => book_extension(agents, effects, agent, key, amount, &lift.by, None),
        Err(not) => {
            lift_accounts(agents, accounts, &key, amount.saturating_neg());
            effects.push(Effect::Say(format!("not extended: {not}")));
        }
    }
}

/// Raises an allotment by what its pool has, and lifts the whole by what it has not: a person may.
pub(in crate::decide) fn raise(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    key: &BudgetKey,
    amount: i64,
    (by, why): (&str, Option<&str>),
) {
    if let Some((whole, agent, short)) = accounts.beyond_pool(cx, &Spenders::of(cx.fixed, agents), key, amount) {
        extend(agents, accounts, effects, agent, whole, short, (by, why));
    }
    accounts.raise_share(key, amount, why, effects);
}

/// Lifts a limit and writes it down.
pub(in crate::decide) fn extend(
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    key: BudgetKey,
    amount: i64,
    (by, reason): (&str, Option<&str>),
) {
    lift_accounts(agents, accounts, &key, amount);
    book_extension(agents, effects, who, key, amount, by, reason);
}

fn book_extension(
    agents: &Agents,
    effects: &mut Effects,
    who: AgentId,
    key: BudgetKey,
    amount: i64,
    by: &str,
    reason: Option<&str>,
) {
    agents.record(
        Some(who),
        EventKind::Extended {
            budget: key.budget.clone(),
            scope: key.scope.clone(),
            amount,
            unit: key.unit.as_str().to_owned(),
            by: by.to_owned(),
            reason: reason.map(str::to_owned),
        },
        effects,
    );
    let reason = reason.map(str::to_owned);
    effects.push(Effect::Extend { key, amount, by: by.to_owned(), reason });
}

pub(in crate::decide) fn lift_accounts(agents: &mut Agents, accounts: &mut Accounts, key: &BudgetKey, amount: i64) {
    for account in accounts.lift(key, amount) {
        rearm::forget_fired(agents, accounts, account);
    }
}

/// What would have to be lifted of the budget that ended the run, or that it waited at when a person ended it, where
/// people may.
pub(in crate::decide) fn lifts(lifting: &Lifting, accounts: &Accounts, rule: Option<&BudgetName>) -> Option<Lifts> {
    let waited = lifting.waited_at.clone().filter(|_| rule.is_none());
    let rule = rule.or(waited.as_ref())?;
    accounts.iter().filter(|account| account.rule.name == *rule).find_map(|account| {
        let amount = account.offered.filter(|offered| *offered > 0)?;
        let typed = |amount: i64| account.key.unit.typed(amount);
        let needs = account.needed.filter(|needed| *needed > 0).map(typed);
        Some(Lifts { amount: typed(amount), needs, until: account.bounds.end, budget: waited.clone() })
    })
}
