//! Waiting for room, and going on as soon as there is some.

use crate::model::{Unit, Verb};
use crate::policy::verdict::{Fired, Standing, Why, judge, past_limit};

use crate::decide::accounts::ids::AccountId;
use crate::decide::accounts::{Accounts, Spenders};
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::{Agent, Agents};
use crate::decide::context::Context;
use crate::decide::evaluate::effective;
use crate::decide::evaluate::effective::Effective;
use crate::decide::headroom::{ASKS_AFTER, ENDS_AFTER, LOOKS, Room};
use crate::decide::message::{Effect, Effects, Timer};

/// The step would apply only because of what others are about to spend, and there is still time to wait for that.
pub(in crate::decide) fn may_wait(
    cx: &Context<'_>,
    agents: &Agents,
    accounts: &Accounts,
    who: AgentId,
    id: AccountId,
    of: (&Standing, Fired),
) -> bool {
    let (standing, fired) = of;
    let account = &accounts[id];
    let agent = &agents[who];
    let plain = account.rule.step(fired.step).may.is_none();
    let counts = cx.fixed.patient && plain && fired.verb.is_hard() && account.key.unit != Unit::ToolCalls;
    if !counts || fired.why != Why::NextWouldPass || accounts.observes(id) {
        return false;
    }
    let at_most = match effective::comes_to(accounts, &Spenders::of(cx.fixed, agents), who, id, fired, standing) {
        Some(Effective { verb: Verb::Ask, .. }) => ASKS_AFTER,
        Some(_) | None => ENDS_AFTER,
    };
    let in_time = agent.room.as_ref().is_none_or(|room| cx.now.uptime < room.since.saturating_add(at_most));
    let peers = account.agents.iter().filter(|peer| **peer != who);
    let promised = peers.map(|peer| accounts.pools().promised(account, &agents[*peer])).fold(0, i64::saturating_add);
    let own = Spenders::of(cx.fixed, agents).predicted(account, agent, agent.next_model());
    // Whether what others have elsewhere comes to less, nobody tells here.
    let stays = own.saturating_add(promised).saturating_add(account.elsewhere);
    let step = account.rule.step(fired.step);
    let end = standing.limit.saturating_add(past_limit(&account.rule, step, standing));
    in_time && stays < standing.reserved && standing.spent.saturating_add(stays) <= end
}

/// Why the agent has to wait for others, if it has to.
pub(in crate::decide) fn lacks_room(
    cx: &Context<'_>,
    agents: &Agents,
    accounts: &Accounts,
    who: AgentId,
) -> Option<String> {
    accounts.with_ids().find_map(|(id, account)| {
        if account.is_past(cx.now.wall) || !accounts.concerns(&Spenders::of(cx.fixed, agents), id, who) {
            return None;
        }
        let standing = accounts.standing(cx, &Spenders::of(cx.fixed, agents), id, who);
        let fired = judge(&account.rule, &standing)?;
        may_wait(cx, agents, accounts, who, id, (&standing, fired)).then(|| {
            format!("waits for room: {}, and others' claims may come to less", account.show(standing.reserved))
        })
    })
}

pub(in crate::decide) fn take_place(
    cx: &Context<'_>,
    agents: &mut Agents,
    effects: &mut Effects,
    who: AgentId,
    because: String,
) {
    let ticket = agents.next_number();
    let agent = &mut agents[who];
    agent.because.clone_from(&because);
    agent.room.get_or_insert(Room { ticket, since: cx.now.uptime, because });
    effects.push(Effect::Arm(Timer::Room(agents.name(who).clone()), LOOKS));
}

/// Looks again soon, while it waits.
pub(in crate::decide) fn look_for_room(agents: &Agents, effects: &mut Effects, who: AgentId) {
    let waits = |agent: &Agent| agent.waits_for_room() || agent.gate.is_draining();
    if waits(&agents[who]) {
        effects.push(Effect::Arm(Timer::Room(agents.name(who).clone()), LOOKS));
    }
}
