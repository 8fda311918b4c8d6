//! Limits on sub-agents: the start of one that would pass a limit is refused, as by a gate.

use crate::model::{Dimension, ThreadId};
use crate::policy::gate::{Starts, starts_sub_agents};
use crate::policy::rule::GateVerb;
use crate::policy::spawn::{SpawnLimit, SpawnUnit};

use super::accounts::account::Started;
use super::agents::ids::AgentId;
use super::agents::{Agent, Agents};
use super::context::Context;
use super::message::{Judged, ToolCall, Wants};

/// What the policy's limits on sub-agents say to a call, where its gates do not refuse it anyway. `root` is that of
/// the thread's family.
pub(super) fn judge(
    agents: &Agents,
    cx: &Context<'_>,
    who: AgentId,
    (thread, root): (&ThreadId, &ThreadId),
    call: &mut ToolCall,
) {
    let Some(starts) = starts_sub_agents(&call.tool).filter(|_| !is_denied(call)) else { return };
    let agent = &agents[who];
    let refusal = cx.policy.spawn_limits.iter().filter_map(|limit| {
        let because = passes(agents, cx, limit, (who, agent), (thread, root), starts)?;
        Some(Judged { rule: limit.name.to_string(), verb: GateVerb::Deny, because, would: limit.observe })
    });
    // What is enforced goes before what is only observed.
    let Some(judged) = refusal.min_by_key(|judged| judged.would) else { return };
    if !judged.would || call.judged.is_none() {
        call.judged = Some(judged);
    }
}

fn passes(
    agents: &Agents,
    cx: &Context<'_>,
    limit: &SpawnLimit,
    (who, agent): (AgentId, &Agent),
    (thread, root): (&ThreadId, &ThreadId),
    starts: Starts,
) -> Option<String> {
    let is_bound = limit.scope.only.matches(|dimension| match dimension {
        Dimension::Thread => Some(thread.to_string()),
        Dimension::Model => agent.threads.get(thread)?.model.as_ref().map(ToString::to_string),
        other => agent.value(cx.run, other),
    });
    if !is_bound {
        return None;
    }
    if let Starts::Many(tool) = starts {
        return Some(limit.refuses_many(tool));
    }
    match limit.cap.of {
        SpawnUnit::Deep => {
            // A family's file may be younger than the hook that tells of it.
            let known = cx.books.depth(thread).max(u32::from(thread != root));
            limit.refuses(0, known)
        }
        SpawnUnit::Started => {
            let per_thread = limit.scope.per.contains(&Dimension::Thread);
            let per_agent = per_thread || limit.scope.per.contains(&Dimension::Agent);
            let (whose, thread) = (per_agent.then_some(who), per_thread.then_some(thread));
            let others = waiting(agents, whose, thread);
            let agent = whose.map(|who| agents.name(who));
            let started = cx.books.started(&Started { run: cx.run, agent, thread });
            limit.refuses(started.saturating_add(others), 0)
        }
    }
}

/// Those that wait to be started.
fn waiting(agents: &Agents, whose: Option<AgentId>, thread: Option<&ThreadId>) -> u64 {
    let of = agents.values().filter(|agent| whose.is_none_or(|who| who == agent.id));
    let calls = of.flat_map(|agent| agent.gate.calls());
    let spawns = calls.filter(|(of, wants)| {
        let spawn = matches!(wants, Wants::Tool(call) if starts_sub_agents(&call.tool).is_some() && !is_denied(call));
        spawn && thread.is_none_or(|thread| thread == *of)
    });
    u64::try_from(spawns.count()).unwrap_or(u64::MAX)
}

/// A rule refuses it, and does not only observe.
fn is_denied(call: &ToolCall) -> bool {
    call.judged.as_ref().is_some_and(|judged| judged.verb == GateVerb::Deny && !judged.would)
}
