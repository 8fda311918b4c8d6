//! A request that may go on here is asked for where its budgets are kept.

use crate::clocks::RESERVED_WITHIN;
use crate::model::{ThreadId, Unit};
use crate::policy::verdict::is_strict;

use crate::decide::accounts::account::Account;
use crate::decide::accounts::ids::AccountId;
use crate::decide::accounts::{Accounts, Spenders, binds};
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::thread::Thread;
use crate::decide::context::Context;
use crate::decide::message::{Amount, Effect, Effects, HookId, RequestId, Timer, Used};
use crate::decide::reserving::{Before, Reserving};

/// Whether a request may be sent, as far as budgets say that are kept elsewhere.
pub(in crate::decide) enum May {
    /// It may: this is reserved for it; nothing, where none of its budgets is kept elsewhere.
    Send(Option<RequestId>),
    /// Its answer has not come.
    Wait,
    /// It does not fit, and no budget's step does anything about that.
    Not(String),
}

/// Asks for a request where nobody was asked yet.
pub(in crate::decide) fn may_send(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &Accounts,
    effects: &mut Effects,
    who: AgentId,
    (hook, thread): (HookId, &ThreadId),
) -> May {
    let before = match agents[who].gate.reserving.get(&hook) {
        Some(Reserving::Pending { .. } | Reserving::Unanswered { .. }) => return May::Wait,
        Some(Reserving::Refused { because }) => return May::Not(because.clone()),
        Some(Reserving::OnceMore) => Before::Silence,
        Some(Reserving::Granted { .. }) | None => Before::Nothing,
    };
    let amounts = amounts(cx, agents, accounts, who, thread);
    if let Some(Reserving::Granted { request, amounts: reserved }) = agents[who].gate.reserving.remove(&hook) {
        if covers(&reserved, &amounts) {
            return May::Send(Some(request));
        }
        // It is likely to take more than when it was asked for.
        effects.push(Effect::Release { request, used: Used::Nothing });
    }
    if amounts.is_empty() {
        return May::Send(None);
    }
    let request = RequestId(agents.next_number());
    effects.push(Effect::Reserve { request, amounts: amounts.clone() });
    effects.push(Effect::Arm(Timer::Reserving(request), RESERVED_WITHIN));
    agents[who].gate.reserving.insert(hook, Reserving::Pending { request, amounts, before });
    May::Wait
}

/// What the next request of this thread is likely to take of each budget that is kept elsewhere and could hold it.
fn amounts(cx: &Context<'_>, agents: &Agents, accounts: &Accounts, who: AgentId, thread: &ThreadId) -> Vec<Amount> {
    if cx.fixed.elsewhere.budgets.is_empty() {
        return Vec::new();
    }
    let (agent, by, never) = (&agents[who], Spenders::of(cx.fixed, agents), Thread::default());
    let known = agent.threads.get(thread).unwrap_or(&never);
    let rung = agent.next_model();
    let last = || known.recent().last()?.model.as_ref();
    let model = rung.map(|rung| &rung.model).or(known.model.as_ref()).or_else(last);
    let counts = |id: AccountId, account: &Account| {
        is_kept_elsewhere(cx, accounts, id)
            && !account.is_past(cx.now.wall)
            && accounts.concerns(&by, id, who)
            && binds(account, thread, model)
    };
    let counted = accounts.with_ids().filter(|(id, account)| counts(*id, account));
    let mut amounts: Vec<Amount> = counted
        .map(|(_, account)| Amount {
            key: account.key.clone(),
            amount: by.next_of(account, agent, rung, (thread, known)),
        })
        .collect();
    amounts.sort_by(|one, other| one.key.cmp(&other.key));
    amounts
}

/// The account's budget is kept elsewhere, and keeps its limit before a request that would pass it.
pub(super) fn is_kept_elsewhere(cx: &Context<'_>, accounts: &Accounts, id: AccountId) -> bool {
    let (account, limit) = (&accounts[id], accounts[id].limit());
    // What one agent was allotted is divided here: the whole is kept there.
    cx.fixed.elsewhere.budgets.contains(&account.key.budget)
        && !account.allotted
        && !accounts.observes(id)
        && !matches!(account.key.unit, Unit::ToolCalls | Unit::Minutes)
        && account.rule.steps.iter().any(|step| is_strict(step, limit))
}

/// What was reserved is enough for all of it.
fn covers(reserved: &[Amount], wanted: &[Amount]) -> bool {
    wanted.iter().all(|one| reserved.iter().any(|of| of.key == one.key && of.amount >= one.amount))
}
