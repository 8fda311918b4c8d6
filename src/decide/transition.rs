//! An agent moves through the lifecycle's table, and the table's orders become effects.

use crate::decide::accounts::{Accounts, Spenders, minutes};
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{After, Happening, Intent, Order, State, next};
use crate::decide::agents::{Agent, Agents};
use crate::decide::context::Context;
use crate::decide::evaluate::binding;
use crate::decide::evaluate::steer::telling;
use crate::decide::gate::drain;
use crate::decide::message::{Effect, Effects, Ending};
use crate::decide::reserving::closing;
use crate::decide::signal_hold::Stillness;
use crate::decide::tool_gates::questions;
use crate::decide::{action_ids, passing};

/// Moves an agent through the table and turns its orders into effects.
pub(in crate::decide) fn happen(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    happening: Happening,
) {
    let agent = &mut agents[who];
    let before = agent.state;
    let (state, orders) = next(before, happening);
    agent.state = state;
    for order in orders {
        match order {
            Order::Launch => launch(agents, effects, who),
            Order::Freeze if holds_at_gate(cx, agents, accounts, effects, who, state) => {}
            Order::Freeze => {
                agents[who].gate.open();
                action_ids::request(agents, effects, who, hold_word(state));
                effects.push(Effect::Freeze(agents.name(who).clone()));
            }
            Order::Thaw => {
                let opens = {
                    agents[who].resume_clock(cx.now.uptime);
                    agents[who].gate.stillness = Stillness::Moves;
                    agents[who].gate.open()
                };
                action_ids::request(agents, effects, who, "release");
                let agent = agents.name(who).clone();
                effects.push(if opens { Effect::Open(agent) } else { Effect::Thaw(agent) });
                if opens {
                    action_ids::outcome(agents, effects, who, true, "");
                }
                minutes::arm(accounts, cx, &Spenders::of(cx.fixed, agents), effects);
            }
            Order::End => {
                let begins = !matches!(before, State::Ending(_));
                let agent = &mut agents[who];
                if begins {
                    agent.lose_in_flight();
                }
                action_ids::request(agents, effects, who, end_word(state, begins));
                effects.push(Effect::End(agents.name(who).clone()));
            }
            Order::Restart => restart(cx, agents, accounts, effects, who),
            Order::Ask => ask(agents, effects, who),
            Order::Finish => finish(cx, agents, accounts, effects, who, ending(before, happening)),
        }
    }
}

fn restart(cx: &Context<'_>, agents: &mut Agents, accounts: &mut Accounts, effects: &mut Effects, who: AgentId) {
    closing::close_all(agents, effects, who);
    let agent = &mut agents[who];
    agent.settle();
    agent.gate.forget();
    agent.restarting = false;
    let (Some(thread), Some(rung)) = (agent.root.clone(), agent.route_wanted.take()) else {
        // INVARIANT: a route is wished for only with a root thread and a rung; without them
        // the agent is over.
        agent.state = State::Gone;
        finish(cx, agents, accounts, effects, who, Ending::Stopped);
        return;
    };
    agent.switch(&rung, |old| cx.quoted(&rung.model, old));
    agent.routed = Some(rung.clone());
    agent.arriving = Some(rung.model.clone());
    action_ids::request(agents, effects, who, "restart");
    effects.push(Effect::Restart { agent: agents.name(who).clone(), thread, rung });
}

fn launch(agents: &mut Agents, effects: &mut Effects, who: AgentId) {
    let agent = &mut agents[who];
    let attempt = agent.attempt;
    // A run of one agent has said so by its own beginning.
    if agents.len() > 1 {
        action_ids::request(agents, effects, who, if attempt > 1 { "start again" } else { "start" });
    }
    effects.push(Effect::Launch { agent: agents.name(who).clone(), attempt });
}

fn finish(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    ending: Ending,
) {
    questions::withdraw_calls(agents, effects, who);
    telling::end_steering(agents, effects, who);
    accounts.give_back(agents.name(who), effects);
    closing::close_all(agents, effects, who);
    let agent = &mut agents[who];
    agent.pause_clock(cx.now.uptime);
    agent.ending = Some(ending);
    agent.settle();
    // Time has passed since it was judged last.
    minutes::count(accounts, cx, &Spenders::of(cx.fixed, agents));
    let agent = &agents[who];
    let (in_flight, in_flight_cost) = (agent.lost, agent.lost_cost);
    let ending = if ending == Ending::Itself { passing::review(cx, agents, effects, who) } else { Some(ending) };
    let Some(ending) = ending else {
        accounts.reserve(cx, agents, who, effects);
        return;
    };
    agents[who].ending = Some(ending);
    effects.push(Effect::Finish { agent: agents.name(who).clone(), ending, in_flight, in_flight_cost });
    accounts.reserve(cx, agents, who, effects);
}

/// Restarts at the first moment when no answer and no sub-agent's work would be lost.
pub(in crate::decide) fn try_route(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    let agent = &agents[who];
    // At the gate no tool's work is lost either.
    let ready = if agent.gate_holds() { agent.is_root_at_gate() } else { true };
    if agent.route_wanted.is_some() && agent.state == State::Running && ready && agent.is_at_safe_point() {
        happen(cx, agents, accounts, effects, who, Happening::Wish(Intent::Route));
    }
}

/// Carries out an order to stand still at the gate, where that is enough; says whether it is.
fn holds_at_gate(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    state: State,
) -> bool {
    let rests = |agent: &Agent| state == State::Freezing(Intent::Pause) && agent.rests_at_its_screen();
    let stops = state == State::Freezing(Intent::Stop);
    let holds = |agent: &Agent| agent.gate_holds() || rests(agent) || (stops && agent.gate_will_hold());
    // Between turns the gate holds nothing of what takes time.
    let agent = &agents[who];
    let is_idle = !agent.turn_under_way() && !agent.setup.full_screen;
    let asks_of_time = agent.question.as_ref().is_some_and(|hold| binding::counts_time(accounts, hold.source));
    if state == State::Freezing(Intent::Ask) && is_idle && asks_of_time {
        return false;
    }
    let agent = &mut agents[who];
    if !holds(agent) {
        return false;
    }
    match state {
        State::Freezing(Intent::Ask | Intent::Pause) => {
            agent.gate.shut();
            agent.pause_clock(cx.now.uptime);
            let safe = agent.in_flight() == 0;
            action_ids::request(agents, effects, who, hold_word(state));
            action_ids::outcome(agents, effects, who, true, "at the gate");
            happen(cx, agents, accounts, effects, who, Happening::Frozen { safe });
            true
        }
        State::Freezing(Intent::Stop) if agent.may_have_to_drain() => {
            drain::drain(agents, effects, who);
            true
        }
        State::Freezing(_)
        | State::Waiting
        | State::Starting(_)
        | State::Running
        | State::Held
        | State::Paused
        | State::Ending(_)
        | State::Gone => false,
    }
}

pub(in crate::decide) fn ask(agents: &mut Agents, effects: &mut Effects, who: AgentId) {
    let agent = &mut agents[who];
    if let Some(hold) = agent.question.take() {
        let question = hold.question.clone();
        agent.held = Some(hold);
        effects.push(Effect::Ask(question));
    }
}

/// Why its tree is ended, as the ledger keeps it.
fn end_word(state: State, begins: bool) -> &'static str {
    match state {
        State::Ending(After::Restart) => "end to restart",
        State::Ending(After::Retry) => "end to try again",
        State::Ending(After::Killed) if !begins => "end at once",
        State::Ending(After::Stopped | After::Killed)
        | State::Waiting
        | State::Starting(_)
        | State::Running
        | State::Freezing(_)
        | State::Held
        | State::Paused
        | State::Gone => "end",
    }
}

/// What an agent's last happening makes of it.
fn ending(before: State, happening: Happening) -> Ending {
    match (before, happening) {
        (State::Waiting, Happening::Skip) => Ending::Skipped,
        (State::Waiting, Happening::Done) => Ending::Itself,
        (State::Ending(After::Killed), _) | (State::Waiting, Happening::Wish(Intent::Kill)) => Ending::Killed,
        // Its hooks have ended it, or govern itself.
        (State::Ending(_) | State::Waiting, _) | (_, Happening::Ended) => Ending::Stopped,
        (
            State::Starting(_) | State::Running | State::Freezing(_) | State::Held | State::Paused | State::Gone,
            Happening::Failed,
        ) => Ending::Failed,
        (State::Starting(_) | State::Running | State::Freezing(_) | State::Held | State::Paused | State::Gone, _) => {
            Ending::Itself
        }
    }
}

/// What it stands still for, as the ledger keeps it: for an end it stands for a moment only.
pub(super) fn hold_word(state: State) -> &'static str {
    match state {
        State::Freezing(Intent::Ask) => "hold",
        State::Freezing(Intent::Pause) => "pause",
        State::Freezing(Intent::Route | Intent::Stop | Intent::Kill)
        | State::Waiting
        | State::Starting(_)
        | State::Running
        | State::Held
        | State::Paused
        | State::Ending(_)
        | State::Gone => "freeze",
    }
}
