//! Pure. Steps that apply become one decision: the most severe wins, all reasons are kept.

use crate::model::event::{Decision, EventKind};
use crate::model::{AgentName, Cost, ModelId, Response, Unit, Verb};
use crate::policy::rule::{Budget, Step, Threshold};
use crate::policy::verdict::{Fired, Standing, Why, judge};

use super::account::{Account, Books};
use super::effect::Effect;
use super::governor::Governor;
use super::input::Moment;
use super::lifecycle::{Happening, Intent, State};

/// A step that applies, and where.
pub(super) struct Due {
    pub(super) account: usize,
    pub(super) fired: Fired,
    pub(super) because: String,
}

impl Governor {
    pub(super) fn evaluate(&mut self, now: Moment, name: &AgentName, books: &dyn Books) {
        let live = self.agents.get(name).is_some_and(|agent| !matches!(agent.state, State::Gone | State::Ending(_)));
        if !live {
            return;
        }
        let due = self.judge_all(now, name, books);
        self.decide(now, name, due);
        self.try_route(now, name);
        self.reserve(name);
    }

    /// The steps that apply to this agent now; they count as fired from here on.
    pub(super) fn judge_all(&mut self, now: Moment, name: &AgentName, books: &dyn Books) -> Vec<Due> {
        self.count_minutes(now);
        let mut found = Vec::new();
        for index in 0..self.accounts.len() {
            let Some(account) = self.accounts.get_mut(index).filter(|a| a.agents.contains(name)) else { continue };
            let Some(budget) = self.policy.budgets.get(account.budget) else { continue };
            if account.bounds.end.is_some_and(|end| now.wall >= end) {
                continue;
            }
            account.roll(budget, self.policy.timezone, now.wall, books);
            let Some(account) = self.accounts.get(index) else { continue };
            let standing = self.standing(account, budget, name, books);
            self.say_grace(index, &standing);
            let Some((account, budget)) = self.account(index) else { continue };
            if let Some(fired) = judge(budget, &standing) {
                let because = because(account, budget, &standing, fired);
                if let Some(account) = self.accounts.get_mut(index) {
                    account.fired = Some(fired.index);
                }
                found.push(Due { account: index, fired, because });
            }
        }
        found.sort_by_key(|due| std::cmp::Reverse(due.fired.verb));
        found
    }

    pub(super) fn say_grace(&mut self, index: usize, standing: &Standing) {
        let Some((account, budget)) = self.account(index) else { return };
        let uses = budget.grace > 0 && standing.turn_under_way && standing.spent >= standing.limit;
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

    pub(super) fn observes(&self, account: usize) -> bool {
        self.policy.observe || self.account(account).is_some_and(|(_, budget)| budget.observe)
    }

    /// Turns the steps that apply into one decision: the most severe wins, all reasons are kept.
    pub(super) fn decide(&mut self, now: Moment, name: &AgentName, due: Vec<Due>) {
        let (observed, binding): (Vec<Due>, Vec<Due>) = due.into_iter().partition(|due| self.observes(due.account));
        for due in observed {
            self.effects.push(Effect::Say(format!("would {}: {}", due.fired.verb, due.because)));
            self.decided(name, &due, vec![due.because.clone()], true, due.fired.verb, None);
        }
        let Some(first) = binding.first() else { return };
        let reasons: Vec<String> = binding.iter().map(|due| due.because.clone()).collect();
        let (verb, step) = self.effective(name, first);
        let rung = self.agents.get(name).and_then(|agent| self.next_rung(agent)).filter(|_| verb == Verb::Route);
        self.decided(name, first, reasons, false, verb, rung.as_ref().map(|rung| rung.model.clone()));
        self.effects.push(Effect::Say(format!("{verb}: {}", first.because)));
        if let Some(agent) = self.agents.get_mut(name) {
            agent.because.clone_from(&first.because);
        }
        match verb {
            Verb::Warn => {}
            Verb::Route => {
                if let Some(agent) = self.agents.get_mut(name) {
                    agent.route_wanted = rung;
                }
            }
            Verb::Ask => {
                let question = self.compose(name, first, step.as_ref());
                if let Some(agent) = self.agents.get_mut(name) {
                    agent.question = question;
                }
                self.happen(now, name, Happening::Wish(Intent::Ask));
            }
            Verb::Stop => self.end_held_or_running(now, name, Intent::Stop),
            Verb::Kill => self.end_held_or_running(now, name, Intent::Kill),
        }
    }

    /// What a step comes down to here: a route that is impossible becomes the next severer step,
    /// or a question; a question that nobody can answer becomes what stands for no answer.
    pub(super) fn effective(&mut self, name: &AgentName, due: &Due) -> (Verb, Option<Step>) {
        let Some((_, budget)) = self.account(due.account) else { return (due.fired.verb, None) };
        let mut index = due.fired.index;
        let mut step = budget.steps.get(index).cloned();
        let mut verb = due.fired.verb;
        if verb == Verb::Route {
            let agent = self.agents.get(name);
            let restartable = agent.is_some_and(|agent| agent.setup.restartable);
            let has_rung = agent.and_then(|agent| self.next_rung(agent)).is_some();
            if !restartable {
                verb = Verb::Ask;
                step = None;
            } else if !has_rung {
                match budget.steps.iter().enumerate().skip(index + 1).find(|(_, s)| s.verb > Verb::Route) {
                    Some((harder, next)) => {
                        index = harder;
                        verb = next.verb;
                        step = Some(next.clone());
                    }
                    None => verb = Verb::Warn,
                }
            }
        }
        if verb == Verb::Ask && !self.askable && step.as_ref().is_none_or(|step| step.implied) {
            verb = step.as_ref().map_or(Verb::Stop, |step| step.otherwise);
        }
        if let Some(account) = self.accounts.get_mut(due.account) {
            account.fired = Some(index);
        }
        (verb, step)
    }

    pub(super) fn decided(
        &mut self,
        name: &AgentName,
        due: &Due,
        because: Vec<String>,
        would: bool,
        verb: Verb,
        to: Option<ModelId>,
    ) {
        let Some((account, _)) = self.account(due.account) else { return };
        let key = account.key.clone();
        if verb.is_hard() && !would {
            self.last_hard = Some(key.budget.clone());
        }
        let decision = Decision { verb, budget: key.budget, scope: key.scope, because, would, to };
        self.record(Some(name), EventKind::Decided(decision));
    }

    pub(super) fn refuse_unpriced(&mut self, now: Moment, name: &AgentName, response: &Response) -> bool {
        if response.cost != Cost::Unpriced {
            return false;
        }
        let bound = self.accounts().any(|(budget, account)| {
            account.key.unit == Unit::Usd
                && account.agents.contains(name)
                && !budget.observe
                && budget.steps.iter().any(|step| step.verb.is_hard())
        });
        let model = response.model.as_ref().map_or("an unknown model", ModelId::as_str).to_owned();
        if !bound || self.policy.observe {
            return false;
        }
        let what = format!("`{model}` has no price: under a limit in money it is stopped");
        self.stop_because(now, name, what);
        true
    }

    pub(super) fn refuse_model(&mut self, now: Moment, name: &AgentName, response: &Response) -> bool {
        let Some(model) = &response.model else { return false };
        if self.policy.models.allows(model.as_str()) {
            return false;
        }
        let what = format!("`{model}` is not among the models that the policy allows");
        if self.policy.observe {
            self.mark(Some(name), what);
            return false;
        }
        self.stop_because(now, name, what);
        true
    }

    pub(super) fn stop_because(&mut self, now: Moment, name: &AgentName, what: String) {
        self.mark(Some(name), what.clone());
        self.effects.push(Effect::Say(format!("stop: {what}")));
        if let Some(agent) = self.agents.get_mut(name) {
            agent.because = what;
        }
        self.end_held_or_running(now, name, Intent::Stop);
    }
}

/// `$4.05 of $5.00 (each run): 80% reached`.
fn because(account: &Account, budget: &Budget, standing: &Standing, fired: Fired) -> String {
    let unit = account.key.unit;
    match fired.why {
        Why::NextWouldPass => {
            format!("{}: the next request would pass the limit", account.show(standing.reserved))
        }
        Why::Reached if standing.spent >= standing.limit => format!("{}: spent", account.show(0)),
        Why::Reached => match budget.steps.get(fired.index).map(|step| step.at) {
            Some(Threshold::Share(share)) => {
                format!("{}: {}% reached", account.show(0), f64::from(share) / 10.0)
            }
            Some(Threshold::Left(_)) | None => {
                format!("{}: {} left", account.show(0), unit.show(standing.limit - standing.spent))
            }
        },
    }
}
