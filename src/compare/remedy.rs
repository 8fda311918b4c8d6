//! What can be done so that a run costs less, and what such advice rests on.

use std::fmt;

use crate::model::{Family, Money};

use super::story::Story;

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// The same class of work on a cheaper model.
    Model,
    /// Less output of a tool.
    Tools,
    /// Compact the context, or split the task.
    Context,
    /// Mend what is done again and again.
    Loop,
    /// A person takes over.
    Person,
}

impl Remedy {
    /// As JSON and tables spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Tools => "tools",
            Self::Context => "context",
            Self::Loop => "loop",
            Self::Person => "person",
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A recommendation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What.
    pub remedy: Remedy,
    /// The same in a sentence without its end.
    pub text: String,
    /// The figures that it rests on, each in a sentence without its end.
    pub evidence: Vec<String>,
    /// What it is about: no more than can be read from the record.
    pub at_stake: Money,
}

/// What is known of a run that advice is asked for.
pub struct Case<'a> {
    /// What it did.
    pub story: &'a Story,
    /// Its families.
    pub own: Vec<&'a Family>,
    /// All families that it is compared with, and whether each ended well, where that is known.
    pub others: &'a [(&'a Family, Option<bool>)],
    /// How often it was stopped, denied or left without an answer.
    pub troubles: usize,
}
