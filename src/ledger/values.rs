//! How values are stored, and what is read of them.

use crate::model::{BudgetKey, Timestamp, Unit, WorkClass};

use super::LedgerError;

/// As it is stored and hashed.
pub(super) fn json(value: &impl serde::Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|error| LedgerError::unreadable(format!("a value that is no JSON: {error}")))
}

/// SQLite's integers are signed; what does not fit is absurd and stays at the end of the scale.
pub(super) fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Milliseconds as they are stored, as a moment.
pub(super) fn moment(millis: i64) -> Result<Timestamp, LedgerError> {
    Timestamp::from_timestamp_millis(millis)
        .ok_or_else(|| LedgerError::unreadable(format!("the moment {millis} is out of range")))
}

pub(super) fn at_least(moment: Option<Timestamp>) -> i64 {
    moment.map_or(i64::MIN, |at| at.timestamp_millis())
}

pub(super) fn before(moment: Option<Timestamp>) -> i64 {
    moment.map_or(i64::MAX, |at| at.timestamp_millis())
}

/// A unit as it is stored.
pub(super) fn unit(word: &str) -> Result<Unit, LedgerError> {
    Unit::from_str_exact(word).ok_or_else(|| LedgerError::unreadable(format!("the unit `{word}` is unknown")))
}

/// A budget key as one text, equal if and only if the keys are.
pub(super) fn key_text(key: &BudgetKey) -> Result<String, LedgerError> {
    json(&(&key.budget, &key.scope, key.window_start.map(|at| at.timestamp_millis()), key.unit.as_str()))
}

/// A class of work as it is stored; 0 is none.
pub(super) fn work_number(class: WorkClass) -> i64 {
    match class {
        WorkClass::Research => 1,
        WorkClass::Edit => 2,
        WorkClass::Test => 3,
        WorkClass::Review => 4,
        WorkClass::Migration => 5,
        WorkClass::Documentation => 6,
        WorkClass::Other => 7,
    }
}

/// The class of work that a number stands for; one that a newer govern has written is none.
pub(super) fn work_class(stored: i64) -> Option<WorkClass> {
    WorkClass::ALL.into_iter().find(|class| work_number(*class) == stored)
}
