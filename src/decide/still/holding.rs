//! Pure. Processes stand still while a tool of theirs is asked about.

use super::Stillness;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Intent, State};
use crate::decide::governor::Governor;
use crate::decide::message::Effect;

impl Governor {
    /// Lets an agent stand still while a tool of its is asked about, and go on after that.
    pub(in crate::decide) fn keep_still(&mut self, who: AgentId) {
        let agent = &mut self.agents[who];
        match (agent.needs_stillness(), agent.gate.stillness) {
            (true, Stillness::Moves) => {
                agent.gate.stillness = Stillness::Ordered;
                let because = "a tool waits for an answer, and its Codex does not ask before its requests".to_owned();
                self.request_because(who, "hold", because);
                self.effects.push(Effect::Freeze(self.agents.name(who).clone()));
            }
            (false, Stillness::Ordered | Stillness::Stands) => {
                agent.gate.stillness = Stillness::Moves;
                // Whatever else happens to it has orders of its own.
                if agent.state == State::Running {
                    self.request_because(who, "release", "the tool waits no longer".to_owned());
                    self.effects.push(Effect::Thaw(self.agents.name(who).clone()));
                }
            }
            (true, Stillness::Ordered | Stillness::Stands) | (false, Stillness::Moves) => {}
        }
    }

    /// All its processes stand still: now a person can be asked. Says whether that was what was waited for.
    pub(in crate::decide) fn stilled(&mut self, who: AgentId) -> bool {
        let agent = &mut self.agents[who];
        if !agent.is_stilled() {
            return false;
        }
        agent.gate.stillness = Stillness::Stands;
        let state = agent.state;
        if matches!(state, State::Running | State::Freezing(Intent::Pause | Intent::Ask)) {
            self.put_next(who);
        }
        if state == State::Running {
            self.outcome(who, true, "");
        }
        state == State::Running
    }

    /// Puts the next question about a tool that was not put yet: one at a time, so that each gets its own number.
    pub(in crate::decide) fn put_next(&mut self, who: AgentId) {
        let agent = &mut self.agents[who];
        if agent.needs_stillness() && agent.gate.stillness != Stillness::Stands {
            return;
        }
        if let Some(question) = agent.gate.next_question() {
            self.effects.push(Effect::Ask(question));
        }
    }
}
