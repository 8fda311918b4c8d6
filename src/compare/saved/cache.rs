//! What it saved to go on with a thread: its context was read from the model's cache once more.

use std::collections::BTreeMap;

use crate::model::event::EventKind;
use crate::model::with_unit::counted;
use crate::model::{AgentName, Cost, ModelId, Money, Response, ThreadId, Timestamp, Tokens};

use super::super::Quote;
use super::{ActedRun, Amount, Intervention, Saved};

/// The first answer of each thread that govern went on with, where the same model answered as before.
pub(super) fn kept(past: &ActedRun<'_>, quote: Quote<'_>) -> Vec<Saved> {
    let mut models: BTreeMap<&ThreadId, Option<&ModelId>> = BTreeMap::new();
    let mut resumed: BTreeMap<&ThreadId, (Timestamp, Option<&AgentName>)> = BTreeMap::new();
    let mut found = Vec::new();
    for event in past.events {
        match &event.kind {
            EventKind::AgentStarted { resumes: Some(thread), .. } => {
                resumed.insert(thread, (event.at, event.agent.as_ref()));
            }
            EventKind::Response(response) => {
                let before = models.insert(&response.thread, response.model.as_ref()).flatten();
                let Some((at, agent)) = resumed.remove(&response.thread) else { continue };
                if before.is_none() || before != response.model.as_ref() || response.tokens.cached_input == 0 {
                    continue;
                }
                let (amount, because) = read_again(response, quote);
                let (run, agent) = (past.run.clone(), agent.cloned());
                found.push(Saved { at, run, agent, act: Intervention::Cache, amount, because });
            }
            _ => {}
        }
    }
    found
}

fn read_again(response: &Response, quote: Quote<'_>) -> (Amount, String) {
    let cost = |tokens: &Tokens| match quote(response.model.as_ref()?, &response.tier, response.at, tokens) {
        Cost::Priced(cost) | Cost::Estimated(cost) => Some(cost.nanos()),
        Cost::Unpriced => None,
    };
    let without = Tokens { cached_input: 0, ..response.tokens };
    match (cost(&without), cost(&response.tokens)) {
        (Some(without), Some(with)) => {
            let most = Money::from_nanos(without.saturating_sub(with).max(0));
            let many = counted(response.tokens.cached_input, "token", "tokens");
            let because = format!("its first request read {many} from the cache");
            (Amount::Known { least: Money::ZERO, most }, because)
        }
        _ => (Amount::NotKnown("its model has no price".to_owned()), String::new()),
    }
}
