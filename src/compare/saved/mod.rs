//! What govern's acts saved, as far as it can be argued from what is recorded: a range, or why it is not known.

mod cache;
mod route;
mod stop;

use std::fmt;

use crate::model::event::{Decision, EventKind};
use crate::model::{AgentName, Event, Family, Money, RunId, Timestamp, Verb};

use super::Quote;

/// What govern did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Intervention {
    /// It let an agent go on with a cheaper model.
    Route,
    /// It ended an agent.
    Stop,
    /// It went on with a thread whose context the model's cache still had.
    Cache,
    /// It told an agent something.
    Steer,
    /// It slowed an agent down.
    Throttle,
}

/// One act and what it saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// When.
    pub at: Timestamp,
    /// In which run.
    pub run: RunId,
    /// Whose.
    pub agent: Option<AgentName>,
    /// What was done.
    pub act: Intervention,
    /// What that saved.
    pub amount: Amount,
    /// What the amount rests on, in a sentence without its end. Names of models stand in it, and no others.
    pub because: String,
}

/// What was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Between these two; below zero it cost more.
    Known {
        /// At least.
        least: Money,
        /// At most.
        most: Money,
    },
    /// Nobody can say: why, in a sentence without its end.
    NotKnown(String),
}

/// What is known of a run whose acts are looked at.
pub struct ActedRun<'a> {
    /// Which.
    pub run: &'a RunId,
    /// Its chain, in order.
    pub events: &'a [Event],
    /// Its families.
    pub own: &'a [&'a Family],
    /// Other runs that no limit and no person has ended.
    pub others: &'a [&'a Family],
}

impl Intervention {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 5] = [Self::Route, Self::Stop, Self::Cache, Self::Steer, Self::Throttle];

    /// As JSON and tables spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Stop => "stop",
            Self::Cache => "cache",
            Self::Steer => "steer",
            Self::Throttle => "throttle",
        }
    }

    /// By which rule it is told what such an act saved.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Route => {
                "the same tokens at the price of the model before, less what they cost; at least: had that model's \
                 cache been kept"
            }
            Self::Stop => {
                "what ten or more like runs went on to spend from there: four in five spent at least the one, and at \
                 most the other"
            }
            Self::Cache => {
                "at most what the cached part of the first request would have cost without the cache; at least \
                 nothing, for a new session might have needed none of it"
            }
            Self::Steer | Self::Throttle => "not known: what would have been spent otherwise is recorded nowhere",
        }
    }
}

impl fmt::Display for Intervention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// All acts of a run that may have saved something, in their order. What it only would have done saved nothing.
pub fn saved(past: &ActedRun<'_>, quote: Quote<'_>) -> Vec<Saved> {
    let mut found = route::routes(past, quote);
    found.extend(stop::stops(past));
    found.extend(cache::kept(past, quote));
    found.extend(past.events.iter().filter_map(|event| untold(past, event)));
    found.sort_by_key(|saved| (saved.at, saved.act));
    found
}

/// What changes how an agent goes on, so that nobody knows how it would have gone on without.
fn untold(past: &ActedRun<'_>, event: &Event) -> Option<Saved> {
    let (verb, _) = done(event)?;
    let act = match verb {
        Verb::Steer => Intervention::Steer,
        Verb::Throttle => Intervention::Throttle,
        Verb::Warn | Verb::Route | Verb::Ask | Verb::Stop | Verb::Kill => return None,
    };
    Some(Saved {
        at: event.at,
        run: past.run.clone(),
        agent: event.agent.clone(),
        act,
        amount: Amount::NotKnown("what it would have spent otherwise is recorded nowhere".to_owned()),
        because: String::new(),
    })
}

/// What was decided and done.
fn done(event: &Event) -> Option<(Verb, &Decision)> {
    match &event.kind {
        EventKind::Decided(decision) if !decision.would => Some((decision.verb, decision)),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests;
