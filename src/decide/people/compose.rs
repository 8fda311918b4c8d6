//! Questions to people are composed and put, with a deadline.

use std::time::Duration;

use crate::model::event::{Chosen, EventKind};
use crate::model::{ApprovalId, BudgetName, Quantity, Verb};
use crate::policy::rule::Window;
use crate::policy::verdict::is_at_limit;

use crate::decide::accounts::account::Account;
use crate::decide::accounts::{Accounts, Spenders};
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::{Agents, Hold};
use crate::decide::context::Context;
use crate::decide::evaluate::due::{Due, Source};
use crate::decide::evaluate::{alert_question, effective};
use crate::decide::message::{About, Effect, Effects, Moment, Question, Timer};

/// How often it is looked whether enough spend has left a rolling window, at the most and at the least.
const ROLLS_MIN: Duration = Duration::from_secs(1);
const ROLLS_MAX: Duration = Duration::from_secs(600);

/// The limit that is meant: of this name, else the one of which least is left.
pub(in crate::decide) fn account_ahead<'a>(
    accounts: &'a Accounts,
    now: Moment,
    who: AgentId,
    budget: Option<&BudgetName>,
    by_amount: Quantity,
) -> Option<&'a Account> {
    let own = accounts.iter().filter(|account| account.agents.contains(&who) && !account.is_past(now.wall));
    own.filter(|account| account.key.unit == by_amount.unit)
        .filter(|account| budget.is_none_or(|budget| account.key.budget == *budget))
        .min_by_key(|account| account.limit().saturating_sub(account.spent))
}

/// Puts the question: nobody is held by it.
pub(in crate::decide) fn ask_ahead(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &Accounts,
    effects: &mut Effects,
    who: AgentId,
    (budget, by_amount): (Option<&BudgetName>, Quantity),
    reason: &str,
) {
    let Some(account) = account_ahead(accounts, cx.now, who, budget, by_amount) else { return };
    let agent = &agents[who];
    let question = Question {
        run: cx.run.clone(),
        agent: agent.setup.name.clone(),
        key: account.key.clone(),
        text: format!("{} — {by_amount} more is asked for ahead: “{reason}”", account.show(account.reserved)),
        cost: agent.cost,
        extend: by_amount,
        route_to: None,
        wait: Duration::MAX,
        otherwise: Verb::Warn,
        about: About::Ahead,
    };
    agents[who].ahead = Some((question.clone(), None));
    effects.push(Effect::Ask(question));
}

/// It is put, and has its number: its deadline runs.
pub(in crate::decide) fn record_question(
    cx: &Context<'_>,
    agents: &Agents,
    effects: &mut Effects,
    who: AgentId,
    (approval, left): (ApprovalId, Option<Duration>),
    asked: Question,
) {
    // All who wait for an answer wait for the same time, whatever each of their rules says: nobody is held by a
    // question that is over.
    let wait = left.unwrap_or(asked.wait);
    let deadline = chrono::TimeDelta::from_std(wait).ok();
    let deadline = deadline.and_then(|wait| cx.now.wall.checked_add_signed(wait));
    let (budget, cost) = (Some(asked.key.budget), Some(asked.cost));
    agents.record(Some(who), EventKind::Asked { approval, budget, question: asked.text, cost, deadline }, effects);
    effects.push(Effect::Arm(Timer::Deadline(approval), wait));
}

/// Looks again when the first window ends for which somebody is held; spend leaves a rolling
/// one little by little.
pub(in crate::decide) fn arm_window_end(cx: &Context<'_>, agents: &Agents, accounts: &Accounts, effects: &mut Effects) {
    let held = agents.values().filter_map(|agent| agent.held.as_ref().map(|hold| (agent, hold)));
    let soonest = held
        .filter_map(|(agent, hold)| {
            let account = match hold.source {
                Source::Step { account, .. } => account,
                Source::Alert(alert) => {
                    let anew = alert_question::plan_begins_anew(cx, agent, alert)?;
                    return (anew - cx.now.wall).to_std().ok();
                }
            };
            let account = &accounts[account];
            match account.rule.window {
                Window::Rolling(length) => Some((length / 60).clamp(ROLLS_MIN, ROLLS_MAX)),
                Window::Life | Window::Calendar(_) | Window::Between(..) | Window::Total => {
                    (account.bounds.end? - cx.now.wall).to_std().ok()
                }
            }
        })
        .min();
    if let Some(left) = soonest {
        effects.push(Effect::Arm(Timer::WindowEnd, left + Duration::from_millis(1)));
    }
}

pub(in crate::decide) fn compose(
    cx: &Context<'_>,
    agents: &Agents,
    accounts: &Accounts,
    who: AgentId,
    due: &Due,
) -> Option<Hold> {
    let agent = &agents[who];
    let account = match due.source {
        Source::Step { account, .. } => &accounts[account],
        Source::Alert(alert) => {
            return Some(alert_question::question_of_alert(cx, agents, accounts, agent, due, &cx.fixed.alerts[alert]));
        }
    };
    let route_to = effective::next_rung(accounts, &Spenders::of(cx.fixed, agents), agent)
        .filter(|_| agent.setup.restartable)
        .map(|rung| rung.model);
    let extend = Quantity { unit: account.key.unit, amount: due.offer };
    let step = due.step.as_ref();
    let question = Question {
        run: cx.run.clone(),
        agent: agents.name(who).clone(),
        key: account.key.clone(),
        text: due.reason(),
        cost: agent.cost,
        extend,
        route_to,
        wait: step.map_or(Duration::from_secs(30 * 60), |step| step.wait),
        otherwise: step.map_or(Verb::Stop, |step| step.otherwise),
        about: match step.filter(|step| account.spent < account.limit() && !is_at_limit(step, account.limit())) {
            Some(step) => About::Step { at: step.at, past: step.at.amount(account.limit()) },
            None => About::Limit,
        },
    };
    let followed = |chosen: &Chosen| chosen.advice.as_ref().is_some_and(|advice| advice.followed);
    let advised = due.chosen.as_ref().is_some_and(followed);
    Some(Hold { question, source: due.source, advised, approval: None })
}
