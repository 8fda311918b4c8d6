//! What a step with `do = "decide"` may come to.

use toml::de::DeValue;

use crate::model::{Quantity, Unit, Verb};
use crate::policy::mistake::{Notes, Span};
use crate::policy::rule::May;
use crate::policy::suggest;
use crate::policy::table::{Placed, Table, Text};

use super::step_words::{self, VERBS};

/// The word for more from the pool.
const EXTEND: &str = "extend";

const EXAMPLE: &str = "[\"extend\", \"route\", \"ask\"]";

/// `may` and its places, as far as they are right.
pub(super) struct MayDraft {
    /// What it says.
    pub(super) may: May,
    /// Where it wants a model ladder.
    pub(super) route: Option<Span>,
    /// Where it wants a pool.
    pub(super) extend: Option<Span>,
}

/// Reads `may`, `max_extend` and `to` of such a step.
pub(super) fn check(table: &Table<'_>, unit: Option<Unit>, notes: &mut Notes) -> Option<MayDraft> {
    let Some(words) = table.texts("may", EXAMPLE, notes) else {
        if table.get("may").is_none() {
            let message = "the step does not say what the governor `may` choose among";
            notes.refuse(&table.span, message, format!("add `may = {EXAMPLE}`"));
        }
        return None;
    };
    if table.get("may").is_some_and(|value| matches!(value.get_ref(), DeValue::Array(items) if items.is_empty())) {
        notes.refuse(&words.span, "`may` is empty: there is nothing to choose", format!("write `may = {EXAMPLE}`"));
    }
    if words.value.is_empty() {
        return None;
    }
    let known: Vec<&str> = std::iter::once(EXTEND).chain(VERBS.map(Verb::as_str)).collect();
    let (mut verbs, mut extend, mut route): (Vec<Verb>, _, _) = (Vec::new(), None, None);
    for word in &words.value {
        let verb = VERBS.into_iter().find(|verb| verb.as_str() == word.value);
        let twice = match verb {
            Some(verb) => verbs.contains(&verb),
            None => word.value == EXTEND && extend.is_some(),
        };
        match verb {
            _ if twice => notes.refuse(&word.span, format!("`{}` stands twice in `may`", word.value), "leave one out"),
            Some(verb) => {
                verbs.push(verb);
                route = route.or((verb == Verb::Route).then(|| word.span.clone()));
            }
            None if word.value == EXTEND => extend = Some(word.span.clone()),
            None => {
                let message = format!("`{}` is nothing that the governor can choose", word.value);
                notes.refuse(&word.span, message, suggest::hint(word.value, &known));
            }
        }
    }
    verbs.sort();
    let max_extend = match table.text("max_extend", "\"2 usd\"", notes) {
        Some(text) => Some(self::max_extend(&text, extend.is_some(), unit, notes)?),
        None => None,
    };
    let to = if verbs.contains(&Verb::Throttle) {
        let text = table.text("to", "\"4 responses/m\"", notes);
        Some(step_words::rate(table, "the step", text, notes)?)
    } else {
        None
    };
    Some(MayDraft { may: May { extend: extend.is_some(), verbs, max_extend, to }, route, extend })
}

fn max_extend(text: &Text<'_>, extends: bool, unit: Option<Unit>, notes: &mut Notes) -> Option<Quantity> {
    if !extends {
        let message = "`max_extend` goes with `extend`, which `may` leaves out";
        notes.refuse(&text.span, message, "leave `max_extend` out, or add `extend` to `may`");
    }
    let quantity = super::quantity(&Placed { value: text.value, span: text.span.clone() }, notes)?;
    if let Some(unit) = unit.filter(|unit| *unit != quantity.unit) {
        let message = format!("`{}` is not of the limit's unit, {}", text.value, step_words::unit_in_words(unit));
        notes.refuse(&text.span, message, "write it in the unit of the budget's limit");
        return None;
    }
    Some(quantity)
}
