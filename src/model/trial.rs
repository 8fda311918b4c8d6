//! What a policy would have done with history: a what-if, run by run.

use super::event::{Answer, Decision};
use super::{AgentName, Attribution, BudgetName, Cost, ModelId, Money, Response, RunId, ThreadId, Timestamp};

/// A policy's trial on the history of some time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// The runs that something would have happened to, by their start.
    pub runs: Vec<TriedRun>,
    /// How many runs nothing would have happened to.
    pub untouched: u64,
    /// Runs that had begun before that time: counted as they were.
    pub earlier: u64,
    /// What those spent within the time.
    pub earlier_spend: Spend,
    /// All that was spent within the time.
    pub actual: Spend,
    /// What would have been spent.
    pub would: Spend,
    /// Responses whose recorded price is not the one that the policy counts.
    pub repriced: u64,
    /// Runs of imported history among those that were tried.
    pub imported: u64,
}

/// One run as it would have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriedRun {
    /// Which.
    pub origin: Origin,
    /// When it was started; of imported history its first response.
    pub started: Timestamp,
    /// Its agents' names; empty for imported history.
    pub agents: Vec<AgentName>,
    /// Where its spend belongs.
    pub attribution: Attribution,
    /// What it spent.
    pub actual: Spend,
    /// What it would have spent.
    pub would: Spend,
    /// What would have happened, in order.
    pub steps: Vec<TriedStep>,
    /// How the governor of the time ended it, if it did: its history is cut already.
    pub cut: Option<String>,
}

/// Where a run of history comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// govern ran it.
    Run(RunId),
    /// Imported: the family of this root thread.
    Imported(ThreadId),
}

impl Origin {
    /// The run's id, or the root thread's.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Run(run) => run.as_str(),
            Self::Imported(root) => root.as_str(),
        }
    }
}

/// Something that would have happened to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriedStep {
    /// When.
    pub at: Timestamp,
    /// What.
    pub deed: Deed,
}

/// What would have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A step of a budget applied.
    Decided(Decision),
    /// It went on with another model from here on.
    Routed {
        /// Which.
        to: ModelId,
    },
    /// What held it was answered so.
    Answered(Answer),
    /// What held it was over before anybody answered: its window ended.
    Released,
    /// A rule that is no budget's ended it, such as the list of allowed models.
    Ended {
        /// Which, for a person.
        because: String,
    },
    /// It would not have been started.
    Refused {
        /// The budget that was spent.
        budget: Option<BudgetName>,
        /// Why, for a person.
        because: String,
    },
}

/// What responses come to: exact, so that actual = would + saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spend {
    /// How many.
    pub responses: u64,
    /// What those with a price cost.
    pub cost: Money,
    /// How many have no price.
    pub unpriced: u64,
}

impl Spend {
    /// Adds a response.
    pub fn add(&mut self, response: &Response) {
        self.responses = self.responses.saturating_add(1);
        self.cost += response.cost.money().unwrap_or(Money::ZERO);
        self.unpriced = self.unpriced.saturating_add((response.cost == Cost::Unpriced).into());
    }

    /// What is known of its cost: nothing where there are responses and none has a price.
    pub fn known_cost(&self) -> Option<Money> {
        (self.unpriced == 0 || self.unpriced < self.responses).then_some(self.cost)
    }

    /// Adds another sum.
    pub fn add_all(&mut self, other: &Self) {
        self.responses = self.responses.saturating_add(other.responses);
        self.cost += other.cost;
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
    }

    /// What this has more than another sum; a cost below zero would have been spent in addition.
    #[must_use]
    pub fn less(&self, other: &Self) -> Self {
        Self {
            responses: self.responses.saturating_sub(other.responses),
            cost: self.cost - other.cost,
            unpriced: self.unpriced.saturating_sub(other.unpriced),
        }
    }
}
