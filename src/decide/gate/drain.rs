//! Pure. A stop at the gate: what is under way and paid for may come to its end, and nothing new begins.

use crate::clocks::DRAIN_WITHIN;
use crate::decide::agents::Agent;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Intent, State};
use crate::decide::governor::Governor;
use crate::decide::message::{Effect, Timer};

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
