//! Alerts: once for each crossing, and what they do goes the way of a budget's step.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::event::EventKind;
use crate::model::{Brake, Braked, PlanWindow, Verb};
use crate::policy::rule::{Alert, AlertAction, Step, Trigger};

use crate::decide::accounts::account::Account;
use crate::decide::accounts::{Accounts, Spenders};
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::State;
use crate::decide::agents::{Agent, Agents};
use crate::decide::context::Context;
use crate::decide::evaluate::alerts::{AlertId, Alerts};
use crate::decide::evaluate::due::{Due, Source};
use crate::decide::evaluate::effective::Routable;
use crate::decide::evaluate::watch::{self, ahead, reached};
use crate::decide::evaluate::{binding, changed, effective};
use crate::decide::message::{Effect, Effects, Moment, Timer};
use crate::decide::people::pause;
use crate::decide::request_gates;

/// The alert's `only` leaves the agent in.
fn looks_at(cx: &Context<'_>, alert: &Alert, agent: &Agent) -> bool {
    alert.only.matches(|dimension| agent.value(cx.run, dimension))
}

/// Says, once, what looks at a ChatGPT plan's own limits and cannot judge them: so many answers came and none told of
/// a plan, as with an API key.
pub(in crate::decide) fn tell_of_unknown_plan(
    cx: &Context<'_>,
    agents: &mut Agents,
    effects: &mut Effects,
    who: AgentId,
    answers: i64,
) {
    let agent = &agents[who];
    if !agent.watch.plan_is_unknown(answers) {
        return;
    }
    let of_plan = |alert: &&Alert| matches!(alert.trigger, Trigger::Plan { .. }) && looks_at(cx, alert, agent);
    let names: BTreeSet<String> =
        cx.fixed.alerts.iter().filter(of_plan).map(|alert| format!("`{}`", alert.name)).collect();
    if names.is_empty() {
        return;
    }
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    let what = format!("no limit of a ChatGPT plan was told with the answers: {names} cannot be judged here");
    agents[who].watch.plan_missed = true;
    agents.mark(Some(who), what.clone(), effects);
    agents.say(who, &what, effects);
}

/// The alerts that are over their mark for this agent and were not carried out; what fell back under may be again.
pub(in crate::decide) fn alarms(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) -> Vec<Due> {
    let alerts = cx.fixed.alerts.clone();
    request_gates::forget_let_requests(agents, who);
    let mut due = Vec::new();
    for (id, alert) in alerts.with_ids() {
        let Some(because) = over(cx, agents, accounts, who, alert) else {
            rearm(agents, who, id);
            continue;
        };
        let agent = &mut agents[who];
        if outdone(agent, &alerts, id, cx.now) {
            agent.watch.fired.insert(id);
        }
        if agent.watch.fired.contains(&id) || !is_sure(cx, agents, effects, who, id, alert) {
            continue;
        }
        let agent = &agents[who];
        let because =
            alert.step_of.and_then(|step| reached(agent, step, &alert.name, cx.now.wall)).unwrap_or_else(|| {
                match alert.trigger {
                    // It begins with the gate's name.
                    Trigger::Request(_) => because,
                    _ => format!("{because} ({})", alert.name),
                }
            });
        match &alert.act {
            AlertAction::Step(step) => due.extend(due_by(cx, agents, accounts, who, id, step, because)),
            AlertAction::Hold => hold_for_plan(cx, agents, accounts, effects, who, (id, alert), because),
        }
    }
    arm_idle(cx, agents, effects, who, &alerts);
    due
}

fn over(cx: &Context<'_>, agents: &Agents, accounts: &Accounts, who: AgentId, alert: &Alert) -> Option<String> {
    let agent = &agents[who];
    if !looks_at(cx, alert, agent) {
        return None;
    }
    match &alert.trigger {
        Trigger::Pace { budget, share } => {
            let of = |account: &&Account| {
                account.key.budget == *budget && account.agents.contains(&who) && !account.is_past(cx.now.wall)
            };
            accounts.iter().filter(of).find_map(|account| ahead_of_pace(account, *share, cx.now))
        }
        Trigger::Request(gate) => request_gates::meets_unasked(cx, agents, agent, gate),
        Trigger::Changed(change) => changed::since_its_last_runs(cx, agent, *change),
        trigger => watch::over(agent, trigger, cx.now),
    }
}

/// Each request is met by itself: what was asked about the one before is over with its answer.
pub(in crate::decide) fn rearm_requests(cx: &Context<'_>, agents: &mut Agents, who: AgentId) {
    let alerts = cx.fixed.alerts.clone();
    let requests = alerts.with_ids().filter(|(_, alert)| matches!(alert.trigger, Trigger::Request(_)));
    requests.for_each(|(id, _)| rearm(agents, who, id));
}

/// It fell back under its mark: it may be carried out again.
fn rearm(agents: &mut Agents, who: AgentId, id: AlertId) {
    let agent = &mut agents[who];
    agent.watch.looking.remove(&id);
    if agent.watch.fired.remove(&id) {
        agent.steering.retain(|steering| steering.source != Source::Alert(id));
    }
}

/// That there are no changes is said only of a work tree that was looked at just now.
fn is_sure(
    cx: &Context<'_>,
    agents: &mut Agents,
    effects: &mut Effects,
    who: AgentId,
    id: AlertId,
    alert: &Alert,
) -> bool {
    if !alert.looks_at_work_tree() {
        return true;
    }
    let agent = &mut agents[who];
    match agent.watch.looking.get(&id) {
        Some(since) => agent.progress.looked_at >= Some(*since),
        None => {
            agent.watch.looking.insert(id, cx.now.uptime);
            effects.push(Effect::Look(agents.name(who).clone()));
            false
        }
    }
}

/// What an alert's step comes down to here: a route that cannot be done is a warning, for an alert has no limit that
/// would be passed; a question that nobody can be asked is what stands for no answer. `None`: that cannot be told
/// before a model has answered.
fn due_by(
    cx: &Context<'_>,
    agents: &Agents,
    accounts: &Accounts,
    who: AgentId,
    id: AlertId,
    step: &Step,
    because: String,
) -> Option<Due> {
    let agent = &agents[who];
    let (mut verb, mut because) = (step.verb, because);
    if verb == Verb::Route {
        match effective::routable(accounts, &Spenders::of(cx.fixed, agents), agent) {
            Routable::Yes => {}
            Routable::Unknown => return None,
            Routable::No(why) => (verb, because) = (Verb::Warn, format!("{because}; {why}")),
        }
    }
    if verb == Verb::Ask
        && let Some(nobody) = cx.fixed.nobody_for(Some(step))
    {
        verb = effective::instead_of_asking(accounts, &Spenders::of(cx.fixed, agents), agent, step.otherwise);
        because = format!("{because}; {nobody}");
    }
    let step = Some(step.clone());
    Some(Due {
        source: Source::Alert(id),
        written: verb,
        verb,
        step,
        because,
        offer: 0,
        needs: 0,
        chosen: None,
        foretold: false,
    })
}

/// Looks again when the agent would be idle.
fn arm_idle(cx: &Context<'_>, agents: &mut Agents, effects: &mut Effects, who: AgentId, alerts: &Alerts) {
    let agent = &mut agents[who];
    if agent.state != State::Running {
        // Who stands still is not idle.
        agent.watch.heard(cx.now.uptime);
    }
    let idle = alerts.with_ids().filter_map(|(id, alert)| match alert.trigger {
        Trigger::Idle(time) if !agent.watch.fired.contains(&id) => Some(time),
        _ => None,
    });
    let Some(time) = idle.min().filter(|_| agent.is_live() && agent.state != State::Waiting) else { return };
    if agent.watch.looks_at.is_some_and(|at| at > cx.now.uptime) {
        return;
    }
    let left = agent.watch.until_idle(cx.now.uptime, time).unwrap_or(time);
    agent.watch.looks_at = Some(cx.now.uptime.saturating_add(left));
    effects.push(Effect::Arm(Timer::Idle(agents.name(who).clone()), left + Duration::from_millis(1)));
}

/// Lets the agent stand still, without a question, until the plan's window begins anew or a person continues it.
fn hold_for_plan(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    (id, alert): (AlertId, &Alert),
    because: String,
) {
    let Trigger::Plan { window, .. } = alert.trigger else { return };
    let observes = binding::observes(cx, accounts, Source::Alert(id));
    let agent = &mut agents[who];
    if !agent.turn_under_way() && !observes {
        return;
    }
    agent.watch.fired.insert(id);
    if observes {
        let what = format!("would hold: {because}");
        effects.push(Effect::Say(what.clone()));
        agents.mark(Some(who), what, effects);
        return;
    }
    let found: Option<PlanWindow> = agent.watch.plan.iter().find(|found| found.length == window).copied();
    agent.watch.held_for = found;
    let kind = if alert.step_of.is_some() { "budget" } else { "alert" };
    let by = format!("policy ({kind} `{}`)", alert.name);
    let left = found.and_then(|found| (found.resets? - cx.now.wall).to_std().ok());
    agents.record(
        Some(who),
        EventKind::Braked { brake: Brake::Pause, by: by.clone(), reason: Some(because.clone()) },
        effects,
    );
    pause::pause(cx, agents, accounts, effects, who, &Braked { by, reason: Some(because), at: cx.now.wall });
    if let Some(left) = left {
        effects.push(Effect::Arm(Timer::PlanReset(agents.name(who).clone()), left + Duration::from_millis(1)));
    }
}

/// The next step of its budget applies, too, and is more severe.
fn outdone(agent: &Agent, alerts: &Alerts, id: AlertId, now: Moment) -> bool {
    let (alert, Some(next)) = (&alerts[id], alerts.after(id)) else { return false };
    let one_budget = alert.step_of.is_some() && next.step_of.is_some() && alert.name == next.name;
    one_budget && watch::over(agent, &next.trigger, now).is_some()
}

fn ahead_of_pace(account: &Account, share: u32, now: Moment) -> Option<String> {
    let (start, end) = (account.bounds.start?, account.bounds.end?);
    let (passed, length) = ((now.wall - start).num_seconds(), (end - start).num_seconds());
    let limit = account.limit();
    ahead(account.spent, limit, passed, length, share).then(|| {
        let part = passed.saturating_mul(100).checked_div(length).unwrap_or(0);
        let (spent, unit) = (account.spent, account.key.unit);
        let used = i128::from(spent) * 100 / i128::from(limit.max(1));
        format!("{} of {} is {used}% when {part}% of its window has passed", unit.show(spent), unit.show(limit))
    })
}
