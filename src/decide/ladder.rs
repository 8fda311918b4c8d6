//! The models that an agent can go on with: the next ones down the policy's ladder.

use crate::model::{ModelId, Response};
use crate::policy::rule::Rung;

use super::agents::Agent;
use super::context::Fixed;

/// The next model down the ladder that an agent may go on with. One without a price is none where it would be `paid` for
/// under a limit in money: it would be stopped before its first request on that.
pub(super) fn next(fixed: &Fixed, agent: &Agent, paid: bool) -> Option<Rung> {
    below(fixed, agent).into_iter().find(|rung| !(paid && is_unpriced(fixed, agent, rung))).cloned()
}

/// A model that an agent could go down to if it had a price.
pub(super) fn unpriced<'a>(fixed: &'a Fixed, agent: &Agent, paid: bool) -> Option<&'a ModelId> {
    let mut unpriced = below(fixed, agent).into_iter().filter(|rung| paid && is_unpriced(fixed, agent, rung));
    unpriced.next().map(|rung| &rung.model)
}

/// The allowed models below that of an agent, the next one first.
fn below<'a>(fixed: &'a Fixed, agent: &Agent) -> Vec<&'a Rung> {
    let ladder = &fixed.policy.models.ladder;
    let allowed = |rung: &&Rung| fixed.policy.models.allows(rung.model.as_str());
    let last = agent.last_response();
    let place = match (&agent.routed, last.and_then(|last| last.model.as_ref())) {
        (Some(rung), _) => ladder.iter().position(|known| known == rung),
        (None, Some(model)) => ladder.iter().position(|known| known.model == *model),
        (None, None) => None,
    };
    match (place, last) {
        (Some(place), _) => ladder.iter().skip(place + 1).filter(allowed).collect(),
        // A model that is not on the ladder goes to the first rung that costs less.
        (None, Some(last)) => {
            let Some(now) = last.cost.money() else { return Vec::new() };
            let cheaper = |rung: &&Rung| fixed.quoted(&rung.model, last).money().is_some_and(|cost| cost < now);
            ladder.iter().filter(cheaper).filter(allowed).collect()
        }
        (None, None) => Vec::new(),
    }
}

fn is_unpriced(fixed: &Fixed, agent: &Agent, rung: &Rung) -> bool {
    let has_price = |last: &Response| fixed.quoted(&rung.model, last).money().is_some();
    !agent.last_response().is_none_or(has_price)
}
