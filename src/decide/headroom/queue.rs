//! Those that wait for room go on, who came first before the others.

use crate::decide::accounts::Accounts;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::State;
use crate::decide::agents::{Agent, Agents};
use crate::decide::context::Context;
use crate::decide::evaluate::budgets;
use crate::decide::headroom::waiting;
use crate::decide::message::Effects;
use crate::decide::people::approvals;

/// Those that wait are looked at, who came first before the others; says whether any waits no longer.
pub(in crate::decide) fn settle_room(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
) -> bool {
    // Who waits for a governor model as well goes on when that has answered.
    let advised = |agent: &&Agent| accounts.adviser.as_ref().is_some_and(|adviser| adviser.holds(agent.id));
    let waits = |agent: &&Agent| agent.waits_for_room() && agent.pause.is_none() && !advised(agent);
    let waiting = agents.values().filter(waits);
    let mut waiting: Vec<(Option<u64>, AgentId)> = waiting.map(|agent| (agent.ticket(), agent.id)).collect();
    waiting.sort();
    if waiting.is_empty() {
        return false;
    }
    // What waits at the gate for something else has the places of those before it that began to wait since.
    let asks = |agent: &&Agent| agent.state == State::Running && agent.gate.is_asked_to_spend();
    let beside: Vec<AgentId> = agents.values().filter(asks).map(|agent| agent.id).collect();
    beside.into_iter().for_each(|who| budgets::evaluate_one(cx, agents, accounts, effects, who));
    let mut any = false;
    for (_, who) in waiting {
        if waiting::lacks_room(cx, agents, accounts, who).is_none() {
            any = true;
            approvals::release_or_ask_again(cx, agents, accounts, effects, who);
            budgets::evaluate(cx, agents, accounts, effects, who);
        }
    }
    any
}
