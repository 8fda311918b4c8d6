//! A request waits for the answers of its own agent's other threads.

use crate::model::{ThreadId, Unit};
use crate::policy::verdict::{Fired, Standing, Why, is_strict, judge};

use crate::decide::accounts::ids::AccountId;
use crate::decide::accounts::{Accounts, Spenders};
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::context::Context;
use crate::decide::discretion::choosing;
use crate::decide::headroom::LOOKS;
use crate::decide::message::{Effect, Effects, HookId, Timer};

/// The next request of this thread does not fit beside those of the agent's other threads that are under way, and of a
/// Codex that begins without asking: they may come to less, and it waits for their answers. Where none is under way, the
/// agent's own step applies. A step that lets the governor choose may make room for it at once.
pub(in crate::decide) fn waits_for_own(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    thread: &ThreadId,
) -> bool {
    if waits_for_the_first(cx, agents, accounts, who, thread) {
        return true;
    }
    accounts.ids().any(|id| {
        loop {
            let Some((standing, fired)) = lacks_room_beside(cx, agents, accounts, (who, thread), id) else {
                return false;
            };
            if !choosing::gives_room(cx, agents, accounts, effects, who, (id, &standing, fired)) {
                return true;
            }
        }
    })
}

/// Nothing tells what a request of this agent takes, and the first one is under way: under a limit the others wait for its
/// answer, since any number of them would be taken to cost nothing.
fn waits_for_the_first(
    cx: &Context<'_>,
    agents: &Agents,
    accounts: &Accounts,
    who: AgentId,
    thread: &ThreadId,
) -> bool {
    let (agent, spenders) = (&agents[who], Spenders::of(cx.fixed, agents));
    let mut others = agent.threads.iter().filter(|(id, other)| *id != thread && other.adds());
    let Some(own) = agent.threads.get(thread) else { return false };
    others.any(|(id, other)| agent.is_under_way(id, other))
        && accounts.with_ids().any(|(id, account)| {
            let limit = account.limit();
            !matches!(account.key.unit, Unit::ToolCalls | Unit::Minutes)
                && account.rule.steps.iter().any(|step| is_strict(step, limit))
                && !account.is_past(cx.now.wall)
                && !accounts.observes(id)
                && accounts.concerns(&spenders, id, who)
                && !spenders.is_foretold(account, agent, own)
        })
}

/// The account that this request does not fit in beside others of its agent that are under way, and what would apply.
fn lacks_room_beside(
    cx: &Context<'_>,
    agents: &Agents,
    accounts: &Accounts,
    (who, thread): (AgentId, &ThreadId),
    id: AccountId,
) -> Option<(Standing, Fired)> {
    let account = &accounts[id];
    let agent = &agents[who];
    let passed = account.is_past(cx.now.wall)
        || accounts.observes(id)
        || !accounts.concerns(&Spenders::of(cx.fixed, agents), id, who);
    if passed || account.key.unit == Unit::ToolCalls {
        return None;
    }
    let spenders = Spenders::of(cx.fixed, agents);
    let next = |thread| spenders.next_of(account, agent, agent.next_model(), thread);
    let others = agent.threads.iter().filter(|(id, other)| *id != thread && other.adds());
    let under_way = others.filter(|(id, other)| agent.is_under_way(id, other)).map(next);
    let under_way = under_way.fold(spenders.begun(account, agent, agent.next_model()), i64::saturating_add);
    let own = next((thread, agent.threads.get(thread)?));
    if under_way == 0 || own == 0 {
        return None;
    }
    let beside = accounts.reserved_beside(cx, &spenders, account, agent).saturating_add(under_way);
    let standing = accounts.standing_if(id, agent, own.saturating_add(beside));
    let fired = judge(&account.rule, &standing).filter(|fired| fired.why == Why::NextWouldPass)?;
    Some((standing, fired))
}

/// It does; what others claim of the same budgets is looked at again soon.
pub(in crate::decide) fn wait_beside(agents: &mut Agents, effects: &mut Effects, who: AgentId, hook: HookId) {
    agents[who].gate.beside.insert(hook);
    effects.push(Effect::Arm(Timer::Room(agents.name(who).clone()), LOOKS));
}
