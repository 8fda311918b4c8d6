//! What a person lets be spent beyond a budget, before it is needed and for a time.

use super::{BudgetKey, BudgetName, Quantity, Timestamp};

/// More than a budget's limit, until a day: an exception that is known before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its number in the ledger, from 1.
    pub id: i64,
    /// Whose limit.
    pub budget: BudgetName,
    /// Only for this of what the budget counts per, such as `team=web`; `None`: for each.
    pub scope: Option<String>,
    /// How much more.
    pub by_amount: Quantity,
    /// When it ends.
    pub until: Timestamp,
    /// The login of who gave it.
    pub login: String,
    /// The same, and through what.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it was given.
    pub at: Timestamp,
    /// When and by whom it was taken back.
    pub revoked: Option<(Timestamp, String)>,
}

impl Grant {
    /// It holds at this moment.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && now < self.until
    }

    /// It lifts the limit that has this key.
    pub fn lifts(&self, key: &BudgetKey) -> bool {
        let here = self.scope.as_ref().is_none_or(|scope| *scope == key.scope);
        here && self.budget == key.budget && self.by_amount.unit == key.unit
    }

    /// It lifts the limit of what another one of this budget and scope lifts as well.
    pub fn adds_to(&self, budget: &BudgetName, scope: Option<&str>) -> bool {
        let both = self.scope.is_none() || scope.is_none() || self.scope.as_deref() == scope;
        both && self.budget == *budget
    }
}

/// What grants add to a limit at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// How much, in the budget's smallest part.
    pub amount: i64,
    /// When the first of them ends.
    pub until: Option<Timestamp>,
}
