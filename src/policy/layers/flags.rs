//! The rules that a command line gives, the innermost layer.

use std::collections::BTreeMap;

use crate::model::{BudgetName, Quantity, Unit, Verb, WorkClass};
use crate::policy::check;
use crate::policy::plan::{PlanBudget, PlanShare};
use crate::policy::rule::{Budget, Layer, SpawnLimit, Window};
use crate::policy::scope::{Only, Scope};
use crate::policy::spawn::SpawnCap;

/// The rules that a command line gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagRules {
    /// Each `--budget`, as typed and as read.
    pub budgets: Vec<(String, Quantity)>,
    /// Each `--budget` over a plan's own limit, as typed and as read.
    pub plans: Vec<(String, PlanShare)>,
    /// Each `--budget` over sub-agents, as typed and as read.
    pub spawns: Vec<(String, SpawnCap)>,
    /// `--at-limit`: what these budgets do at their limit; by default they ask.
    pub at_limit: Option<Verb>,
    /// `--observe`.
    pub observe: bool,
    /// `--work`.
    pub work: Option<WorkClass>,
}

impl FlagRules {
    /// Some limit stands on the command line.
    pub(super) fn limit(&self) -> bool {
        !self.budgets.is_empty() || !self.plans.is_empty() || !self.spawns.is_empty()
    }

    /// One of them is in money.
    pub(super) fn limit_money(&self) -> bool {
        self.budgets.iter().any(|(_, limit)| matches!(limit.unit, Unit::Usd | Unit::Credits))
    }
}

/// One for each `--budget` over a plan's own limit, named as typed; the same one twice is one.
pub(super) fn plan_budgets(flags: &FlagRules) -> Vec<PlanBudget> {
    let mut budgets: Vec<PlanBudget> = Vec::new();
    for (typed, limit) in &flags.plans {
        let name = BudgetName::new(format!("--budget {typed}"));
        if budgets.iter().any(|other| other.name == name) {
            continue;
        }
        budgets.push(PlanBudget {
            name,
            limit: *limit,
            only: Only::default(),
            steps: check::plan::default_steps(flags.at_limit),
            observe: false,
            layer: Layer::Flags,
        });
    }
    budgets
}

/// One for each `--budget` over sub-agents, named as typed; the same one twice is one.
pub(super) fn spawn_limits(flags: &FlagRules) -> Vec<SpawnLimit> {
    let mut limits: Vec<SpawnLimit> = Vec::new();
    for (typed, cap) in &flags.spawns {
        let name = BudgetName::new(format!("--budget {typed}"));
        if limits.iter().all(|other| other.name != name) {
            limits.push(SpawnLimit { name, scope: Scope::of_run(), cap: *cap, observe: false, layer: Layer::Flags });
        }
    }
    limits
}

/// One budget per run for each `--budget`, named as typed; the same one twice is one.
pub(super) fn budgets(flags: &FlagRules) -> Vec<Budget> {
    let mut budgets: Vec<Budget> = Vec::new();
    for (typed, quantity) in &flags.budgets {
        let name = BudgetName::new(format!("--budget {typed}"));
        if budgets.iter().any(|other| other.name == name) {
            continue;
        }
        budgets.push(Budget {
            name,
            scope: Scope::of_run(),
            window: Window::Life,
            limit: Some(*quantity),
            limits: BTreeMap::new(),
            steps: check::default_steps(flags.at_limit),
            allot: None,
            grace: 0,
            observe: false,
            layer: Layer::Flags,
            line: None,
        });
    }
    budgets
}
