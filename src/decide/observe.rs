//! Pure. Whether what a Codex spends can be seen; under a limit it must be, and under an alert that could stop it, it is
//! said where it cannot.

use crate::model::AgentName;

use super::effect::Effect;
use super::governor::{Governor, OBSERVE_WITHIN};
use super::input::{Moment, Timer};
use super::lifecycle::State;

impl Governor {
    /// A Codex runs in the agent's tree.
    pub(super) fn codex_seen(&mut self, now: Moment, name: &AgentName, pid: i32, ephemeral: bool, works_at_once: bool) {
        let expects = self.enforces() || self.warns_of_unobserved();
        let Some(agent) = self.agents.get_mut(name).filter(|agent| agent.state != State::Gone) else { return };
        if agent.unobserved.contains_key(&pid) {
            return;
        }
        agent.unobserved.insert(pid, false);
        if ephemeral {
            self.unobservable(
                now,
                name,
                format!("codex (process {pid}) runs with --ephemeral and writes no session file"),
            );
        } else if works_at_once && expects {
            self.effects.push(Effect::Arm(Timer::Observe(name.clone(), pid), OBSERVE_WITHIN));
        }
    }

    /// Something of the agent cannot be seen.
    pub(super) fn unobservable(&mut self, now: Moment, name: &AgentName, what: String) {
        if self.enforces() {
            self.stop_because(now, name, format!("{what}: under a limit what cannot be observed is stopped"));
        } else {
            self.mark(Some(name), format!("{what}: its spend cannot be observed"));
            let unjudged = if self.warns_of_unobserved() {
                ", and no alert can judge it: what the policy would hold or end goes on"
            } else {
                ""
            };
            self.say(name, &format!("{what}: its spend is not counted{unjudged}"));
        }
    }
}
