//! So much of a plan's own limits: `80% plan 5h`.

use std::fmt;

use super::{duration, percent};
use crate::model::PlanLength;

/// What a hint says next to a [`PlanShareError`].
pub const PLAN_HINT: &str = "write `80% plan 5h` or `80% plan week`: how much of which of the plan's own limits";

/// So much of one of a plan's own limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanShare {
    /// In thousandths, from 1 to 1,000.
    pub share: u32,
    /// Of which of them.
    pub window: PlanLength,
}

/// Why a text is no share of a plan's limit. The texts complete "`…` ".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanShareError {
    /// It does not speak of a plan.
    #[error("is no share of a plan's limit")]
    Malformed,
    /// No length of a window.
    #[error("names no limit of a plan")]
    NoWindow,
    /// More than all of it.
    #[error("is more than all of it")]
    TooLarge,
    /// What stands before is no share.
    #[error(transparent)]
    Share(#[from] percent::PercentError),
}

impl PlanShare {
    /// The text speaks of a plan, right or wrong: it is no amount.
    pub fn is_meant(text: &str) -> bool {
        text.split_once('%').is_some_and(|(_, rest)| rest.trim_start().to_ascii_lowercase().starts_with("plan"))
    }

    /// Reads `80% plan 5h`, `80% plan week`; spaces are optional.
    ///
    /// # Errors
    ///
    /// It is none, or one of more than all.
    pub fn parse(text: &str) -> Result<Self, PlanShareError> {
        let (share, window) = text.split_once("plan").ok_or(PlanShareError::Malformed)?;
        let share = percent::parse(share)?;
        let window = match window.trim() {
            "week" => Some(PlanLength::WEEK),
            window => duration::parse(window).ok().and_then(PlanLength::of),
        };
        let window = window.ok_or(PlanShareError::NoWindow)?;
        if share > 1000 { Err(PlanShareError::TooLarge) } else { Ok(Self { share, window }) }
    }

    /// How much of the plan's own limit so many thousandths of this are, in thousandths.
    pub fn part(self, at: u32) -> u32 {
        // INVARIANT: 1,000 times what a share may be at the most fits.
        (self.share.saturating_mul(at) / 1000).max(1)
    }
}

impl fmt::Display for PlanShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} plan {}", percent::show(self.share), self.window)
    }
}

/// Where in a budget over a plan's own limit an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanMark {
    /// The budget's limit.
    pub limit: PlanShare,
    /// So many thousandths of it.
    pub at: u32,
}
