//! What is asked of a person where an alert is due.

use std::time::Duration;

use crate::model::run::PLAN_SCOPE;
use crate::model::{BudgetKey, BudgetName, Quantity, Timestamp, Unit, Verb};
use crate::policy::alert::{Alert, Trigger};

use crate::decide::accounts::{Accounts, Spenders};
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::{Agent, Agents, Hold};
use crate::decide::context::Context;
use crate::decide::evaluate::alerts::AlertId;
use crate::decide::evaluate::due::Due;
use crate::decide::evaluate::effective;
use crate::decide::evaluate::watch::over;
use crate::decide::message::{About, Question};
use crate::decide::request_gates;

/// How long an answer is waited for where a route became a question.
const WAIT: Duration = Duration::from_secs(30 * 60);

/// The question that an alert puts.
pub(in crate::decide) fn question_of_alert(
    cx: &Context<'_>,
    agents: &Agents,
    accounts: &Accounts,
    agent: &Agent,
    due: &Due,
    alert: &Alert,
) -> Hold {
    if let Trigger::Request(gate) = &alert.trigger
        && let Some(question) = request_gates::question_of_request(cx, agents, agent, due, gate)
    {
        return Hold { question, source: due.source, advised: false, approval: None };
    }
    let route_to = effective::next_rung(accounts, &Spenders::of(cx.fixed, agents), agent)
        .filter(|_| agent.setup.restartable)
        .map(|rung| rung.model);
    let step = due.step.as_ref();
    let question = Question {
        run: cx.run.clone(),
        agent: agent.setup.name.clone(),
        key: BudgetKey {
            budget: BudgetName::new(alert.name.as_str()),
            scope: scope_of_alert(cx, agents, agent.id, alert),
            window_start: None,
            unit: Unit::Responses,
        },
        text: due.because.clone(),
        cost: agent.cost,
        // There is no limit that a yes would lift.
        extend: Quantity { unit: Unit::Responses, amount: 0 },
        route_to,
        wait: step.map_or(WAIT, |step| step.wait),
        otherwise: step.map_or(Verb::Stop, |step| step.otherwise),
        about: About::Alert,
    };
    Hold { question, source: due.source, advised: false, approval: None }
}

/// What an alert asks is asked until it is answered, for an agent that stands still is under any mark; but a plan's
/// window begins anew by itself.
pub(in crate::decide) fn alert_applies(cx: &Context<'_>, agents: &Agents, who: AgentId, alert: AlertId) -> bool {
    match &cx.fixed.alerts[alert].trigger {
        trigger @ Trigger::Plan { .. } => over(&agents[who], trigger, cx.now).is_some(),
        _ => true,
    }
}

/// When the plan's window begins anew that this alert looks at.
pub(in crate::decide) fn plan_begins_anew(cx: &Context<'_>, agent: &Agent, alert: AlertId) -> Option<Timestamp> {
    let Trigger::Plan { window, .. } = cx.fixed.alerts[alert].trigger else { return None };
    agent.watch.plan.iter().find(|found| found.length == window)?.resets
}

/// What an alert is about, as decisions and questions name it.
pub(in crate::decide) fn scope_of_alert(cx: &Context<'_>, agents: &Agents, who: AgentId, alert: &Alert) -> String {
    let plan = alert.step_of.map(|step| format!("{PLAN_SCOPE}{}, ", step.limit.window));
    format!("{}agent={}, run={}", plan.unwrap_or_default(), agents.name(who), cx.run)
}
