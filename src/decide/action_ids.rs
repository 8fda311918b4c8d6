//! What is about to be done with an agent has a number, and its outcome has the same.

use crate::model::event::EventKind;

use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::message::Effects;

pub(in crate::decide) fn request(agents: &mut Agents, effects: &mut Effects, who: AgentId, what: &str) {
    request_because(agents, effects, who, what, agents[who].because.clone());
}

pub(in crate::decide) fn request_because(
    agents: &mut Agents,
    effects: &mut Effects,
    who: AgentId,
    what: &str,
    because: String,
) {
    let request = agents.next_number();
    agents[who].request = Some(request);
    agents.record(Some(who), EventKind::Requested { request, what: what.to_owned(), because }, effects);
}

pub(in crate::decide) fn outcome(agents: &mut Agents, effects: &mut Effects, who: AgentId, ok: bool, detail: &str) {
    let request = agents[who].request.take();
    if let Some(request) = request {
        agents.record(Some(who), EventKind::Outcome { request, ok, detail: detail.to_owned() }, effects);
    }
}
