//! Pure. Steps that apply become one decision: the most severe wins, all reasons are kept.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::event::{Decision, EventKind};
use crate::model::{AgentName, BudgetName, ModelId, Unit, Verb};
use crate::policy::rule::{Step, Threshold};
use crate::policy::verdict::{Fired, Standing, Why, grace, is_strict, judge};

use super::accounts::Spenders;
use super::accounts::account::Account;
use super::agent::Agent;
use super::context::Context;
use super::due::{Due, Source};
use super::effect::Effect;
use super::effective::Effective;
use super::governor::Governor;
use super::lifecycle::{After, Happening, Intent, State};
use super::weigh::Weighed;

impl Governor {
    /// Looks at an agent, and at all that share an account with it.
    pub(super) fn evaluate(&mut self, cx: &Context<'_>, name: &AgentName) {
        self.evaluate_one(cx, name);
        self.evaluate_peers(cx, name);
    }

    pub(super) fn evaluate_peers(&mut self, cx: &Context<'_>, name: &AgentName) {
        let shared = self.accounts.iter().filter(|account| account.agents.contains(name));
        let peers: BTreeSet<AgentName> =
            shared.flat_map(|account| &account.agents).filter(|peer| *peer != name).cloned().collect();
        for peer in peers {
            self.evaluate_one(cx, &peer);
        }
    }

    pub(super) fn evaluate_one(&mut self, cx: &Context<'_>, name: &AgentName) {
        if !self.agents.get(name).is_some_and(Agent::is_live) {
            return;
        }
        self.unbar_limits(cx, name);
        let due = self.judge_all(cx, name);
        let mut due = self.end_threads_of_their_own(name, due);
        due.extend(self.alarms(cx, name));
        due.sort_by_key(|due| std::cmp::Reverse(due.verb));
        // Between turns nothing is asked of a model: an agent that said its last word ends by itself,
        // an idle screen stays as it is. What begins the next turn is recorded before its request. Time passes whatever
        // runs, but where a screen waits for a person.
        let resting = self.agents.get(name).filter(|agent| !agent.turn_under_way());
        let rests = resting.map(|agent| agent.setup.full_screen);
        let waits = |due: &Due| match rests {
            Some(at_screen) => at_screen || self.defers_time || !self.counts_time(due.source),
            None => self.waits_for_spend(due),
        };
        due.retain(|due| !(self.is_hard(due) && waits(due)));
        let treatment = self.agents.get(name).and_then(Agent::treatment);
        let next_model = |all: &BTreeMap<AgentName, Agent>| all.get(name).and_then(Agent::next_model).cloned();
        let before = next_model(&self.agents);
        self.decide(cx, name, due, treatment);
        if next_model(&self.agents) != before {
            // What made room for its next request is judged by what that costs now: milder steps may be due. Models only
            // get cheaper, so this ends.
            return self.evaluate_one(cx, name);
        }
        self.wait_for_room(cx, name);
        self.try_route(cx, name);
        self.reserve(cx, name);
    }

    /// It is a budget in minutes that asks for this.
    pub(super) fn counts_time(&self, source: Source) -> bool {
        let Source::Step { account, .. } = source else { return false };
        self.accounts.get(account).is_some_and(|account| account.key.unit == Unit::Minutes)
    }

    /// A hook that spends will come; calls of tools are spent by the one that is here, and time by its tool.
    fn waits_for_spend(&self, due: &Due) -> bool {
        let Source::Step { account, .. } = due.source else { return self.defers };
        let Some(account) = self.accounts.get(account) else { return false };
        match account.key.unit {
            Unit::ToolCalls => false,
            Unit::Minutes => self.defers_time,
            Unit::Usd | Unit::Credits | Unit::Tok | Unit::AllTok | Unit::Responses => self.defers,
        }
    }

    /// A turn that begins at a limit has no grace.
    fn note_turn(&mut self, name: &AgentName) {
        let Some(agent) = self.agents.get(name) else { return };
        let began = match (agent.turn_under_way(), &agent.began_spent) {
            // After an answer that a hook told of nobody knows yet whether the turn is over.
            (false, _) if !agent.rests() => return,
            (false, _) => None,
            (true, Some(_)) => return,
            (true, None) => {
                let spent = self
                    .accounts
                    .iter()
                    .enumerate()
                    .filter(|(_, account)| account.agents.contains(name) && account.spent >= account.limit());
                Some(spent.map(|(index, _)| index).collect())
            }
        };
        if let Some(agent) = self.agents.get_mut(name) {
            agent.began_spent = began;
        }
    }

    /// The steps that apply to this agent now, the most severe first.
    pub(super) fn judge_all(&mut self, cx: &Context<'_>, name: &AgentName) -> Vec<Due> {
        self.accounts.open_current(cx, &Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref()), name);
        self.count_minutes(cx);
        self.note_turn(name);
        let mut found = Vec::new();
        for index in 0..self.accounts.len() {
            if !self.accounts.concerns(&self.spenders(), index, name)
                || self.accounts.get(index).is_none_or(|a| a.is_past(cx.now.wall))
            {
                continue;
            }
            self.roll(cx, index);
            found.extend(self.judge_one(cx, name, index));
        }
        found.sort_by_key(|due| std::cmp::Reverse(due.verb));
        found
    }

    /// The step of one account that applies, and what it comes down to. Where the governor raises an allotment, it is
    /// looked at again: each time some step lies ahead that did not.
    fn judge_one(&mut self, cx: &Context<'_>, name: &AgentName, index: usize) -> Option<Due> {
        loop {
            let standing = self.accounts.standing(cx, &self.spenders(), index, name)?;
            self.say_grace(index, &standing);
            let account = self.accounts.get(index)?;
            let fired = judge(&account.rule, &standing)?;
            let because = because(account, &standing, fired);
            let offer = self.offered_within(cx, index, account.offer(standing.reserved));
            if self.may_wait(cx, name, index, (&standing, fired)) {
                return None;
            }
            let source = Source::Step { account: index, step: fired.index };
            let foretold = fired.why == Why::NextWouldPass;
            let because = match self.agents.get(name).filter(|_| foretold).and_then(Agent::by_last_runs) {
                Some(runs) => format!("{because} ({runs})"),
                None => because,
            };
            let written = fired.verb;
            let Some(step) = account.rule.steps.get(fired.index).filter(|step| step.may.is_some()).cloned() else {
                let Effective { verb, step, note } = self.effective(name, index, fired, &standing)?;
                let because = note.map_or(because.clone(), |note| format!("{because}; {note}"));
                return Some(Due { source, written, verb, step, because, offer, chosen: None, foretold });
            };
            match self.weigh(cx, (name, index, fired.index), (&step, &standing)) {
                Weighed::Raised => {}
                Weighed::Later => return None,
                Weighed::Comes(verb, step, chosen) => {
                    let (step, chosen) = (Some(*step), Some(chosen));
                    return Some(Due { source, written, verb, step, because, offer, chosen, foretold });
                }
            }
        }
    }

    pub(super) fn roll(&mut self, cx: &Context<'_>, index: usize) {
        let Some(account) = self.accounts.get_mut(index) else { return };
        if account.roll(cx.policy.timezone, cx.now.wall, cx.books) {
            self.forget_fired(index);
        }
    }

    /// Steps that lie ahead once more may fire again.
    pub(super) fn forget_fired(&mut self, index: usize) {
        let Some(account) = self.accounts.get_mut(index) else { return };
        account.fired = account.still_behind(account.fired);
        for agent in self.agents.values_mut() {
            for steps in [&mut agent.fired, &mut agent.settled] {
                match account.still_behind(steps.get(&index).copied()) {
                    Some(step) => steps.insert(index, step),
                    None => steps.remove(&index),
                };
            }
            let ahead = |step: usize| account.still_behind(Some(step)) != Some(step);
            if agent.chosen.get(&index).is_some_and(|(step, _)| ahead(*step)) {
                agent.chosen.remove(&index);
            }
        }
        self.forget_steering(index);
    }

    /// A step is carried out: it, and all milder ones, need not be again. Hard steps that bind are
    /// not remembered.
    fn note_fired(&mut self, cx: &Context<'_>, name: &AgentName, due: &Due, would: bool) {
        let (index, fired) = match due.source {
            Source::Step { account, step } => (account, step),
            Source::Alert(alert) => {
                self.agents.get_mut(name).map(|agent| agent.watch.fired.insert(alert));
                return;
            }
        };
        let Some(account) = self.accounts.get_mut(index) else { return };
        account.fired_at = Some(cx.now.wall);
        let steps = || account.rule.steps.iter().enumerate().take(fired + 1);
        let said = steps()
            .filter(|(_, step)| step.verb == Verb::Warn && step.may.is_none())
            .map(|(index, _)| index)
            .next_back();
        account.fired = account.fired.max(said);
        // A choice that lets the agent go on is made once; at the limit itself it is made for each request.
        let limit = account.limit();
        let settled = |index: usize, step: &Step| {
            due.chosen.is_some() && index == fired && !due.verb.is_hard() && !is_strict(step, limit)
        };
        let done = steps().filter(|(index, step)| would || !step.verb.is_hard() || settled(*index, step));
        let done = done.map(|(index, _)| index).next_back();
        if let (Some(agent), Some(done)) = (self.agents.get_mut(name), done) {
            let fired = agent.fired.entry(index).or_insert(done);
            *fired = done.max(*fired);
        }
    }

    pub(super) fn say_grace(&mut self, index: usize, standing: &Standing) {
        let Some(account) = self.accounts.get(index) else { return };
        let uses = account.rule.grace > 0 && standing.turn_under_way && standing.spent >= standing.limit;
        if !uses || account.grace_said {
            return;
        }
        let what = format!("{}: past the limit by grace, to finish the current turn", account.show(0));
        if let Some(account) = self.accounts.get_mut(index) {
            account.grace_said = true;
        }
        self.effects.push(Effect::Say(what.clone()));
        self.mark(None, what);
    }

    pub(super) fn observes(&self, source: Source) -> bool {
        match source {
            Source::Step { account, .. } => self.accounts.observes(account),
            Source::Alert(alert) => {
                self.fixed.policy.observe || self.alerts.get(alert).is_some_and(|alert| alert.observe)
            }
        }
    }

    /// Keeps the agent from its next request.
    pub(super) fn is_hard(&self, due: &Due) -> bool {
        due.verb.is_hard() && !self.observes(due.source)
    }

    /// Turns the steps that apply into one decision: the most severe wins, all reasons are kept.
    /// What is no more severe than the treatment under way is looked at again when that is over.
    pub(super) fn decide(&mut self, cx: &Context<'_>, name: &AgentName, due: Vec<Due>, treatment: Option<Intent>) {
        let (observed, mut binding): (Vec<Due>, Vec<Due>) = due.into_iter().partition(|due| self.observes(due.source));
        for due in observed {
            self.note_fired(cx, name, &due, true);
            self.say(name, &format!("would {}: {}", due.word(), due.reason()));
            self.decided(name, &due, vec![due.because.clone()], true, None);
        }
        binding.retain(|due| intent(due.verb).is_none_or(|intent| intent == Intent::Route || Some(intent) > treatment));
        let Some(first) = binding.first() else { return };
        let others = binding.iter().skip(1).map(Due::reason);
        let reasons: Vec<String> = std::iter::once(first.because.clone()).chain(others).collect();
        let routes = binding.iter().any(|due| due.verb == Verb::Route);
        let rung = self.agents.get(name).filter(|_| routes).and_then(|agent| self.next_rung(agent));
        for due in &binding {
            self.note_fired(cx, name, due, false);
            self.note_chosen(name, due);
        }
        let to = rung.as_ref().filter(|_| first.verb == Verb::Route).map(|rung| rung.model.clone());
        self.decided(name, first, reasons, false, to);
        // A question is said where it is put.
        if first.verb != Verb::Ask {
            self.say(name, &format!("{}: {}", first.word(), first.reason()));
        }
        for due in &binding {
            match due.verb {
                Verb::Steer => self.steer(name, due),
                Verb::Throttle => self.throttle(name, due),
                Verb::Warn | Verb::Route | Verb::Ask | Verb::Stop | Verb::Kill => {}
            }
        }
        let question = if first.verb == Verb::Ask { self.compose(name, first) } else { None };
        if let Some(agent) = self.agents.get_mut(name) {
            agent.because.clone_from(&first.because);
            if rung.is_some() {
                agent.route_wanted = rung;
            }
            if question.is_some() {
                agent.question = question;
            }
        }
        match first.verb {
            // A route waits for its moment, and so does what the agent is told or slowed down by.
            Verb::Warn | Verb::Steer | Verb::Throttle | Verb::Route => {}
            Verb::Ask => self.happen(cx, name, Happening::Wish(Intent::Ask)),
            Verb::Stop => {
                // A tool that runs on spends minutes.
                let spares = !binding.iter().any(|due| due.verb.is_hard() && self.counts_minutes(due.source));
                if let Some(agent) = self.agents.get_mut(name) {
                    agent.spares_tools = spares;
                }
                self.end_held_or_running(cx, name, Intent::Stop);
            }
            Verb::Kill => self.end_held_or_running(cx, name, Intent::Kill),
        }
    }

    pub(super) fn counts_minutes(&self, source: Source) -> bool {
        let Source::Step { account, .. } = source else { return false };
        self.accounts.get(account).is_some_and(|account| account.key.unit == Unit::Minutes)
    }

    fn decided(&mut self, name: &AgentName, due: &Due, because: Vec<String>, would: bool, to: Option<ModelId>) {
        let hard = due.verb.is_hard() && !would;
        let (budget, scope, alert) = match due.source {
            Source::Step { account, .. } => {
                let Some(account) = self.accounts.get_mut(account) else { return };
                if hard {
                    account.offered = Some(due.offer);
                }
                (account.key.budget.clone(), account.key.scope.clone(), None)
            }
            Source::Alert(alert) => {
                let Some(alert) = self.alerts.get(alert) else { return };
                let written = alert.step_of.is_none().then(|| alert.name.clone());
                (BudgetName::new(alert.name.as_str()), self.scope_of_alert(name, alert), written)
            }
        };
        if hard {
            self.last_hard = Some(budget.clone());
        }
        let chosen = due.chosen.clone();
        let decision = Decision { verb: due.verb, budget, scope, alert, because, would, to, chosen };
        self.record(Some(name), EventKind::Decided(decision));
    }

    pub(super) fn stop_because(&mut self, cx: &Context<'_>, name: &AgentName, what: String) {
        let over = |agent: &Agent| {
            matches!(agent.state, State::Gone | State::Ending(After::Stopped | After::Killed))
                || agent.treatment() >= Some(Intent::Stop)
        };
        if self.agents.get(name).is_none_or(over) {
            return;
        }
        self.mark(Some(name), what.clone());
        self.say(name, &format!("stop: {what}"));
        if let Some(agent) = self.agents.get_mut(name) {
            agent.because = what;
        }
        self.end_held_or_running(cx, name, Intent::Stop);
    }
}

/// What a verb does to an agent; `None`: nothing.
fn intent(verb: Verb) -> Option<Intent> {
    match verb {
        Verb::Warn | Verb::Steer | Verb::Throttle => None,
        Verb::Route => Some(Intent::Route),
        Verb::Ask => Some(Intent::Ask),
        Verb::Stop => Some(Intent::Stop),
        Verb::Kill => Some(Intent::Kill),
    }
}

/// `$4.05 of $5.00 (each run): 80% reached`.
fn because(account: &Account, standing: &Standing, fired: Fired) -> String {
    let unit = account.key.unit;
    match fired.why {
        Why::NextWouldPass => {
            let next = if unit == Unit::ToolCalls { "call" } else { "request" };
            let grace = match grace(&account.rule, standing) {
                0 => String::new(),
                grace => format!(" and its grace of {}", unit.show(grace)),
            };
            format!("{}: the next {next} would pass the limit{grace}", account.show(standing.reserved))
        }
        Why::Reached if standing.spent >= standing.limit => format!("{}: spent", account.show(0)),
        Why::Reached => match account.rule.steps.get(fired.index).map(|step| step.at) {
            Some(Threshold::Share(share)) => {
                format!("{}: {}% reached", account.show(0), f64::from(share) / 10.0)
            }
            Some(Threshold::Left(_)) | None => {
                format!("{}: {} left", account.show(0), unit.show(standing.limit - standing.spent))
            }
        },
    }
}
