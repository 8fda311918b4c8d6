//! An agent stands still because a person, or its plan, has paused it.

use crate::clocks::GATE_WITHIN;
use crate::model::Braked;

use crate::decide::accounts::Accounts;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Happening, Intent, State};
use crate::decide::agents::{Agent, Agents};
use crate::decide::context::Context;
use crate::decide::message::{Effect, Effects, Timer};
use crate::decide::transition;

pub(in crate::decide) fn pause(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    braked: &Braked,
) {
    if agents[who].pause.is_none() {
        agents.say(who, &format!("paused {}; to go on: govern continue {}", braked.text(), cx.run), effects);
        stand_still(cx, agents, accounts, effects, who, braked);
    }
}

/// A hold for a question stays one: the agent is paused besides.
pub(in crate::decide) fn stand_still(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    braked: &Braked,
) {
    let agent = &mut agents[who];
    if agent.pause.is_some() {
        return;
    }
    agent.pause = Some(braked.clone());
    if agent.held.is_none() && agent.question.is_none() {
        agent.because = format!("paused {}", braked.text());
    }
    transition::happen(cx, agents, accounts, effects, who, Happening::Wish(Intent::Pause));
    accounts.reserve(cx, agents, who, effects);
}

/// One that is started again is paused again, and one that may get past the gate is stopped by signals; a screen
/// not before it is clear that its hooks do not ask.
pub(in crate::decide) fn keep_paused(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    let agent = &mut agents[who];
    if agent.pause.is_none() {
        return;
    }
    let loose = agent.gate.is_shut() && !agent.is_kept_at_gate();
    let doubted = std::mem::replace(&mut agent.gate.doubted, loose);
    match agent.state {
        State::Starting(None) | State::Running => {
            transition::happen(cx, agents, accounts, effects, who, Happening::Wish(Intent::Pause))
        }
        State::Paused if loose && !agent.setup.full_screen => {
            transition::happen(cx, agents, accounts, effects, who, Happening::Loose)
        }
        State::Paused if loose && !doubted => {
            effects.push(Effect::Arm(Timer::Gate(agents.name(who).clone()), GATE_WITHIN));
        }
        State::Waiting
        | State::Starting(Some(_))
        | State::Freezing(_)
        | State::Held
        | State::Paused
        | State::Ending(_)
        | State::Gone => {}
    }
}

/// Its hooks were waited for.
pub(in crate::decide) fn expect_at_gate(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    let loose = |agent: &Agent| agent.state == State::Paused && agent.gate.doubted && !agent.is_kept_at_gate();
    if loose(&agents[who]) {
        transition::happen(cx, agents, accounts, effects, who, Happening::Loose);
    }
}
