//! Pure. A stop at the gate: what is under way and paid for may come to its end, and nothing new begins.

use crate::clocks::DRAIN_WITHIN;
use crate::decide::agent::{Agent, Thread};
use crate::decide::effect::Effect;
use crate::decide::governor::Governor;
use crate::decide::input::{Phase, Timer};
use crate::decide::lifecycle::{Intent, State};
use crate::model::{AgentName, ThreadId};

impl Agent {
    /// Something may be under way that a stop lets come to its end: an answer, or a tool that was paid for.
    pub(in crate::decide) fn may_have_to_drain(&self) -> bool {
        let runs_tools =
            |(id, thread): (&ThreadId, &Thread)| thread.phase == Phase::Tools && !self.gate.keeps_from_asking(id);
        self.in_flight() > 0 || (self.spares_tools && self.threads.iter().any(runs_tools))
    }

    /// It is, once what may go on was let go.
    fn has_to_drain(&self) -> bool {
        self.in_flight() > 0 || (self.spares_tools && self.threads.keys().any(|thread| self.runs_tools(thread)))
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
    pub(super) fn drain(&mut self, name: &AgentName) {
        let Some(agent) = self.agents.get_mut(name) else { return };
        (agent.gate.draining, agent.gate.drain_told) = (true, false);
        let tools = agent.in_flight() == 0;
        self.request(name, if tools { "wait for the tools under way" } else { "wait for the answers under way" });
        self.outcome(name, true, "at the gate");
    }

    /// What may still go on was let go: the stop waits for it, or for nothing any more.
    pub(super) fn settle_drain(&mut self, name: &AgentName) {
        let Some(agent) = self.draining(name) else { return };
        let waits = agent.state == State::Freezing(Intent::Stop) && agent.gate_will_hold() && agent.has_to_drain();
        if !waits {
            return self.end_drain(name);
        }
        if std::mem::replace(&mut agent.gate.drain_told, true) {
            return;
        }
        let ends_now = if agent.spares_tools { "govern stop" } else { "govern stop --kill" };
        let (minutes, run) = (DRAIN_WITHIN.as_secs() / 60, &self.run);
        let what = format!("what is under way may end first, within {minutes} min; to end it now: {ends_now} {run}");
        self.say(name, &what);
        self.effects.push(Effect::Arm(Timer::Drain(name.clone()), DRAIN_WITHIN));
        self.look_for_room(name);
    }

    /// What was under way has ended, or is waited for no longer.
    fn end_drain(&mut self, name: &AgentName) {
        let Some(agent) = self.draining(name) else { return };
        agent.gate.draining = false;
        self.request(name, "freeze");
        self.effects.push(Effect::Freeze(name.clone()));
    }

    /// A stop has waited long enough.
    pub(in crate::decide) fn drain_is_late(&mut self, name: &AgentName) {
        if self.draining(name).is_none() {
            return;
        }
        let minutes = DRAIN_WITHIN.as_secs() / 60;
        let what = format!("what was under way did not end within {minutes} min: the stop waits no longer");
        self.say(name, &what);
        self.mark(Some(name), what);
        self.end_drain(name);
    }

    /// A person, or a signal, wants a stop that waits for no tool.
    pub(in crate::decide) fn spare_no_tools(&mut self, name: &AgentName) {
        if let Some(agent) = self.agents.get_mut(name) {
            agent.spares_tools = false;
        }
    }

    fn draining(&mut self, name: &AgentName) -> Option<&mut Agent> {
        self.agents.get_mut(name).filter(|agent| agent.gate.draining)
    }
}

/// A tool that starts a sub-agent or waits for one, by its name: `spawn_agent`, `wait_agent`, `wait`.
pub(super) fn is_about_sub_agents(tool: &str) -> bool {
    tool.contains("agent") || tool == "wait" || tool.ends_with(".wait")
}
