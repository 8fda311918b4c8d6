//! Questions to people: put, answered, too late, no longer needed.

use crate::model::event::{Answer, EventKind};
use crate::model::{ApprovalId, BudgetKey, Threshold, Verb};
use crate::policy::verdict::{Standing, judge};

use crate::decide::accounts::{Accounts, Spenders, minutes};
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Intent, State};
use crate::decide::agents::{Agents, Hold};
use crate::decide::context::Context;
use crate::decide::evaluate::due::Source;
use crate::decide::evaluate::{alert_question, binding, budgets, effective, rearm};
use crate::decide::headroom::hold;
use crate::decide::message::{About, Effect, Effects, Question};
use crate::decide::people::lift::lifting;
use crate::decide::people::{compose, released};
use crate::decide::tool_gates::answered;
use crate::decide::{passing, request_gates, transition};

pub(in crate::decide) fn answered(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    approval: ApprovalId,
    answer: &Answer,
    (by, reason): (&str, Option<&str>),
) {
    if answered::call_answered(cx, agents, accounts, effects, approval, answer, (by, reason)) {
        return;
    }
    let Some(question) = agents.question(approval).cloned() else { return };
    let lifted = match answer {
        // An alert has no limit that could be lifted.
        _ if !question.about.is_of_limit() => None,
        Answer::Extend { amount } => Some(*amount),
        // A route that fits under the limit as it is needs no exception.
        Answer::Route => (!fits_if_routed(cx, agents, accounts, &question)).then_some(question.extend.amount),
        Answer::Allow { .. }
        | Answer::Once
        | Answer::NextStep { .. }
        | Answer::Refuse
        | Answer::Stop
        | Answer::Kill => None,
    };
    agents.record(
        agents.id(&question.agent),
        EventKind::Answered { approval, answer: answer.clone(), by: by.to_owned(), reason: reason.map(str::to_owned) },
        effects,
    );
    if let Some((asker, amount)) = agents.id(&question.agent).zip(lifted) {
        lifting::raise(cx, agents, accounts, effects, &question.key, amount, (by, reason));
        lifting::extend(agents, accounts, effects, asker, question.key.clone(), amount, (by, reason));
    }
    obey(cx, agents, accounts, effects, approval, (answer, by));
}

/// Carries out an answer whose extension, if any, is already in the accounts.
pub(in crate::decide) fn obey(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    approval: ApprovalId,
    (answer, by): (&Answer, &str),
) {
    if let Some(Question { key, about: About::Step { at, .. }, .. }) = agents.question(approval).cloned()
        && answer.is_yes()
    {
        // Whatever else a yes does, this step is behind.
        pass_steps_to(accounts, &key, at);
    }
    passing::answered(agents, effects, approval, (answer, by));
    for who in agents.ids() {
        agents[who].ahead.take_if(|(_, number)| *number == Some(approval));
        let held = agents[who].held.as_ref();
        if held.is_none_or(|hold| hold.approval != Some(approval)) {
            continue;
        }
        request_gates::let_request_go(cx, agents, who, (answer, by));
        match answer {
            Answer::Extend { .. } | Answer::Allow { .. } | Answer::Once | Answer::NextStep { .. } => {
                release_or_ask_again(cx, agents, accounts, effects, who);
            }
            Answer::Route => route_or_ask_again(cx, agents, accounts, effects, who),
            Answer::Refuse | Answer::Stop => released::end_held(cx, agents, accounts, effects, who, Intent::Stop),
            Answer::Kill => released::end_held(cx, agents, accounts, effects, who, Intent::Kill),
        }
    }
}

/// Steps up to this one were answered: they ask no more.
fn pass_steps_to(accounts: &mut Accounts, key: &BudgetKey, at: Threshold) {
    for account in accounts.iter_mut().filter(|account| account.key == *key) {
        account.pass([at]);
    }
}

/// Somebody decided for the next model: goes on with it if nothing hard applies then, else
/// asks anew. A route that is impossible here leaves it at the limit that was lifted, if any.
fn route_or_ask_again(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    let agent = &agents[who];
    let may = agent.setup.restartable && agent.root.is_some();
    let rung = if may { effective::next_rung(accounts, &Spenders::of(cx.fixed, agents), agent) } else { None };
    let agent = &mut agents[who];
    let source = agent.held.as_ref().filter(|_| rung.is_some()).map(|hold| hold.source);
    if let Some(Source::Step { account, step }) = source {
        agent.settled.insert(account, step);
    }
    agent.restarting = rung.is_some();
    agent.route_wanted = rung.or(agent.route_wanted.take());
    release_or_ask_again(cx, agents, accounts, effects, who);
}

/// What held it is settled: goes on if nothing hard applies any more, else asks anew.
pub(in crate::decide) fn release_or_ask_again(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    released::unhold(agents, who);
    let agent = &mut agents[who];
    if !agent.waits_for_room() {
        agent.room = None;
    }
    let due = budgets::judge_all(cx, agents, accounts, effects, who);
    let hard = due.iter().any(|due| binding::is_hard(cx, accounts, due));
    let agent = &mut agents[who];
    agent.question = None;
    agent.restarting &= !hard;
    budgets::decide(cx, agents, accounts, effects, who, due, None);
    if !hard && hold::stays_for_room(cx, agents, accounts, effects, who) {
        // Others' claims stand in its way, and nothing is asked about those yet.
    } else if !hard {
        released::go_on(cx, agents, accounts, effects, who);
    } else if agents[who].state == State::Held {
        transition::ask(agents, effects, who);
    }
    accounts.reserve(cx, agents, who, effects);
    // What it may ask next counts for those beside it once more.
    budgets::evaluate_peers(cx, agents, accounts, effects, who);
}

/// Looks whether those who are held fit again: a window ended, or a limit was lifted elsewhere.
pub(in crate::decide) fn release_who_fits(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
) {
    for who in agents.ids() {
        let hold = agents[who].held.clone();
        let Some(Hold { approval: Some(approval), source, .. }) = hold else { continue };
        if !still_applies(cx, agents, accounts, who, source) {
            effects.push(Effect::Withdraw(approval));
            release_or_ask_again(cx, agents, accounts, effects, who);
        }
    }
    compose::arm_window_end(cx, agents, accounts, effects);
}

/// The step that holds an agent, or a severer one of its budget, applies still.
pub(in crate::decide) fn still_applies(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    who: AgentId,
    source: Source,
) -> bool {
    let (account, step) = match source {
        Source::Step { account, step } => (account, step),
        Source::Alert(alert) => return alert_question::alert_applies(cx, agents, who, alert),
    };
    minutes::count(accounts, cx, &Spenders::of(cx.fixed, agents));
    rearm::roll(cx, agents, accounts, account);
    let standing = accounts.standing(cx, &Spenders::of(cx.fixed, agents), account, who);
    let found = &accounts[account];
    let standing = Standing { fired: step.before(), ..standing };
    !found.is_past(cx.now.wall)
        && judge(&found.rule, &standing).is_some()
        && accounts.concerns(&Spenders::of(cx.fixed, agents), account, who)
}

pub(in crate::decide) fn deadline(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    approval: ApprovalId,
) {
    if answered::call_expired(cx, agents, accounts, effects, approval) {
        return;
    }
    release_who_fits(cx, agents, accounts, effects);
    let Some(question) = agents.question(approval).cloned() else { return };
    let answer = match question.otherwise {
        // A route by deadline may not lift the limit: nobody allowed it. Nor does one come after another that led to no
        // response, since the cheaper model has a limit of its own: the questions would have no end.
        Verb::Route if routes_in_vain(agents, &question) => Answer::Stop,
        Verb::Route if fits_if_routed(cx, agents, accounts, &question) => Answer::Route,
        Verb::Route if question.about == About::Alert && question.route_to.is_some() => Answer::Route,
        Verb::Kill => Answer::Kill,
        Verb::Route | Verb::Warn | Verb::Steer | Verb::Throttle | Verb::Ask | Verb::Stop => Answer::Stop,
    };
    let what = match answer {
        Answer::Route => Verb::Route,
        Answer::Kill => Verb::Kill,
        _ => Verb::Stop,
    };
    if let (Answer::Route, Some(who)) = (&answer, agents.id(&question.agent)) {
        let agent = &mut agents[who];
        agent.routed_unanswered = Some(agent.responses);
    }
    effects.push(Effect::Expire(approval, answer.clone()));
    effects.push(Effect::Say(format!("nobody answered approval {approval} in time: {what}")));
    agents.record(
        agents.id(&question.agent),
        EventKind::Answered { approval, answer: answer.clone(), by: "deadline".to_owned(), reason: None },
        effects,
    );
    obey(cx, agents, accounts, effects, approval, (&answer, "deadline"));
}

/// It was to go on with a cheaper model before, when nobody answered, and had no response since.
fn routes_in_vain(agents: &Agents, question: &Question) -> bool {
    let agent = agents.id(&question.agent).map(|who| &agents[who]);
    agent.is_some_and(|agent| agent.routed_unanswered == Some(agent.responses))
}

/// With the next model down, the agent's next request fits under the limit that it is asked about.
pub(in crate::decide) fn fits_if_routed(
    cx: &Context<'_>,
    agents: &Agents,
    accounts: &Accounts,
    question: &Question,
) -> bool {
    let fits = || {
        let agent = &agents[agents.id(&question.agent)?];
        let id = accounts.find(&question.key)?;
        let account = &accounts[id];
        let (spent, limit) = (account.spent, account.limit());
        let routed = accounts.reserved_if_routed(cx, &Spenders::of(cx.fixed, agents), id, agent)?;
        Some(spent < limit && spent.saturating_add(routed) <= limit)
    };
    fits().unwrap_or(false)
}
