//! What was reserved elsewhere is wanted no longer: its request is over, or may not be sent any more.

use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Intent, State};
use crate::decide::agents::thread::Thread;
use crate::decide::agents::{Agent, Agents};
use crate::decide::message::{Effect, Effects, HookId, Used};
use crate::decide::reserving::Reserving;

/// What was let through of a thread is over, and became this.
pub(in crate::decide) fn close(thread: &mut Thread, effects: &mut Effects, used: Used) {
    if let Some(request) = thread.reserved.take() {
        effects.push(Effect::Release { request, used });
    }
}

/// An agent's processes are gone: nothing more is heard of what was let through of it.
pub(in crate::decide) fn close_all(agents: &mut Agents, effects: &mut Effects, who: AgentId) {
    for thread in agents[who].threads.values_mut() {
        let is_unsent = thread.admission.announces() && !thread.is_unanswered();
        close(thread, effects, if is_unsent { Used::Nothing } else { Used::Unknown });
    }
}

/// What requests wait for that may no longer be sent is given up, and so is a grant that none was sent by. One that may
/// be sent later is asked for anew.
pub(in crate::decide) fn give_up(agents: &mut Agents, effects: &mut Effects, who: AgentId) {
    for (hook, reserving) in std::mem::take(&mut agents[who].gate.reserving) {
        let may_go = may_go(&agents[who], hook);
        match reserving {
            Reserving::Pending { .. } | Reserving::Unanswered { .. } | Reserving::OnceMore if may_go => {
                agents[who].gate.reserving.insert(hook, reserving);
            }
            Reserving::Pending { request, .. } => {
                effects.push(Effect::Release { request, used: Used::Nothing });
                let what =
                    format!("a request no longer waits for a budget that is kept elsewhere: {}", why(agents, who));
                agents.mark(Some(who), what.clone(), effects);
                agents.say(who, &what, effects);
            }
            Reserving::Granted { request, .. } => effects.push(Effect::Release { request, used: Used::Nothing }),
            Reserving::Unanswered { .. } | Reserving::OnceMore | Reserving::Refused { .. } => {}
        }
    }
}

/// The request waits at the gate, and its agent is kept from nothing.
fn may_go(agent: &Agent, hook: HookId) -> bool {
    agent.pause.is_none() && agent.gate.lets_go(agent.state, hook)
}

/// Why a request of this agent may not be sent now.
fn why(agents: &Agents, who: AgentId) -> &'static str {
    let agent = &agents[who];
    match agent.state {
        State::Freezing(Intent::Stop | Intent::Kill) | State::Ending(_) | State::Gone => "the agent is at its end",
        _ if agent.pause.is_some() => "the agent is paused",
        State::Held | State::Paused | State::Freezing(_) => "the agent is held",
        State::Waiting | State::Starting(_) | State::Running => "it waits for something else, or for nothing any more",
    }
}
