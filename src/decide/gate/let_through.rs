//! What waits at the gate is let through.

use std::time::Duration;

use crate::model::ThreadId;
use crate::model::event::ToolVerdict;

use crate::decide::accounts::{Accounts, Spenders, tool_calls};
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::State;
use crate::decide::context::Context;
use crate::decide::evaluate::steer::telling;
use crate::decide::evaluate::throttle::requests;
use crate::decide::gate::drain::is_about_sub_agents;
use crate::decide::headroom::own_threads;
use crate::decide::message::{Effect, Effects, HookId, Used, Wants};
use crate::decide::people::released;
use crate::decide::reserving::asking::May;
use crate::decide::reserving::{asking, closing};
use crate::decide::tool_gates::questions;

/// Answers those that may go on; says whether a tool may not because of a limit in tool calls.
pub(in crate::decide) fn let_through(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) -> bool {
    let agent = &mut agents[who];
    let gate = &agent.gate;
    let paused = agent.pause.is_some();
    // Who waits for a governor model is held as one that waits for a person.
    let state = if agent.state == State::Paused && !paused { State::Held } else { agent.state };
    let state = (state, agent.spares_tools);
    let may =
        |id: HookId, of: &ThreadId, wants: &Wants| gate.lets(state, id, (of, wants)) && !(paused && wants.is_work());
    let ready: Vec<HookId> =
        gate.waiting.iter().filter(|(id, (of, wants))| may(**id, of, wants)).map(|(id, _)| *id).collect();
    let mut soonest: Option<Duration> = None;
    let mut any_too_many = false;
    for hook in ready {
        let agent = &agents[who];
        let Some((thread, wants)) = agent.gate.waiting.get(&hook).cloned() else { continue };
        let again = agent.threads.get(&thread).is_some_and(|known| agent.gate.asks_again(hook, known));
        let waits = wants.spends() && !again;
        // A turn of a thread that was not seen to ask first begins with a request that may not come here.
        let asks_first = agent.threads.get(&thread).is_none_or(|known| agent.asks_first(known));
        let may_be_last = waits || (wants == Wants::Turn && !asks_first);
        if may_be_last && own_threads::waits_for_own(cx, agents, accounts, effects, who, &thread) {
            own_threads::wait_beside(agents, effects, who, hook);
            continue;
        }
        if let Some(wait) =
            Some(&thread).filter(|_| waits).and_then(|of| requests::throttled(cx, agents, accounts, effects, who, of))
        {
            soonest = Some(soonest.map_or(wait, |soonest| soonest.min(wait)));
            continue;
        }
        if matches!(wants, Wants::Tool(_)) && !tool_calls::fit(accounts, cx, &Spenders::of(cx.fixed, agents), who) {
            questions::refuse_beside_others(agents, effects, who, hook, &thread);
            any_too_many = true;
            continue;
        }
        let by = agents[who].gate.passes.remove(&hook);
        match answer_allowed(cx, agents, accounts, effects, who, hook, by.as_deref()) {
            Let::Go | Let::Wait => {}
            Let::Not(because) => {
                released::stop_because(cx, agents, accounts, effects, who, because);
                return false;
            }
        }
    }
    if let Some(wait) = soonest {
        requests::arm_pace(agents, effects, who, wait);
    }
    any_too_many
}

/// What came of letting something go on.
#[must_use]
pub(in crate::decide) enum Let {
    /// It goes on.
    Go,
    /// It waits until it is reserved elsewhere: then it is looked at again.
    Wait,
    /// It does not fit elsewhere, for this reason.
    Not(String),
}

/// What waits may go on, as far as can be said here.
pub(in crate::decide) fn answer_allowed(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    hook: HookId,
    by: Option<&str>,
) -> Let {
    let reserved = match reserved_elsewhere(cx, agents, accounts, effects, who, hook) {
        May::Send(reserved) => reserved,
        May::Wait => return Let::Wait,
        May::Not(because) => return Let::Not(because),
    };
    let agent = &mut agents[who];
    let asked = agent.gate.asked.get(&hook).cloned().unwrap_or_default();
    let Some((thread, wants)) = agent.gate.take(hook) else { return Let::Go };
    if wants.spends() {
        let entry = agent.threads.entry(thread.clone()).or_default();
        let again = entry.admission.is_of(&asked);
        // Each request that has a name is told of when it is over, unless its Codex ended first.
        let lost = entry.is_named && !again && !entry.admission.announces() && entry.is_unanswered();
        entry.admission.passes(cx.now.wall, &asked);
        entry.runs_tools = false;
        entry.nested.clear();
        if !again {
            closing::close(entry, effects, if lost { Used::Unknown } else { Used::Nothing });
            entry.reserved = reserved;
        }
        if lost {
            agent.lose(&thread);
        }
        if again {
            agent.pace.takes_back(&thread);
        }
        agent.pace.sends(cx.now.uptime, &thread);
        // Its other threads came when it came: they keep its place.
        if !agent.gate.is_asked_to_spend() {
            agent.room = None;
        }
    }
    match wants {
        Wants::Turn => telling::tell(agents, effects, who, hook, &thread),
        Wants::Tool(call) => {
            let entry = agent.threads.entry(thread.clone()).or_default();
            (entry.delegates, entry.runs_tools) = (is_about_sub_agents(&call.tool), true);
            entry.nested.clear();
            telling::tell(agents, effects, who, hook, &thread);
            questions::record_call(cx, agents, accounts, effects, (who, thread), call, (ToolVerdict::Allowed, by));
        }
        Wants::Session | Wants::TurnEnd => {}
        // It claims from cx.now on what it may take.
        Wants::Request | Wants::Compaction => accounts.reserve(cx, agents, who, effects),
    }
    effects.push(Effect::Answer { hook, deny: None });
    Let::Go
}

/// Whether a request may be sent as far as its budgets say that are kept elsewhere. One request that asks twice is reserved
/// once.
fn reserved_elsewhere(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &Accounts,
    effects: &mut Effects,
    who: AgentId,
    hook: HookId,
) -> May {
    let agent = &agents[who];
    let Some(thread) = agent.gate.asker_of(hook) else { return May::Send(None) };
    let again = agent.threads.get(&thread).is_some_and(|known| agent.gate.asks_again(hook, known));
    if again { May::Send(None) } else { asking::may_send(cx, agents, accounts, effects, who, (hook, &thread)) }
}
