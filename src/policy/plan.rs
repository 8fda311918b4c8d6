//! Pure. Budgets over a ChatGPT plan's own limits: `80% plan 5h`, `80% plan week`.

use std::fmt;

use globset::GlobMatcher;

use super::alert::{Act, Alert, Trigger};
use super::rule::Layer;
use super::{duration, percent};
use crate::model::{AlertName, BudgetName, Dimension, PlanLength};

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

/// A budget over a plan's own limit. Its spend is what Codex reports of the plan, which no ledger can add up; so what
/// it does is done by one alert for each of its steps.
#[derive(Clone, Debug)]
pub struct PlanBudget {
    /// Unique among the policy's budgets.
    pub name: BudgetName,
    /// How much of which limit.
    pub limit: PlanShare,
    /// The agent belongs to one of these, for each dimension named.
    pub only: Vec<(Dimension, Vec<GlobMatcher>)>,
    /// In order of severity; never empty.
    pub steps: Vec<PlanStep>,
    /// This budget alone decides and records, and does nothing.
    pub observe: bool,
    /// Which layer it stands in.
    pub layer: Layer,
}

/// One step of a budget over a plan's own limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanStep {
    /// At so many thousandths of the budget's limit.
    pub at: u32,
    /// What happens.
    pub act: Act,
}

/// Where in a budget over a plan's own limit an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanMark {
    /// The budget's limit.
    pub limit: PlanShare,
    /// So many thousandths of it.
    pub at: u32,
}

impl PlanBudget {
    /// Its steps, as what looks at the plan and acts.
    pub fn alerts(&self) -> impl Iterator<Item = Alert> {
        let PlanShare { window, .. } = self.limit;
        self.steps.iter().map(move |step| Alert {
            name: AlertName::new(self.name.as_str()),
            trigger: Trigger::Plan { window, share: self.limit.part(step.at) },
            only: self.only.clone(),
            act: step.act.clone(),
            step_of: Some(PlanMark { limit: self.limit, at: step.at }),
            observe: self.observe,
            layer: self.layer,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_a_plan_s_limit_is_read_as_it_is_shown() {
        for (text, share, minutes) in [
            ("80% plan 5h", 800, 300),
            ("12.5%plan week", 125, 10_080),
            ("100 % plan 90m", 1000, 90),
            ("5% plan 299m", 50, 300),
        ] {
            assert!(PlanShare::is_meant(text), "{text}");
            let read = PlanShare::parse(text);
            assert_eq!(read, Ok(PlanShare { share, window: PlanLength::of_minutes(minutes) }), "{text}");
            assert_eq!(read.map(|read| PlanShare::parse(&read.to_string())), Ok(read), "{text}");
        }
    }

    #[test]
    fn a_wrong_one_says_why() {
        let cases = [
            ("80% plan moon", "names no limit of a plan"),
            ("101% plan 5h", "is more than all of it"),
            ("0% plan 5h", "must be more than zero"),
            ("80 plan 5h", "is not a share"),
            ("80%", "is no share of a plan's limit"),
        ];
        for (text, why) in cases {
            assert_eq!(PlanShare::parse(text).unwrap_err().to_string(), why, "{text}");
        }
        assert!(!PlanShare::is_meant("5 usd") && !PlanShare::is_meant("80%"));
    }

    #[test]
    fn a_step_at_half_of_four_fifths_applies_at_two_fifths() {
        let limit = PlanShare { share: 800, window: PlanLength::WEEK };
        for (at, part) in [(500, 400), (1000, 800), (1, 1), (1250, 1000)] {
            assert_eq!(limit.part(at), part, "{at}");
        }
    }
}
