//! Who needs whom: unknown names, circles, and an order in which all can start.

use std::cmp::Reverse;

use crate::model::Priority;
use crate::policy::mistake::{Notes, Span};
use crate::policy::suggest;

use super::agent::AgentDraft;

/// Places of agents, each after those that it needs, priority first, then as they stand in the file. What is wrong
/// with needs is reported; those that wait for one another are left out.
pub(super) fn order(agents: &[AgentDraft], notes: &mut Notes) -> Vec<usize> {
    let needs: Vec<Vec<(usize, Span)>> = agents.iter().map(|agent| known(agent, agents, notes)).collect();
    let mut left: Vec<usize> = (0..agents.len()).collect();
    let mut order: Vec<usize> = Vec::new();
    loop {
        let done =
            |place: &usize| needs.get(*place).is_some_and(|needs| needs.iter().all(|(of, _)| order.contains(of)));
        let ready = left.iter().copied().filter(done).min_by_key(|place| (Reverse(priority(agents, *place)), *place));
        let Some(next) = ready else { break };
        left.retain(|place| *place != next);
        order.push(next);
    }
    circles(agents, &needs, left, notes);
    order
}

fn priority(agents: &[AgentDraft], place: usize) -> Priority {
    agents.get(place).and_then(|agent| agent.settings.priority).unwrap_or_default()
}

/// The agents that this one needs, by their place, as far as there are such.
fn known(agent: &AgentDraft, agents: &[AgentDraft], notes: &mut Notes) -> Vec<(usize, Span)> {
    let name_of = |other: &'_ AgentDraft| other.name.as_ref().map(|name| name.value.as_str().to_owned());
    let own = name_of(agent);
    let mut found: Vec<(usize, Span)> = Vec::new();
    for need in &agent.needs {
        if own.as_ref() == Some(&need.value) {
            notes.refuse(&need.span, format!("`{}` needs itself", need.value), "leave it out");
            continue;
        }
        match agents.iter().position(|other| name_of(other).as_ref() == Some(&need.value)) {
            Some(place) if found.iter().any(|(other, _)| *other == place) => {
                notes.refuse(&need.span, format!("`{}` stands twice in `needs`", need.value), "leave one out");
            }
            Some(place) => found.push((place, need.span.clone())),
            None => {
                let names = agents.iter().filter_map(|other| other.name.as_ref()).map(|name| name.value.as_str());
                let names: Vec<&str> = names.filter(|name| Some(*name) != own.as_deref()).collect();
                // An agent that could not be read, or its name, may be the one that is meant.
                let unread = notes.partial || agents.iter().any(|other| other.name.is_none());
                let hint = match suggest::nearest(&need.value, names.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None if unread => continue,
                    None if names.is_empty() => "leave it out".to_owned(),
                    None => format!("known are {}", suggest::list(&names)),
                };
                notes.refuse(&need.span, format!("there is no agent `{}`", need.value), hint);
            }
        }
    }
    found
}

/// Reports each circle among those that could never start, once.
fn circles(agents: &[AgentDraft], needs: &[Vec<(usize, Span)>], mut left: Vec<usize>, notes: &mut Notes) {
    let next = |place: usize, left: &[usize]| {
        needs.get(place).and_then(|needs| needs.iter().find(|(of, _)| left.contains(of)).cloned())
    };
    while let Some(first) = left.first().copied() {
        // Whoever is left needs somebody who is left: following needs leads into a circle.
        let mut path: Vec<(usize, Span)> = Vec::new();
        let mut at = first;
        let start = loop {
            if let Some(start) = path.iter().position(|(place, _)| *place == at) {
                break start;
            }
            let Some((of, span)) = next(at, &left) else { break path.len() };
            path.push((at, span));
            at = of;
        };
        let circle = path.get(start..).unwrap_or_default();
        if let Some((place, span)) = circle.first() {
            let name = |place: usize| {
                let name = agents.get(place).and_then(|agent| agent.name.as_ref());
                name.map_or_else(|| "?".to_owned(), |name| format!("`{}`", name.value))
            };
            let names: Vec<String> = circle.iter().map(|(place, _)| name(*place)).chain([name(*place)]).collect();
            let hint = "leave one of these needs out: none of them could ever start";
            notes.refuse(span, format!("agents need one another: {}", names.join(" → ")), hint);
        }
        let gone: Vec<usize> =
            if circle.is_empty() { vec![first] } else { circle.iter().map(|(place, _)| *place).collect() };
        left.retain(|place| !gone.contains(place));
        // Those that only waited for the circle are no mistake of their own.
        while let Some(free) = left.iter().position(|place| next(*place, &left).is_none()) {
            left.remove(free);
        }
    }
}
