//! One `[[budget]]`.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use toml::de::DeValue;

use crate::model::{BudgetName, Dimension, Quantity, Unit, Verb};
use crate::policy::limit_key::{LimitKey, LimitKeyError};
use crate::policy::mistake::{Naming, Notes, Span};
use crate::policy::percent;
use crate::policy::plan::PlanShare;
use crate::policy::rule::{Allot, Budget, Step, Threshold, Window};
use crate::policy::scope::{Only, Scope, Value};
use crate::policy::spawn::SpawnCap;
use crate::policy::table::{Entry, Keys, Placed, Table, Text, as_text, wrong_type};

use super::only;
use super::step_words;
use super::steps::{self, Checked};
use super::{BudgetDraft, BudgetRule, allot, pattern, plan, spawn, window};

const KEYS: Keys = Keys {
    of: "`[[budget]]`",
    known: &["name", "per", "window", "limit", "limits", "only", "steps", "grace", "mode", "overridable", "allot"],
    later: &[],
};

/// The rest of the grammar makes no sense of one run.
const FLEET_KEYS: Keys = Keys {
    of: "the `[budget]` of a fleet",
    known: &["name", "per", "limit", "steps", "grace", "mode", "allot"],
    later: &[],
};

/// The budget; `None` if it has no name that others could be told from it by.
pub(super) fn check(
    table: &Table<'_>,
    tz: Tz,
    observe: bool,
    name_is_new: impl Fn(&str) -> bool,
    notes: &mut Notes,
) -> Option<BudgetDraft> {
    let table = &table.only(&KEYS, notes);
    let name = super::unique_name(table, "budget", name_is_new, notes);
    if table.text("limit", "\"5 usd\"", &mut notes.silent()).is_some_and(|text| PlanShare::is_meant(text.value)) {
        return plan::check(table, name, observe, notes);
    }
    if speaks_of_sub_agents(table, notes) {
        return spawn::check(table, name, observe, notes);
    }
    let per = only::per(table, notes);
    let window = window::check(table, per.as_deref(), tz, notes);
    let limit = limit(table, notes);
    let only = only::check(table, "budget", notes);
    let limits = limits(table, limit.as_ref(), per.as_deref(), notes);
    let grace = grace(table, notes);
    limits_can_apply(table, per.as_deref(), &only, notes);
    needs_limit(table, notes);
    let minutes =
        limit.iter().map(|limit| limit.value).chain(limits.values().copied()).any(|q| q.unit == Unit::Minutes);
    if minutes {
        minutes_pass_in_a_run(table, per.as_deref(), window.as_ref(), notes);
    }
    let known = known_limits(limit.as_ref(), &limits, grace);
    let dims: Vec<&Dimension> = only.dimensions().collect();
    let Divided { steps, allot, routes } = divided(table, (per.as_deref(), &dims), &known, notes);
    let mode = super::mode(table, notes);
    let overridable = table.boolean("overridable", notes).unwrap_or(false);
    let name = name?;
    let rule = per.zip(window).map(|(per, window)| {
        BudgetRule::Counted(Budget {
            name: BudgetName::new(name.value.clone()),
            scope: Scope { per, only },
            window,
            limit: limit.map(|limit| limit.value),
            limits,
            steps,
            allot,
            grace,
            observe: mode.unwrap_or(observe),
            layer: notes.layer(),
            line: Some(notes.line(&table.span)),
        })
    });
    let name = Placed { value: BudgetName::new(name.value), span: name.span };
    Some(BudgetDraft { name, overridable, routes, rule })
}

fn speaks_of_sub_agents(table: &Table<'_>, notes: &Notes) -> bool {
    let limit = table.text("limit", "\"20 sub-agents\"", &mut notes.silent());
    limit.is_some_and(|text| SpawnCap::is_meant(text.value))
}

/// What happens at shares of a budget, and of what it is divided into.
struct Divided {
    steps: Vec<Step>,
    allot: Option<Allot>,
    routes: Vec<Span>,
}

fn divided(
    table: &Table<'_>,
    (per, only): (Option<&[Dimension]>, &[&Dimension]),
    limits: &steps::Limits,
    notes: &mut Notes,
) -> Divided {
    let Checked { mut steps, mut routes, extends } = steps::check(table, limits, || steps::default_steps(None), notes);
    steps::nothing_at_the_limit(table, &steps, notes);
    grace_is_used(table, limits, &steps, notes);
    let by_model =
        per.into_iter().flatten().chain(only.iter().copied()).any(|dimension| *dimension == Dimension::Model);
    steps::keep_the_limit(&mut steps, by_model);
    extends.iter().for_each(|span| extends_allotments_alone(span, notes));
    let allot = allot::check(table, per, only, limits, notes).and_then(|draft| {
        routes.extend(draft.routes);
        draft.allot
    });
    Divided { steps, allot, routes }
}

/// The budget's own limit is nobody's to raise but a person's.
fn extends_allotments_alone(span: &Span, notes: &mut Notes) {
    let message = "`extend` is never chosen here: it raises an agent's allotment from the pool, not the limit itself";
    notes.warn(span, message, "write this step into `allot = { by = \"expected\", steps = [ … ] }`, or leave it out");
}

/// The budget of a fleet: over the run, for its life.
pub(super) fn of_fleet(table: &Table<'_>, notes: &mut Notes) -> Option<BudgetDraft> {
    let table = &table.only(&FLEET_KEYS, notes);
    if let Some(text) = table.text("per", "\"run\"", notes).filter(|text| text.value != "run") {
        notes.refuse(
            &text.span,
            "the budget of a fleet is always per run",
            "leave `per` out, or write a budget in a policy",
        );
    }
    let name = match table.get("name") {
        Some(_) => super::unique_name(table, "budget", |_| true, notes),
        None => Some(Placed { value: "fleet".to_owned(), span: table.span.clone() }),
    };
    if speaks_of_sub_agents(table, notes) {
        return spawn::of_fleet(table, name, notes);
    }
    let limit = limit(table, notes);
    let grace = grace(table, notes);
    needs_limit(table, notes);
    let none = BTreeMap::new();
    let known = known_limits(limit.as_ref(), &none, grace);
    let run = [Dimension::Run];
    let Divided { steps, allot, routes } = divided(table, (Some(&run), &[]), &known, notes);
    let mode = super::mode(table, notes);
    let name = name?;
    let rule = limit.map(|limit| {
        BudgetRule::Counted(Budget {
            name: BudgetName::new(name.value.clone()),
            scope: Scope::of_run(),
            window: Window::Life,
            limit: Some(limit.value),
            limits: none,
            steps,
            allot,
            grace,
            observe: mode.unwrap_or(false),
            layer: notes.layer(),
            line: Some(notes.line(&table.span)),
        })
    });
    let name = Placed { value: BudgetName::new(name.value), span: name.span };
    Some(BudgetDraft { name, overridable: false, routes, rule })
}

/// Active time is known of the run that passes it, and of no other.
fn minutes_pass_in_a_run(table: &Table<'_>, per: Option<&[Dimension]>, window: Option<&Window>, notes: &mut Notes) {
    let in_a_run = |dimension: &Dimension| matches!(dimension, Dimension::Run | Dimension::Agent);
    let per_fits = per.is_none_or(|per| !per.is_empty() && per.iter().all(in_a_run));
    if !per_fits || window.is_some_and(|window| *window != Window::Life) {
        let hint = "limit minutes with `per = \"run\"` or `per = \"agent\"` and without a `window`";
        notes.refuse(&table.span, "`minutes` can be limited per run or agent, for their own life", hint);
    }
}

fn limit(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<Quantity>> {
    let text = table.text("limit", "\"5 usd\"", notes)?;
    let value = super::limit(&text, notes)?;
    Some(Placed { value, span: text.span })
}

fn limits(
    table: &Table<'_>,
    limit: Option<&Placed<Quantity>>,
    per: Option<&[Dimension]>,
    notes: &mut Notes,
) -> BTreeMap<LimitKey, Quantity> {
    let mut unit: Option<Unit> = limit.map(|limit| limit.value.unit);
    let mut limits = BTreeMap::new();
    let entries = table.table("limits", "{ web = \"400 usd\" }", notes).map(|table| table.entries());
    for Entry { key, value } in entries.unwrap_or_default() {
        let Some(text) = as_text(value) else {
            wrong_type(key.value, value, "a text", "\"400 usd\"", notes);
            continue;
        };
        let Some(quantity) = super::limit(&text, notes) else { continue };
        let first = *unit.get_or_insert(quantity.unit);
        if quantity.unit != first {
            let unit = step_words::unit_in_words(first);
            let message = format!("`{}` is not in {unit}, as the other limits are", text.value);
            notes.refuse(&text.span, message, "all limits of a budget have one unit; make another budget of it");
        }
        limits.extend(limit_key(&key, per, notes).map(|key| (key, quantity)));
    }
    limits
}

/// Whose limit it is. A budget over everything has nobody's, which [`limits_can_apply`] tells.
fn limit_key(key: &Text<'_>, per: Option<&[Dimension]>, notes: &mut Notes) -> Option<LimitKey> {
    let per = per.filter(|per| !per.is_empty())?;
    let error = match LimitKey::parse(key.value, per.len()) {
        Ok(read) => {
            taken_as_it_stands(key, per, notes);
            return Some(read);
        }
        Err(error) => error,
    };
    let example: Vec<String> = per.iter().map(|dimension| dimension.to_string().to_uppercase()).collect();
    let hint = match error {
        LimitKeyError::Count if !key.value.contains(['/', '\\']) => {
            let rest = "/*".repeat(per.len() - 1);
            format!("write `\"{}{rest}\"` for any other value, or all of `\"{}\"`", key.value, example.join("/"))
        }
        LimitKeyError::Count | LimitKeyError::Empty | LimitKeyError::Escape => {
            let of = example.join("/");
            format!("write `\"{of}\"`, `*` for any, and `\\/` for a `/` that belongs to a value")
        }
    };
    notes.refuse(&key.span, format!("`{}` {error}", key.value), hint);
    None
}

/// Warns of what looks like a pattern: a key names values, and only a `*` alone is any of several.
fn taken_as_it_stands(key: &Text<'_>, per: &[Dimension], notes: &mut Notes) {
    if let [one] = per {
        if pattern::is_meant(key.value) {
            literal(key, key.value, one, notes);
        } else if matches!(one, Dimension::Team | Dimension::User | Dimension::Client) && key.value.contains('/') {
            let other = if *one == Dimension::User { "team" } else { "user" };
            let message = format!("`{}` is one {one}: the budget is per one thing", key.value);
            let hint = format!("to name a {one} and a {other} write `per = [\"{one}\", \"{other}\"]`");
            notes.warn(&key.span, message, hint);
        } else if *one == Dimension::Model {
            notes.name_model(key.value, &key.span, Naming::Name);
        }
        return;
    }
    // What a backslash has taken the meaning of is meant as it stands.
    let written = key.value.replace("\\/", "\0").replace("\\*", "").replace("\\\\", "");
    for (part, dimension) in written.split('/').zip(per) {
        if part != "*" && pattern::is_meant(part) {
            literal(key, &part.replace('\0', "/"), dimension, notes);
        }
    }
}

fn literal(key: &Text<'_>, value: &str, dimension: &Dimension, notes: &mut Notes) {
    let message = format!("`{value}` is taken as it stands, and no {dimension} is called so");
    let hint = if value == "*" {
        "`limit` is for all that `limits` does not name".to_owned()
    } else {
        format!("a key of `limits` is the value itself: bind a budget with `only = {{ {dimension} = [\"{value}\"] }}`")
    };
    notes.warn(&key.span, message, hint);
}

/// Warns of limits that no spend can have.
fn limits_can_apply(table: &Table<'_>, per: Option<&[Dimension]>, only: &Only, notes: &mut Notes) {
    let (Some(value), Some(per)) = (table.get("limits"), per) else { return };
    let hint = "give `per` a dimension whose values you know, such as `team`, or write `limit`";
    match per.first() {
        None => notes.warn(&value.span(), "`limits` can never apply: the budget is over everything", hint),
        Some(first @ (Dimension::Run | Dimension::Thread)) => {
            let message = format!("`limits` can never apply: nobody knows the id of a {first} beforehand");
            notes.warn(&value.span(), message, hint);
        }
        Some(_) => {
            let DeValue::Table(entries) = value.get_ref() else { return };
            for Entry { key, .. } in Table::new(entries, value.span()).entries() {
                let Ok(read) = LimitKey::parse(key.value, per.len()) else { continue };
                let named: Vec<(&Dimension, Option<&str>)> = per.iter().zip(read.parts()).collect();
                let value = |dimension: &Dimension| {
                    let found = named.iter().find(|(of, _)| *of == dimension).and_then(|(_, value)| *value);
                    found.map_or(Value::Open, |value| Value::Is(Some(value)))
                };
                if !only.may_match(value) {
                    let message = format!("the limit of `{}` can never apply: `only` leaves it out", key.value);
                    notes.warn(&key.span, message, "add it to `only`, or leave it out here");
                }
            }
        }
    }
}

fn needs_limit(table: &Table<'_>, notes: &mut Notes) {
    let Some(value) = table.get("limits") else {
        if table.get("limit").is_none() {
            notes.refuse(&table.span, "the budget has no `limit`", "add `limit = \"5 usd\"`");
        }
        return;
    };
    let is_empty = matches!(value.get_ref(), DeValue::Table(entries) if entries.is_empty());
    if is_empty && table.get("limit").is_none() {
        notes.refuse(&value.span(), "`limits` is empty, and there is no `limit`", "add `limit = \"5 usd\"`");
    }
}

/// Thousandths of the limit; zero without `grace`.
fn grace(table: &Table<'_>, notes: &mut Notes) -> u32 {
    let Some(text) = table.text("grace", "\"10%\"", notes) else { return 0 };
    let wrong = match percent::parse(text.value) {
        Ok(share) if share <= 1000 => return share,
        Ok(_) => "would let more than twice the limit past".to_owned(),
        Err(error) => error.to_string(),
    };
    let hint = "write a share of the limit, such as `10%`, up to `100%`";
    notes.refuse(&text.span, format!("`{}` {wrong}", text.value), hint);
    0
}

/// Warns of a grace that no turn can use: it is less than one of what is counted, or the agent is ended before the limit.
fn grace_is_used(table: &Table<'_>, limits: &steps::Limits, steps: &[Step], notes: &mut Notes) {
    let Some(text) = table.text("grace", "\"10%\"", &mut notes.silent()).filter(|_| limits.grace > 0) else { return };
    let share = |limit: i64| i128::from(limit) * i128::from(limits.grace) / 1000;
    let largest = limits.amounts.iter().copied().max();
    if let (Some(unit), Some(limit)) = (limits.unit, largest.filter(|limit| share(*limit) == 0)) {
        let message = format!("`{}` of {} is less than one: nothing goes past the limit", text.value, unit.show(limit));
        notes.warn(&text.span, message, "write a larger share, or leave `grace` out");
    }
    let ends = |step: &&Step| step.may.is_none() && step.verb >= Verb::Stop;
    if let Some((step, Threshold::Share(at))) = steps.iter().find(ends).map(|step| (step, step.at))
        && at < 1000
    {
        let message = format!("`grace` is never used: `{}` at {} comes before the limit", step.verb, percent::show(at));
        notes.warn(&text.span, message, "leave `grace` out, or write the step at `100%`");
    }
}

fn known_limits(limit: Option<&Placed<Quantity>>, limits: &BTreeMap<LimitKey, Quantity>, grace: u32) -> steps::Limits {
    let all: Vec<Quantity> = limit.map(|limit| limit.value).into_iter().chain(limits.values().copied()).collect();
    steps::Limits {
        unit: all.first().map(|quantity| quantity.unit),
        // Under a limit of nothing no step comes before the last.
        amounts: all.iter().map(|quantity| quantity.amount).filter(|amount| *amount > 0).collect(),
        grace,
    }
}
