//! Passing the gate: who comes to it, who may go on and when, and what it means that something went past it.

use crate::clocks::RECORD_WITHIN;
use crate::model::event::{EventKind, GateReach};
use crate::model::{Response, ThreadId};

use crate::decide::accounts::{Accounts, Spenders, minutes, tool_calls};
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Intent, State};
use crate::decide::agents::{Agent, Agents, Hold};
use crate::decide::context::Context;
use crate::decide::evaluate::{binding, budgets, wrap_up};
use crate::decide::gate::{drain, let_through, outcomes};
use crate::decide::message::{Asks, Effect, Effects, Gone, Hook, HookId, Phase, Timer, Used, Wants};
use crate::decide::people::released;
use crate::decide::reserving::closing;
use crate::decide::signal_hold::holding;
use crate::decide::tool_gates::{gated, questions};
use crate::decide::{models, request_gates, spawn};

/// Codex is about to do something, and waits.
pub(in crate::decide) fn at_gate(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    hook: Hook,
) {
    let Hook { id, agent: _, thread, root, inside, model, tier, unpriced, mut wants, asked, has_file } = hook;
    if let Wants::Tool(call) = &mut wants {
        spawn::judge(agents, cx, who, (&thread, &root), call);
    }
    let spends = wants.spends();
    let begins = spends || wants == Wants::Turn;
    accounts.defers &= !begins;
    accounts.defers_time &= !begins && !matches!(wants, Wants::Tool(_));
    let agent = &mut agents[who];
    let reach = if wants.asks_first() { GateReach::Requests } else { GateReach::Tools };
    agent.watch.heard(cx.now.uptime);
    let call = if let Wants::Tool(call) = &wants { Some(call.clone()) } else { None };
    call.iter().for_each(|call| agent.gate.tool_asks(call.call.as_ref()));
    agent.gate.waiting.insert(id, (thread.clone(), wants.clone()));
    let more = agent.gate.reach < Some(reach);
    if more {
        agent.gate.reach = Some(reach);
    }
    let calls = agent.has_called(&thread);
    if wants == Wants::Session && !calls && matches!(agent.state, State::Ending(_)) {
        agent.begins_only_now(&thread);
    }
    let entry = agent.threads.entry(thread.clone()).or_default();
    entry.root = Some(root.clone());
    (entry.has_file, entry.calls) = (has_file, true);
    let ends = wants == Wants::TurnEnd && entry.phase.goes_on();
    // Of a thread without a file nothing else tells how it stands.
    if begins && !(has_file && entry.phase.goes_on()) {
        entry.phase = Phase::InFlight;
    } else if wants == Wants::TurnEnd && !has_file {
        entry.phase = Phase::Idle;
    }
    if model.is_some() {
        entry.model.clone_from(&model);
    }
    // The session file has not told of this turn yet.
    let news = call.is_some() && !entry.phase.goes_on();
    if news {
        entry.phase = Phase::Tools;
    }
    if wants.asks_first() {
        entry.gated = true;
        agent.gate.roots.insert(root.clone());
    }
    if spends {
        entry.is_named |= asked.request.is_some();
        entry.is_told |= entry.is_named;
    }
    // A tool follows its response; its hook may be faster than the one that tells of that.
    let is_due = match spends {
        true => !entry.admission.is_of(&asked),
        false => call.is_some() && entry.is_told,
    };
    let waits = is_due && entry.admission.is_open();
    if waits {
        agent.gate.unrecorded.insert(id);
        effects.push(Effect::Arm(Timer::Record(id), RECORD_WITHIN));
    }
    if waits && call.is_some() {
        agent.gate.judge_later(id);
    }
    if spends {
        agent.gate.asked.insert(id, asked);
    }
    let unseen = entry.unseen(&wants, ends);
    agent.came_from_inside(&thread, inside);
    if more {
        agents.record(Some(who), EventKind::Gated { reach }, effects);
    }
    if let Some(what) = unseen {
        outcomes::cannot_be_told(cx, agents, accounts, effects, who, &thread, what);
    }
    if call.is_some() || wants == Wants::Turn {
        wrap_up::remind(cx, agents, accounts, effects, who);
    }
    if let Some(call) = call {
        tool_calls::open(accounts, cx, &Spenders::of(cx.fixed, agents), who, &thread);
        if let Some(judged) = call.judged.as_ref().filter(|_| !waits) {
            gated::meet_gate(cx, agents, accounts, effects, who, id, (judged, &call));
        }
        if news || tool_calls::are_counted(accounts) || minutes::limits_time(accounts) {
            budgets::evaluate(cx, agents, accounts, effects, who);
        }
    }
    if begins {
        accounts.open_for_request(cx, &Spenders::of(cx.fixed, agents), who, &thread);
        let of = thread.clone();
        if !models::refuse_next(cx, agents, accounts, effects, who, &Asks { thread, root, model, tier, unpriced }) {
            if spends {
                meet_request_gate(cx, agents, accounts, effects, who, id, &of);
            } else {
                request_gates::refuse_prompt(cx, agents, accounts, effects, who, &of);
            }
            budgets::evaluate(cx, agents, accounts, effects, who);
        }
    }
}

/// A call that was not answered is gone.
pub(in crate::decide) fn left_gate(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    hook: HookId,
    why: Gone,
) {
    questions::withdraw_call(agents, effects, hook);
    let found = agents.values_mut().find_map(|agent| {
        let (thread, wants) = agent.gate.take(hook)?;
        Some((agent.id, thread, wants))
    });
    let Some((who, thread, wants)) = found else { return };
    match why {
        Gone::Broken => {
            gate_broken(cx, agents, accounts, effects, who, "a hook of govern's was ended before it was answered")
        }
        Gone::Withdrawn => interrupted(agents, who, &thread, &wants),
    }
    // While it waited, its next request did not count; where its thread goes on, it does again.
    budgets::evaluate(cx, agents, accounts, effects, who);
    accounts.reserve(cx, agents, who, effects);
}

/// A person interrupted the turn: what was asked about it needs no answer.
fn interrupted(agents: &mut Agents, who: AgentId, thread: &ThreadId, wants: &Wants) {
    let agent = &mut agents[who];
    let began = wants.spends() || *wants == Wants::Turn;
    if let Some(thread) = agent.threads.get_mut(thread).filter(|_| began) {
        thread.phase = Phase::Idle;
    }
}

/// Nothing is left to be asked about: the turn ended, or was interrupted.
fn withdraw_if_at_rest(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    let asks_nothing = |agent: &Agent| agent.state == State::Held && agent.gate.shut && agent.rests();
    // Time passes at rest, too.
    let of_time =
        |agent: &Agent| agent.held.as_ref().is_some_and(|hold| binding::counts_minutes(accounts, hold.source));
    let agent = &agents[who];
    if !asks_nothing(agent) || of_time(agent) {
        return;
    }
    if let Some(Hold { approval: Some(approval), .. }) = released::unhold(agents, who) {
        effects.push(Effect::Withdraw(approval));
        let what = format!("approval {approval} is withdrawn: the turn is over, and nothing is left to ask about");
        effects.push(Effect::Say(what.clone()));
        agents.mark(Some(who), what, effects);
    }
    released::release(cx, agents, accounts, effects, who);
    // What is no model's time passes on.
    budgets::evaluate_one(cx, agents, accounts, effects, who);
}

/// Something may have gone past the gate. Under a limit that is the agent's end.
fn gate_broken(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    what: &str,
) {
    if !agents[who].is_live() {
        return;
    }
    let gates = binding::gates(cx.policy, accounts);
    let agent = &mut agents[who];
    if gates || agent.pause.is_some() {
        agent.gate.broken = true;
    }
    if !gates {
        agents.mark(Some(who), what.to_owned(), effects);
        return;
    }
    released::stop_because(
        cx,
        agents,
        accounts,
        effects,
        who,
        format!("{what}: under a limit nothing goes past the gate"),
    );
}

/// A hook could not ask, and has ended its Codex. Under a limit that is the agent's end, and govern's doing.
pub(in crate::decide) fn gate_failed(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    if !binding::gates(cx.policy, accounts) {
        return;
    }
    let agent = &mut agents[who];
    if !agent.is_live() {
        return;
    }
    let what = "the gate failed: a hook of govern's could not ask, and ended its Codex";
    agent.gate.failed = true;
    agent.because = what.to_owned();
    agents.mark(Some(who), what.to_owned(), effects);
    agents.say(who, &format!("stop: {what}"), effects);
}

/// A response must have been let through first, where its Codex was seen to ask.
pub(in crate::decide) fn expect_admitted(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    response: &Response,
) {
    let agent = &mut agents[who];
    agent.gate.recorded(&response.thread);
    let asks_first = agent.gate.holds_requests() && agent.gate.roots.contains(&response.root);
    // A response is noted on its thread before this is asked.
    let thread = agent.threads.entry(response.thread.clone()).or_default();
    let was_sent = thread.admission.is_answered(response.at);
    if !thread.admission.is_open() {
        let (thread_id, key) = (response.thread.clone(), response.key.clone());
        closing::close(thread, effects, Used::Response { thread: thread_id, key });
    }
    if was_sent || !asks_first {
        return;
    }
    if thread.gated {
        let what = format!("a request of thread {} was answered that was not let through", response.thread);
        gate_broken(cx, agents, accounts, effects, who, &what);
    } else if thread.recent().count() == 1 {
        // What was never seen at the gate is of a kind that does not come there: it is held by signals.
        let what = format!("thread {} does not ask before its requests", response.thread);
        agents.mark(Some(who), what, effects);
    }
}

/// Answers those that may go on, and ends what only waited for answers under way.
pub(in crate::decide) fn settle_gate(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    meet_gates_that_waited(cx, agents, accounts, effects, who);
    withdraw_if_at_rest(cx, agents, accounts, effects, who);
    holding::keep_still(agents, effects, who);
    let agent = &mut agents[who];
    if !matches!(agent.state, State::Freezing(_)) && let_through::let_through(cx, agents, accounts, effects, who) {
        // Of several that waited together some have run: the next one has to be judged by itself.
        budgets::evaluate_one(cx, agents, accounts, effects, who);
    }
    closing::give_up(agents, effects, who);
    let agent = &agents[who];
    if !agent.gate.draining {
        return;
    }
    let State::Freezing(intent) = agent.state else { return };
    if intent == Intent::Stop {
        let_through::let_through(cx, agents, accounts, effects, who);
    }
    drain::settle_drain(cx, agents, effects, who);
}

/// Tools whose response has become known, or will not, meet their gates.
fn meet_gates_that_waited(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    let agent = &mut agents[who];
    for (hook, call) in agent.gate.judge_now() {
        if let Some(judged) = &call.judged {
            gated::meet_gate(cx, agents, accounts, effects, who, hook, (judged, &call));
        }
    }
}

/// A request is about to be sent: it may meet a gate.
fn meet_request_gate(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    hook: HookId,
    thread: &ThreadId,
) {
    let agent = &agents[who];
    // One request is met once: whether it is sent again, or was held by signals before it came here.
    let again = agent.threads.get(thread).is_some_and(|known| agent.gate.asks_again(hook, known));
    if again || agent.watch.let_go.contains(thread) {
        return;
    }
    let Some(judged) = request_gates::judge_next(cx, agent, thread) else { return };
    let call = request_gates::request_to(agent, thread);
    let key = questions::call_key(cx, agents, who, &judged.rule, &call);
    if !agent.held.iter().chain(&agent.question).any(|hold| hold.question.key == key) {
        gated::meet_gate(cx, agents, accounts, effects, who, hook, (&judged, &call));
    }
}
