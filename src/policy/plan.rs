//! Budgets over a ChatGPT plan's own limits: `80% plan 5h`, `80% plan week`.

use super::alert::{Alert, AlertAction, Trigger};
use super::layer::Layer;
pub use super::plan_share::{PLAN_HINT, PlanMark, PlanShare, PlanShareError};
use super::scope::Only;
use crate::model::{AlertName, BudgetName};

/// A budget over a plan's own limit. Its spend is what Codex reports of the plan, which no ledger can add up; so what
/// it does is done by one alert for each of its steps.
#[derive(Clone, Debug)]
pub struct PlanBudget {
    /// Unique among the policy's budgets.
    pub name: BudgetName,
    /// How much of which limit.
    pub limit: PlanShare,
    /// The agent belongs to one of these, for each dimension named.
    pub only: Only,
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
    pub act: AlertAction,
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
    use crate::model::PlanLength;

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
