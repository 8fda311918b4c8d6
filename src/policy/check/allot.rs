//! `allot`: how a budget is divided among a run's agents.

use crate::model::{Dimension, Unit};
use crate::policy::mistake::{Notes, Span};
use crate::policy::percent;
use crate::policy::rule::{Allot, AllotBy};
use crate::policy::table::{Keys, Table};

use super::step_words;
use super::steps::{self, Checked, Limits};

const KEYS: Keys = Keys { of: "`allot`", known: &["by", "reserve", "steps", "per"], later: &[] };

const EXAMPLE: &str = "{ by = \"expected\", reserve = \"10%\" }";

/// What `allot` says, and where its steps want a model ladder.
pub(super) struct AllotDraft {
    /// The rule, if all of it is right.
    pub(super) allot: Option<Allot>,
    /// Where it wants a model ladder.
    pub(super) routes: Vec<Span>,
}

/// Reads a budget's `allot`; `None` where it has none. `only` are the dimensions that its spend is picked by.
pub(super) fn check(
    budget: &Table<'_>,
    per: Option<&[Dimension]>,
    only: &[&Dimension],
    limits: &Limits,
    notes: &mut Notes,
) -> Option<AllotDraft> {
    let table = budget.table("allot", EXAMPLE, notes)?;
    let table = table.only(&KEYS, notes);
    if let Some(text) = table.text("per", "\"agent\"", notes).filter(|text| text.value != "agent") {
        let message = format!("a budget is divided among agents, not per `{}`", text.value);
        notes.refuse(&text.span, message, "write `per = \"agent\"`, or leave it out");
    }
    divisible(&table, per, only, limits.unit, notes);
    let by = by(&table, notes);
    if let Some(steps) = table.get("steps").filter(|_| by == Some(AllotBy::Pool)) {
        let message = "these steps can never fire: `by = \"pool\"` allots nothing to anybody";
        notes.warn(&steps.span(), message, "write them into the budget's own `steps`, or allot by something else");
    }
    let reserve = reserve(&table, notes);
    if let Some(said) = table.get("reserve").filter(|_| by == Some(AllotBy::Pool) && reserve > 0) {
        let message = "`reserve` holds nothing back: `by = \"pool\"` hands nothing out at the start";
        notes.warn(&said.span(), message, "leave `reserve` out, or allot `by = \"expected\"` or `\"equal\"`");
    }
    // An allotment's size is known when the run starts.
    let within = Limits { unit: limits.unit, amounts: Vec::new(), grace: limits.grace };
    let Checked { steps, routes, .. } = steps::check(&table, &within, steps::of_allotments, notes);
    Some(AllotDraft { allot: by.map(|by| Allot { by, reserve, steps }), routes })
}

fn by(table: &Table<'_>, notes: &mut Notes) -> Option<AllotBy> {
    let Some(text) = table.text("by", "\"expected\"", notes) else {
        if table.get("by").is_none() {
            let hint = "add `by = \"expected\"`, `\"equal\"` or `\"pool\"`";
            notes.refuse(&table.span, "`allot` does not say what it divides the budget `by`", hint);
        }
        return None;
    };
    let words = [AllotBy::Equal, AllotBy::Expected, AllotBy::Pool].map(|by| (by.as_str(), by));
    super::choice(&text, "by", &words, notes)
}

/// Thousandths of the limit; zero without `reserve`.
fn reserve(table: &Table<'_>, notes: &mut Notes) -> u32 {
    let Some(text) = table.text("reserve", "\"10%\"", notes) else { return 0 };
    let wrong = match percent::parse(text.value) {
        Ok(share) if share < 1000 => return share,
        Ok(_) => "would leave nothing to hand out".to_owned(),
        Err(error) => error.to_string(),
    };
    let hint = "write a share of the limit, such as `10%`, less than `100%`";
    notes.refuse(&text.span, format!("`{}` {wrong}", text.value), hint);
    0
}

/// What is divided must be known when the run starts, and be of several agents.
fn divisible(table: &Table<'_>, per: Option<&[Dimension]>, only: &[&Dimension], unit: Option<Unit>, notes: &mut Notes) {
    let late = |dimension: &&Dimension| matches!(dimension, Dimension::Model | Dimension::Thread | Dimension::Work);
    let dims = || per.unwrap_or_default().iter();
    if dims().any(|dimension| *dimension == Dimension::Agent) {
        let message = "`allot` divides a budget among agents, and this one is `per` agent already";
        notes.refuse(&table.span, message, "leave `allot` out, or count the budget per `run` or `team`");
    }
    if let Some(dimension) = dims().chain(only.iter().copied()).find(late) {
        let message =
            format!("`allot` divides a budget before any model answers, and nobody knows its {dimension} then");
        notes.refuse(&table.span, message, "leave `allot` out, or make another budget of it");
    }
    if let Some(unit @ (Unit::Minutes | Unit::ToolCalls)) = unit {
        let message = format!("{} are not divided among agents", step_words::unit_in_words(unit));
        let hint = "`allot` divides limits in `usd`, `tok`, `all tok` and `responses`; limit these `per = \"agent\"`";
        notes.refuse(&table.span, message, hint);
    }
}
