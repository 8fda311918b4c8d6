//! Pure. Tools that meet a gate of the policy: refused, or held until a person answers.

use std::time::Duration;

use crate::model::event::{Answer, EventKind, ToolVerdict};
use crate::model::{AgentName, ApprovalId, BudgetKey, BudgetName, Quantity, ThreadId, Unit, Verb};
use crate::policy::rule::{GateVerb, Refusal};

use super::account::Books;
use super::agent::Agent;
use super::effect::{About, Effect, Question};
use super::governor::Governor;
use super::input::{HookId, Judged, Moment, Timer, ToolCall, Wants};
use super::lifecycle::Intent;

/// A question about a tool that waits.
#[derive(Clone, Debug)]
pub struct CallAsk {
    pub(super) question: Question,
    pub(super) approval: Option<ApprovalId>,
}

/// A call that a person let run more than once.
#[derive(Clone, Debug)]
pub struct Allowed {
    rule: String,
    tool: String,
    digest: String,
    /// By uptime; `None`: as long as the run lives.
    until: Option<Duration>,
    by: String,
}

impl Governor {
    /// What a person let run, and the same call of this agent at this gate again: the same tool with the same input,
    /// word for word. Time is that of the run's own clock.
    fn allow_again(
        &mut self,
        now: Moment,
        name: &AgentName,
        hook: HookId,
        (approval, time, by): (ApprovalId, Option<Duration>, &str),
    ) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        let Some(call) = agent.gate.call(hook).cloned() else { return };
        let Some(rule) = call.judged.map(|judged| judged.rule) else { return };
        let until = time.map(|time| now.uptime.saturating_add(time));
        let by = format!("{by}, approval {approval}");
        agent.gate.allowed.push(Allowed { rule, tool: call.tool, digest: call.digest, until, by });
    }

    /// Who let this very call run before, if that still holds.
    fn allowed_before(&self, now: Moment, name: &AgentName, judged: &Judged, call: &ToolCall) -> Option<String> {
        let same = |allowed: &&Allowed| {
            allowed.rule == judged.rule
                && allowed.tool == call.tool
                && allowed.digest == call.digest
                && allowed.until.is_none_or(|until| now.uptime < until)
        };
        self.agents.get(name)?.gate.allowed.iter().rev().find(same).map(|allowed| allowed.by.clone())
    }

    /// A tool meets a gate: it is refused, asked about, or only noted.
    pub(super) fn meet_gate(
        &mut self,
        now: Moment,
        name: &AgentName,
        hook: HookId,
        (judged, call): (&Judged, &ToolCall),
    ) {
        if judged.would || self.policy.observe {
            let verb = if judged.verb == GateVerb::Deny { "deny" } else { "ask" };
            self.effects.push(Effect::Say(format!("would {verb}: {}", judged.because)));
            return;
        }
        match judged.verb {
            GateVerb::Deny => {
                self.effects.push(Effect::Say(format!("deny: {}", judged.because)));
                self.refuse_call(name, hook, &judged.because, None);
            }
            GateVerb::Ask { .. } if self.allowed_before(now, name, judged, call).is_some() => {
                let by = self.allowed_before(now, name, judged, call);
                if let Some((agent, by)) = self.agents.get_mut(name).zip(by) {
                    agent.gate.passes.insert(hook, by);
                }
            }
            GateVerb::Ask { wait, otherwise } => self.ask_about(name, hook, (judged, call), (wait, otherwise)),
        }
    }

    fn ask_about(
        &mut self,
        name: &AgentName,
        hook: HookId,
        (judged, call): (&Judged, &ToolCall),
        (wait, otherwise): (Duration, Refusal),
    ) {
        // Each call is asked about by itself: what one may, another may not.
        let scope = format!("run={}, call={}", self.run, hook.0);
        let budget = BudgetName::new(judged.rule.clone());
        let key = BudgetKey { budget, scope, window_start: None, unit: Unit::ToolCalls };
        let question = Question {
            run: self.run.clone(),
            agent: name.clone(),
            key,
            text: format!("{}: {}: {}", judged.because, call.tool, call.short),
            extend: Quantity { unit: Unit::ToolCalls, amount: 1 },
            route_to: None,
            wait,
            otherwise: Verb::Stop,
            about: About::Call(otherwise),
        };
        if let Some(agent) = self.agents.get_mut(name) {
            agent.gate.asks.insert(hook, CallAsk { question: question.clone(), approval: None });
            self.effects.push(Effect::Ask(question));
        }
    }

    /// The question about a tool has its number; says whether there was one.
    pub(super) fn call_asked(&mut self, now: Moment, name: &AgentName, approval: ApprovalId) -> bool {
        let asks = self.agents.get_mut(name).map(|agent| &mut agent.gate.asks);
        let Some(ask) = asks.and_then(|asks| asks.values_mut().find(|ask| ask.approval.is_none())) else {
            return false;
        };
        ask.approval = Some(approval);
        let question = ask.question.clone();
        let deadline =
            chrono::TimeDelta::from_std(question.wait).ok().and_then(|wait| now.wall.checked_add_signed(wait));
        let budget = Some(question.key.budget);
        self.record(Some(name), EventKind::Asked { approval, budget, question: question.text, deadline });
        self.effects.push(Effect::Arm(Timer::Deadline(approval), question.wait));
        true
    }

    /// A person answered about a tool; says whether the question was one of those.
    pub(super) fn call_answered(
        &mut self,
        now: Moment,
        approval: ApprovalId,
        answer: &Answer,
        (by, reason): (&str, Option<&str>),
        books: &dyn Books,
    ) -> bool {
        let Some((name, hook, _)) = self.take_ask(approval) else { return false };
        let (said, answer) = (by.to_owned(), answer.clone());
        let reason = reason.map(str::to_owned);
        self.record(
            Some(&name),
            EventKind::Answered { approval, answer: answer.clone(), by: said, reason: reason.clone() },
        );
        match answer {
            Answer::Extend { .. } | Answer::Route => self.allow_call(now, &name, hook, (by, books)),
            Answer::Allow { seconds } => {
                self.allow_again(now, &name, hook, (approval, seconds.map(Duration::from_secs), by));
                self.allow_call(now, &name, hook, (by, books));
            }
            Answer::Stop => {
                let why =
                    reason.map_or_else(|| format!("{by} refused it"), |reason| format!("{by} refused it: {reason}"));
                self.refuse_call(&name, hook, &why, Some(by));
            }
            Answer::Kill => {
                if let Some(agent) = self.agents.get_mut(&name) {
                    agent.because = format!("{by} answered approval {approval}");
                }
                self.end_held_or_running(now, &name, Intent::Kill);
            }
        }
        true
    }

    /// Nobody answered about a tool in time; says whether the question was one of those.
    pub(super) fn call_expired(&mut self, now: Moment, approval: ApprovalId) -> bool {
        let Some((name, hook, ask)) = self.take_ask(approval) else { return false };
        let otherwise = match ask.question.about {
            About::Call(otherwise) => otherwise,
            About::Limit => Refusal::Deny,
        };
        let answer = if otherwise == Refusal::Kill { Answer::Kill } else { Answer::Stop };
        let what = format!("nobody answered approval {approval} in time: {otherwise}");
        self.effects.push(Effect::Expire(approval));
        let by = "deadline".to_owned();
        self.record(Some(&name), EventKind::Answered { approval, answer, by, reason: None });
        match otherwise {
            Refusal::Deny => {
                self.effects.push(Effect::Say(what.clone()));
                self.refuse_call(&name, hook, &what, Some("deadline"));
            }
            Refusal::Stop => self.stop_because(now, &name, what),
            Refusal::Kill => {
                self.effects.push(Effect::Say(what.clone()));
                if let Some(agent) = self.agents.get_mut(&name) {
                    agent.because = what;
                }
                self.end_held_or_running(now, &name, Intent::Kill);
            }
        }
        true
    }

    /// The tool that was asked about waits no longer.
    pub(super) fn withdraw_call(&mut self, hook: HookId) {
        let found = self.agents.values_mut().find_map(|agent| {
            let ask = agent.gate.asks.remove(&hook)?;
            Some((agent.setup.name.clone(), ask.approval?))
        });
        if let Some((name, approval)) = found {
            self.effects.push(Effect::Withdraw(approval));
            self.mark(Some(&name), format!("approval {approval} is withdrawn: the tool waits no longer"));
            self.effects.push(Effect::Open(name));
        }
    }

    /// No tool of this agent waits any longer.
    pub(super) fn withdraw_calls(&mut self, name: &AgentName) {
        let asks = self.agents.get(name).map(|agent| agent.gate.asks.keys().copied().collect::<Vec<_>>());
        asks.unwrap_or_default().into_iter().for_each(|hook| self.withdraw_call(hook));
    }

    fn take_ask(&mut self, approval: ApprovalId) -> Option<(AgentName, HookId, CallAsk)> {
        let (name, hook) = self.agents.iter().find_map(|(name, agent)| {
            let (hook, _) = agent.gate.asks.iter().find(|(_, ask)| ask.approval == Some(approval))?;
            Some((name.clone(), *hook))
        })?;
        let ask = self.agents.get_mut(&name)?.gate.asks.remove(&hook)?;
        // The prompt, if it shows this question, is taken back.
        self.effects.push(Effect::Open(name.clone()));
        Some((name, hook, ask))
    }

    fn allow_call(&mut self, now: Moment, name: &AgentName, hook: HookId, (by, books): (&str, &dyn Books)) {
        // What else holds the agent, holds this tool too.
        let lets = |agent: &Agent| agent.pause.is_none() && agent.gate.lets_go(agent.state, hook);
        if self.agents.get(name).is_some_and(lets) && self.calls_fit(name, books) {
            self.answer_allowed(now, name, hook, Some(by));
        }
    }

    fn refuse_call(&mut self, name: &AgentName, hook: HookId, why: &str, by: Option<&str>) {
        let Some((thread, wants)) = self.agents.get_mut(name).and_then(|agent| agent.gate.take(hook)) else { return };
        if let Wants::Tool(call) = wants {
            self.record_call(name, thread, call, ToolVerdict::Denied, by);
        }
        self.effects.push(Effect::Answer { hook, deny: Some(format!("govern: {why}")) });
    }

    pub(super) fn record_call(
        &mut self,
        name: &AgentName,
        thread: ThreadId,
        call: ToolCall,
        verdict: ToolVerdict,
        by: Option<&str>,
    ) {
        let Some(agent) = self.agents.get(name) else { return };
        let (cost, model) = (agent.cost, agent.threads.get(&thread).and_then(|thread| thread.model.clone()));
        self.charge_call(name, &thread);
        let (rule, because) = call.judged.map(|judged| (judged.rule, judged.because)).unzip();
        let ToolCall { tool, digest: input, short, .. } = call;
        let by = by.map(str::to_owned);
        let called = EventKind::ToolCalled { thread, model, tool, input, short, cost, verdict, rule, because, by };
        self.record(Some(name), called);
    }
}
