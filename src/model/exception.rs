//! What passed or bent a rule, and what a person decided about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AgentName, BudgetName, ExceptionId, Money, Quantity, RunId, Timestamp};

/// How a rule was passed or bent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ExceptionKind {
    /// A limit was lifted, by a person's answer or by the governor from a pool.
    Extension,
    /// Nobody answered a question in time.
    Expiry,
    /// A person let more be spent before it was needed.
    Grant,
    /// A person answered a question with no.
    Denial,
    /// A policy ended an agent.
    Stop,
    /// An alert fired.
    Alert,
    /// Something was spent that has no price.
    Unpriced,
    /// Something was spent that could not be seen.
    Unobserved,
    /// A run cost three times what like runs do.
    Outlier,
}

impl ExceptionKind {
    /// All of them, in the order in which they are named.
    pub const ALL: [Self; 9] = [
        Self::Extension,
        Self::Expiry,
        Self::Grant,
        Self::Denial,
        Self::Stop,
        Self::Alert,
        Self::Unpriced,
        Self::Unobserved,
        Self::Outlier,
    ];

    /// As JSON and tables spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Extension => "extension",
            Self::Expiry => "expiry",
            Self::Grant => "grant",
            Self::Denial => "denial",
            Self::Stop => "stop",
            Self::Alert => "alert",
            Self::Unpriced => "unpriced",
            Self::Unobserved => "unobserved",
            Self::Outlier => "outlier",
        }
    }
}

impl fmt::Display for ExceptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What became of an exception.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExceptionState {
    /// Nobody has decided about it.
    #[default]
    Open,
    /// It was right so.
    Accepted,
    /// It is of no interest.
    Dismissed,
    /// The policy was changed for it.
    Written,
}

impl ExceptionState {
    /// As JSON and tables spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Dismissed => "dismissed",
            Self::Written => "written",
        }
    }
}

impl fmt::Display for ExceptionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One time that a rule was passed or bent, as the ledger tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Made of what it is and where it is recorded: the same each time that it is asked for.
    pub id: ExceptionId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: ExceptionKind,
    /// In which run; `None` where it belongs to none, or to more than one.
    pub run: Option<RunId>,
    /// Whose.
    pub agent: Option<AgentName>,
    /// The budget, or the alert, whose rule it was.
    pub budget: Option<BudgetName>,
    /// What that budget is counted per, such as `team=web`; empty for everything, and where it is not known.
    pub scope: String,
    /// By how much the limit would have to be higher for this to be no exception, where that is known.
    pub raise: Option<Quantity>,
    /// What was let past the limit, in dollars.
    pub amount: Option<Money>,
    /// What happened, in a sentence without its end.
    pub what: String,
    /// The reason that was given, word for word.
    pub reason: Option<String>,
    /// Who decided it, and through what.
    pub by: Option<String>,
}

/// What a person decided about an exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Which.
    pub exception: ExceptionId,
    /// What.
    pub state: ExceptionState,
    /// Who, and through what.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}
