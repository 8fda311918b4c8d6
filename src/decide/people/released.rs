//! An agent that was held, or works, is ended or goes on.

use crate::decide::accounts::Accounts;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{After, Happening, Intent, State};
use crate::decide::agents::{Agent, Agents, Hold};
use crate::decide::context::Context;
use crate::decide::message::{Effect, Effects};
use crate::decide::transition;

pub(in crate::decide) fn stop_because(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    what: String,
) {
    let over = |agent: &Agent| {
        matches!(agent.state, State::Gone | State::Ending(After::Stopped | After::Killed))
            || agent.treatment() >= Some(Intent::Stop)
    };
    if over(&agents[who]) {
        return;
    }
    agents.mark(Some(who), what.clone(), effects);
    agents.say(who, &format!("stop: {what}"), effects);
    agents[who].because = what;
    end_held_or_running(cx, agents, accounts, effects, who, Intent::Stop);
}

pub(in crate::decide) fn kill_because(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    what: String,
) {
    agents.say(who, &what, effects);
    agents[who].because = what;
    end_held_or_running(cx, agents, accounts, effects, who, Intent::Kill);
}

/// What kept an agent is settled: it goes on, unless it is paused.
pub(in crate::decide) fn release(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    let paused = agents[who].pause.is_some();
    transition::happen(cx, agents, accounts, effects, who, if paused { Happening::Park } else { Happening::Release });
}

pub(in crate::decide) fn end_held(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    intent: Intent,
) {
    unhold(agents, who);
    agents[who].spares_tools = true;
    end(cx, agents, accounts, effects, who, intent);
}

pub(in crate::decide) fn end_held_or_running(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    intent: Intent,
) {
    if let Some(Hold { approval: Some(approval), .. }) = unhold(agents, who) {
        effects.push(Effect::Withdraw(approval));
    }
    end(cx, agents, accounts, effects, who, intent);
}

/// A stop waits for what is under way; a tree that stands still would not come to the end of it.
fn end(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    intent: Intent,
) {
    let waits = intent == Intent::Stop && agents[who].drains_while_held();
    transition::happen(
        cx,
        agents,
        accounts,
        effects,
        who,
        if waits { Happening::Await } else { Happening::Wish(intent) },
    );
}

pub(in crate::decide) fn unhold(agents: &mut Agents, who: AgentId) -> Option<Hold> {
    agents[who].held.take()
}

/// A held agent goes on, with the next model if that is wanted and nothing would be lost.
pub(in crate::decide) fn go_on(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    let agent = &agents[who];
    let routes = match agent.state {
        State::Held => agent.next_model().is_some(),
        // Somebody decided so while it was paused.
        State::Paused => agent.restarting && agent.route_wanted.is_some(),
        State::Waiting | State::Starting(_) | State::Running | State::Freezing(_) | State::Ending(_) | State::Gone => {
            false
        }
    };
    if routes && agent.pause.is_none() {
        transition::happen(cx, agents, accounts, effects, who, Happening::Wish(Intent::Route));
    } else {
        release(cx, agents, accounts, effects, who);
    }
}
