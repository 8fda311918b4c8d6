//! What is to be done now, and what asks for it.

use crate::model::Verb;
use crate::model::event::Chosen;
use crate::policy::rule::{Step, StepId};

use crate::decide::accounts::ids::AccountId;
use crate::decide::evaluate::alerts::AlertId;

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
    pub(in crate::decide) fn is_of_one_rule(self, other: Self) -> bool {
        match (self, other) {
            (Self::Step { account, .. }, Self::Step { account: of, .. }) => account == of,
            (Self::Alert(one), Self::Alert(other)) => one == other,
            (Self::Step { .. }, Self::Alert(_)) | (Self::Alert(_), Self::Step { .. }) => false,
        }
    }
}

/// Something that is to be done now, and what it comes down to here.
#[derive(Clone)]
pub(in crate::decide) struct Due {
    pub(in crate::decide) source: Source,
    /// As the policy has it: a route that comes down to more is no limit that is spent.
    pub(in crate::decide) written: Verb,
    pub(in crate::decide) verb: Verb,
    /// The step whose verb that is; `None` for a question that no step put.
    pub(in crate::decide) step: Option<Step>,
    pub(in crate::decide) because: String,
    /// What lifting the limit would have to be to let the next request through.
    pub(in crate::decide) offer: i64,
    /// The least that would do, where the policy allows no more than `offer`.
    pub(in crate::decide) needs: i64,
    /// What the governor chose, where the step left it to choose.
    pub(in crate::decide) chosen: Option<Chosen>,
    /// Nothing is spent yet that calls for it: it is the next request that would pass the limit.
    pub(in crate::decide) foretold: bool,
}

impl Due {
    /// How much more the agent may spend to commit and sum up, where that goes before its stop.
    pub(in crate::decide) fn wraps_up(&self) -> Option<i64> {
        let is_told = self.written == Verb::Stop && self.verb == Verb::Steer;
        self.step.as_ref().filter(|_| is_told)?.wrap_up
    }

    /// What is done, in a word.
    pub(in crate::decide) fn word(&self) -> &'static str {
        match &self.chosen {
            _ if self.wraps_up().is_some() => "wrap up",
            Some(_) => "decide",
            None => self.verb.as_str(),
        }
    }

    /// Why, with what was chosen.
    pub(in crate::decide) fn reason(&self) -> String {
        match &self.chosen {
            Some(chosen) => format!("{}; {}", self.because, chosen.rationale),
            None => self.because.clone(),
        }
    }
}
