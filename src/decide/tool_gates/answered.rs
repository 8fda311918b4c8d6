//! A question about a tool is answered, or nobody has answered in time.

use std::time::Duration;

use crate::model::ApprovalId;
use crate::model::event::{Answer, EventKind};
use crate::policy::rule::Refusal;

use crate::decide::accounts::{Accounts, Spenders, tool_calls};
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::Intent;
use crate::decide::agents::{Agent, Agents};
use crate::decide::context::Context;
use crate::decide::gate::let_through::{self, Let};
use crate::decide::message::{Effect, Effects, HookId};
use crate::decide::people::{compose, released};
use crate::decide::signal_hold::holding;
use crate::decide::tool_gates::{gated, questions, said_in};

/// The question about a tool has its number; says whether there was one.
pub(in crate::decide) fn call_asked(
    cx: &Context<'_>,
    agents: &mut Agents,
    effects: &mut Effects,
    who: AgentId,
    (approval, left): (ApprovalId, Option<Duration>),
) -> bool {
    let asks = &mut agents[who].gate.asks;
    let unnumbered = asks.values().find(|ask| ask.is_unnumbered());
    let Some(question) = unnumbered.map(|ask| ask.question.clone()) else { return false };
    asks.values_mut().filter(|ask| ask.question.key == question.key).for_each(|ask| ask.approval = Some(approval));
    compose::record_question(cx, agents, effects, who, (approval, left), question);
    holding::put_next(agents, effects, who);
    true
}

/// A person answered about a tool; says whether the question was one of those.
pub(in crate::decide) fn call_answered(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    approval: ApprovalId,
    answer: &Answer,
    (by, reason): (&str, Option<&str>),
) -> bool {
    let Some((who, _)) = questions::asked_about(agents, approval) else { return false };
    let (said, reason_said) = (by.to_owned(), reason.map(str::to_owned));
    let answered = EventKind::Answered { approval, answer: answer.clone(), by: said, reason: reason_said };
    agents.record(Some(who), answered, effects);
    call_settled(cx, agents, accounts, effects, approval, answer, (by, reason))
}

/// Carries out an answer about a tool that is written down already; says whether the question was one of those.
pub(in crate::decide) fn call_settled(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    approval: ApprovalId,
    answer: &Answer,
    (by, reason): (&str, Option<&str>),
) -> bool {
    let Some((who, hooks, ask)) = questions::take_asks(agents, effects, approval) else { return false };
    match answer {
        Answer::Extend { .. } | Answer::Once | Answer::NextStep { .. } | Answer::Route => {}
        Answer::Allow { seconds } => {
            let leave = (seconds.map(Duration::from_secs), said_in(by, approval));
            questions::allow_again(cx, agents, ask.question.key, who, leave);
        }
        Answer::Refuse => {
            let because = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            let why = format!("{by} refused it{because}");
            hooks
                .iter()
                .for_each(|hook| gated::refuse_call(cx, agents, accounts, effects, who, *hook, (&why, Some(by))));
            return true;
        }
        Answer::Stop | Answer::Kill => {
            agents[who].because = format!("{by} answered approval {approval}");
            let intent = if *answer == Answer::Kill { Intent::Kill } else { Intent::Stop };
            released::end_held_or_running(cx, agents, accounts, effects, who, intent);
            return true;
        }
    }
    hooks.into_iter().for_each(|hook| allow_call(cx, agents, accounts, effects, who, hook, by));
    true
}

/// Nobody answered about a tool in time; says whether the question was one of those.
pub(in crate::decide) fn call_expired(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    approval: ApprovalId,
) -> bool {
    let Some((who, hooks, ask)) = questions::take_asks(agents, effects, approval) else { return false };
    let otherwise = ask.question.about.at_gate().unwrap_or(Refusal::Deny);
    let answer = match otherwise {
        Refusal::Deny => Answer::Refuse,
        Refusal::Stop => Answer::Stop,
        Refusal::Kill => Answer::Kill,
    };
    let what = format!("nobody answered approval {approval} in time: {otherwise}");
    effects.push(Effect::Expire(approval, answer.clone()));
    let by = "deadline".to_owned();
    agents.record(Some(who), EventKind::Answered { approval, answer, by, reason: None }, effects);
    match otherwise {
        Refusal::Deny => {
            effects.push(Effect::Say(what.clone()));
            hooks.iter().for_each(|hook| {
                gated::refuse_call(cx, agents, accounts, effects, who, *hook, (&what, Some("deadline")))
            });
        }
        Refusal::Stop => released::stop_because(cx, agents, accounts, effects, who, what),
        Refusal::Kill => released::kill_because(cx, agents, accounts, effects, who, what),
    }
    true
}

fn allow_call(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    hook: HookId,
    by: &str,
) {
    // What else holds the agent, holds this tool too.
    let lets = |agent: &Agent| agent.pause.is_none() && agent.gate.lets_go(agent.state, hook);
    if lets(&agents[who]) && tool_calls::fit(accounts, cx, &Spenders::of(cx.fixed, agents), who) {
        // A request whose budgets are kept elsewhere waits for them, and is looked at after every input.
        let (Let::Go | Let::Wait | Let::Not(_)) =
            let_through::answer_allowed(cx, agents, accounts, effects, who, hook, Some(by));
    }
}
