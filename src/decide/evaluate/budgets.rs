//! Pure. Steps that apply become one decision: the most severe wins, all reasons are kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::event::{Decision, EventKind};
use crate::model::{BudgetName, ModelId, Unit, Verb};
use crate::policy::rule::{Step, StepId, Threshold};
use crate::policy::verdict::{Fired, Standing, Why, grace, is_strict, judge};

use crate::decide::accounts::Spenders;
use crate::decide::accounts::account::Account;
use crate::decide::accounts::ids::AccountId;
use crate::decide::agents::Agent;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{After, Happening, Intent, State};
use crate::decide::context::Context;
use crate::decide::discretion::choosing::Weighed;
use crate::decide::evaluate::due::{Due, Source};
use crate::decide::evaluate::effective::{self, Effective};
use crate::decide::governor::Governor;
use crate::decide::message::Effect;
use crate::decide::people::permission;

impl Governor {
    /// Looks at an agent, and at all that share an account with it.
    pub(in crate::decide) fn evaluate(&mut self, cx: &Context<'_>, who: AgentId) {
        self.evaluate_one(cx, who);
        self.evaluate_peers(cx, who);
    }

    pub(in crate::decide) fn evaluate_peers(&mut self, cx: &Context<'_>, who: AgentId) {
        let shared = self.accounts.iter().filter(|account| account.agents.contains(&who));
        let peers: BTreeSet<AgentId> =
            shared.flat_map(|account| &account.agents).filter(|peer| **peer != who).copied().collect();
        for peer in peers {
            self.evaluate_one(cx, peer);
        }
    }

    pub(in crate::decide) fn evaluate_one(&mut self, cx: &Context<'_>, who: AgentId) {
        if !self.agents[who].is_live() {
            return;
        }
        self.unbar_limits(cx, who);
        let due = self.judge_all(cx, who);
        let mut due = self.end_threads_of_their_own(who, due);
        due.extend(self.alarms(cx, who));
        due.sort_by_key(|due| std::cmp::Reverse(due.verb));
        // Between turns nothing is asked of a model: an agent that said its last word ends by itself,
        // an idle screen stays as it is. What begins the next turn is recorded before its request. Time passes whatever
        // runs, but where a screen waits for a person.
        let agent = &self.agents[who];
        let rests = (!agent.turn_under_way()).then_some(agent.setup.full_screen);
        let waits = |due: &Due| match rests {
            Some(at_screen) => at_screen || self.defers_time || !self.counts_time(due.source),
            None => self.waits_for_spend(due),
        };
        due.retain(|due| !(self.is_hard(due) && waits(due)));
        let treatment = self.agents[who].treatment();
        let before = self.agents[who].next_model().cloned();
        self.decide(cx, who, due, treatment);
        if self.agents[who].next_model() != before.as_ref() {
            // What made room for its next request is judged by what that costs now: milder steps may be due. Models only
            // get cheaper, so this ends.
            return self.evaluate_one(cx, who);
        }
        self.wait_for_room(cx, who);
        self.try_route(cx, who);
        self.reserve(cx, who);
    }

    /// It is a budget in minutes that asks for this.
    pub(in crate::decide) fn counts_time(&self, source: Source) -> bool {
        let Source::Step { account, .. } = source else { return false };
        self.accounts[account].key.unit == Unit::Minutes
    }

    /// A hook that spends will come; calls of tools are spent by the one that is here, and time by its tool.
    fn waits_for_spend(&self, due: &Due) -> bool {
        let Source::Step { account, .. } = due.source else { return self.defers };
        match self.accounts[account].key.unit {
            Unit::ToolCalls => false,
            Unit::Minutes => self.defers_time,
            Unit::Usd | Unit::Credits | Unit::Tok | Unit::AllTok | Unit::Responses => self.defers,
        }
    }

    /// A turn that begins at a limit has no grace.
    fn note_turn(&mut self, who: AgentId) {
        let agent = &self.agents[who];
        let began = match (agent.turn_under_way(), &agent.began_spent) {
            // After an answer that a hook told of nobody knows yet whether the turn is over.
            (false, _) if !agent.rests() => return,
            (false, _) => None,
            (true, Some(_)) => return,
            (true, None) => {
                let spent = self
                    .accounts
                    .with_ids()
                    .filter(|(_, account)| account.agents.contains(&who) && account.spent >= account.limit());
                Some(spent.map(|(id, _)| id).collect())
            }
        };
        self.agents[who].began_spent = began;
    }

    /// The steps that apply to this agent now, the most severe first.
    pub(in crate::decide) fn judge_all(&mut self, cx: &Context<'_>, who: AgentId) -> Vec<Due> {
        self.accounts.open_current(cx, &Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref()), who);
        self.count_minutes(cx);
        self.note_turn(who);
        let mut found = Vec::new();
        for id in self.accounts.ids() {
            if !self.accounts.concerns(&self.spenders(), id, who) || self.accounts[id].is_past(cx.now.wall) {
                continue;
            }
            self.roll(cx, id);
            let due = self.judge_one(cx, who, id);
            let beside = due.as_ref().and_then(|due| self.throttle_beside(cx, who, id, due));
            found.extend(due.into_iter().chain(beside));
        }
        found.sort_by_key(|due| std::cmp::Reverse(due.verb));
        found
    }

    /// The step of one account that applies, and what it comes down to. Where the governor raises an allotment, it is
    /// looked at again: each time some step lies ahead that did not.
    fn judge_one(&mut self, cx: &Context<'_>, who: AgentId, id: AccountId) -> Option<Due> {
        loop {
            let standing = self.accounts.standing(cx, &self.spenders(), id, who);
            self.say_grace(id, &standing);
            let account = &self.accounts[id];
            let fired = judge(&account.rule, &standing)?;
            let because = because(account, &standing, fired);
            let offer = permission::offered_within(&self.accounts, cx, id, account.offer(standing.reserved));
            let needs = account.short_of(standing.reserved);
            if self.may_wait(cx, who, id, (&standing, fired)) {
                return None;
            }
            let source = Source::Step { account: id, step: fired.step };
            let foretold = fired.why == Why::NextWouldPass;
            let because = match self.agents[who].by_last_runs().filter(|_| foretold) {
                Some(runs) => format!("{because} ({runs})"),
                None => because,
            };
            let written = fired.verb;
            let step = account.rule.step(fired.step).clone();
            if step.may.is_none() {
                let Effective { verb, step, note } =
                    effective::comes_to(&self.accounts, &self.spenders(), who, id, fired, &standing)?;
                let because = note.map_or(because.clone(), |note| format!("{because}; {note}"));
                return Some(Due { source, written, verb, step, because, offer, needs, chosen: None, foretold });
            }
            match self.weigh(cx, (who, id, fired.step), (&step, &standing)) {
                Weighed::Raised => {}
                Weighed::Later => return None,
                Weighed::Comes(verb, step, chosen) => {
                    let (step, chosen) = (Some(*step), Some(chosen));
                    return Some(Due { source, written, verb, step, because, offer, needs, chosen, foretold });
                }
            }
        }
    }

    /// A route takes nothing away from the throttle before it, where one answer reaches both.
    fn throttle_beside(&self, cx: &Context<'_>, who: AgentId, id: AccountId, due: &Due) -> Option<Due> {
        let Source::Step { step: route, .. } = due.source else { return None };
        if due.written != Verb::Route || due.verb.is_hard() {
            return None;
        }
        let standing = self.accounts.standing(cx, &self.spenders(), id, who);
        let account = &self.accounts[id];
        let (of, step) = account.rule.own_steps().rfind(|(of, step)| {
            let is_reached = Some(*of) > standing.fired && step.at.amount(standing.limit) <= standing.spent;
            is_reached && *of < route && step.verb == Verb::Throttle && step.may.is_none()
        })?;
        let fired = Fired { step: of, verb: step.verb, why: Why::Reached };
        Some(Due {
            source: Source::Step { account: id, step: of },
            written: step.verb,
            verb: step.verb,
            step: Some(step.clone()),
            because: because(account, &standing, fired),
            offer: 0,
            needs: 0,
            chosen: None,
            foretold: false,
        })
    }

    pub(in crate::decide) fn roll(&mut self, cx: &Context<'_>, id: AccountId) {
        if self.accounts[id].roll(cx.policy.timezone, cx.now.wall, cx.books) {
            self.forget_fired(id);
        }
    }

    /// Steps that lie ahead once more may fire again.
    pub(in crate::decide) fn forget_fired(&mut self, id: AccountId) {
        let account = &mut self.accounts[id];
        account.fired = account.still_behind(account.fired);
        for agent in self.agents.values_mut() {
            for steps in [&mut agent.fired, &mut agent.settled] {
                match account.still_behind(steps.get(&id).copied()) {
                    Some(step) => steps.insert(id, step),
                    None => steps.remove(&id),
                };
            }
            let ahead = |step: StepId| account.still_behind(Some(step)) != Some(step);
            if agent.chosen.get(&id).is_some_and(|(step, _)| ahead(*step)) {
                agent.chosen.remove(&id);
            }
        }
        self.forget_steering(id);
    }

    /// A step is carried out: it, and all milder ones, need not be again. Hard steps that bind are
    /// not remembered.
    fn note_fired(&mut self, cx: &Context<'_>, who: AgentId, due: &Due, would: bool) {
        let (id, fired) = match due.source {
            Source::Step { account, step } => (account, step),
            Source::Alert(alert) => {
                self.agents[who].watch.fired.insert(alert);
                return;
            }
        };
        let account = &mut self.accounts[id];
        account.fired_at = Some(cx.now.wall);
        let rule = Arc::clone(&account.rule);
        let said = rule.own_steps().rfind(|(of, step)| *of <= fired && step.verb == Verb::Warn && step.may.is_none());
        account.fired = account.fired.max(said.map(|(of, _)| of));
        // A choice that lets the agent go on is made once; at the limit itself it is made for each request.
        let limit = account.limit();
        let settled = |of: StepId, step: &Step| {
            due.chosen.is_some() && of == fired && !due.verb.is_hard() && !is_strict(step, limit)
        };
        let is_done = |of: StepId, step: &Step| would || !step.verb.is_hard() || settled(of, step);
        let done = rule.own_steps().rfind(|(of, step)| *of <= fired && is_done(*of, step));
        if let Some((done, _)) = done {
            let fired = self.agents[who].fired.entry(id).or_insert(done);
            *fired = done.max(*fired);
        }
    }

    pub(in crate::decide) fn say_grace(&mut self, id: AccountId, standing: &Standing) {
        let account = &mut self.accounts[id];
        let uses = account.rule.grace > 0 && standing.turn_under_way && standing.spent >= standing.limit;
        if !uses || account.grace_said {
            return;
        }
        let what = format!("{}: past the limit by grace, to finish the current turn", account.show(0));
        account.grace_said = true;
        self.effects.push(Effect::Say(what.clone()));
        self.mark(None, what);
    }

    pub(in crate::decide) fn observes(&self, source: Source) -> bool {
        match source {
            Source::Step { account, .. } => self.accounts.observes(account),
            Source::Alert(alert) => self.fixed.policy.observe || self.alerts[alert].observe,
        }
    }

    /// Keeps the agent from its next request.
    pub(in crate::decide) fn is_hard(&self, due: &Due) -> bool {
        due.verb.is_hard() && !self.observes(due.source)
    }

    /// Turns the steps that apply into one decision: the most severe wins, all reasons are kept.
    /// What is no more severe than the treatment under way is looked at again when that is over.
    pub(in crate::decide) fn decide(
        &mut self,
        cx: &Context<'_>,
        who: AgentId,
        due: Vec<Due>,
        treatment: Option<Intent>,
    ) {
        let (observed, mut binding): (Vec<Due>, Vec<Due>) = due.into_iter().partition(|due| self.observes(due.source));
        for due in observed {
            self.note_fired(cx, who, &due, true);
            self.say(who, &format!("would {}: {}", due.word(), due.reason()));
            self.decided(who, &due, vec![due.because.clone()], true, None);
        }
        binding.retain(|due| intent(due.verb).is_none_or(|intent| intent == Intent::Route || Some(intent) > treatment));
        let Some(first) = binding.first() else { return };
        let others = binding.iter().skip(1).map(Due::reason);
        let reasons: Vec<String> = std::iter::once(first.because.clone()).chain(others).collect();
        let routes = binding.iter().any(|due| due.verb == Verb::Route);
        let rung = if routes { self.next_rung(&self.agents[who]) } else { None };
        for due in &binding {
            self.note_fired(cx, who, due, false);
            self.note_chosen(who, due);
        }
        let to = rung.as_ref().filter(|_| first.verb == Verb::Route).map(|rung| rung.model.clone());
        self.decided(who, first, reasons, false, to);
        // A question is said where it is put.
        if first.verb != Verb::Ask {
            let is_done = |due: &&Due| matches!(due.verb, Verb::Steer | Verb::Throttle);
            let also = binding.iter().skip(1).filter(is_done);
            let also: String = also.map(|due| format!("; also {}: {}", due.word(), due.reason())).collect();
            self.say(who, &format!("{}: {}{also}", first.word(), first.reason()));
        }
        for due in &binding {
            match due.verb {
                Verb::Steer => self.steer(who, due),
                Verb::Throttle => self.throttle(who, due),
                Verb::Warn | Verb::Route | Verb::Ask | Verb::Stop | Verb::Kill => {}
            }
        }
        let question = if first.verb == Verb::Ask { self.compose(who, first) } else { None };
        let agent = &mut self.agents[who];
        agent.because.clone_from(&first.because);
        if rung.is_some() {
            agent.route_wanted = rung;
        }
        if question.is_some() {
            agent.question = question;
        }
        match first.verb {
            // A route waits for its moment, and so does what the agent is told or slowed down by.
            Verb::Warn | Verb::Steer | Verb::Throttle | Verb::Route => {}
            Verb::Ask => self.happen(cx, who, Happening::Wish(Intent::Ask)),
            Verb::Stop => {
                // A tool that runs on spends minutes.
                let spares = !binding.iter().any(|due| due.verb.is_hard() && self.counts_minutes(due.source));
                self.agents[who].spares_tools = spares;
                self.end_held_or_running(cx, who, Intent::Stop);
            }
            Verb::Kill => self.end_held_or_running(cx, who, Intent::Kill),
        }
    }

    pub(in crate::decide) fn counts_minutes(&self, source: Source) -> bool {
        let Source::Step { account, .. } = source else { return false };
        self.accounts[account].key.unit == Unit::Minutes
    }

    fn decided(&mut self, who: AgentId, due: &Due, because: Vec<String>, would: bool, to: Option<ModelId>) {
        let hard = due.verb.is_hard() && !would;
        let (budget, scope, alert) = match due.source {
            Source::Step { account, .. } => {
                let account = &mut self.accounts[account];
                if hard {
                    (account.offered, account.needed) = (Some(due.offer), Some(due.needs));
                }
                (account.key.budget.clone(), account.key.scope.clone(), None)
            }
            Source::Alert(alert) => {
                let alert = &self.alerts[alert];
                let written = alert.step_of.is_none().then(|| alert.name.clone());
                (BudgetName::new(alert.name.as_str()), self.scope_of_alert(who, alert), written)
            }
        };
        if hard {
            self.last_hard = Some(budget.clone());
        }
        let chosen = due.chosen.clone();
        let decision = Decision { verb: due.verb, budget, scope, alert, because, would, to, chosen };
        self.record(Some(who), EventKind::Decided(decision));
    }

    pub(in crate::decide) fn stop_because(&mut self, cx: &Context<'_>, who: AgentId, what: String) {
        let over = |agent: &Agent| {
            matches!(agent.state, State::Gone | State::Ending(After::Stopped | After::Killed))
                || agent.treatment() >= Some(Intent::Stop)
        };
        if over(&self.agents[who]) {
            return;
        }
        self.mark(Some(who), what.clone());
        self.say(who, &format!("stop: {what}"));
        self.agents[who].because = what;
        self.end_held_or_running(cx, who, Intent::Stop);
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
        Why::Reached => match account.rule.step(fired.step).at {
            Threshold::Share(share) => {
                format!("{}: {}% reached", account.show(0), f64::from(share) / 10.0)
            }
            Threshold::Left(_) => {
                format!("{}: {} left", account.show(0), unit.show(standing.limit - standing.spent))
            }
        },
    }
}
