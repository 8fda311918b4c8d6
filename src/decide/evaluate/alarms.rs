//! Pure. Alerts: once for each crossing, and what they do goes the way of a budget's step.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::event::EventKind;
use crate::model::run::PLAN_SCOPE;
use crate::model::{Brake, Braked, BudgetKey, BudgetName, PlanWindow, Progress, Quantity, Timestamp, Unit, Verb};
use crate::policy::rule::{Act, Alert, Step, Trigger};

use crate::decide::accounts::account::Account;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::State;
use crate::decide::agents::{Agent, Hold};
use crate::decide::context::Context;
use crate::decide::evaluate::alerts::{AlertId, Alerts};
use crate::decide::evaluate::due::{Due, Source};
use crate::decide::evaluate::effective::{self, Routable};
use crate::decide::evaluate::watch::{ahead, over, reached};
use crate::decide::governor::Governor;
use crate::decide::message::{About, Effect, Moment, Question, Timer};

/// How long an answer is waited for where a route became a question.
const WAIT: Duration = Duration::from_secs(30 * 60);

impl Governor {
    /// What an agent has to show.
    pub(in crate::decide) fn progressed(&mut self, cx: &Context<'_>, who: AgentId, progress: Progress) {
        let agent = &mut self.agents[who];
        agent.watch.progressed(cx.now.uptime, &agent.progress, &progress);
        agent.progress = progress;
        self.evaluate_one(cx, who);
    }

    /// How much of the plan's own limits is used.
    pub(in crate::decide) fn plan_said(&mut self, cx: &Context<'_>, who: AgentId, windows: Vec<PlanWindow>) {
        let agent = &mut self.agents[who];
        agent.watch.plan = windows;
        self.evaluate_one(cx, who);
    }

    /// The alert's `only` leaves the agent in.
    fn looks_at(&self, alert: &Alert, agent: &Agent) -> bool {
        alert.only.iter().all(|(dimension, patterns)| {
            let value = agent.value(&self.fixed.run, dimension);
            value.is_some_and(|value| patterns.iter().any(|pattern| pattern.is_match(&value)))
        })
    }

    /// Says, once, what looks at a ChatGPT plan's own limits and cannot judge them: so many answers came and none told of
    /// a plan, as with an API key.
    pub(in crate::decide) fn tell_of_unknown_plan(&mut self, who: AgentId, answers: i64) {
        let agent = &self.agents[who];
        if !agent.watch.plan_is_unknown(answers) {
            return;
        }
        let of_plan = |alert: &&Alert| matches!(alert.trigger, Trigger::Plan { .. }) && self.looks_at(alert, agent);
        let names: BTreeSet<String> =
            self.alerts.iter().filter(of_plan).map(|alert| format!("`{}`", alert.name)).collect();
        if names.is_empty() {
            return;
        }
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let what = format!("no limit of a ChatGPT plan was told with the answers: {names} cannot be judged here");
        self.agents[who].watch.plan_missed = true;
        self.mark(Some(who), what.clone());
        self.say(who, &what);
    }

    /// The alerts that are over their mark for this agent and were not carried out; what fell back under may be again.
    pub(in crate::decide) fn alarms(&mut self, cx: &Context<'_>, who: AgentId) -> Vec<Due> {
        let alerts = self.alerts.clone();
        self.forget_let_requests(who);
        let mut due = Vec::new();
        for (id, alert) in alerts.with_ids() {
            let Some(because) = self.over(cx, who, alert) else {
                self.rearm(who, id);
                continue;
            };
            let agent = &mut self.agents[who];
            if outdone(agent, &alerts, id, cx.now) {
                agent.watch.fired.insert(id);
            }
            if agent.watch.fired.contains(&id) || !self.is_sure(cx, who, id, alert) {
                continue;
            }
            let agent = &self.agents[who];
            let because =
                alert.step_of.and_then(|step| reached(agent, step, &alert.name, cx.now.wall)).unwrap_or_else(|| {
                    match alert.trigger {
                        // It begins with the gate's name.
                        Trigger::Request(_) => because,
                        _ => format!("{because} ({})", alert.name),
                    }
                });
            match &alert.act {
                Act::Step(step) => due.extend(self.due_by(who, id, step, because)),
                Act::Hold => self.hold_for_plan(cx, who, (id, alert), because),
            }
        }
        self.arm_idle(cx, who, &alerts);
        due
    }

    fn over(&self, cx: &Context<'_>, who: AgentId, alert: &Alert) -> Option<String> {
        let agent = &self.agents[who];
        if !self.looks_at(alert, agent) {
            return None;
        }
        match &alert.trigger {
            Trigger::Pace { budget, share } => {
                let of = |account: &&Account| {
                    account.key.budget == *budget && account.agents.contains(&who) && !account.is_past(cx.now.wall)
                };
                self.accounts.iter().filter(of).find_map(|account| ahead_of_pace(account, *share, cx.now))
            }
            Trigger::Request(gate) => self.meets_unasked(cx, agent, *gate),
            trigger => over(agent, trigger, cx.now),
        }
    }

    /// Each request is met by itself: what was asked about the one before is over with its answer.
    pub(in crate::decide) fn rearm_requests(&mut self, who: AgentId) {
        let alerts = self.alerts.clone();
        let requests = alerts.with_ids().filter(|(_, alert)| matches!(alert.trigger, Trigger::Request(_)));
        requests.for_each(|(id, _)| self.rearm(who, id));
    }

    /// It fell back under its mark: it may be carried out again.
    fn rearm(&mut self, who: AgentId, id: AlertId) {
        let agent = &mut self.agents[who];
        agent.watch.looking.remove(&id);
        if agent.watch.fired.remove(&id) {
            agent.steering.retain(|steering| steering.source != Source::Alert(id));
        }
    }

    /// That there are no changes is said only of a work tree that was looked at just now.
    fn is_sure(&mut self, cx: &Context<'_>, who: AgentId, id: AlertId, alert: &Alert) -> bool {
        if !alert.looks_at_work_tree() {
            return true;
        }
        let agent = &mut self.agents[who];
        match agent.watch.looking.get(&id) {
            Some(since) => agent.progress.looked_at >= Some(*since),
            None => {
                agent.watch.looking.insert(id, cx.now.uptime);
                self.effects.push(Effect::Look(self.agents.name(who).clone()));
                false
            }
        }
    }

    /// What an alert's step comes down to here: a route that cannot be done is a warning, for an alert has no limit that
    /// would be passed; a question that nobody can be asked is what stands for no answer. `None`: that cannot be told
    /// before a model has answered.
    fn due_by(&self, who: AgentId, id: AlertId, step: &Step, because: String) -> Option<Due> {
        let agent = &self.agents[who];
        let (mut verb, mut because) = (step.verb, because);
        if verb == Verb::Route {
            match effective::routable(&self.accounts, &self.spenders(), agent) {
                Routable::Yes => {}
                Routable::Unknown => return None,
                Routable::No(why) => (verb, because) = (Verb::Warn, format!("{because}; {why}")),
            }
        }
        if verb == Verb::Ask
            && let Some(nobody) = self.fixed.nobody_for(Some(step))
        {
            verb = effective::instead_of_asking(&self.accounts, &self.spenders(), agent, step.otherwise);
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
    fn arm_idle(&mut self, cx: &Context<'_>, who: AgentId, alerts: &Alerts) {
        let agent = &mut self.agents[who];
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
        self.effects.push(Effect::Arm(Timer::Idle(self.agents.name(who).clone()), left + Duration::from_millis(1)));
    }

    /// The question that an alert puts.
    pub(in crate::decide) fn question_of_alert(&self, agent: &Agent, due: &Due, alert: &Alert) -> Hold {
        if let Trigger::Request(gate) = alert.trigger
            && let Some(question) = self.question_of_request(agent, due, gate)
        {
            return Hold { question, source: due.source, advised: false, approval: None };
        }
        let route_to = self.next_rung(agent).filter(|_| agent.setup.restartable).map(|rung| rung.model);
        let step = due.step.as_ref();
        let question = Question {
            run: self.fixed.run.clone(),
            agent: agent.setup.name.clone(),
            key: BudgetKey {
                budget: BudgetName::new(alert.name.as_str()),
                scope: self.scope_of_alert(agent.id, alert),
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
    pub(in crate::decide) fn alert_applies(&self, cx: &Context<'_>, who: AgentId, alert: AlertId) -> bool {
        match &self.alerts[alert].trigger {
            trigger @ Trigger::Plan { .. } => over(&self.agents[who], trigger, cx.now).is_some(),
            _ => true,
        }
    }

    /// When the plan's window begins anew that this alert looks at.
    pub(in crate::decide) fn plan_begins_anew(&self, agent: &Agent, alert: AlertId) -> Option<Timestamp> {
        let Trigger::Plan { window, .. } = self.alerts[alert].trigger else { return None };
        agent.watch.plan.iter().find(|found| found.length == window)?.resets
    }

    /// What an alert is about, as decisions and questions name it.
    pub(in crate::decide) fn scope_of_alert(&self, who: AgentId, alert: &Alert) -> String {
        let plan = alert.step_of.map(|step| format!("{PLAN_SCOPE}{}, ", step.limit.window));
        format!("{}agent={}, run={}", plan.unwrap_or_default(), self.agents.name(who), self.fixed.run)
    }

    /// Lets the agent stand still, without a question, until the plan's window begins anew or a person continues it.
    fn hold_for_plan(&mut self, cx: &Context<'_>, who: AgentId, (id, alert): (AlertId, &Alert), because: String) {
        let Trigger::Plan { window, .. } = alert.trigger else { return };
        let observes = self.observes(Source::Alert(id));
        let agent = &mut self.agents[who];
        if !agent.turn_under_way() && !observes {
            return;
        }
        agent.watch.fired.insert(id);
        if observes {
            let what = format!("would hold: {because}");
            self.effects.push(Effect::Say(what.clone()));
            self.mark(Some(who), what);
            return;
        }
        let found: Option<PlanWindow> = agent.watch.plan.iter().find(|found| found.length == window).copied();
        agent.watch.held_for = found;
        let kind = if alert.step_of.is_some() { "budget" } else { "alert" };
        let by = format!("policy ({kind} `{}`)", alert.name);
        let left = found.and_then(|found| (found.resets? - cx.now.wall).to_std().ok());
        self.record(
            Some(who),
            EventKind::Braked { brake: Brake::Pause, by: by.clone(), reason: Some(because.clone()) },
        );
        self.pause(cx, who, &Braked { by, reason: Some(because), at: cx.now.wall });
        if let Some(left) = left {
            self.effects
                .push(Effect::Arm(Timer::PlanReset(self.agents.name(who).clone()), left + Duration::from_millis(1)));
        }
    }

    /// The plan's window began anew for which an agent is held.
    pub(in crate::decide) fn plan_reset(&mut self, cx: &Context<'_>, who: AgentId) {
        let agent = &mut self.agents[who];
        let Some(held) = agent.watch.held_for.filter(|held| held.resets.is_some_and(|resets| resets <= cx.now.wall))
        else {
            return;
        };
        agent.watch.held_for = None;
        let by = "policy".to_owned();
        let reason = Some(format!("the plan's {} limit began anew", held.length));
        self.record(Some(who), EventKind::Braked { brake: Brake::Continue, by: by.clone(), reason: reason.clone() });
        self.unpause(cx, who, &Braked { by, reason, at: cx.now.wall });
    }
}

/// The next step of its budget applies, too, and is more severe.
fn outdone(agent: &Agent, alerts: &Alerts, id: AlertId, now: Moment) -> bool {
    let (alert, Some(next)) = (&alerts[id], alerts.after(id)) else { return false };
    let one_budget = alert.step_of.is_some() && next.step_of.is_some() && alert.name == next.name;
    one_budget && over(agent, &next.trigger, now).is_some()
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
