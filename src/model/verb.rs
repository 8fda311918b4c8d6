//! What a step of a budget does, by severity.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A step's verb, ordered by severity: within a window a treatment only gets more severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Says so, once.
    Warn,
    /// Tells the agent what is left, and to finish what matters.
    Steer,
    /// Lets requests through at a rate.
    Throttle,
    /// Goes on with the next cheaper model of the ladder.
    Route,
    /// Holds the agent and asks a person.
    Ask,
    /// Ends the agent at a safe point and leaves a hand-off.
    Stop,
    /// Ends the agent now.
    Kill,
}

impl Verb {
    /// As policies spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Steer => "steer",
            Self::Throttle => "throttle",
            Self::Route => "route",
            Self::Ask => "ask",
            Self::Stop => "stop",
            Self::Kill => "kill",
        }
    }

    /// What became of an agent: `warned`, `held`.
    pub fn past(self) -> &'static str {
        match self {
            Self::Warn => "warned",
            Self::Steer => "steered",
            Self::Throttle => "throttled",
            Self::Route => "routed",
            Self::Ask => "held",
            Self::Stop => "stopped",
            Self::Kill => "killed",
        }
    }

    /// Keeps further requests from being started.
    pub fn is_hard(self) -> bool {
        match self {
            Self::Warn | Self::Steer | Self::Throttle | Self::Route => false,
            Self::Ask | Self::Stop | Self::Kill => true,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
