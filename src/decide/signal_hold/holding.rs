//! Processes stand still while a tool of theirs is asked about.

use crate::decide::action_ids;
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Intent, State};
use crate::decide::message::{Effect, Effects};
use crate::decide::signal_hold::Stillness;

/// Lets an agent stand still while a tool of its is asked about, and go on after that.
pub(in crate::decide) fn keep_still(agents: &mut Agents, effects: &mut Effects, who: AgentId) {
    let agent = &mut agents[who];
    match (agent.needs_stillness(), agent.gate.stillness) {
        (true, Stillness::Moves) => {
            agent.gate.stillness = Stillness::Ordered;
            let because = "a tool waits for an answer, and its Codex does not ask before its requests".to_owned();
            action_ids::request_because(agents, effects, who, "hold", because);
            effects.push(Effect::Freeze(agents.name(who).clone()));
        }
        (false, Stillness::Ordered | Stillness::Stands) => {
            agent.gate.stillness = Stillness::Moves;
            // Whatever else happens to it has orders of its own.
            if agent.state == State::Running {
                action_ids::request_because(agents, effects, who, "release", "the tool waits no longer".to_owned());
                effects.push(Effect::Thaw(agents.name(who).clone()));
            }
        }
        (true, Stillness::Ordered | Stillness::Stands) | (false, Stillness::Moves) => {}
    }
}

/// All its processes stand still: now a person can be asked. Says whether that was what was waited for.
pub(in crate::decide) fn stilled(agents: &mut Agents, effects: &mut Effects, who: AgentId) -> bool {
    let agent = &mut agents[who];
    if !agent.is_stilled() {
        return false;
    }
    agent.gate.stillness = Stillness::Stands;
    let state = agent.state;
    if matches!(state, State::Running | State::Freezing(Intent::Pause | Intent::Ask)) {
        put_next(agents, effects, who);
    }
    if state == State::Running {
        action_ids::outcome(agents, effects, who, true, "");
    }
    state == State::Running
}

/// Puts the next question about a tool that was not put yet: one at a time, so that each gets its own number.
pub(in crate::decide) fn put_next(agents: &mut Agents, effects: &mut Effects, who: AgentId) {
    let agent = &mut agents[who];
    if agent.needs_stillness() && agent.gate.stillness != Stillness::Stands {
        return;
    }
    if let Some(question) = agent.gate.next_question() {
        effects.push(Effect::Ask(question));
    }
}
