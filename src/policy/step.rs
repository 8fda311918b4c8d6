//! What happens on the way to a limit.

use std::time::Duration;

use super::rate::Rate;
use crate::model::{Quantity, Threshold, Verb};

/// What the governor may choose among at a step with `do = "decide"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct May {
    /// To raise the agent's allotment from the pool.
    pub extend: bool,
    /// To do one of these, the mildest first.
    pub verbs: Vec<Verb>,
    /// The most that one extension may add; `None`: as much as the pool has.
    pub max_extend: Option<Quantity>,
    /// For `throttle`, which always has it: the rate of requests.
    pub to: Option<Rate>,
}

impl May {
    /// It may choose this.
    pub fn has(&self, verb: Verb) -> bool {
        self.verbs.contains(&verb)
    }

    /// The severest of all that it may choose; `warn` where that is an extension alone.
    pub fn severest(&self) -> Verb {
        self.verbs.iter().copied().max().unwrap_or(Verb::Warn)
    }
}

/// One step of a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Threshold,
    /// What; for `decide` the severest of what it may come to.
    pub verb: Verb,
    /// For `decide`: what the governor chooses among. `None` for every other step.
    pub may: Option<May>,
    /// For `steer`: what the agent is told beside what is left.
    pub say: Option<String>,
    /// For `throttle`, which always has it: the rate of requests.
    pub to: Option<Rate>,
    /// For `ask`: how long an answer is waited for.
    pub wait: Duration,
    /// For `ask`: what happens when nobody answers; one of route, stop, kill.
    pub otherwise: Verb,
    /// For `stop`: how much more may be spent to commit and sum up, before the agent is stopped; in the budget's smallest part.
    pub wrap_up: Option<i64>,
    /// For `ask`: it was typed for this very run, and is waited for even where nobody can be reached.
    pub insists: bool,
}
