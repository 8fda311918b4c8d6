//! Pure. Passing the gate: who comes to it, who may go on and when, and what it means that something went past it.

use std::time::Duration;

use super::drain::is_about_sub_agents;
use crate::clocks::RECORD_WITHIN;
use crate::decide::accounts::Spenders;
use crate::decide::agent::{Agent, Hold};
use crate::decide::context::Context;
use crate::decide::effect::Effect;
use crate::decide::governor::Governor;
use crate::decide::input::{Asks, Gone, Hook, HookId, Phase, Timer, Wants};
use crate::decide::lifecycle::{Happening, Intent, State};
use crate::decide::treatment::hold_word;
use crate::model::event::{EventKind, GateReach, ToolVerdict};
use crate::model::{AgentName, Response, ThreadId};

impl Governor {
    /// Codex is about to do something, and waits.
    pub(in crate::decide) fn at_gate(&mut self, cx: &Context<'_>, hook: Hook) {
        let Hook { id, agent: name, thread, root, inside, model, tier, unpriced, mut wants, asked, has_file } = hook;
        if let Wants::Tool(call) = &mut wants {
            self.judge_spawn(cx, &name, (&thread, &root), call);
        }
        let spends = wants.spends();
        let begins = spends || wants == Wants::Turn;
        self.defers &= !begins;
        self.defers_time &= !begins && !matches!(wants, Wants::Tool(_));
        let Some(agent) = self.agents.get_mut(&name) else { return };
        let reach = if wants.asks_first() { GateReach::Requests } else { GateReach::Tools };
        agent.watch.heard(cx.now.uptime);
        let call = if let Wants::Tool(call) = &wants { Some(call.clone()) } else { None };
        call.iter().for_each(|call| agent.gate.tool_asks(call.call.as_ref()));
        agent.gate.waiting.insert(id, (thread.clone(), wants.clone()));
        let more = agent.gate.reach < Some(reach);
        if more {
            agent.gate.reach = Some(reach);
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
            self.record(Some(&name), EventKind::Gated { reach });
        }
        if let Some(what) = unseen {
            self.cannot_be_told(cx, &name, &thread, what);
        }
        if let Some(call) = call {
            self.accounts.open_for_call(
                cx,
                &Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref()),
                &name,
                &thread,
            );
            if let Some(judged) = call.judged.as_ref().filter(|_| !waits) {
                self.meet_gate(cx, &name, id, (judged, &call));
            }
            if news || self.accounts.counts_calls() || self.accounts.limits_time() {
                self.evaluate(cx, &name);
            }
        }
        if begins {
            self.accounts.open_for_request(
                cx,
                &Spenders::of(&self.fixed, &self.agents, self.adviser.as_deref()),
                &name,
                &thread,
            );
            let of = thread.clone();
            if !self.refuse_next(cx, &name, &Asks { thread, root, model, tier, unpriced }) {
                if spends {
                    self.meet_request_gate(cx, &name, id, &of);
                } else {
                    self.refuse_prompt(&name, &of);
                }
                self.evaluate(cx, &name);
            }
        }
    }

    /// A call that was not answered is gone.
    pub(in crate::decide) fn left_gate(&mut self, cx: &Context<'_>, hook: HookId, why: Gone) {
        self.withdraw_call(hook);
        let found = self.agents.iter_mut().find_map(|(name, agent)| {
            let (thread, wants) = agent.gate.take(hook)?;
            Some((name.clone(), thread, wants))
        });
        let Some((name, thread, wants)) = found else { return };
        match why {
            Gone::Broken => self.gate_broken(cx, &name, "a hook of govern's was ended before it was answered"),
            Gone::Withdrawn => self.interrupted(&name, &thread, &wants),
        }
        // While it waited, its next request did not count; where its thread goes on, it does again.
        self.evaluate(cx, &name);
        self.reserve(cx, &name);
    }

    /// A person interrupted the turn: what was asked about it needs no answer.
    fn interrupted(&mut self, name: &AgentName, thread: &ThreadId, wants: &Wants) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        let began = wants.spends() || *wants == Wants::Turn;
        if let Some(thread) = agent.threads.get_mut(thread).filter(|_| began) {
            thread.phase = Phase::Idle;
        }
    }

    /// Nothing is left to be asked about: the turn ended, or was interrupted.
    fn withdraw_if_at_rest(&mut self, cx: &Context<'_>, name: &AgentName) {
        let asks_nothing = |agent: &Agent| agent.state == State::Held && agent.gate.shut && agent.rests();
        // Time passes at rest, too.
        let of_time = |agent: &Agent| agent.held.as_ref().is_some_and(|hold| self.counts_minutes(hold.source));
        if !self.agents.get(name).is_some_and(|agent| asks_nothing(agent) && !of_time(agent)) {
            return;
        }
        if let Some(Hold { approval: Some(approval), .. }) = self.unhold(name) {
            self.effects.push(Effect::Withdraw(approval));
            let what = format!("approval {approval} is withdrawn: the turn is over, and nothing is left to ask about");
            self.effects.push(Effect::Say(what.clone()));
            self.mark(Some(name), what);
        }
        self.release(cx, name);
        // What is no model's time passes on.
        self.evaluate_one(cx, name);
    }

    /// Something may have gone past the gate. Under a limit that is the agent's end.
    fn gate_broken(&mut self, cx: &Context<'_>, name: &AgentName, what: &str) {
        if !self.agents.get(name).is_some_and(Agent::is_live) {
            return;
        }
        let gates = self.gates();
        if let Some(agent) = self.agents.get_mut(name).filter(|agent| gates || agent.pause.is_some()) {
            agent.gate.broken = true;
        }
        if !gates {
            self.mark(Some(name), what.to_owned());
            return;
        }
        self.stop_because(cx, name, format!("{what}: under a limit nothing goes past the gate"));
    }

    /// A hook could not ask, and has ended its Codex. Under a limit that is the agent's end, and govern's doing.
    pub(in crate::decide) fn gate_failed(&mut self, name: &AgentName) {
        if !self.gates() {
            return;
        }
        let Some(agent) = self.agents.get_mut(name).filter(|agent| agent.is_live()) else { return };
        let what = "the gate failed: a hook of govern's could not ask, and ended its Codex";
        agent.gate.failed = true;
        agent.because = what.to_owned();
        self.mark(Some(name), what.to_owned());
        self.say(name, &format!("stop: {what}"));
    }

    /// A response must have been let through first, where its Codex was seen to ask.
    pub(in crate::decide) fn expect_admitted(&mut self, cx: &Context<'_>, name: &AgentName, response: &Response) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        agent.gate.recorded(&response.thread);
        let asks_first = agent.gate.holds_requests() && agent.gate.roots.contains(&response.root);
        let Some(thread) = agent.threads.get_mut(&response.thread) else { return };
        if thread.admission.is_answered(response.at) || !asks_first {
            return;
        }
        if thread.gated {
            let what = format!("a request of thread {} was answered that was not let through", response.thread);
            self.gate_broken(cx, name, &what);
        } else if thread.recent().count() == 1 {
            // What was never seen at the gate is of a kind that does not come there: it is held by signals.
            let what = format!("thread {} does not ask before its requests", response.thread);
            self.mark(Some(name), what);
        }
    }

    /// Answers those that may go on, and ends what only waited for answers under way.
    pub(in crate::decide) fn settle_gate(&mut self, cx: &Context<'_>, name: &AgentName) {
        self.meet_gates_that_waited(cx, name);
        self.withdraw_if_at_rest(cx, name);
        self.keep_still(name);
        let Some(agent) = self.agents.get_mut(name) else { return };
        if !matches!(agent.state, State::Freezing(_)) && self.let_through(cx, name) {
            // Of several that waited together some have run: the next one has to be judged by itself.
            self.evaluate_one(cx, name);
        }
        let Some(agent) = self.agents.get(name).filter(|agent| agent.gate.draining) else { return };
        let State::Freezing(intent) = agent.state else { return };
        if intent == Intent::Stop {
            self.let_through(cx, name);
        }
        self.settle_drain(name);
    }

    /// Tools whose response has become known, or will not, meet their gates.
    fn meet_gates_that_waited(&mut self, cx: &Context<'_>, name: &AgentName) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        for (hook, call) in agent.gate.judge_now() {
            if let Some(judged) = &call.judged {
                self.meet_gate(cx, name, hook, (judged, &call));
            }
        }
    }

    /// Answers those that may go on; says whether a tool may not because of a limit in tool calls.
    fn let_through(&mut self, cx: &Context<'_>, name: &AgentName) -> bool {
        let Some(agent) = self.agents.get_mut(name) else { return false };
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
            let Some(agent) = self.agents.get(name) else { break };
            let Some((thread, wants)) = agent.gate.waiting.get(&hook).cloned() else { continue };
            let again = agent.threads.get(&thread).is_some_and(|known| agent.gate.asks_again(hook, known));
            let waits = wants.spends() && !again;
            // A turn of a thread that was not seen to ask first begins with a request that may not come here.
            let asks_first = agent.threads.get(&thread).is_none_or(|known| agent.asks_first(known));
            let may_be_last = waits || (wants == Wants::Turn && !asks_first);
            if may_be_last && self.waits_for_own(cx, name, &thread) {
                self.wait_beside(name, hook);
                continue;
            }
            if let Some(wait) = Some(&thread).filter(|_| waits).and_then(|of| self.throttled(cx, name, of)) {
                soonest = Some(soonest.map_or(wait, |soonest| soonest.min(wait)));
                continue;
            }
            if matches!(wants, Wants::Tool(_)) && !self.accounts.calls_fit(cx, &self.spenders(), name) {
                self.refuse_beside_others(name, hook, &thread);
                any_too_many = true;
                continue;
            }
            let by = self.agents.get_mut(name).and_then(|agent| agent.gate.passes.remove(&hook));
            self.answer_allowed(cx, name, hook, by.as_deref());
        }
        if let Some(wait) = soonest {
            self.arm_pace(name, wait);
        }
        any_too_many
    }

    /// What waits may go on.
    pub(in crate::decide) fn answer_allowed(
        &mut self,
        cx: &Context<'_>,
        name: &AgentName,
        hook: HookId,
        by: Option<&str>,
    ) {
        let Some(agent) = self.agents.get_mut(name) else { return };
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
            Wants::Turn => self.tell(name, hook, &thread),
            Wants::Tool(call) => {
                let entry = agent.threads.entry(thread.clone()).or_default();
                (entry.delegates, entry.runs_tools) = (is_about_sub_agents(&call.tool), true);
                entry.nested.clear();
                self.tell(name, hook, &thread);
                self.record_call(name, thread, call, ToolVerdict::Allowed, by);
            }
            Wants::Session | Wants::TurnEnd => {}
            // It claims from cx.now on what it may take.
            Wants::Request | Wants::Compaction => self.reserve(cx, name),
        }
        self.effects.push(Effect::Answer { hook, deny: None });
    }

    /// Carries out an order to stand still at the gate, where that is enough; says whether it is.
    pub(in crate::decide) fn holds_at_gate(&mut self, cx: &Context<'_>, name: &AgentName, state: State) -> bool {
        let rests = |agent: &Agent| state == State::Freezing(Intent::Pause) && agent.rests_at_its_screen();
        let stops = state == State::Freezing(Intent::Stop);
        let holds = |agent: &&mut Agent| agent.gate_holds() || rests(agent) || (stops && agent.gate_will_hold());
        // Between turns the gate holds nothing of what takes time.
        let asks_of_time = self.agents.get(name).filter(|agent| !agent.turn_under_way() && !agent.setup.full_screen);
        let asks_of_time = asks_of_time.and_then(|agent| agent.question.as_ref()).map(|hold| hold.source);
        if state == State::Freezing(Intent::Ask) && asks_of_time.is_some_and(|source| self.counts_time(source)) {
            return false;
        }
        let Some(agent) = self.agents.get_mut(name).filter(holds) else { return false };
        match state {
            State::Freezing(Intent::Ask | Intent::Pause) => {
                agent.gate.shut = true;
                agent.pause_clock(cx.now.uptime);
                let safe = agent.in_flight() == 0;
                self.request(name, hold_word(state));
                self.outcome(name, true, "at the gate");
                self.happen(cx, name, Happening::Frozen { safe });
                true
            }
            State::Freezing(Intent::Stop) if agent.may_have_to_drain() => {
                self.drain(name);
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
                && (self.fixed.policy.models.restricts() || self.fixed.policy.has_gates() || self.limits_spawns()))
    }
}
