//! Questions to people.

use std::time::Duration;

use crate::model::{AgentName, BudgetKey, ModelId, Money, Quantity, RunId, Subject, Threshold, Verb};
use crate::policy::rule::Refusal;

/// A question to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Who asks.
    pub run: RunId,
    /// Who is held.
    pub agent: AgentName,
    /// The budget that asks.
    pub key: BudgetKey,
    /// What is asked.
    pub text: String,
    /// What the agent's responses cost so far, as far as they have a price.
    pub cost: Money,
    /// What a plain yes extends by.
    pub extend: Quantity,
    /// What `route` would go on with; `None` where it can't.
    pub route_to: Option<ModelId>,
    /// How long an answer is waited for.
    pub wait: Duration,
    /// What happens then.
    pub otherwise: Verb,
    /// What it is about.
    pub about: About,
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A limit, which an answer may lift.
    Limit,
    /// A step before the limit: a plain yes goes on to the next one.
    Step {
        /// Which.
        at: Threshold,
        /// Where it stands, in the smallest part of the budget's unit.
        past: i64,
    },
    /// A tool that is about to run; this happens to it if nobody answers.
    Call(Refusal),
    /// A request that is about to be sent; this happens to it if nobody answers.
    Request(Refusal),
    /// An alert: there is no limit that an answer could lift.
    Alert,
    /// A limit that somebody asks to have lifted before it is met: nobody is held meanwhile, and nothing happens if nobody
    /// answers.
    Ahead,
    /// The work of an agent whose command has ended well: what needs it waits for a yes.
    Review,
}

impl About {
    /// A budget asks, whose limit an answer may lift.
    pub fn is_of_limit(self) -> bool {
        match self {
            Self::Limit | Self::Step { .. } | Self::Ahead => true,
            Self::Call(_) | Self::Request(_) | Self::Alert | Self::Review => false,
        }
    }

    /// A gate asks, and this happens if nobody answers.
    pub fn at_gate(self) -> Option<Refusal> {
        match self {
            Self::Call(otherwise) | Self::Request(otherwise) => Some(otherwise),
            Self::Limit | Self::Step { .. } | Self::Alert | Self::Ahead | Self::Review => None,
        }
    }
}

impl From<About> for Subject {
    fn from(about: About) -> Self {
        match about {
            About::Limit => Self::Limit,
            About::Step { .. } => Self::Step,
            About::Call(_) | About::Request(_) => Self::Call,
            About::Alert => Self::Alert,
            About::Ahead => Self::Ahead,
            About::Review => Self::Review,
        }
    }
}
