//! Pure. What policies can say and this version cannot keep yet. A rule that would do nothing is refused by name.

use super::mistake::{Notes, Span};
use super::rule::Policy;
use crate::model::Unit;

/// Something that is read and checked, and waits for what would keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Later {
    /// Limits in tool calls.
    ToolCalls,
}

/// All that is not kept yet. What is taken out of this list is accepted everywhere; hints
/// (`QUANTITY_HINT`, that of the steps) name it from then on.
const NOT_KEPT: &[Later] = &[Later::ToolCalls];

impl Later {
    /// What a limit's unit needs that may be missing.
    pub(super) fn of_unit(unit: Unit) -> Option<Self> {
        match unit {
            Unit::ToolCalls => Some(Self::ToolCalls),
            Unit::Usd | Unit::Tok | Unit::AllTok | Unit::Responses | Unit::Minutes => None,
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::ToolCalls => "a limit in tool calls",
        }
    }
}

impl Notes {
    /// Refuses what is not kept yet. Returns whether it is kept.
    pub(super) fn keeps(&mut self, later: Option<Later>, span: &Span, hint: &str) -> bool {
        let missing = later.filter(|later| !self.everything && NOT_KEPT.contains(later));
        if let Some(later) = missing {
            self.refuse(span, format!("{} comes with a later version of govern", later.in_words()), hint);
        }
        missing.is_none()
    }
}

/// Why nothing can be run under a policy that can be checked; `None` if it can. The limits that flags give are among
/// what is looked at.
pub fn not_kept(policy: &Policy) -> Option<String> {
    let is_missing = |unit| Later::of_unit(unit).is_some_and(|later| NOT_KEPT.contains(&later));
    let budget = policy.budgets.iter().find(|budget| is_missing(budget.unit()));
    budget.map(|budget| format!("the limit of `{}`", budget.name))
}
