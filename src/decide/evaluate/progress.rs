//! What is told of an agent's progress and of its plan: alerts look again.

use crate::model::event::EventKind;
use crate::model::{Brake, Braked, PlanWindow, Progress};

use crate::decide::accounts::Accounts;
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::context::Context;
use crate::decide::evaluate::budgets;
use crate::decide::message::Effects;
use crate::decide::people::brake;

/// What an agent has to show.
pub(in crate::decide) fn progressed(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    progress: Progress,
) {
    let agent = &mut agents[who];
    agent.watch.progressed(cx.now.uptime, &agent.progress, &progress);
    agent.progress = progress;
    budgets::evaluate_one(cx, agents, accounts, effects, who);
}

/// How much of the plan's own limits is used.
pub(in crate::decide) fn plan_said(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    windows: Vec<PlanWindow>,
) {
    let agent = &mut agents[who];
    agent.watch.plan = windows;
    budgets::evaluate_one(cx, agents, accounts, effects, who);
}

/// The plan's window began anew for which an agent is held.
pub(in crate::decide) fn plan_reset(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    let agent = &mut agents[who];
    let Some(held) = agent.watch.held_for.filter(|held| held.resets.is_some_and(|resets| resets <= cx.now.wall)) else {
        return;
    };
    agent.watch.held_for = None;
    let by = "policy".to_owned();
    let reason = Some(format!("the plan's {} limit began anew", held.length));
    agents.record(
        Some(who),
        EventKind::Braked { brake: Brake::Continue, by: by.clone(), reason: reason.clone() },
        effects,
    );
    brake::unpause(cx, agents, accounts, effects, who, &Braked { by, reason, at: cx.now.wall });
}
