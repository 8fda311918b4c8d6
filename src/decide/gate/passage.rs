//! Pure. Passing the gate: who comes to it, who may go on and when, and what it means that something went past it.

use std::time::Duration;

use super::drain::is_about_sub_agents;
use crate::clocks::RECORD_WITHIN;
use crate::decide::accounts::{Spenders, minutes, tool_calls};
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Happening, Intent, State};
use crate::decide::agents::{Agent, Hold};
use crate::decide::context::Context;
use crate::decide::governor::Governor;
use crate::decide::message::{Asks, Effect, Gone, Hook, HookId, Phase, Timer, Wants};
use crate::decide::spawn;
use crate::decide::transition::hold_word;
use crate::model::event::{EventKind, GateReach, ToolVerdict};
use crate::model::{Response, ThreadId};

impl Governor {
    /// Codex is about to do something, and waits.
    pub(in crate::decide) fn at_gate(&mut self, cx: &Context<'_>, who: AgentId, hook: Hook) {
        let Hook { id, agent: _, thread, root, inside, model, tier, unpriced, mut wants, asked, has_file } = hook;
        if let Wants::Tool(call) = &mut wants {
            spawn::judge(&self.agents, cx, who, (&thread, &root), call);
        }
        let spends = wants.spends();
        let begins = spends || wants == Wants::Turn;
        self.defers &= !begins;
        self.defers_time &= !begins && !matches!(wants, Wants::Tool(_));
        let agent = &mut self.agents[who];
        let reach = if wants.asks_first() { GateReach::Requests } else { GateReach::Tools };
        agent.watch.heard(cx.now.uptime);
        let call = if let Wants::Tool(call) = &wants { Some(call.clone()) } else { None };
        call.iter().for_each(|call| agent.gate.tool_asks(call.call.as_ref()));
        agent.gate.waiting.insert(id, (thread.clone(), wants.clone()));
        let more = agent.gate.reach < Some(reach);
        if more {
            agent.gate.reach = Some(reach);
        }
        let calls = agent.has_called(&thread);
        if wants == Wants::Session && !calls && matches!(agent.state, State::Ending(_)) {
            agent.begins_only_now(&thread);
        }
        let entry = agent.threads.entry(thread.clone()).or_default();
        entry.root = Some(root.clone());
        (entry.has_file, entry.calls) = (has_file, true);
        let ends = wants == Wants::TurnEnd && entry.phase.goes_on();
        // Of a thread without a file nothing else tells how it stands.
        if begins && !(has_file && entry.phase.goes_on()) {
            entry.phase = Phase::InFlight;
        } else if wants == Wants::TurnEnd && !has_file {
            entry.phase = Phase::Idle;
        }
        if model.is_some() {
            entry.model.clone_from(&model);
        }
        // The session file has not told of this turn yet.
        let news = call.is_some() && !entry.phase.goes_on();
        if news {
            entry.phase = Phase::Tools;
        }
        if wants.asks_first() {
            entry.gated = true;
            agent.gate.roots.insert(root.clone());
        }
        if spends {
            entry.is_named |= asked.request.is_some();
            entry.is_told |= entry.is_named;
        }
        // A tool follows its response; its hook may be faster than the one that tells of that.
        let is_due = match spends {
            true => !entry.admission.is_of(&asked),
            false => call.is_some() && entry.is_told,
        };
        let waits = is_due && entry.admission.is_open();
        if waits {
            agent.gate.unrecorded.insert(id);
            self.effects.push(Effect::Arm(Timer::Record(id), RECORD_WITHIN));
        }
        if waits && call.is_some() {
            agent.gate.judge_later(id);
        }
        if spends {
            agent.gate.asked.insert(id, asked);
        }
        let unseen = entry.unseen(&wants, ends);
        agent.came_from_inside(&thread, inside);
        if more {
            self.record(Some(who), EventKind::Gated { reach });
        }
        if let Some(what) = unseen {
            self.cannot_be_told(cx, who, &thread, what);
        }
        if let Some(call) = call {
            tool_calls::open(
                &mut self.accounts,
                cx,
                &Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref()),
                who,
                &thread,
            );
            if let Some(judged) = call.judged.as_ref().filter(|_| !waits) {
                self.meet_gate(cx, who, id, (judged, &call));
            }
            if news || tool_calls::are_counted(&self.accounts) || minutes::limits_time(&self.accounts) {
                self.evaluate(cx, who);
            }
        }
        if begins {
            self.accounts.open_for_request(
                cx,
                &Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref()),
                who,
                &thread,
            );
            let of = thread.clone();
            if !self.refuse_next(cx, who, &Asks { thread, root, model, tier, unpriced }) {
                if spends {
                    self.meet_request_gate(cx, who, id, &of);
                } else {
                    self.refuse_prompt(who, &of);
                }
                self.evaluate(cx, who);
            }
        }
    }

    /// A call that was not answered is gone.
    pub(in crate::decide) fn left_gate(&mut self, cx: &Context<'_>, hook: HookId, why: Gone) {
        self.withdraw_call(hook);
        let found = self.agents.values_mut().find_map(|agent| {
            let (thread, wants) = agent.gate.take(hook)?;
            Some((agent.id, thread, wants))
        });
        let Some((who, thread, wants)) = found else { return };
        match why {
            Gone::Broken => self.gate_broken(cx, who, "a hook of govern's was ended before it was answered"),
            Gone::Withdrawn => self.interrupted(who, &thread, &wants),
        }
        // While it waited, its next request did not count; where its thread goes on, it does again.
        self.evaluate(cx, who);
        self.reserve(cx, who);
    }

    /// A person interrupted the turn: what was asked about it needs no answer.
    fn interrupted(&mut self, who: AgentId, thread: &ThreadId, wants: &Wants) {
        let agent = &mut self.agents[who];
        let began = wants.spends() || *wants == Wants::Turn;
        if let Some(thread) = agent.threads.get_mut(thread).filter(|_| began) {
            thread.phase = Phase::Idle;
        }
    }

    /// Nothing is left to be asked about: the turn ended, or was interrupted.
    fn withdraw_if_at_rest(&mut self, cx: &Context<'_>, who: AgentId) {
        let asks_nothing = |agent: &Agent| agent.state == State::Held && agent.gate.shut && agent.rests();
        // Time passes at rest, too.
        let of_time = |agent: &Agent| agent.held.as_ref().is_some_and(|hold| self.counts_minutes(hold.source));
        let agent = &self.agents[who];
        if !asks_nothing(agent) || of_time(agent) {
            return;
        }
        if let Some(Hold { approval: Some(approval), .. }) = self.unhold(who) {
            self.effects.push(Effect::Withdraw(approval));
            let what = format!("approval {approval} is withdrawn: the turn is over, and nothing is left to ask about");
            self.effects.push(Effect::Say(what.clone()));
            self.mark(Some(who), what);
        }
        self.release(cx, who);
        // What is no model's time passes on.
        self.evaluate_one(cx, who);
    }

    /// Something may have gone past the gate. Under a limit that is the agent's end.
    fn gate_broken(&mut self, cx: &Context<'_>, who: AgentId, what: &str) {
        if !self.agents[who].is_live() {
            return;
        }
        let gates = self.gates();
        let agent = &mut self.agents[who];
        if gates || agent.pause.is_some() {
            agent.gate.broken = true;
        }
        if !gates {
            self.mark(Some(who), what.to_owned());
            return;
        }
        self.stop_because(cx, who, format!("{what}: under a limit nothing goes past the gate"));
    }

    /// A hook could not ask, and has ended its Codex. Under a limit that is the agent's end, and govern's doing.
    pub(in crate::decide) fn gate_failed(&mut self, who: AgentId) {
        if !self.gates() {
            return;
        }
        let agent = &mut self.agents[who];
        if !agent.is_live() {
            return;
        }
        let what = "the gate failed: a hook of govern's could not ask, and ended its Codex";
        agent.gate.failed = true;
        agent.because = what.to_owned();
        self.mark(Some(who), what.to_owned());
        self.say(who, &format!("stop: {what}"));
    }

    /// A response must have been let through first, where its Codex was seen to ask.
    pub(in crate::decide) fn expect_admitted(&mut self, cx: &Context<'_>, who: AgentId, response: &Response) {
        let agent = &mut self.agents[who];
        agent.gate.recorded(&response.thread);
        let asks_first = agent.gate.holds_requests() && agent.gate.roots.contains(&response.root);
        let Some(thread) = agent.threads.get_mut(&response.thread) else { return };
        if thread.admission.is_answered(response.at) || !asks_first {
            return;
        }
        if thread.gated {
            let what = format!("a request of thread {} was answered that was not let through", response.thread);
            self.gate_broken(cx, who, &what);
        } else if thread.recent().count() == 1 {
            // What was never seen at the gate is of a kind that does not come there: it is held by signals.
            let what = format!("thread {} does not ask before its requests", response.thread);
            self.mark(Some(who), what);
        }
    }

    /// Answers those that may go on, and ends what only waited for answers under way.
    pub(in crate::decide) fn settle_gate(&mut self, cx: &Context<'_>, who: AgentId) {
        self.meet_gates_that_waited(cx, who);
        self.withdraw_if_at_rest(cx, who);
        self.keep_still(who);
        let agent = &mut self.agents[who];
        if !matches!(agent.state, State::Freezing(_)) && self.let_through(cx, who) {
            // Of several that waited together some have run: the next one has to be judged by itself.
            self.evaluate_one(cx, who);
        }
        let agent = &self.agents[who];
        if !agent.gate.draining {
            return;
        }
        let State::Freezing(intent) = agent.state else { return };
        if intent == Intent::Stop {
            self.let_through(cx, who);
        }
        self.settle_drain(who);
    }

    /// Tools whose response has become known, or will not, meet their gates.
    fn meet_gates_that_waited(&mut self, cx: &Context<'_>, who: AgentId) {
        let agent = &mut self.agents[who];
        for (hook, call) in agent.gate.judge_now() {
            if let Some(judged) = &call.judged {
                self.meet_gate(cx, who, hook, (judged, &call));
            }
        }
    }

    /// Answers those that may go on; says whether a tool may not because of a limit in tool calls.
    fn let_through(&mut self, cx: &Context<'_>, who: AgentId) -> bool {
        let agent = &mut self.agents[who];
        let gate = &agent.gate;
        let paused = agent.pause.is_some();
        // Who waits for a governor model is held as one that waits for a person.
        let state = if agent.state == State::Paused && !paused { State::Held } else { agent.state };
        let state = (state, agent.spares_tools);
        let may = |id: HookId, of: &ThreadId, wants: &Wants| {
            gate.lets(state, id, (of, wants)) && !(paused && wants.is_work())
        };
        let ready: Vec<HookId> =
            gate.waiting.iter().filter(|(id, (of, wants))| may(**id, of, wants)).map(|(id, _)| *id).collect();
        let mut soonest: Option<Duration> = None;
        let mut any_too_many = false;
        for hook in ready {
            let agent = &self.agents[who];
            let Some((thread, wants)) = agent.gate.waiting.get(&hook).cloned() else { continue };
            let again = agent.threads.get(&thread).is_some_and(|known| agent.gate.asks_again(hook, known));
            let waits = wants.spends() && !again;
            // A turn of a thread that was not seen to ask first begins with a request that may not come here.
            let asks_first = agent.threads.get(&thread).is_none_or(|known| agent.asks_first(known));
            let may_be_last = waits || (wants == Wants::Turn && !asks_first);
            if may_be_last && self.waits_for_own(cx, who, &thread) {
                self.wait_beside(who, hook);
                continue;
            }
            if let Some(wait) = Some(&thread).filter(|_| waits).and_then(|of| self.throttled(cx, who, of)) {
                soonest = Some(soonest.map_or(wait, |soonest| soonest.min(wait)));
                continue;
            }
            if matches!(wants, Wants::Tool(_)) && !tool_calls::fit(&self.accounts, cx, &self.spenders(), who) {
                self.refuse_beside_others(who, hook, &thread);
                any_too_many = true;
                continue;
            }
            let by = self.agents[who].gate.passes.remove(&hook);
            self.answer_allowed(cx, who, hook, by.as_deref());
        }
        if let Some(wait) = soonest {
            self.arm_pace(who, wait);
        }
        any_too_many
    }

    /// What waits may go on.
    pub(in crate::decide) fn answer_allowed(&mut self, cx: &Context<'_>, who: AgentId, hook: HookId, by: Option<&str>) {
        let agent = &mut self.agents[who];
        let asked = agent.gate.asked.get(&hook).cloned().unwrap_or_default();
        let Some((thread, wants)) = agent.gate.take(hook) else { return };
        if wants.spends() {
            let entry = agent.threads.entry(thread.clone()).or_default();
            let again = entry.admission.is_of(&asked);
            // Each request that has a name is told of when it is over, unless its Codex ended first.
            let lost = entry.is_named && !again && !entry.admission.announces() && entry.is_unanswered();
            entry.admission.passes(cx.now.wall, &asked);
            entry.runs_tools = false;
            entry.nested.clear();
            if lost {
                agent.lose(&thread);
            }
            if again {
                agent.pace.takes_back(&thread);
            }
            agent.pace.sends(cx.now.uptime, &thread);
            // Its other threads came when it came: they keep its place.
            if !agent.gate.is_asked_to_spend() {
                agent.room = None;
            }
        }
        match wants {
            Wants::Turn => self.tell(who, hook, &thread),
            Wants::Tool(call) => {
                let entry = agent.threads.entry(thread.clone()).or_default();
                (entry.delegates, entry.runs_tools) = (is_about_sub_agents(&call.tool), true);
                entry.nested.clear();
                self.tell(who, hook, &thread);
                self.record_call(who, thread, call, ToolVerdict::Allowed, by);
            }
            Wants::Session | Wants::TurnEnd => {}
            // It claims from cx.now on what it may take.
            Wants::Request | Wants::Compaction => self.reserve(cx, who),
        }
        self.effects.push(Effect::Answer { hook, deny: None });
    }

    /// Carries out an order to stand still at the gate, where that is enough; says whether it is.
    pub(in crate::decide) fn holds_at_gate(&mut self, cx: &Context<'_>, who: AgentId, state: State) -> bool {
        let rests = |agent: &Agent| state == State::Freezing(Intent::Pause) && agent.rests_at_its_screen();
        let stops = state == State::Freezing(Intent::Stop);
        let holds = |agent: &Agent| agent.gate_holds() || rests(agent) || (stops && agent.gate_will_hold());
        // Between turns the gate holds nothing of what takes time.
        let agent = &self.agents[who];
        let is_idle = !agent.turn_under_way() && !agent.setup.full_screen;
        let asks_of_time = agent.question.as_ref().is_some_and(|hold| self.counts_time(hold.source));
        if state == State::Freezing(Intent::Ask) && is_idle && asks_of_time {
            return false;
        }
        let agent = &mut self.agents[who];
        if !holds(agent) {
            return false;
        }
        match state {
            State::Freezing(Intent::Ask | Intent::Pause) => {
                agent.gate.shut = true;
                agent.pause_clock(cx.now.uptime);
                let safe = agent.in_flight() == 0;
                self.request(who, hold_word(state));
                self.outcome(who, true, "at the gate");
                self.happen(cx, who, Happening::Frozen { safe });
                true
            }
            State::Freezing(Intent::Stop) if agent.may_have_to_drain() => {
                self.drain(who);
                true
            }
            State::Freezing(_)
            | State::Waiting
            | State::Starting(_)
            | State::Running
            | State::Held
            | State::Paused
            | State::Ending(_)
            | State::Gone => false,
        }
    }

    /// The policy can hold or end an agent here, by its budgets or by the models that it allows.
    pub fn gates(&self) -> bool {
        self.enforces()
            || (!self.fixed.policy.observe
                && (self.fixed.policy.models.restricts()
                    || self.fixed.policy.has_gates()
                    || self.fixed.policy.limits_spawns()))
    }
}
