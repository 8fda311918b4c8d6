//! Tools that wait for an answer, and those that an answer let run before.

use std::time::Duration;

use crate::model::event::{EventKind, ToolVerdict};
use crate::model::{ApprovalId, BudgetKey, BudgetName, ThreadId, Unit};

use crate::decide::accounts::{Accounts, Spenders, tool_calls};
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::context::Context;
use crate::decide::message::{Effect, Effects, HookId, ToolCall, Wants};
use crate::decide::tool_gates::{Allowed, CallAsk, said_in};

/// What a person let run, and the same call of this agent at this gate again: the same tool with the same input,
/// word for word. Time is that of the run's own clock.
pub(in crate::decide) fn allow_again(
    cx: &Context<'_>,
    agents: &mut Agents,
    key: BudgetKey,
    who: AgentId,
    (time, by): (Option<Duration>, String),
) {
    let until = time.map(|time| cx.now.uptime.saturating_add(time));
    agents[who].gate.allowed.push(Allowed { key, until, by });
}

/// Who let this very call run before, if that still holds. What was said before the run was stopped is in the
/// books.
pub(in crate::decide) fn allowed_before(
    cx: &Context<'_>,
    agents: &Agents,
    who: AgentId,
    key: &BudgetKey,
) -> Option<String> {
    let gate = &agents[who].gate;
    match gate.allowed.iter().rev().find(|allowed| allowed.key == *key) {
        Some(own) => own.until.is_none_or(|until| cx.now.uptime < until).then(|| own.by.clone()),
        None => {
            let leave = cx.books.let_again(key).filter(|leave| leave.holds(cx.now.wall))?;
            Some(said_in(&leave.by, leave.approval))
        }
    }
}

/// What a question about a call is about: what one call may, another may not, and equal calls are the same.
pub(in crate::decide) fn call_key(
    cx: &Context<'_>,
    agents: &Agents,
    who: AgentId,
    rule: &str,
    call: &ToolCall,
) -> BudgetKey {
    let name = agents.name(who);
    let scope = format!("run={}, agent={name}, call={} {}", cx.run, call.tool, call.digest);
    let budget = BudgetName::new(rule);
    BudgetKey { budget, scope, window_start: None, unit: Unit::ToolCalls }
}

/// The tool that was asked about waits no longer. Its question does, while an equal one waits.
pub(in crate::decide) fn withdraw_call(agents: &mut Agents, effects: &mut Effects, hook: HookId) {
    let found = agents.values_mut().find_map(|agent| {
        let approval = agent.gate.asks.remove(&hook)?.approval?;
        Some((agent.id, approval))
    });
    let Some((who, approval)) = found else { return };
    if asked_about(agents, approval).is_none() {
        effects.push(Effect::Withdraw(approval));
        agents.mark(Some(who), format!("approval {approval} is withdrawn: the tool waits no longer"), effects);
        effects.push(Effect::Open(agents.name(who).clone()));
    }
}

/// No tool of this agent waits any longer.
pub(in crate::decide) fn withdraw_calls(agents: &mut Agents, effects: &mut Effects, who: AgentId) {
    let asks: Vec<HookId> = agents[who].gate.asks.keys().copied().collect();
    asks.into_iter().for_each(|hook| withdraw_call(agents, effects, hook));
}

/// Whose tools wait for this answer, and what they were asked about.
pub(in crate::decide) fn asked_about(agents: &Agents, approval: ApprovalId) -> Option<(AgentId, CallAsk)> {
    agents.values().find_map(|agent| {
        let ask = agent.gate.asks.values().find(|ask| ask.approval == Some(approval))?;
        Some((agent.id, ask.clone()))
    })
}

pub(in crate::decide) fn take_asks(
    agents: &mut Agents,
    effects: &mut Effects,
    approval: ApprovalId,
) -> Option<(AgentId, Vec<HookId>, CallAsk)> {
    let (who, ask) = asked_about(agents, approval)?;
    let asks = &mut agents[who].gate.asks;
    let hooks: Vec<HookId> =
        asks.iter().filter(|(_, ask)| ask.approval == Some(approval)).map(|(hook, _)| *hook).collect();
    asks.retain(|hook, _| !hooks.contains(hook));
    // The prompt, if it shows this question, is taken back.
    effects.push(Effect::Open(agents.name(who).clone()));
    Some((who, hooks, ask))
}

/// A stop lets the tools end that were let run. One that was called beside them and has no room is told so: as long as
/// it waits, Codex does not ask for the request at which the agent is ended. It counts nowhere: what lifts the limit
/// by one call lets one call more run.
pub(in crate::decide) fn refuse_beside_others(
    agents: &mut Agents,
    effects: &mut Effects,
    who: AgentId,
    hook: HookId,
    thread: &ThreadId,
) {
    let agent = &mut agents[who];
    if !agent.gate.is_draining() {
        return;
    }
    if !agent.threads.get(thread).is_some_and(|known| known.runs_tools) {
        return;
    }
    let why = agent.because.clone();
    if let Some((_, Wants::Tool(call))) = agent.gate.take(hook) {
        agents.mark(Some(who), format!("refused: {}: {}: {why}", call.tool, call.short), effects);
        effects.push(Effect::Answer { hook, deny: Some(format!("govern: {why}")) });
    }
}

pub(in crate::decide) fn record_call(
    cx: &Context<'_>,
    agents: &Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    (who, thread): (AgentId, ThreadId),
    call: ToolCall,
    (verdict, by): (ToolVerdict, Option<&str>),
) {
    let agent = &agents[who];
    let (cost, model) = (agent.cost, agent.threads.get(&thread).and_then(|thread| thread.model.clone()));
    let spenders = Spenders::of(cx.fixed, agents);
    tool_calls::charge(accounts, &spenders, who, &thread);
    let (rule, because) = call.judged.map(|judged| (judged.rule, judged.because)).unzip();
    let ToolCall { tool, digest: input, short, .. } = call;
    let by = by.map(str::to_owned);
    let called = EventKind::ToolCalled { thread, model, tool, input, short, cost, verdict, rule, because, by };
    agents.record(Some(who), called, effects);
}
