//! Pure. Questions to people: put, answered, too late, no longer needed.

use std::time::Duration;

use crate::model::event::{Answer, EventKind};
use crate::model::{AgentName, ApprovalId, BudgetKey, Quantity, Verb};
use crate::policy::rule::Step;
use crate::policy::verdict::judge;

use super::account::{Account, Books};
use super::agent::Hold;
use super::effect::{Effect, Question};
use super::governor::{Governor, Lift};
use super::input::{Moment, Timer};
use super::lifecycle::{Happening, Intent, State};
use super::verdicts::Due;

impl Governor {
    pub(super) fn asked(&mut self, now: Moment, name: &AgentName, approval: ApprovalId) {
        let Some(hold) = self.agents.get_mut(name).and_then(|agent| agent.held.as_mut()) else {
            self.effects.push(Effect::Withdraw(approval));
            return;
        };
        hold.approval = Some(approval);
        let question = hold.question.clone();
        let deadline =
            chrono::TimeDelta::from_std(question.wait).ok().and_then(|wait| now.wall.checked_add_signed(wait));
        self.record(
            Some(name),
            EventKind::Asked { approval, budget: Some(question.key.budget.clone()), question: question.text, deadline },
        );
        self.effects.push(Effect::Arm(Timer::Deadline(approval), question.wait));
        let ends =
            self.accounts.iter().filter(|account| account.key == question.key).filter_map(|a| a.bounds.end).min();
        if let Some(left) = ends.and_then(|end| (end - now.wall).to_std().ok()) {
            self.effects.push(Effect::Arm(Timer::WindowEnd, left));
        }
    }

    pub(super) fn answered(
        &mut self,
        now: Moment,
        approval: ApprovalId,
        answer: &Answer,
        by: &str,
        reason: Option<&str>,
        books: &dyn Books,
    ) {
        let Some(question) = self.question(approval) else { return };
        let lifted = match answer {
            Answer::Extend { amount } => Some(*amount),
            // A route that fits under the limit as it is needs no exception.
            Answer::Route => (!self.fits_if_routed(&question, books)).then_some(question.extend.amount),
            Answer::Stop | Answer::Kill => None,
        };
        self.record(
            Some(&question.agent),
            EventKind::Answered {
                approval,
                answer: answer.clone(),
                by: by.to_owned(),
                reason: reason.map(str::to_owned),
            },
        );
        if let Some(amount) = lifted {
            self.extend(&question.agent, question.key.clone(), amount, by, reason);
        }
        self.obey(now, approval, answer, books);
    }

    /// Carries out an answer whose extension, if any, is already in the accounts.
    pub(super) fn obey(&mut self, now: Moment, approval: ApprovalId, answer: &Answer, books: &dyn Books) {
        for name in self.names() {
            let held = self.agents.get(&name).and_then(|agent| agent.held.as_ref());
            if held.is_none_or(|hold| hold.approval != Some(approval)) {
                continue;
            }
            match answer {
                Answer::Extend { .. } => self.release_or_ask_again(now, &name, books),
                Answer::Route => {
                    self.unhold(&name);
                    if let Some(rung) = self.agents.get(&name).and_then(|agent| self.next_rung(agent)) {
                        if let Some(agent) = self.agents.get_mut(&name) {
                            agent.route_wanted = Some(rung);
                        }
                        self.happen(now, &name, Happening::Wish(Intent::Route));
                    } else {
                        self.happen(now, &name, Happening::Release);
                    }
                }
                Answer::Stop => self.end_held(now, &name, Intent::Stop),
                Answer::Kill => self.end_held(now, &name, Intent::Kill),
            }
        }
    }

    pub(super) fn end_held(&mut self, now: Moment, name: &AgentName, intent: Intent) {
        self.unhold(name);
        self.happen(now, name, Happening::Wish(intent));
    }

    pub(super) fn end_held_or_running(&mut self, now: Moment, name: &AgentName, intent: Intent) {
        if let Some(Hold { approval: Some(approval), .. }) = self.unhold(name) {
            self.effects.push(Effect::Withdraw(approval));
        }
        self.happen(now, name, Happening::Wish(intent));
    }

    pub(super) fn unhold(&mut self, name: &AgentName) -> Option<Hold> {
        self.agents.get_mut(name).and_then(|agent| agent.held.take())
    }

    /// After a limit was lifted: goes on if nothing hard applies any more, else asks anew.
    pub(super) fn release_or_ask_again(&mut self, now: Moment, name: &AgentName, books: &dyn Books) {
        self.unhold(name);
        for account in self.accounts.iter_mut().filter(|account| account.agents.contains(name)) {
            if let Some(budget) = self.policy.budgets.get(account.budget) {
                account.rearm(budget);
            }
        }
        let due = self.judge_all(now, name, books);
        let hard = due.iter().any(|due| due.fired.verb.is_hard() && !self.observes(due.account));
        if !hard {
            self.happen(now, name, Happening::Release);
        }
        self.decide(now, name, due);
        self.reserve(name);
        if hard && matches!(self.agents.get(name).map(|agent| agent.state), Some(State::Held)) {
            self.ask(name);
        }
    }

    /// A window ended or a limit was lifted elsewhere: held agents that fit again go on.
    pub(super) fn release_who_fits(&mut self, now: Moment, books: &dyn Books) {
        for name in self.names() {
            let approval = match self.agents.get(&name).and_then(|agent| agent.held.as_ref()) {
                Some(Hold { approval: Some(approval), question }) => {
                    let still = self
                        .accounts
                        .iter()
                        .any(|account| account.key == question.key && self.hard_now(now, account, &name, books));
                    if still { continue } else { *approval }
                }
                _ => continue,
            };
            self.effects.push(Effect::Withdraw(approval));
            self.release_or_ask_again(now, &name, books);
        }
    }

    pub(super) fn hard_now(&self, now: Moment, account: &Account, name: &AgentName, books: &dyn Books) -> bool {
        let Some(budget) = self.policy.budgets.get(account.budget) else { return false };
        if account.bounds.end.is_some_and(|end| now.wall >= end) {
            return false;
        }
        let mut standing = self.standing(account, budget, name, books);
        standing.fired = None;
        judge(budget, &standing).is_some_and(|fired| fired.verb.is_hard())
    }

    pub(super) fn deadline(&mut self, now: Moment, approval: ApprovalId, books: &dyn Books) {
        let Some(question) = self.question(approval) else { return };
        let answer = match question.otherwise {
            Verb::Route => Answer::Route,
            Verb::Kill => Answer::Kill,
            Verb::Warn | Verb::Ask | Verb::Stop => Answer::Stop,
        };
        self.effects.push(Effect::Expire(approval));
        self.effects.push(Effect::Say(format!("nobody answered approval {approval} in time: {}", question.otherwise)));
        self.record(
            Some(&question.agent),
            EventKind::Answered { approval, answer: answer.clone(), by: "deadline".to_owned(), reason: None },
        );
        // A route by deadline may not lift the limit: nobody allowed it.
        let answer =
            if answer == Answer::Route && !self.fits_if_routed(&question, books) { Answer::Stop } else { answer };
        self.obey(now, approval, &answer, books);
    }

    pub(super) fn question(&self, approval: ApprovalId) -> Option<Question> {
        self.agents
            .values()
            .filter_map(|agent| agent.held.as_ref())
            .find(|hold| hold.approval == Some(approval))
            .map(|hold| hold.question.clone())
    }

    /// Lifts the limit that stopped the run, before it goes on; says whether there is one to lift.
    pub(super) fn lift_limit(&mut self, name: &AgentName, lift: &Lift) -> bool {
        let named = |account: &&Account| lift.budget.as_ref().is_none_or(|budget| account.key.budget == *budget);
        let counts = |account: &&Account| account.key.unit == lift.by_amount.unit && account.agents.contains(name);
        let mut own = self.accounts.iter().filter(counts);
        // The budget that stopped it, else the narrowest that counts in this unit: the last one.
        let Some(key) = own.clone().find(named).or(own.next_back()).map(|account| account.key.clone()) else {
            return false;
        };
        self.extend(name, key, lift.by_amount.amount, &lift.by, None);
        true
    }

    pub(super) fn extend(&mut self, name: &AgentName, key: BudgetKey, amount: i64, by: &str, reason: Option<&str>) {
        for account in self.accounts.iter_mut().filter(|account| account.key == key) {
            if let Some(budget) = self.policy.budgets.get(account.budget) {
                account.extend(budget, amount);
            }
        }
        self.record(
            Some(name),
            EventKind::Extended {
                budget: key.budget.clone(),
                scope: key.scope.clone(),
                amount,
                unit: key.unit.as_str().to_owned(),
                by: by.to_owned(),
                reason: reason.map(str::to_owned),
            },
        );
        let reason = reason.map(str::to_owned);
        self.effects.push(Effect::Extend { key, amount, by: by.to_owned(), reason });
    }

    pub(super) fn ask(&mut self, name: &AgentName) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        if let Some(question) = agent.question.take() {
            agent.held = Some(Hold { question: question.clone(), approval: None });
            self.effects.push(Effect::Ask(question));
        }
    }

    pub(super) fn compose(&self, name: &AgentName, due: &Due, step: Option<&Step>) -> Option<Question> {
        let (account, _) = self.account(due.account)?;
        let agent = self.agents.get(name)?;
        let route_to = self.next_rung(agent).filter(|_| agent.setup.restartable).map(|rung| rung.model);
        let mut extend = Quantity { unit: account.key.unit, amount: (account.base / 5).max(1) };
        if let Some(most) = self.policy.approvals.max_extend.filter(|most| most.unit == extend.unit) {
            extend.amount = extend.amount.min(most.amount);
        }
        Some(Question {
            run: self.run.clone(),
            agent: name.clone(),
            key: account.key.clone(),
            text: due.because.clone(),
            extend,
            route_to,
            wait: step.map_or(Duration::from_secs(30 * 60), |step| step.wait),
            otherwise: step.map_or(Verb::Stop, |step| step.otherwise),
        })
    }
}
