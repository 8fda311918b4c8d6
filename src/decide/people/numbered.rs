//! A question that was put has its number.

use std::time::Duration;

use crate::model::ApprovalId;
use crate::model::event::EventKind;

use crate::decide::accounts::Accounts;
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::context::Context;
use crate::decide::message::{Effect, Effects, Question};
use crate::decide::passing;
use crate::decide::people::compose;
use crate::decide::tool_gates::answered;

/// `left` is how long another run's question waits yet that this one has joined.
pub(in crate::decide) fn asked(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &Accounts,
    effects: &mut Effects,
    who: AgentId,
    (approval, left): (ApprovalId, Option<Duration>),
) {
    if let Some((question, number @ None)) = &mut agents[who].ahead {
        *number = Some(approval);
        let Question { key, text, cost, .. } = question.clone();
        let (budget, question, cost) = (Some(key.budget), text, Some(cost));
        // Nothing happens if nobody answers: it has no deadline.
        agents.record(Some(who), EventKind::Asked { approval, budget, question, cost, deadline: None }, effects);
        return;
    }
    if passing::asked(cx, agents, effects, who, (approval, left)) {
        return;
    }
    if answered::call_asked(cx, agents, effects, who, (approval, left)) {
        return;
    }
    let Some(hold) = agents[who].held.as_mut() else {
        effects.push(Effect::Withdraw(approval));
        return;
    };
    hold.approval = Some(approval);
    let question = hold.question.clone();
    compose::record_question(cx, agents, effects, who, (approval, left), question);
    compose::arm_window_end(cx, agents, accounts, effects);
}
