//! A grant as it is linked: the link is all that is kept of it.

use serde::{Deserialize, Serialize};

use crate::ledger::LedgerError;
use crate::ledger::values::{moment, unit};
use crate::model::{BudgetName, Grant, Quantity};

/// A grant as it is linked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ledger) struct GrantRow {
    pub(in crate::ledger) id: i64,
    pub(in crate::ledger) budget: String,
    pub(in crate::ledger) scope: Option<String>,
    pub(in crate::ledger) unit: String,
    pub(in crate::ledger) amount: i64,
    pub(in crate::ledger) until: i64,
    pub(in crate::ledger) login: String,
    pub(in crate::ledger) by: String,
    pub(in crate::ledger) reason: String,
    pub(in crate::ledger) given: i64,
}

impl GrantRow {
    pub(in crate::ledger) fn grant(self) -> Result<Grant, LedgerError> {
        Ok(Grant {
            id: self.id,
            budget: BudgetName::new(self.budget),
            scope: self.scope,
            by_amount: Quantity { unit: unit(&self.unit)?, amount: self.amount },
            until: moment(self.until)?,
            login: self.login,
            by: self.by,
            reason: self.reason,
            at: moment(self.given)?,
            revoked: None,
        })
    }
}
