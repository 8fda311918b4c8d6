//! Pure. What is to be done now, and what asks for it.

use crate::model::Verb;
use crate::model::event::Chosen;
use crate::policy::rule::{Step, StepId};

use super::accounts::ids::AccountId;
use super::alerts::AlertId;

/// What asks for something to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A budget's step.
    Step {
        /// The account.
        account: AccountId,
        /// The step of its budget.
        step: StepId,
    },
    /// An alert of the policy.
    Alert(AlertId),
}

impl Source {
    /// Both are of one rule: what one of them does takes the place of what the other did.
    pub(super) fn is_of_one_rule(self, other: Self) -> bool {
        match (self, other) {
            (Self::Step { account, .. }, Self::Step { account: of, .. }) => account == of,
            (Self::Alert(one), Self::Alert(other)) => one == other,
            (Self::Step { .. }, Self::Alert(_)) | (Self::Alert(_), Self::Step { .. }) => false,
        }
    }
}

/// Something that is to be done now, and what it comes down to here.
pub(super) struct Due {
    pub(super) source: Source,
    /// As the policy has it: a route that comes down to more is no limit that is spent.
    pub(super) written: Verb,
    pub(super) verb: Verb,
    /// The step whose verb that is; `None` for a question that no step put.
    pub(super) step: Option<Step>,
    pub(super) because: String,
    /// What lifting the limit would have to be to let the next request through.
    pub(super) offer: i64,
    /// What the governor chose, where the step left it to choose.
    pub(super) chosen: Option<Chosen>,
    /// Nothing is spent yet that calls for it: it is the next request that would pass the limit.
    pub(super) foretold: bool,
}

impl Due {
    /// What is done, in a word.
    pub(super) fn word(&self) -> &'static str {
        match &self.chosen {
            Some(_) => "decide",
            None => self.verb.as_str(),
        }
    }

    /// Why, with what was chosen.
    pub(super) fn reason(&self) -> String {
        match &self.chosen {
            Some(chosen) => format!("{}; {}", self.because, chosen.rationale),
            None => self.because.clone(),
        }
    }
}
