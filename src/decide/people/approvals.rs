//! Pure. Questions to people: put, answered, too late, no longer needed.

use std::time::Duration;

use crate::model::event::{Answer, Chosen, EventKind};
use crate::model::{AgentName, ApprovalId, BudgetKey, BudgetName, Quantity, Threshold, Verb};
use crate::policy::rule::Window;
use crate::policy::verdict::{Standing, is_at_limit, judge};

use crate::decide::accounts::account::{Account, Books};
use crate::decide::agents::Hold;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Happening, Intent, State};
use crate::decide::context::Context;
use crate::decide::evaluate::due::{Due, Source};
use crate::decide::governor::Governor;
use crate::decide::message::{About, Effect, Moment, Question, Timer};
use crate::decide::people::permission::{NotAllowed, may_be_lifted};

/// How often it is looked whether enough spend has left a rolling window, at the most and at the least.
const ROLLS_MIN: Duration = Duration::from_secs(1);
const ROLLS_MAX: Duration = Duration::from_secs(600);

impl Governor {
    /// Whether what this answer lifts is still within what all answers may come to. To be asked in the turn that takes
    /// the answer: two answers cannot both take what is left.
    ///
    /// # Errors
    /// Why not.
    pub fn may_be_answered(
        &self,
        now: Moment,
        approval: ApprovalId,
        answer: &Answer,
        books: &dyn Books,
    ) -> Result<(), NotAllowed> {
        let cx = &self.fixed.at(now, books);
        let Some(question) = self.question(approval).filter(|question| question.about.is_of_limit()) else {
            return Ok(());
        };
        let amount = match answer {
            Answer::Extend { amount } => *amount,
            Answer::Route if !self.fits_if_routed(cx, &question) => question.extend.amount,
            _ => return Ok(()),
        };
        if let Some((whole, _, short)) = self.accounts.beyond_pool(cx, &self.spenders(), &question.key, amount) {
            may_be_lifted(&self.accounts, cx, None, &whole, short)?;
        }
        may_be_lifted(&self.accounts, cx, None, &question.key, amount)
    }

    /// The number of the question that was put before this agent's limit is met, while it waits.
    pub fn asked_ahead(&self, name: &AgentName) -> Option<ApprovalId> {
        self.agent(name)?.ahead.as_ref()?.1
    }

    /// Whether such a question would be put.
    ///
    /// # Errors
    /// Why not.
    pub fn may_ask_ahead(
        &self,
        now: Moment,
        name: &AgentName,
        budget: Option<&BudgetName>,
        by_amount: Quantity,
    ) -> Result<(), String> {
        if self.fixed.policy.observe {
            return Err("the run only observes: no limit holds it".to_owned());
        }
        if let Some(nobody) = self.fixed.nobody_for(None) {
            return Err(format!("{nobody} (`[approvals] wait_for_nobody = true` waits)"));
        }
        let agent = self.agent(name).ok_or_else(|| format!("the run has no agent `{name}`"))?;
        if let Some((question, _)) = &agent.ahead {
            return Err(format!("it is asked already: {}", question.text));
        }
        match self.account_ahead(now, agent.id, budget, by_amount) {
            Some(_) => Ok(()),
            None => Err(format!("no limit of agent `{name}` counts what {by_amount} would lift")),
        }
    }

    /// The limit that is meant: of this name, else the one of which least is left.
    fn account_ahead(
        &self,
        now: Moment,
        who: AgentId,
        budget: Option<&BudgetName>,
        by_amount: Quantity,
    ) -> Option<&Account> {
        let own = self.accounts.iter().filter(|account| account.agents.contains(&who) && !account.is_past(now.wall));
        own.filter(|account| account.key.unit == by_amount.unit)
            .filter(|account| budget.is_none_or(|budget| account.key.budget == *budget))
            .min_by_key(|account| account.limit().saturating_sub(account.spent))
    }

    /// Puts the question: nobody is held by it.
    pub(in crate::decide) fn ask_ahead(
        &mut self,
        cx: &Context<'_>,
        who: AgentId,
        (budget, by_amount): (Option<&BudgetName>, Quantity),
        reason: &str,
    ) {
        let Some(account) = self.account_ahead(cx.now, who, budget, by_amount) else { return };
        let agent = &self.agents[who];
        let question = Question {
            run: self.fixed.run.clone(),
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
        self.agents[who].ahead = Some((question.clone(), None));
        self.effects.push(Effect::Ask(question));
    }

    /// `left` is how long another run's question waits yet that this one has joined.
    pub(in crate::decide) fn asked(
        &mut self,
        cx: &Context<'_>,
        who: AgentId,
        (approval, left): (ApprovalId, Option<Duration>),
    ) {
        if let Some((question, number @ None)) = &mut self.agents[who].ahead {
            *number = Some(approval);
            let Question { key, text, cost, .. } = question.clone();
            let (budget, question, cost) = (Some(key.budget), text, Some(cost));
            // Nothing happens if nobody answers: it has no deadline.
            self.record(Some(who), EventKind::Asked { approval, budget, question, cost, deadline: None });
            return;
        }
        if self.call_asked(cx, who, (approval, left)) {
            return;
        }
        let Some(hold) = self.agents[who].held.as_mut() else {
            self.effects.push(Effect::Withdraw(approval));
            return;
        };
        hold.approval = Some(approval);
        let question = hold.question.clone();
        self.record_question(cx, who, (approval, left), question);
        self.arm_window_end(cx);
    }

    /// It is put, and has its number: its deadline runs.
    pub(in crate::decide) fn record_question(
        &mut self,
        cx: &Context<'_>,
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
        self.record(Some(who), EventKind::Asked { approval, budget, question: asked.text, cost, deadline });
        self.effects.push(Effect::Arm(Timer::Deadline(approval), wait));
    }

    /// Looks again when the first window ends for which somebody is held; spend leaves a rolling
    /// one little by little.
    fn arm_window_end(&mut self, cx: &Context<'_>) {
        let held = self.agents.values().filter_map(|agent| agent.held.as_ref().map(|hold| (agent, hold)));
        let soonest = held
            .filter_map(|(agent, hold)| {
                let account = match hold.source {
                    Source::Step { account, .. } => account,
                    Source::Alert(alert) => {
                        let anew = self.plan_begins_anew(agent, alert)?;
                        return (anew - cx.now.wall).to_std().ok();
                    }
                };
                let account = &self.accounts[account];
                match account.rule.window {
                    Window::Rolling(length) => Some((length / 60).clamp(ROLLS_MIN, ROLLS_MAX)),
                    Window::Life | Window::Calendar(_) | Window::Between(..) | Window::Total => {
                        (account.bounds.end? - cx.now.wall).to_std().ok()
                    }
                }
            })
            .min();
        if let Some(left) = soonest {
            self.effects.push(Effect::Arm(Timer::WindowEnd, left + Duration::from_millis(1)));
        }
    }

    pub(in crate::decide) fn answered(
        &mut self,
        cx: &Context<'_>,
        approval: ApprovalId,
        answer: &Answer,
        by: &str,
        reason: Option<&str>,
    ) {
        if self.call_answered(cx, approval, answer, (by, reason)) {
            return;
        }
        let Some(question) = self.question(approval) else { return };
        let lifted = match answer {
            // An alert has no limit that could be lifted.
            _ if !question.about.is_of_limit() => None,
            Answer::Extend { amount } => Some(*amount),
            // A route that fits under the limit as it is needs no exception.
            Answer::Route => (!self.fits_if_routed(cx, &question)).then_some(question.extend.amount),
            Answer::Allow { .. }
            | Answer::Once
            | Answer::NextStep { .. }
            | Answer::Refuse
            | Answer::Stop
            | Answer::Kill => None,
        };
        self.record(
            self.agents.id(&question.agent),
            EventKind::Answered {
                approval,
                answer: answer.clone(),
                by: by.to_owned(),
                reason: reason.map(str::to_owned),
            },
        );
        if let Some((asker, amount)) = self.agents.id(&question.agent).zip(lifted) {
            self.raise(cx, &question.key, amount, (by, reason));
            self.extend(asker, question.key.clone(), amount, by, reason);
        }
        self.obey(cx, approval, (answer, by));
    }

    /// Carries out an answer whose extension, if any, is already in the accounts.
    pub(in crate::decide) fn obey(&mut self, cx: &Context<'_>, approval: ApprovalId, (answer, by): (&Answer, &str)) {
        if let Some(Question { key, about: About::Step { at, .. }, .. }) = self.question(approval)
            && answer.is_yes()
        {
            // Whatever else a yes does, this step is behind.
            self.pass_steps_to(&key, at);
        }
        for who in self.agents.ids() {
            self.agents[who].ahead.take_if(|(_, number)| *number == Some(approval));
            let held = self.agents[who].held.as_ref();
            if held.is_none_or(|hold| hold.approval != Some(approval)) {
                continue;
            }
            self.let_request_go(cx, who, (answer, by));
            match answer {
                Answer::Extend { .. } | Answer::Allow { .. } | Answer::Once | Answer::NextStep { .. } => {
                    self.release_or_ask_again(cx, who);
                }
                Answer::Route => self.route_or_ask_again(cx, who),
                Answer::Refuse | Answer::Stop => self.end_held(cx, who, Intent::Stop),
                Answer::Kill => self.end_held(cx, who, Intent::Kill),
            }
        }
    }

    /// Steps up to this one were answered: they ask no more.
    fn pass_steps_to(&mut self, key: &BudgetKey, at: Threshold) {
        for account in self.accounts.iter_mut().filter(|account| account.key == *key) {
            account.pass([at]);
        }
    }

    pub(in crate::decide) fn end_held(&mut self, cx: &Context<'_>, who: AgentId, intent: Intent) {
        self.unhold(who);
        self.agents[who].spares_tools = true;
        self.end(cx, who, intent);
    }

    pub(in crate::decide) fn end_held_or_running(&mut self, cx: &Context<'_>, who: AgentId, intent: Intent) {
        if let Some(Hold { approval: Some(approval), .. }) = self.unhold(who) {
            self.effects.push(Effect::Withdraw(approval));
        }
        self.end(cx, who, intent);
    }

    /// A stop waits for what is under way; a tree that stands still would not come to the end of it.
    fn end(&mut self, cx: &Context<'_>, who: AgentId, intent: Intent) {
        let waits = intent == Intent::Stop && self.agents[who].drains_while_held();
        self.happen(cx, who, if waits { Happening::Await } else { Happening::Wish(intent) });
    }

    pub(in crate::decide) fn unhold(&mut self, who: AgentId) -> Option<Hold> {
        self.agents[who].held.take()
    }

    /// Somebody decided for the next model: goes on with it if nothing hard applies then, else
    /// asks anew. A route that is impossible here leaves it at the limit that was lifted, if any.
    fn route_or_ask_again(&mut self, cx: &Context<'_>, who: AgentId) {
        let agent = &self.agents[who];
        let may = agent.setup.restartable && agent.root.is_some();
        let rung = if may { self.next_rung(agent) } else { None };
        let agent = &mut self.agents[who];
        let source = agent.held.as_ref().filter(|_| rung.is_some()).map(|hold| hold.source);
        if let Some(Source::Step { account, step }) = source {
            agent.settled.insert(account, step);
        }
        agent.restarting = rung.is_some();
        agent.route_wanted = rung.or(agent.route_wanted.take());
        self.release_or_ask_again(cx, who);
    }

    /// What held it is settled: goes on if nothing hard applies any more, else asks anew.
    pub(in crate::decide) fn release_or_ask_again(&mut self, cx: &Context<'_>, who: AgentId) {
        self.unhold(who);
        let agent = &mut self.agents[who];
        if !agent.waits_for_room() {
            agent.room = None;
        }
        let due = self.judge_all(cx, who);
        let hard = due.iter().any(|due| self.is_hard(due));
        let agent = &mut self.agents[who];
        agent.question = None;
        agent.restarting &= !hard;
        self.decide(cx, who, due, None);
        if !hard && self.stays_for_room(cx, who) {
            // Others' claims stand in its way, and nothing is asked about those yet.
        } else if !hard {
            self.go_on(cx, who);
        } else if self.agents[who].state == State::Held {
            self.ask(who);
        }
        self.reserve(cx, who);
        // What it may ask next counts for those beside it once more.
        self.evaluate_peers(cx, who);
    }

    /// A held agent goes on, with the next model if that is wanted and nothing would be lost.
    pub(in crate::decide) fn go_on(&mut self, cx: &Context<'_>, who: AgentId) {
        let agent = &self.agents[who];
        let routes = match agent.state {
            State::Held => agent.next_model().is_some(),
            // Somebody decided so while it was paused.
            State::Paused => agent.restarting && agent.route_wanted.is_some(),
            State::Waiting
            | State::Starting(_)
            | State::Running
            | State::Freezing(_)
            | State::Ending(_)
            | State::Gone => false,
        };
        if routes && agent.pause.is_none() {
            self.happen(cx, who, Happening::Wish(Intent::Route));
        } else {
            self.release(cx, who);
        }
    }

    /// Looks whether those who are held fit again: a window ended, or a limit was lifted elsewhere.
    pub(in crate::decide) fn release_who_fits(&mut self, cx: &Context<'_>) {
        for who in self.agents.ids() {
            let hold = self.agents[who].held.clone();
            let Some(Hold { approval: Some(approval), source, .. }) = hold else { continue };
            if !self.still_applies(cx, who, source) {
                self.effects.push(Effect::Withdraw(approval));
                self.release_or_ask_again(cx, who);
            }
        }
        self.arm_window_end(cx);
    }

    /// The step that holds an agent, or a severer one of its budget, applies still.
    pub(in crate::decide) fn still_applies(&mut self, cx: &Context<'_>, who: AgentId, source: Source) -> bool {
        let (account, step) = match source {
            Source::Step { account, step } => (account, step),
            Source::Alert(alert) => return self.alert_applies(cx, who, alert),
        };
        self.count_minutes(cx);
        self.roll(cx, account);
        let standing = self.accounts.standing(cx, &self.spenders(), account, who);
        let found = &self.accounts[account];
        let standing = Standing { fired: step.before(), ..standing };
        !found.is_past(cx.now.wall)
            && judge(&found.rule, &standing).is_some()
            && self.accounts.concerns(&self.spenders(), account, who)
    }

    pub(in crate::decide) fn deadline(&mut self, cx: &Context<'_>, approval: ApprovalId) {
        if self.call_expired(cx, approval) {
            return;
        }
        self.release_who_fits(cx);
        let Some(question) = self.question(approval) else { return };
        let answer = match question.otherwise {
            // A route by deadline may not lift the limit: nobody allowed it.
            Verb::Route if self.fits_if_routed(cx, &question) => Answer::Route,
            Verb::Route if question.about == About::Alert && question.route_to.is_some() => Answer::Route,
            Verb::Kill => Answer::Kill,
            Verb::Route | Verb::Warn | Verb::Steer | Verb::Throttle | Verb::Ask | Verb::Stop => Answer::Stop,
        };
        let what = match answer {
            Answer::Route => Verb::Route,
            Answer::Kill => Verb::Kill,
            _ => Verb::Stop,
        };
        self.effects.push(Effect::Expire(approval, answer.clone()));
        self.effects.push(Effect::Say(format!("nobody answered approval {approval} in time: {what}")));
        self.record(
            self.agents.id(&question.agent),
            EventKind::Answered { approval, answer: answer.clone(), by: "deadline".to_owned(), reason: None },
        );
        self.obey(cx, approval, (&answer, "deadline"));
    }

    pub(in crate::decide) fn question(&self, approval: ApprovalId) -> Option<Question> {
        self.agents.question(approval).cloned()
    }

    pub(in crate::decide) fn ask(&mut self, who: AgentId) {
        let agent = &mut self.agents[who];
        if let Some(hold) = agent.question.take() {
            let question = hold.question.clone();
            agent.held = Some(hold);
            self.effects.push(Effect::Ask(question));
        }
    }

    pub(in crate::decide) fn compose(&self, who: AgentId, due: &Due) -> Option<Hold> {
        let agent = &self.agents[who];
        let account = match due.source {
            Source::Step { account, .. } => &self.accounts[account],
            Source::Alert(alert) => return Some(self.question_of_alert(agent, due, &self.alerts[alert])),
        };
        let route_to = self.next_rung(agent).filter(|_| agent.setup.restartable).map(|rung| rung.model);
        let extend = Quantity { unit: account.key.unit, amount: due.offer };
        let step = due.step.as_ref();
        let question = Question {
            run: self.fixed.run.clone(),
            agent: self.agents.name(who).clone(),
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
}
