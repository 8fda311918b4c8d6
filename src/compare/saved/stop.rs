//! What a stop saved: what like runs went on to spend from there.

use crate::model::event::{Answer, EventKind};
use crate::model::{AgentName, Event, Family, Money, ThreadId, Verb};

use super::super::likely::{ENOUGH, Like, nearest_rank};
use super::{ActedRun, Amount, Intervention, Saved, done};

/// Each agent that the policy, or the answer to its question, ended, once. One that went on later was only put off.
pub(super) fn stops(past: &ActedRun<'_>) -> Vec<Saved> {
    let mut found: Vec<Saved> = Vec::new();
    for (place, event) in past.events.iter().enumerate() {
        if !ends(event) {
            continue;
        }
        let later = past.events.get(place.saturating_add(1)..).unwrap_or_default();
        // A harder stop, or the next one of a run that went on, takes the place of the one before.
        found.retain(|earlier| earlier.agent != event.agent);
        let own = under_way(past, place, event.agent.as_ref());
        let (amount, because) = if went_on(later) {
            (Amount::NotKnown("it went on later: what it spent then is in the reports".to_owned()), String::new())
        } else {
            match own {
                Some(own) => what_others_went_on_to_spend(own, past.others),
                None => (
                    Amount::NotKnown("it had spent nothing that others could be compared by".to_owned()),
                    String::new(),
                ),
            }
        };
        let (at, run, agent) = (event.at, past.run.clone(), event.agent.clone());
        found.push(Saved { at, run, agent, act: Intervention::Stop, amount, because });
    }
    found
}

fn ends(event: &Event) -> bool {
    let answered = matches!(event.kind, EventKind::Answered { answer: Answer::Stop | Answer::Kill, .. });
    answered || matches!(done(event), Some((Verb::Stop | Verb::Kill, _)))
}

fn went_on(later: &[Event]) -> bool {
    later.iter().any(|event| matches!(event.kind, EventKind::RunResumed { .. }))
}

/// The family of whose answers the last one came before.
fn under_way<'a>(past: &ActedRun<'a>, place: usize, agent: Option<&AgentName>) -> Option<&'a Family> {
    let before = past.events.get(..place).unwrap_or_default();
    let root: &ThreadId = before.iter().rev().find_map(|event| match &event.kind {
        EventKind::Response(response) if event.agent.as_ref() == agent => Some(&response.root),
        _ => None,
    })?;
    past.own.iter().copied().find(|family| family.root == *root)
}

/// Of the runs that are most like it, where ten or more came so far: four in five of them.
fn what_others_went_on_to_spend(own: &Family, others: &[&Family]) -> (Amount, String) {
    if own.unpriced > 0 {
        return (Amount::NotKnown("part of what it spent has no price".to_owned()), String::new());
    }
    let mut like = Like::of(own);
    loop {
        let met = others.iter().filter(|other| other.unpriced == 0 && other.responses > 0 && like.is_met_by(other));
        let further = met.filter(|other| other.cost >= own.cost);
        let mut rest: Vec<Money> = further.map(|other| other.cost - own.cost).collect();
        rest.sort_unstable();
        match (rest.len() >= ENOUGH, like.wider()) {
            (true, _) => {
                let (least, most) = (nearest_rank(&rest, 20), nearest_rank(&rest, 80));
                let (least, most) = (least.unwrap_or_default(), most.unwrap_or_default());
                let because = format!("it had spent {}; {} like runs came so far, and on", own.cost, rest.len());
                return (Amount::Known { least, most }, because);
            }
            // Runs that have nothing in common argue nothing.
            (false, None) => return (too_few(rest.len()), String::new()),
            (false, Some(wider)) if wider == Like::default() => return (too_few(rest.len()), String::new()),
            (false, Some(wider)) => like = wider,
        }
    }
}

fn too_few(number: usize) -> Amount {
    let came = if number == 1 { "like run came" } else { "like runs came" };
    let number = if number == 0 { "no".to_owned() } else { format!("only {number}") };
    Amount::NotKnown(format!("{number} {came} so far, and ten are needed"))
}
