//! Pure. Tools that meet a gate are refused, held, and let go by the answer.

use std::time::Duration;

use crate::model::event::{Answer, EventKind, ToolVerdict};
use crate::model::{ApprovalId, BudgetKey, BudgetName, Quantity, ThreadId, Unit, Verb};
use crate::policy::rule::{GateVerb, Refusal};

use super::{Allowed, CallAsk, said_in};
use crate::decide::accounts::{Spenders, tool_calls};
use crate::decide::agents::Agent;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::Intent;
use crate::decide::context::Context;
use crate::decide::gate::Gate;
use crate::decide::governor::Governor;
use crate::decide::message::{About, Effect, HookId, Judged, Question, ToolCall, Wants};
use crate::decide::people::reach::Nobody;

impl Gate {
    /// A tool is asked about, or about to be.
    pub(in crate::decide) fn is_asking(&self) -> bool {
        !self.asks.is_empty()
    }

    /// The next question that was not put yet, taken as put.
    pub(in crate::decide) fn next_question(&mut self) -> Option<Question> {
        // One that was put has no number for a moment only.
        if self.asks.values().any(CallAsk::is_unnumbered) {
            return None;
        }
        let next = self.asks.values().find(|ask| !ask.put)?.question.clone();
        self.asks.values_mut().filter(|ask| ask.question.key == next.key).for_each(|ask| ask.put = true);
        Some(next)
    }

    /// The question of this number, if it is about a tool.
    pub(in crate::decide) fn question(&self, approval: ApprovalId) -> Option<&Question> {
        self.asks.values().find(|ask| ask.approval == Some(approval)).map(|ask| &ask.question)
    }

    /// The number of a question about a tool.
    pub fn approval(&self, question: &Question) -> Option<ApprovalId> {
        self.asks.values().find(|ask| ask.question == *question)?.approval
    }

    /// A question about a tool.
    pub(in crate::decide) fn asked(&self) -> Option<ApprovalId> {
        self.asks.values().find_map(|ask| ask.approval)
    }
}

impl Governor {
    /// What a person let run, and the same call of this agent at this gate again: the same tool with the same input,
    /// word for word. Time is that of the run's own clock.
    pub(in crate::decide) fn allow_again(
        &mut self,
        cx: &Context<'_>,
        key: BudgetKey,
        who: AgentId,
        (time, by): (Option<Duration>, String),
    ) {
        let until = time.map(|time| cx.now.uptime.saturating_add(time));
        self.agents[who].gate.allowed.push(Allowed { key, until, by });
    }

    /// Who let this very call run before, if that still holds. What was said before the run was stopped is in the
    /// books.
    pub(in crate::decide) fn allowed_before(&self, cx: &Context<'_>, who: AgentId, key: &BudgetKey) -> Option<String> {
        let gate = &self.agents[who].gate;
        match gate.allowed.iter().rev().find(|allowed| allowed.key == *key) {
            Some(own) => own.until.is_none_or(|until| cx.now.uptime < until).then(|| own.by.clone()),
            None => {
                let leave = cx.books.let_again(key).filter(|leave| leave.holds(cx.now.wall))?;
                Some(said_in(&leave.by, leave.approval))
            }
        }
    }

    /// A tool meets a gate: it is refused, asked about, or only noted.
    pub(in crate::decide) fn meet_gate(
        &mut self,
        cx: &Context<'_>,
        who: AgentId,
        hook: HookId,
        (judged, call): (&Judged, &ToolCall),
    ) {
        if judged.would || cx.policy.observe {
            let verb = if judged.verb == GateVerb::Deny { "deny" } else { "ask" };
            self.say(who, &format!("would {verb}: {}", judged.because));
            return;
        }
        let (wait, otherwise) = match judged.verb {
            GateVerb::Deny => {
                self.say(who, &format!("deny: {}", judged.because));
                return self.refuse_call(cx, who, hook, (&judged.because, None));
            }
            GateVerb::Ask { wait, otherwise } => (wait, otherwise),
        };
        let key = self.call_key(who, &judged.rule, call);
        match self.allowed_before(cx, who, &key) {
            Some(by) => {
                self.agents[who].gate.passes.insert(hook, by);
            }
            None => match self.fixed.nobody_for(None) {
                Some(nobody) => self.refuse_unasked(cx, who, hook, (judged, otherwise), nobody),
                None => self.ask_about(who, hook, key, (judged, call), (wait, otherwise)),
            },
        }
    }

    /// A tool that nobody can be asked about: the gate's `else` is done at once.
    fn refuse_unasked(
        &mut self,
        cx: &Context<'_>,
        who: AgentId,
        hook: HookId,
        (judged, otherwise): (&Judged, Refusal),
        nobody: Nobody,
    ) {
        let what = format!("{}: {nobody}: {otherwise}", judged.because);
        match otherwise {
            Refusal::Deny => {
                self.say(who, &what);
                self.refuse_call(cx, who, hook, (&what, None));
            }
            Refusal::Stop => self.stop_because(cx, who, what),
            Refusal::Kill => self.kill_because(cx, who, what),
        }
    }

    fn kill_because(&mut self, cx: &Context<'_>, who: AgentId, what: String) {
        self.say(who, &what);
        self.agents[who].because = what;
        self.end_held_or_running(cx, who, Intent::Kill);
    }

    /// What a question about a call is about: what one call may, another may not, and equal calls are the same.
    pub(in crate::decide) fn call_key(&self, who: AgentId, rule: &str, call: &ToolCall) -> BudgetKey {
        let name = self.agents.name(who);
        let scope = format!("run={}, agent={name}, call={} {}", self.fixed.run, call.tool, call.digest);
        let budget = BudgetName::new(rule);
        BudgetKey { budget, scope, window_start: None, unit: Unit::ToolCalls }
    }

    fn ask_about(
        &mut self,
        who: AgentId,
        hook: HookId,
        key: BudgetKey,
        (judged, call): (&Judged, &ToolCall),
        (wait, otherwise): (Duration, Refusal),
    ) {
        // One that is being ended waits for that.
        let asked = |agent: &Agent| agent.is_live() && agent.treatment() < Some(Intent::Stop);
        let agent = &mut self.agents[who];
        if !asked(agent) {
            return;
        }
        if let Some(same) = agent.gate.asks.values().find(|ask| ask.question.key == key).cloned() {
            let number = same.approval.map_or_else(String::new, |approval| format!(" {approval}"));
            agent.gate.asks.insert(hook, same);
            self.mark(Some(who), format!("an equal call waits for the answer to approval{number}, too"));
            return;
        }
        let question = Question {
            run: self.fixed.run.clone(),
            agent: agent.setup.name.clone(),
            key,
            text: format!("{}: {}: {}", judged.because, call.tool, call.short),
            cost: agent.cost,
            extend: Quantity { unit: Unit::ToolCalls, amount: 1 },
            route_to: None,
            wait,
            otherwise: Verb::Stop,
            about: if agent.gate.asker_of(hook).is_some() { About::Request(otherwise) } else { About::Call(otherwise) },
        };
        agent.gate.asks.insert(hook, CallAsk { question, put: false, approval: None });
        self.put_next(who);
    }

    /// The question about a tool has its number; says whether there was one.
    pub(in crate::decide) fn call_asked(
        &mut self,
        cx: &Context<'_>,
        who: AgentId,
        (approval, left): (ApprovalId, Option<Duration>),
    ) -> bool {
        let asks = &mut self.agents[who].gate.asks;
        let unnumbered = asks.values().find(|ask| ask.is_unnumbered());
        let Some(question) = unnumbered.map(|ask| ask.question.clone()) else { return false };
        asks.values_mut().filter(|ask| ask.question.key == question.key).for_each(|ask| ask.approval = Some(approval));
        self.record_question(cx, who, (approval, left), question);
        self.put_next(who);
        true
    }

    /// A person answered about a tool; says whether the question was one of those.
    pub(in crate::decide) fn call_answered(
        &mut self,
        cx: &Context<'_>,
        approval: ApprovalId,
        answer: &Answer,
        (by, reason): (&str, Option<&str>),
    ) -> bool {
        let Some((who, _)) = self.asked_about(approval) else { return false };
        let (said, reason_said) = (by.to_owned(), reason.map(str::to_owned));
        let answered = EventKind::Answered { approval, answer: answer.clone(), by: said, reason: reason_said };
        self.record(Some(who), answered);
        self.call_settled(cx, approval, answer, (by, reason))
    }

    /// Carries out an answer about a tool that is written down already; says whether the question was one of those.
    pub(in crate::decide) fn call_settled(
        &mut self,
        cx: &Context<'_>,
        approval: ApprovalId,
        answer: &Answer,
        (by, reason): (&str, Option<&str>),
    ) -> bool {
        let Some((who, hooks, ask)) = self.take_asks(approval) else { return false };
        match answer {
            Answer::Extend { .. } | Answer::Once | Answer::NextStep { .. } | Answer::Route => {}
            Answer::Allow { seconds } => {
                let leave = (seconds.map(Duration::from_secs), said_in(by, approval));
                self.allow_again(cx, ask.question.key, who, leave);
            }
            Answer::Refuse => {
                let because = reason.map_or_else(String::new, |reason| format!(": {reason}"));
                let why = format!("{by} refused it{because}");
                hooks.iter().for_each(|hook| self.refuse_call(cx, who, *hook, (&why, Some(by))));
                return true;
            }
            Answer::Stop | Answer::Kill => {
                self.agents[who].because = format!("{by} answered approval {approval}");
                let intent = if *answer == Answer::Kill { Intent::Kill } else { Intent::Stop };
                self.end_held_or_running(cx, who, intent);
                return true;
            }
        }
        hooks.into_iter().for_each(|hook| self.allow_call(cx, who, hook, by));
        true
    }

    /// Nobody answered about a tool in time; says whether the question was one of those.
    pub(in crate::decide) fn call_expired(&mut self, cx: &Context<'_>, approval: ApprovalId) -> bool {
        let Some((who, hooks, ask)) = self.take_asks(approval) else { return false };
        let otherwise = ask.question.about.at_gate().unwrap_or(Refusal::Deny);
        let answer = match otherwise {
            Refusal::Deny => Answer::Refuse,
            Refusal::Stop => Answer::Stop,
            Refusal::Kill => Answer::Kill,
        };
        let what = format!("nobody answered approval {approval} in time: {otherwise}");
        self.effects.push(Effect::Expire(approval, answer.clone()));
        let by = "deadline".to_owned();
        self.record(Some(who), EventKind::Answered { approval, answer, by, reason: None });
        match otherwise {
            Refusal::Deny => {
                self.effects.push(Effect::Say(what.clone()));
                hooks.iter().for_each(|hook| self.refuse_call(cx, who, *hook, (&what, Some("deadline"))));
            }
            Refusal::Stop => self.stop_because(cx, who, what),
            Refusal::Kill => self.kill_because(cx, who, what),
        }
        true
    }

    /// The tool that was asked about waits no longer. Its question does, while an equal one waits.
    pub(in crate::decide) fn withdraw_call(&mut self, hook: HookId) {
        let found = self.agents.values_mut().find_map(|agent| {
            let approval = agent.gate.asks.remove(&hook)?.approval?;
            Some((agent.id, approval))
        });
        let Some((who, approval)) = found else { return };
        if self.asked_about(approval).is_none() {
            self.effects.push(Effect::Withdraw(approval));
            self.mark(Some(who), format!("approval {approval} is withdrawn: the tool waits no longer"));
            self.effects.push(Effect::Open(self.agents.name(who).clone()));
        }
    }

    /// No tool of this agent waits any longer.
    pub(in crate::decide) fn withdraw_calls(&mut self, who: AgentId) {
        let asks: Vec<HookId> = self.agents[who].gate.asks.keys().copied().collect();
        asks.into_iter().for_each(|hook| self.withdraw_call(hook));
    }

    /// Whose tools wait for this answer, and what they were asked about.
    fn asked_about(&self, approval: ApprovalId) -> Option<(AgentId, CallAsk)> {
        self.agents.values().find_map(|agent| {
            let ask = agent.gate.asks.values().find(|ask| ask.approval == Some(approval))?;
            Some((agent.id, ask.clone()))
        })
    }

    fn take_asks(&mut self, approval: ApprovalId) -> Option<(AgentId, Vec<HookId>, CallAsk)> {
        let (who, ask) = self.asked_about(approval)?;
        let asks = &mut self.agents[who].gate.asks;
        let hooks: Vec<HookId> =
            asks.iter().filter(|(_, ask)| ask.approval == Some(approval)).map(|(hook, _)| *hook).collect();
        asks.retain(|hook, _| !hooks.contains(hook));
        // The prompt, if it shows this question, is taken back.
        self.effects.push(Effect::Open(self.agents.name(who).clone()));
        Some((who, hooks, ask))
    }

    fn allow_call(&mut self, cx: &Context<'_>, who: AgentId, hook: HookId, by: &str) {
        // What else holds the agent, holds this tool too.
        let lets = |agent: &Agent| agent.pause.is_none() && agent.gate.lets_go(agent.state, hook);
        if lets(&self.agents[who]) && tool_calls::fit(&self.accounts, cx, &self.spenders(), who) {
            self.answer_allowed(cx, who, hook, Some(by));
        }
    }

    /// A stop lets the tools end that were let run. One that was called beside them and has no room is told so: as long as
    /// it waits, Codex does not ask for the request at which the agent is ended. It counts nowhere: what lifts the limit
    /// by one call lets one call more run.
    pub(in crate::decide) fn refuse_beside_others(&mut self, who: AgentId, hook: HookId, thread: &ThreadId) {
        let agent = &mut self.agents[who];
        if !agent.gate.is_draining() {
            return;
        }
        if !agent.threads.get(thread).is_some_and(|known| known.runs_tools) {
            return;
        }
        let why = agent.because.clone();
        if let Some((_, Wants::Tool(call))) = agent.gate.take(hook) {
            self.mark(Some(who), format!("refused: {}: {}: {why}", call.tool, call.short));
            self.effects.push(Effect::Answer { hook, deny: Some(format!("govern: {why}")) });
        }
    }

    fn refuse_call(&mut self, cx: &Context<'_>, who: AgentId, hook: HookId, (why, by): (&str, Option<&str>)) {
        let spends = self.agents[who].gate.asker_of(hook);
        if let Some(thread) = spends {
            return self.refuse_request(cx, who, &thread, why);
        }
        let Some((thread, wants)) = self.agents[who].gate.take(hook) else { return };
        if let Wants::Tool(call) = wants {
            self.record_call(who, thread, call, ToolVerdict::Denied, by);
        }
        self.effects.push(Effect::Answer { hook, deny: Some(format!("govern: {why}")) });
    }

    pub(in crate::decide) fn record_call(
        &mut self,
        who: AgentId,
        thread: ThreadId,
        call: ToolCall,
        verdict: ToolVerdict,
        by: Option<&str>,
    ) {
        let agent = &self.agents[who];
        let (cost, model) = (agent.cost, agent.threads.get(&thread).and_then(|thread| thread.model.clone()));
        let spenders = Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref());
        tool_calls::charge(&mut self.accounts, &spenders, who, &thread);
        let (rule, because) = call.judged.map(|judged| (judged.rule, judged.because)).unzip();
        let ToolCall { tool, digest: input, short, .. } = call;
        let by = by.map(str::to_owned);
        let called = EventKind::ToolCalled { thread, model, tool, input, short, cost, verdict, rule, because, by };
        self.record(Some(who), called);
    }
}
