//! What other runs wrote into the same ledger.

use crate::decide::accounts::Accounts;
use crate::decide::agents::Agents;
use crate::decide::context::Context;
use crate::decide::evaluate::{budgets, rearm};
use crate::decide::message::{Effects, News, Settled};
use crate::decide::people::approvals;
use crate::decide::people::lift::lifting;
use crate::decide::tool_gates::answered;

pub(in crate::decide) fn elsewhere(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    news: News,
) {
    if news.many {
        accounts.sum_again(cx);
    }
    for response in &news.responses {
        accounts.charge(cx, response, None);
    }
    for (key, amount) in &news.extensions {
        // What this run allotted is nobody else's to lift.
        if accounts.iter().all(|account| account.key != *key || accounts.pools().of(account).is_none()) {
            lifting::lift_accounts(agents, accounts, key, *amount);
        }
    }
    if !news.answers.is_empty() {
        accounts.pass_answered_steps(cx);
    }
    for Settled { approval, answer, by, reason } in &news.answers {
        if !answered::call_settled(cx, agents, accounts, effects, *approval, answer, (by, reason.as_deref())) {
            approvals::obey(cx, agents, accounts, effects, *approval, (answer, by));
        }
    }
    if !news.extensions.is_empty() {
        approvals::release_who_fits(cx, agents, accounts, effects);
    }
    for who in agents.ids() {
        budgets::evaluate_one(cx, agents, accounts, effects, who);
    }
}

/// Limits are higher by a grant, or lower again: of all accounts, or of those whose grant has ended.
pub(in crate::decide) fn regranted(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    all: bool,
) {
    for account in accounts.regrant(cx, all) {
        rearm::forget_fired(agents, accounts, account);
    }
    if all {
        approvals::release_who_fits(cx, agents, accounts, effects);
        for who in agents.ids() {
            budgets::evaluate_one(cx, agents, accounts, effects, who);
        }
    }
}

/// As `elsewhere` where what others wrote is too much to be told one by one.
pub(in crate::decide) fn recount(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
) {
    for account in accounts.recount(cx) {
        rearm::forget_fired(agents, accounts, account);
    }
    approvals::release_who_fits(cx, agents, accounts, effects);
    for who in agents.ids() {
        budgets::evaluate_one(cx, agents, accounts, effects, who);
    }
}
