//! A stop at the gate: what is under way and paid for may come to its end, and nothing new begins.

use crate::clocks::DRAIN_WITHIN;

use crate::decide::action_ids;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Intent, State};
use crate::decide::agents::{Agent, Agents};
use crate::decide::context::Context;
use crate::decide::headroom::waiting;
use crate::decide::message::{Effect, Effects, Timer};

/// A stop waits at the gate, if something is under way.
pub(in crate::decide) fn drain(agents: &mut Agents, effects: &mut Effects, who: AgentId) {
    let agent = &mut agents[who];
    (agent.gate.draining, agent.gate.drain_told) = (true, false);
    let tools = agent.in_flight() == 0;
    action_ids::request(
        agents,
        effects,
        who,
        if tools { "wait for the tools under way" } else { "wait for the answers under way" },
    );
    action_ids::outcome(agents, effects, who, true, "at the gate");
}

/// What may still go on was let go: the stop waits for it, or for nothing any more.
pub(in crate::decide) fn settle_drain(cx: &Context<'_>, agents: &mut Agents, effects: &mut Effects, who: AgentId) {
    let Some(agent) = draining(agents, who) else { return };
    let waits = agent.state == State::Freezing(Intent::Stop) && agent.gate_will_hold() && agent.has_to_drain();
    if !waits {
        return end_drain(agents, effects, who);
    }
    if std::mem::replace(&mut agent.gate.drain_told, true) {
        return;
    }
    let ends_now = if agent.spares_tools { "govern stop" } else { "govern stop --kill" };
    let (minutes, run) = (DRAIN_WITHIN.as_secs() / 60, cx.run);
    let what = format!("what is under way may end first, within {minutes} min; to end it now: {ends_now} {run}");
    agents.say(who, &what, effects);
    effects.push(Effect::Arm(Timer::Drain(agents.name(who).clone()), DRAIN_WITHIN));
    waiting::look_for_room(agents, effects, who);
}

/// What was under way has ended, or is waited for no longer.
fn end_drain(agents: &mut Agents, effects: &mut Effects, who: AgentId) {
    let Some(agent) = draining(agents, who) else { return };
    agent.gate.draining = false;
    action_ids::request(agents, effects, who, "freeze");
    effects.push(Effect::Freeze(agents.name(who).clone()));
}

/// A stop has waited long enough.
pub(in crate::decide) fn drain_is_late(agents: &mut Agents, effects: &mut Effects, who: AgentId) {
    if draining(agents, who).is_none() {
        return;
    }
    let minutes = DRAIN_WITHIN.as_secs() / 60;
    let what = format!("what was under way did not end within {minutes} min: the stop waits no longer");
    agents.say(who, &what, effects);
    agents.mark(Some(who), what, effects);
    end_drain(agents, effects, who);
}

/// A person, or a signal, wants a stop that waits for no tool.
pub(in crate::decide) fn spare_no_tools(agents: &mut Agents, who: AgentId) {
    agents[who].spares_tools = false;
}

fn draining(agents: &mut Agents, who: AgentId) -> Option<&mut Agent> {
    Some(&mut agents[who]).filter(|agent| agent.gate.draining)
}

/// A tool that starts a sub-agent or waits for one, by its name: `spawn_agent`, `wait_agent`, `wait`.
pub(super) fn is_about_sub_agents(tool: &str) -> bool {
    tool.contains("agent") || tool == "wait" || tool.ends_with(".wait")
}
