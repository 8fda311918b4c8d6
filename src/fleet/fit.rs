//! Whether what agents expect fits the fleet's budget as it is divided.

use crate::model::{Quantity, Unit, part_of};
use crate::policy::mistake::{Notes, Span};
use crate::policy::rule::{AllotBy, Budget};
use crate::policy::table::Placed;

use super::agent::{AgentDraft, Settings};

/// What one agent expects in the budget's unit, and where that is said.
struct Expected<'a> {
    agent: &'a str,
    amount: i64,
    span: Span,
}

/// Reports what does not fit. `place` is where the fleet's `[budget]` says how it is divided.
pub(super) fn check(agents: &[AgentDraft], budget: &Budget, place: &Span, notes: &mut Notes) {
    let Some(limit) = budget.limit else { return };
    let expected: Vec<Expected<'_>> = agents
        .iter()
        .filter_map(|agent| {
            let (amount, span) = expected(&agent.settings, limit.unit)?;
            let agent = agent.name.as_ref().map_or("an agent", |name| name.value.as_str());
            Some(Expected { agent, amount, span })
        })
        .collect();
    if more_than_all(&expected, limit, notes) {
        return;
    }
    let reserve = budget.allot.as_ref().map_or(0, |allot| part_of(limit.amount, allot.reserve));
    match budget.allot.as_ref().map(|allot| allot.by) {
        Some(AllotBy::Expected) => by_expectation(&expected, limit, reserve, place, notes),
        Some(AllotBy::Equal) => {
            let parts = i64::try_from(agents.len().max(1)).unwrap_or(i64::MAX);
            in_equal_parts(&expected, limit, limit.amount.saturating_sub(reserve) / parts, notes);
        }
        Some(AllotBy::Pool) | None => {
            let sum = sum(&expected);
            if sum > limit.amount {
                let message = format!("the agents expect {} together, and the limit is {limit}", limit.unit.show(sum));
                notes.warn(place, message, "raise the limit, or let agents expect less");
            }
        }
    }
}

/// Nobody can be given more than there is.
fn more_than_all(expected: &[Expected<'_>], limit: Quantity, notes: &mut Notes) -> bool {
    let mut any = false;
    for Expected { agent, amount, span } in expected.iter().filter(|expected| expected.amount > limit.amount) {
        let message = format!("`{agent}` expects {}: more than the whole limit of {limit}", limit.unit.show(*amount));
        notes.refuse(span, message, "raise the fleet's limit, or expect less");
        any = true;
    }
    any
}

fn by_expectation(expected: &[Expected<'_>], limit: Quantity, reserve: i64, place: &Span, notes: &mut Notes) {
    let (show, sum) = (|amount| limit.unit.show(amount), sum(expected));
    if expected.is_empty() {
        let message = "nobody is allotted anything: no agent says what it expects in the limit's unit";
        notes.warn(place, message, format!("add `expect` to agents, in the unit of {limit}, or allot `equal` parts"));
    }
    let missing = sum.saturating_add(reserve).saturating_sub(limit.amount);
    if missing > 0 {
        let with = if reserve > 0 { format!(" and {} are kept in reserve", show(reserve)) } else { String::new() };
        let message = format!("the agents expect {}{with}: {} more than {limit}", show(sum), show(missing));
        notes.refuse(place, message, "raise the limit, let agents expect less, or keep less in reserve");
    }
}

fn in_equal_parts(expected: &[Expected<'_>], limit: Quantity, part: i64, notes: &mut Notes) {
    for Expected { agent, amount, span } in expected.iter().filter(|expected| expected.amount > part) {
        let (wanted, given) = (limit.unit.show(*amount), limit.unit.show(part));
        let message = format!("`{agent}` expects {wanted}, and its equal part is {given}");
        notes.warn(span, message, "raise the limit, or allot by what agents expect: `by = \"expected\"`");
    }
}

fn sum(expected: &[Expected<'_>]) -> i64 {
    expected.iter().fold(0, |sum, expected| sum.saturating_add(expected.amount))
}

fn expected(settings: &Settings, unit: Unit) -> Option<(i64, Span)> {
    let of = |said: &Placed<Quantity>| (said.value.unit == unit).then(|| (said.value.amount, said.span.clone()));
    match unit {
        Unit::Usd | Unit::Credits | Unit::Tok | Unit::AllTok => settings.spend.as_ref().and_then(of),
        Unit::Minutes => settings.minutes.as_ref().and_then(of),
        Unit::Responses => {
            let said = settings.responses.as_ref()?;
            Some((i64::try_from(said.value).unwrap_or(i64::MAX), said.span.clone()))
        }
        Unit::ToolCalls => None,
    }
}
