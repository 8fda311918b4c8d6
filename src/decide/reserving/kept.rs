//! Which budgets are kept elsewhere, and what is done where nobody answers there.

use std::collections::BTreeSet;

use crate::model::BudgetName;

/// The budgets that are kept elsewhere; by default none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptElsewhere {
    /// By name.
    pub budgets: BTreeSet<BudgetName>,
    /// What is done where nobody answers.
    pub on_lost: OnLost,
}

/// What is done with a request where nobody answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLost {
    /// It waits until somebody does.
    #[default]
    Hold,
    /// Its agent is stopped.
    Stop,
}
