//! How long each agent of a run was active, as its chain tells: time that it was held is no such time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::EventKind;
use super::{AgentName, Event, Timestamp};

/// An agent's active time, event by event.
#[derive(Clone, Debug, Default)]
struct Active {
    /// Of the lives that are told: on the monotonic clock, which does not jump.
    told: Duration,
    /// Since when it works without a word of how it ended; by the wall clock, for want of a better one.
    since: Option<Timestamp>,
    /// Since when it is held, and how long it was before.
    held_since: Option<Timestamp>,
    held: Duration,
}

impl Active {
    fn note(&mut self, at: Timestamp, kind: &EventKind) {
        match kind {
            EventKind::AgentStarted { .. } => {
                self.since.get_or_insert(at);
                self.goes_on(at);
            }
            EventKind::Requested { what, .. } if matches!(what.as_str(), "hold" | "pause") => {
                self.held_since.get_or_insert(at);
            }
            EventKind::Requested { what, .. } if what == "release" => self.goes_on(at),
            EventKind::AgentEnded { active_ms: Some(active), .. } => {
                *self = Self { told: Duration::from_millis(*active), ..Self::default() };
            }
            EventKind::AgentEnded { active_ms: None, .. } => {
                *self = Self { told: self.told.saturating_add(self.untold(at)), ..Self::default() };
            }
            _ => {}
        }
    }

    fn goes_on(&mut self, at: Timestamp) {
        if let Some(since) = self.held_since.take() {
            self.held = self.held.saturating_add((at - since).to_std().unwrap_or_default());
        }
    }

    /// How long it works, or did when its govern was killed.
    fn untold(&self, until: Timestamp) -> Duration {
        let between = |since: Option<Timestamp>| {
            since.map_or(Duration::ZERO, |since| (until - since).to_std().unwrap_or_default())
        };
        between(self.since).saturating_sub(self.held.saturating_add(between(self.held_since)))
    }
}

/// How long each agent was active until `until`, by the events of one run in their order. What a life that is under
/// way adds is no more than `at_most`, which is what really has passed of it, as far as that is known.
pub fn active<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    until: Timestamp,
    at_most: Option<Duration>,
) -> BTreeMap<AgentName, Duration> {
    let mut agents: BTreeMap<AgentName, Active> = BTreeMap::new();
    for event in events {
        if let Some(agent) = &event.agent {
            agents.entry(agent.clone()).or_default().note(event.at, &event.kind);
        }
    }
    let whole = |active: &Active| {
        let untold = active.untold(until);
        active.told.saturating_add(at_most.map_or(untold, |most| untold.min(most)))
    };
    agents.iter().map(|(name, active)| (name.clone(), whole(active))).filter(|(_, active)| !active.is_zero()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Money, RunId};

    fn at(second: i64) -> Timestamp {
        chrono::DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap()
    }

    fn event(second: i64, kind: EventKind) -> Event {
        Event { at: at(second), run: RunId::new("r"), agent: Some(AgentName::new("codex")), kind }
    }

    fn started() -> EventKind {
        EventKind::AgentStarted { command: Vec::new(), pid: 1, resumes: None }
    }

    fn asks(what: &str) -> EventKind {
        EventKind::Requested { request: 1, what: what.to_owned(), because: String::new() }
    }

    fn ended(active_ms: Option<u64>) -> EventKind {
        let (because, in_flight_cost) = (String::new(), Money::ZERO);
        EventKind::AgentEnded { code: 0, in_flight: 0, in_flight_cost, result: None, because, active_ms }
    }

    fn seconds(events: &[(i64, EventKind)], until: i64, at_most: Option<u64>) -> u64 {
        let events: Vec<Event> = events.iter().map(|(second, kind)| event(*second, kind.clone())).collect();
        let active = active(&events, at(until), at_most.map(Duration::from_secs));
        active.values().map(Duration::as_secs).sum()
    }

    #[test]
    fn time_is_what_was_told_and_the_rest_by_the_wall_clock_without_holds() {
        let day = 86_400;
        for (what, events, until, at_most, right) in [
            ("nothing started", vec![], 10, None, 0),
            ("it works", vec![(0, started())], 10, None, 10),
            ("it was told", vec![(0, started()), (10, ended(Some(7_000)))], day, None, 7),
            ("told of all lives", vec![(0, started()), (10, ended(Some(7_000))), (day, started())], day + 3, None, 10),
            ("of an older govern", vec![(0, started()), (10, ended(None))], day, None, 10),
            ("held", vec![(0, started()), (2, asks("hold")), (9, asks("release")), (12, ended(None))], day, None, 5),
            ("held still", vec![(0, started()), (2, asks("pause"))], day, None, 2),
            ("killed with its govern", vec![(0, started()), (4, asks("freeze"))], 4, None, 4),
            ("the clock jumped by 40 days", vec![(0, started())], 40 * day, Some(8), 8),
            ("it was set back", vec![(0, started()), (-day, ended(None))], -day, None, 0),
        ] {
            assert_eq!(seconds(&events, until, at_most), right, "{what}");
        }
    }
}
