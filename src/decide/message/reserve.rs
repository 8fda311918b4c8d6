//! Budgets that are kept elsewhere: what is reserved of them before a request, what is answered, and what became of it.

use crate::model::{BudgetKey, ResponseKey, ThreadId};

/// What one request is likely to take of one budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    /// Of which.
    pub key: BudgetKey,
    /// How much, in the unit's smallest part. Where nothing tells what a request takes it is 0, and still asks whether
    /// anything is left.
    pub amount: i64,
}

/// What is answered where amounts are to be reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// All of them are reserved.
    Granted,
    /// None is.
    Refused {
        /// The budget that has too little.
        budget: BudgetKey,
        /// What is left of it, in the unit's smallest part.
        left: i64,
    },
    /// Nobody could be asked.
    Away,
}

/// What became of a request for which amounts were reserved, or were to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Used {
    /// It was not sent, or failed: all of it is free.
    Nothing,
    /// It was answered by this response: that is what was spent, and the rest is free.
    Response {
        /// On which thread.
        thread: ThreadId,
        /// Which.
        key: ResponseKey,
    },
    /// It was perhaps served, and nobody tells what it used: all of it counts as spent.
    Unknown,
}
