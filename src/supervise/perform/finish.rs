//! The end of an agent, said and written down.

use std::time::Duration;

use crate::decide::message::Ending;
use crate::exit::Exit;
use crate::model::{AgentName, Money};
use crate::report::text;
use crate::supervise::core::Core;

/// An agent is over: of several, how each ended is said and written down.
pub(super) fn finish(agent: &AgentName, ending: Ending, (in_flight, in_flight_cost): (u32, Money), core: &mut Core) {
    let Some(managed) = core.agents.get_mut(agent) else { return };
    managed.finish(ending, in_flight, in_flight_cost);
    if core.run.alone.is_some() {
        return;
    }
    let (known, status) = (core.turns.governor().agent(agent), managed.status());
    let started = known.is_some_and(|agent| agent.attempt > 0 || agent.was_examined());
    let because = known.map_or_else(String::new, |agent| agent.because.clone());
    let figures = known.map_or_else(String::new, |agent| {
        format!("{} for {}", text::count(agent.responses, "response", "responses"), agent.cost)
    });
    let now = core.run.moment().uptime;
    let active = known.map_or(Duration::ZERO, |agent| agent.active(now));
    // What is skipped was written down as that.
    let ended = managed.ended(&because, active);
    for ended in ended.into_iter().filter(|_| ending != Ending::Skipped) {
        core.journal.note_of(agent, ended);
    }
    let code = status.map_or_else(String::new, |status| format!(" with code {}", Exit::from(status).code()));
    core.journal.say_of(
        agent,
        &match ending {
            Ending::Itself => format!("ended well: {figures}"),
            Ending::Failed if status.is_none() => format!("failed: {because}"),
            Ending::Failed => format!("failed{code}: {figures}"),
            Ending::Stopped | Ending::Killed if !started => format!("does not start: {because}"),
            Ending::Stopped => format!("stopped, {because}: {figures}"),
            Ending::Killed => format!("killed, {because}: {figures}"),
            Ending::Skipped => format!("skipped: {because}"),
        },
    );
}
