//! What an alert, or a step of a budget over a plan's own limit, does: a step's verb, or a hold.

use crate::policy::mistake::{Notes, Span};
use crate::policy::rule::AlertAction;
use crate::policy::table::Table;

use super::steps::{self, Doer};

/// What is done by whom, and where it wants a model ladder. `no_decide` says why `decide` is none of it.
pub(super) fn check(
    table: &Table<'_>,
    doer: Doer,
    no_decide: &str,
    notes: &mut Notes,
) -> Option<(AlertAction, Vec<Span>)> {
    let does = table.text("do", "\"warn\"", &mut notes.silent());
    let until = table.text("until", "\"reset\"", notes);
    if let Some(does) = does.as_ref().filter(|does| does.value == "decide") {
        let hint = "the governor decides about a budget and its pool: write it as a step of one, or another `do` here";
        notes.refuse(&does.span, no_decide, hint);
        return None;
    }
    let Some(does) = does.filter(|does| does.value == "hold") else {
        if let Some(until) = until {
            let hint = "leave `until` out, or write `do = \"hold\"`";
            notes.refuse(&until.span, "`until` goes with `do = \"hold\"`", hint);
        }
        let (step, routes) = steps::of_alert(table, doer, notes)?;
        return Some((AlertAction::Step(step), routes));
    };
    if until.as_ref().is_none_or(|until| until.value != "reset") {
        let span = until.map_or(does.span, |until| until.span);
        notes.refuse(&span, "`hold` does not say until when", "write `until = \"reset\"`");
        return None;
    }
    for key in ["say", "to", "wait", "else"] {
        if let Some(value) = table.get(key) {
            let message = format!("`{key}` goes with another `do` than `hold`");
            notes.refuse(&value.span(), message, format!("leave `{key}` out"));
        }
    }
    Some((AlertAction::Hold, Vec::new()))
}
