//! A model has answered, or a thread stands in another way than before.

use crate::model::{Response, ThreadId};

use crate::decide::accounts::{Accounts, Recorded};
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::context::Context;
use crate::decide::discretion::advisor::advice;
use crate::decide::evaluate::steer::telling;
use crate::decide::evaluate::throttle::requests;
use crate::decide::evaluate::{alarms, budgets};
use crate::decide::gate::{admit, outcomes};
use crate::decide::message::{Classed, Effects, Phase};
use crate::decide::models;

/// What a turn's tools did shows what its responses were part of: budgets and alerts over classes of work look again.
pub(in crate::decide) fn classed(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    classed: &Classed,
) {
    let last = agents[who].classed(classed);
    if accounts.reclass(cx, who, last.as_ref()) {
        budgets::evaluate(cx, agents, accounts, effects, who);
    }
}

pub(in crate::decide) fn responded(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    response: &Response,
    recorded: Recorded<'_>,
) {
    if advice::adviser_spent(cx, agents, accounts, effects, response, recorded) {
        return;
    }
    let Some(who) = response.agent.as_ref().and_then(|name| agents.id(name)) else {
        // Whose it is, nobody can say; that the run has spent it is sure, and it counts for all that it falls under.
        accounts.charge_as(cx, recorded, response, None);
        for who in agents.ids() {
            budgets::evaluate_one(cx, agents, accounts, effects, who);
        }
        return;
    };
    let agent = &mut agents[who];
    agent.note(response);
    agent.pace.answered(cx.now.uptime, response);
    agent.watch.answered(cx.now.uptime, response);
    agent.trend.note(agent.active(cx.now.uptime), response);
    if !agent.waits_for_room() {
        agent.room = None;
    }
    let arrived = agent.arriving.take_if(|model| response.model.as_ref() == Some(model));
    if let Some(model) = arrived {
        agents.say(who, &format!("routed to {model}"), effects);
    }
    alarms::rearm_requests(cx, agents, who);
    // What an answer tells of the plan comes right after it.
    alarms::tell_of_unknown_plan(cx, agents, effects, who, 2);
    admit::expect_admitted(cx, agents, accounts, effects, who, response);
    outcomes::answered_by_hook(agents, who, response);
    accounts.charge_as(cx, recorded, response, Some(who));
    accounts.spend_share(agents.name(who), response);
    if !models::refuse_unpriced(cx, agents, accounts, effects, who, response)
        && !models::refuse_model(cx, agents, accounts, effects, who, response)
    {
        budgets::evaluate_one(cx, agents, accounts, effects, who);
    }
    budgets::evaluate_peers(cx, agents, accounts, effects, who);
    telling::say_untold(agents, effects, who);
    requests::say_unthrottled(agents, effects, who);
}

/// Notes how a thread stands; says whether that is another way than before.
pub(in crate::decide) fn stands(
    agents: &mut Agents,
    who: AgentId,
    thread: ThreadId,
    root: Option<ThreadId>,
    phase: Phase,
) -> bool {
    let agent = &mut agents[who];
    let entry = agent.threads.entry(thread).or_default();
    entry.root = root.or(entry.root.take());
    std::mem::replace(&mut entry.phase, phase) != phase
}
