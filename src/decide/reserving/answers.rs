//! What is answered where budgets are kept elsewhere, and what is done where nothing is.

use crate::clocks::ASKS_ONCE_MORE;
use crate::model::BudgetKey;

use crate::decide::accounts::{Accounts, Spenders};
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::context::Context;
use crate::decide::evaluate::budgets;
use crate::decide::message::{Amount, Effect, Effects, HookId, RequestId, Reservation, Timer, Used};
use crate::decide::people::released;
use crate::decide::reserving::kept::OnLost;
use crate::decide::reserving::{Before, Reserving};

/// A request that was asked for.
struct Pending {
    who: AgentId,
    hook: HookId,
    request: RequestId,
    amounts: Vec<Amount>,
    before: Before,
}

/// An answer has come. One that nobody waits for any longer reserves nothing.
pub(in crate::decide) fn answered(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    request: RequestId,
    answer: Reservation,
) {
    let Some(pending) = take_pending(agents, request) else {
        // One that is told twice may be of a request that was sent by the first.
        let is_sent = agents.values().flat_map(|agent| agent.threads.values()).any(|t| t.reserved == Some(request));
        if answer == Reservation::Granted && !is_sent {
            effects.push(Effect::Release { request, used: Used::Nothing });
        }
        return;
    };
    match answer {
        Reservation::Granted => granted(agents, accounts, effects, pending),
        Reservation::Refused { budget, left } => {
            match pending.amounts.iter().find(|amount| amount.key == budget).map(|amount| amount.amount) {
                Some(amount) => refused(cx, agents, accounts, effects, pending, (&budget, amount, left)),
                // That is the answer to another question.
                None => unanswered(cx, agents, accounts, effects, pending),
            }
        }
        Reservation::Away => unanswered(cx, agents, accounts, effects, pending),
    }
}

/// An answer should have come by now, or a request that had none asks once more.
pub(in crate::decide) fn is_due(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    request: RequestId,
) {
    if let Some(pending) = take_pending(agents, request) {
        effects.push(Effect::Release { request, used: Used::Nothing });
        return unanswered(cx, agents, accounts, effects, pending);
    }
    let asks = agents.values_mut().find_map(|agent| {
        let waits = |reserving: &&mut Reserving| **reserving == Reserving::Unanswered { request };
        let reserving = agent.gate.reserving.values_mut().find(waits)?;
        *reserving = Reserving::OnceMore;
        Some(agent.id)
    });
    // What it may take here is looked at again, as when it came.
    if let Some(who) = asks {
        budgets::evaluate(cx, agents, accounts, effects, who);
    }
}

/// Takes the request of this try out of those that wait for their answer.
fn take_pending(agents: &mut Agents, of: RequestId) -> Option<Pending> {
    agents.values_mut().find_map(|agent| {
        let is_it = |reserving: &Reserving| match reserving {
            Reserving::Pending { request, .. } => *request == of,
            Reserving::Granted { .. }
            | Reserving::Refused { .. }
            | Reserving::Unanswered { .. }
            | Reserving::OnceMore => false,
        };
        let hook = agent.gate.reserving.iter().find(|(_, reserving)| is_it(reserving)).map(|(hook, _)| *hook)?;
        match agent.gate.reserving.remove(&hook)? {
            Reserving::Pending { request, amounts, before } => {
                Some(Pending { who: agent.id, hook, request, amounts, before })
            }
            Reserving::Granted { .. }
            | Reserving::Refused { .. }
            | Reserving::Unanswered { .. }
            | Reserving::OnceMore => None,
        }
    })
}

fn granted(agents: &mut Agents, accounts: &mut Accounts, effects: &mut Effects, pending: Pending) {
    let Pending { who, hook, request, amounts, before } = pending;
    if before == Before::Silence {
        let what = format!("goes on: {} answers again", names(&amounts));
        agents.mark(Some(who), what.clone(), effects);
        agents.say(who, &what, effects);
    }
    // There is room: what an earlier refusal told is over.
    for account in accounts.iter_mut().filter(|account| amounts.iter().any(|amount| amount.key == account.key)) {
        account.elsewhere = 0;
    }
    agents[who].gate.reserving.insert(hook, Reserving::Granted { request, amounts });
}

/// What is left counts for all that is judged from here on; the budget's own step applies by it.
fn refused(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    Pending { who, hook, .. }: Pending,
    (key, amount, left): (&BudgetKey, i64, i64),
) {
    // Whoever refuses has less than was asked for.
    let left = left.min(amount.saturating_sub(1));
    let current = |id: &_| accounts[*id].key == *key && !accounts[*id].allotted && !accounts[*id].is_past(cx.now.wall);
    if let Some(id) = accounts.ids().find(current) {
        accounts[id].elsewhere = 0;
        let account = &accounts[id];
        let beside = accounts.reserved_beside(cx, &Spenders::of(cx.fixed, agents), account, &agents[who]);
        let free = account.limit().saturating_sub(account.spent).saturating_sub(beside);
        accounts[id].elsewhere = free.saturating_sub(left).max(0);
    }
    let because = format!(
        "`{}` is kept elsewhere and has {} left, and the next request is likely to take {}",
        key.budget,
        key.unit.show(left.max(0)),
        key.unit.show(amount)
    );
    agents.mark(Some(who), because.clone(), effects);
    agents[who].gate.reserving.insert(hook, Reserving::Refused { because });
    budgets::evaluate(cx, agents, accounts, effects, who);
}

/// Nobody answers: said once, however often it is tried.
fn unanswered(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    Pending { who, hook, request, amounts, before }: Pending,
) {
    let names = names(&amounts);
    match cx.fixed.elsewhere.on_lost {
        OnLost::Stop => {
            let what = format!("{names} is kept elsewhere, and nobody answers there");
            released::stop_because(cx, agents, accounts, effects, who, what);
        }
        OnLost::Hold => {
            if before == Before::Nothing {
                let what = format!("waits: {names} is kept elsewhere, and nobody answers there");
                agents.mark(Some(who), what.clone(), effects);
                agents.say(who, &what, effects);
            }
            agents[who].gate.reserving.insert(hook, Reserving::Unanswered { request });
            effects.push(Effect::Arm(Timer::Reserving(request), ASKS_ONCE_MORE));
            // Meanwhile it claims nothing here: others may have room by that.
            budgets::evaluate(cx, agents, accounts, effects, who);
        }
    }
}

/// The budgets, as a person knows them.
fn names(amounts: &[Amount]) -> String {
    amounts.iter().map(|amount| format!("`{}`", amount.key.budget)).collect::<Vec<_>>().join(" and ")
}
