//! An agent is held while others' requests leave no room for its own.

use crate::decide::accounts::Accounts;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Happening, Intent, State};
use crate::decide::agents::{Agent, Agents};
use crate::decide::context::Context;
use crate::decide::headroom::waiting;
use crate::decide::message::Effects;
use crate::decide::transition;

/// Lets the agent wait, where what it would ask next has no room yet and nothing severer is done with it.
pub(in crate::decide) fn wait_for_room(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    let goes_on =
        |agent: &Agent| agent.turn_under_way() && matches!(agent.state, State::Running | State::Starting(None));
    if accounts.defers || !goes_on(&agents[who]) {
        return;
    }
    let Some(because) = waiting::lacks_room(cx, agents, accounts, who) else { return };
    agents.say(who, &because, effects);
    waiting::take_place(cx, agents, effects, who, because);
    transition::happen(cx, agents, accounts, effects, who, Happening::Wish(Intent::Pause));
    accounts.reserve(cx, agents, who, effects);
}

/// It has to wait for others, whatever else it was held for: it goes on standing still. Says so.
pub(in crate::decide) fn stays_for_room(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) -> bool {
    let works = agents[who].turn_under_way();
    let Some(because) = waiting::lacks_room(cx, agents, accounts, who).filter(|_| works) else { return false };
    waiting::take_place(cx, agents, effects, who, because);
    transition::happen(cx, agents, accounts, effects, who, Happening::Park);
    true
}
