//! Pure. A stop at the gate: what is under way and paid for may come to its end, and nothing new begins.

use std::collections::BTreeSet;

use crate::clocks::DRAIN_WITHIN;
use crate::decide::agent::Agent;
use crate::decide::agents::ids::AgentId;
use crate::decide::governor::Governor;
use crate::decide::lifecycle::{Intent, State};
use crate::decide::message::{Effect, Phase, Timer};
use crate::decide::thread::Thread;
use crate::model::ThreadId;

impl Agent {
    /// Something may be under way that a stop lets come to its end: an answer, or a tool that was paid for.
    pub(in crate::decide) fn may_have_to_drain(&self) -> bool {
        let held = self.held_up();
        let runs_tools = |(id, thread): (&ThreadId, &Thread)| thread.phase == Phase::Tools && !held.contains(id);
        self.in_flight() > 0 || (self.spares_tools && self.threads.iter().any(runs_tools))
    }

    /// A thread's Codex runs inside the tool that another one was let run last: so it is when it comes first.
    pub(super) fn came_from_inside(&mut self, thread: &ThreadId, outer: Option<ThreadId>) {
        let Some(outer) = outer else { return };
        let comes_first =
            self.threads.get_mut(thread).is_some_and(|known| !std::mem::replace(&mut known.is_placed, true));
        if let Some(outer) = self.threads.get_mut(&outer).filter(|_| comes_first) {
            outer.nested.insert(thread.clone());
        }
    }

    /// The threads that go no further than the gate: what they ask next waits there, or what the Codex asks that runs in
    /// their tool, so that the tool cannot end by itself.
    fn held_up(&self) -> BTreeSet<&ThreadId> {
        let mut held: BTreeSet<&ThreadId> =
            self.threads.keys().filter(|thread| self.gate.keeps_from_asking(thread)).collect();
        loop {
            let waits = |thread: &Thread| {
                thread.phase == Phase::Tools && thread.nested.iter().any(|nested| held.contains(nested))
            };
            let above: Vec<&ThreadId> = self
                .threads
                .iter()
                .filter(|(id, thread)| !held.contains(id) && waits(thread))
                .map(|(id, _)| id)
                .collect();
            if above.is_empty() {
                return held;
            }
            held.extend(above);
        }
    }

    /// It is, once what may go on was let go.
    fn has_to_drain(&self) -> bool {
        let held = self.held_up();
        let runs_tools = |thread: &ThreadId| !held.contains(thread) && self.runs_tools(thread);
        self.in_flight() > 0 || (self.spares_tools && self.threads.keys().any(runs_tools))
    }

    /// A tool of this thread is under way: not one that waits at the gate and is not let go, nor one that only waits for
    /// sub-agents which go no further.
    fn runs_tools(&self, thread: &ThreadId) -> bool {
        let Some(known) = self.threads.get(thread).filter(|known| known.phase == Phase::Tools) else { return false };
        let waits_for_others =
            known.delegates && self.threads.keys().any(|other| other != thread && self.gate.has(other));
        !self.gate.keeps(thread) && !waits_for_others
    }
}

impl Governor {
    /// A stop waits at the gate, if something is under way.
    pub(super) fn drain(&mut self, who: AgentId) {
        let agent = &mut self.agents[who];
        (agent.gate.draining, agent.gate.drain_told) = (true, false);
        let tools = agent.in_flight() == 0;
        self.request(who, if tools { "wait for the tools under way" } else { "wait for the answers under way" });
        self.outcome(who, true, "at the gate");
    }

    /// What may still go on was let go: the stop waits for it, or for nothing any more.
    pub(super) fn settle_drain(&mut self, who: AgentId) {
        let Some(agent) = self.draining(who) else { return };
        let waits = agent.state == State::Freezing(Intent::Stop) && agent.gate_will_hold() && agent.has_to_drain();
        if !waits {
            return self.end_drain(who);
        }
        if std::mem::replace(&mut agent.gate.drain_told, true) {
            return;
        }
        let ends_now = if agent.spares_tools { "govern stop" } else { "govern stop --kill" };
        let (minutes, run) = (DRAIN_WITHIN.as_secs() / 60, &self.fixed.run);
        let what = format!("what is under way may end first, within {minutes} min; to end it now: {ends_now} {run}");
        self.say(who, &what);
        self.effects.push(Effect::Arm(Timer::Drain(self.agents.name(who).clone()), DRAIN_WITHIN));
        self.look_for_room(who);
    }

    /// What was under way has ended, or is waited for no longer.
    fn end_drain(&mut self, who: AgentId) {
        let Some(agent) = self.draining(who) else { return };
        agent.gate.draining = false;
        self.request(who, "freeze");
        self.effects.push(Effect::Freeze(self.agents.name(who).clone()));
    }

    /// A stop has waited long enough.
    pub(in crate::decide) fn drain_is_late(&mut self, who: AgentId) {
        if self.draining(who).is_none() {
            return;
        }
        let minutes = DRAIN_WITHIN.as_secs() / 60;
        let what = format!("what was under way did not end within {minutes} min: the stop waits no longer");
        self.say(who, &what);
        self.mark(Some(who), what);
        self.end_drain(who);
    }

    /// A person, or a signal, wants a stop that waits for no tool.
    pub(in crate::decide) fn spare_no_tools(&mut self, who: AgentId) {
        self.agents[who].spares_tools = false;
    }

    fn draining(&mut self, who: AgentId) -> Option<&mut Agent> {
        Some(&mut self.agents[who]).filter(|agent| agent.gate.draining)
    }
}

/// A tool that starts a sub-agent or waits for one, by its name: `spawn_agent`, `wait_agent`, `wait`.
pub(super) fn is_about_sub_agents(tool: &str) -> bool {
    tool.contains("agent") || tool == "wait" || tool.ends_with(".wait")
}
