//! An extension as it is stored and linked.

use rusqlite::Row;
use serde::{Deserialize, Serialize};

use crate::ledger::LedgerError;
use crate::ledger::values::{moment, unit};
use crate::model::event::EventKind;
use crate::model::{BudgetKey, BudgetName, Event, Extension};

/// An extension as it is stored and linked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ledger) struct ExtensionRow {
    pub(in crate::ledger) id: i64,
    pub(in crate::ledger) key: String,
    pub(in crate::ledger) budget: String,
    pub(in crate::ledger) scope: String,
    pub(in crate::ledger) window: Option<i64>,
    pub(in crate::ledger) unit: String,
    pub(in crate::ledger) amount: i64,
    pub(in crate::ledger) by: String,
    pub(in crate::ledger) reason: Option<String>,
    pub(in crate::ledger) at: i64,
    pub(in crate::ledger) until: Option<i64>,
}

/// All columns, in the order of [`ExtensionRow::read`].
pub(in crate::ledger) const SELECT: &str =
    "SELECT id, key, budget, scope, window, unit, amount, by, reason, at, until FROM extensions";

impl ExtensionRow {
    pub(in crate::ledger) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            key: row.get(1)?,
            budget: row.get(2)?,
            scope: row.get(3)?,
            window: row.get(4)?,
            unit: row.get(5)?,
            amount: row.get(6)?,
            by: row.get(7)?,
            reason: row.get(8)?,
            at: row.get(9)?,
            until: row.get(10)?,
        })
    }

    /// This is what an event of a run says. What belongs to one run alone only that one lifts.
    pub(in crate::ledger) fn is_told_by(&self, event: &Event) -> bool {
        let EventKind::Extended { budget, scope, amount, unit, by, reason } = &event.kind else { return false };
        let of_another = self
            .scope
            .strip_prefix("run=")
            .is_some_and(|rest| rest.split(", ").next().is_some_and(|run| run != event.run.as_str()));
        let same = self.budget == budget.as_str() && self.scope == *scope && self.unit == *unit;
        same && !of_another && self.amount == *amount && self.by == *by && self.reason == *reason
    }

    pub(in crate::ledger) fn extension(self) -> Result<Extension, LedgerError> {
        Ok(Extension {
            id: self.id,
            key: BudgetKey {
                budget: BudgetName::new(self.budget),
                scope: self.scope,
                window_start: self.window.map(moment).transpose()?,
                unit: unit(&self.unit)?,
            },
            amount: self.amount,
            by: self.by,
            reason: self.reason,
            at: moment(self.at)?,
            until: self.until.map(moment).transpose()?,
        })
    }
}
