//! Budgets that are divided, and what the governor chose, in words.

use crate::model::event::{Chosen, Course, Decision, EventKind, Moved};
use crate::model::{Event, Unit};

use super::Entry;

/// What a choice is told as, and its sentence: the rationale, less the word that it begins with.
pub(super) fn chosen(decision: &Decision, chosen: &Chosen) -> (&'static str, String) {
    let what = match chosen.what {
        Course::GoOn => "decided",
        Course::Extend { .. } => "extended",
        Course::Act { verb } => verb.past(),
    };
    let rationale = chosen.rationale.strip_prefix(what).unwrap_or(&chosen.rationale).trim_start_matches([':', ' ']);
    let mut because = decision.because.join("; ");
    if !because.contains(decision.budget.as_str()) {
        because = format!("`{}`: {because}", decision.budget);
    }
    (what, format!("{rationale} ({because})"))
}

/// What an agent was given of a budget, or gave back; `None` where that is told elsewhere.
pub(super) fn share(event: &Event) -> Option<Entry> {
    let (what, budget, because) = match &event.kind {
        EventKind::Allotted { budget, amount, unit, pool, .. } => {
            let because = format!("{} of `{budget}`; {} in the pool", shown(*amount, unit), shown(*pool, unit));
            ("allotted", budget, because)
        }
        EventKind::Pooled { budget, moved, amount, unit, pool, .. } => {
            let what = match moved {
                // Told by who extended.
                Moved::Extended => return None,
                Moved::GivenBack => "gave back",
            };
            let because = format!("{} of `{budget}`; {} in the pool", shown(*amount, unit), shown(*pool, unit));
            (what, budget, because)
        }
        _ => return None,
    };
    let mut told = Entry::new(event, what, because);
    told.budget = Some(budget.clone());
    Some(told)
}

fn shown(amount: i64, unit: &str) -> String {
    Unit::from_str_exact(unit).map_or_else(|| format!("{amount} {unit}"), |unit| unit.show(amount))
}
