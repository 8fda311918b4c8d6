//! Pure. Where in a limit something stands.

use serde::{Deserialize, Serialize};

/// When a step applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Threshold {
    /// At so many thousandths of the limit.
    Share(u32),
    /// When no more than this is left, in the limit's unit.
    Left(i64),
}

impl Threshold {
    /// The spend at which the step applies under this limit (never below zero).
    pub fn amount(self, limit: i64) -> i64 {
        match self {
            Self::Share(thousandths) => {
                i64::try_from(i128::from(limit) * i128::from(thousandths) / 1000).unwrap_or(i64::MAX)
            }
            Self::Left(left) => limit.saturating_sub(left).max(0),
        }
    }
}
