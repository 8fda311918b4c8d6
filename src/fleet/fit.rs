//! Pure. Whether what agents expect fits the fleet's budget.

use crate::model::{Quantity, Unit};
use crate::policy::mistake::{Notes, Span};
use crate::policy::rule::Budget;

use super::agent::{AgentDraft, Settings};

/// Reports what does not fit. `place` is where the fleet's `[budget]` says how it is shared out.
pub(super) fn check(agents: &[AgentDraft], budget: &Budget, place: &Span, notes: &mut Notes) {
    let Some(limit) = budget.limit else { return };
    let expected: Vec<(&AgentDraft, i64, Span)> = agents
        .iter()
        .filter_map(|agent| expected(&agent.settings, limit.unit).map(|(amount, span)| (agent, amount, span)))
        .collect();
    for (agent, amount, span) in &expected {
        if *amount > limit.amount {
            let who = agent.name.as_ref().map_or("an agent", |name| name.value.as_str());
            let message = format!("`{who}` expects {}: more than the whole limit of {limit}", limit.unit.show(*amount));
            notes.refuse(span, message, "raise the fleet's limit, or expect less");
        }
    }
    let sum = expected.iter().fold(0_i64, |sum, (_, amount, _)| sum.saturating_add(*amount));
    if sum > limit.amount && expected.iter().all(|(_, amount, _)| *amount <= limit.amount) {
        let message = format!("the agents expect {} together, and the limit is {limit}", limit.unit.show(sum));
        notes.warn(place, message, "raise the limit, or let agents expect less");
    }
}

/// What an agent expects in this unit, and where that is said.
fn expected(settings: &Settings, unit: Unit) -> Option<(i64, Span)> {
    let of = |quantity: &crate::policy::table::Placed<Quantity>| {
        (quantity.value.unit == unit).then(|| (quantity.value.amount, quantity.span.clone()))
    };
    match unit {
        Unit::Usd | Unit::Tok | Unit::AllTok => settings.spend.as_ref().and_then(of),
        Unit::Minutes => settings.minutes.as_ref().and_then(of),
        Unit::Responses => {
            let said = settings.responses.as_ref()?;
            Some((i64::try_from(said.value).unwrap_or(i64::MAX), said.span.clone()))
        }
        Unit::ToolCalls => None,
    }
}
