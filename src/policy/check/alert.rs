//! One `[[alert]]`.

use std::time::Duration;

use toml::de::DeValue;

use crate::model::{AlertName, BudgetName, Quantity, Unit};
use crate::policy::duration::{self, DURATION_HINT};
use crate::policy::mistake::{Notes, Span};
use crate::policy::percent;
use crate::policy::plan::PlanShare;
use crate::policy::rate::Rate;
use crate::policy::rule::{Alert, AlertAction, Change, Evidence, Trigger};
use crate::policy::suggest;
use crate::policy::table::{Keys, Placed, Table, Text, WHOLE, wrong_type};

use super::steps::Doer;
use super::{AlertDraft, act, only};

const KEYS: Keys = Keys {
    of: "`[[alert]]`",
    known: &[
        "name",
        "rate",
        "over",
        "pace",
        "of",
        "faster",
        "spend",
        "without",
        "failing",
        "repeated",
        "context",
        "cache_below",
        "waiting",
        "changed",
        "idle",
        "used",
        "only",
        "do",
        "say",
        "to",
        "wait",
        "else",
        "until",
        "mode",
    ],
    later: &[],
};

/// What an alert looks at: each has exactly one of these.
const TRIGGERS: [&str; 12] = [
    "rate",
    "pace",
    "faster",
    "spend",
    "failing",
    "repeated",
    "context",
    "cache_below",
    "waiting",
    "changed",
    "idle",
    "used",
];

const ALERT: Doer =
    Doer { of: "an alert", this: "the alert", words: &["warn", "steer", "throttle", "route", "ask", "stop", "kill"] };

/// What a plan's own limit stops begins anew by itself, so that it can be waited for.
const OF_PLAN: Doer = Doer {
    of: "an alert",
    this: "the alert",
    words: &["warn", "steer", "throttle", "route", "hold", "ask", "stop", "kill"],
};

/// What goes with one of them and no other.
const COMPANIONS: [(&str, &str); 3] = [("over", "rate"), ("of", "pace"), ("without", "spend")];

/// The alert; `None` if it has no name that others could be told from it by.
pub(super) fn check(
    table: &Table<'_>,
    observe: bool,
    name_is_new: impl Fn(&str) -> bool,
    notes: &mut Notes,
) -> Option<AlertDraft> {
    let table = &table.only(&KEYS, notes);
    let name = super::unique_name(table, "alert", name_is_new, notes);
    let trigger = trigger(table, notes);
    let only = only::check(table, "alert", notes);
    let mode = super::mode(table, notes);
    let act = act(table, trigger.as_ref(), notes);
    let routes = act.iter().flat_map(|(_, routes)| routes.clone()).collect();
    let name = name?;
    let name = Placed { value: AlertName::new(name.value), span: name.span };
    let pace = match (&trigger, table.get("of")) {
        (Some(Trigger::Pace { budget, .. }), Some(of)) => Some(Placed { value: budget.clone(), span: of.span() }),
        _ => None,
    };
    let alert = trigger.zip(act).map(|(trigger, (act, _))| Alert {
        name: name.value.clone(),
        trigger,
        only,
        act,
        step_of: None,
        observe: mode.unwrap_or(observe),
        layer: notes.layer(),
    });
    Some(AlertDraft { name, routes, pace, alert })
}

fn trigger(table: &Table<'_>, notes: &mut Notes) -> Option<Trigger> {
    let named: Vec<&str> = TRIGGERS.into_iter().filter(|key| table.get(key).is_some()).collect();
    for (key, of) in COMPANIONS {
        if let Some(value) = table.get(key).filter(|_| !named.contains(&of)) {
            let message = format!("`{key}` goes with `{of}`");
            notes.refuse(&value.span(), message, format!("add `{of}`, or leave `{key}` out"));
        }
    }
    match named.as_slice() {
        [] => {
            let hint = format!("add one of {}", suggest::list(&TRIGGERS));
            notes.refuse(&table.span, "the alert does not say what it looks at", hint);
            None
        }
        [key] => one_trigger(key, table, notes),
        [first, second, ..] => {
            let span = table.get(second).map_or_else(|| table.span.clone(), toml::Spanned::span);
            let hint = "make two alerts of it: each looks at one thing";
            notes.refuse(&span, format!("the alert has `{first}` and `{second}`"), hint);
            None
        }
    }
}

fn one_trigger(key: &str, table: &Table<'_>, notes: &mut Notes) -> Option<Trigger> {
    match key {
        "rate" => rate(table, notes),
        "pace" => pace(table, notes),
        "faster" => above_all(table, "faster", "\"150%\"", notes).map(Trigger::Faster),
        "spend" => without(table, notes),
        "failing" => times(table, "failing", notes).map(Trigger::Failing),
        "repeated" => times(table, "repeated", notes).map(Trigger::Repeated),
        "context" => part(table, "context", "\"80%\"", notes).map(Trigger::Context),
        "cache_below" => part(table, "cache_below", "\"20%\"", notes).map(Trigger::CacheBelow),
        "waiting" => waiting(table, notes).map(Trigger::Waiting),
        "changed" => changed(table, notes).map(Trigger::Changed),
        "idle" => time(&table.text("idle", "\"10m\"", notes)?, notes).map(Trigger::Idle),
        _ => used(table, notes),
    }
}

fn rate(table: &Table<'_>, notes: &mut Notes) -> Option<Trigger> {
    let over = match table.text("over", "\"10m\"", notes) {
        Some(text) => time(&text, notes),
        None => {
            if table.get("over").is_none() {
                let hint = "add `over = \"10m\"`: how long it must be kept up to count";
                notes.refuse(&table.span, "the alert does not say `over` how long it looks at the `rate`", hint);
            }
            None
        }
    };
    let text = table.text("rate", "\"3 usd/h\"", notes)?;
    let message = match Rate::parse(text.value) {
        Ok(rate) if spends(rate.quantity.unit) => return Some(Trigger::Rate { rate, over: over? }),
        Ok(_) => format!("`{}` is no rate of money, tokens or responses", text.value),
        Err(error) => format!("`{}` {error}", text.value),
    };
    notes.refuse(&text.span, message, "write such as `3 usd/h`, `200k tok/h` or `4 responses/m`");
    None
}

/// What responses add up to.
fn spends(unit: Unit) -> bool {
    match unit {
        Unit::Usd | Unit::Credits | Unit::Tok | Unit::AllTok | Unit::Responses => true,
        Unit::ToolCalls | Unit::Minutes => false,
    }
}

fn pace(table: &Table<'_>, notes: &mut Notes) -> Option<Trigger> {
    let share = above_all(table, "pace", "\"120%\"", notes);
    if table.get("of").is_none() {
        let hint = "add `of = \"…\"` with the name of a budget whose window is the calendar's or between two days";
        notes.refuse(&table.span, "the alert does not say the `pace` `of` what", hint);
    }
    let of = table.text("of", "\"teams, monthly\"", notes)?;
    let budget = BudgetName::new(super::name(&of, "of", notes)?);
    Some(Trigger::Pace { budget, share: share? })
}

fn without(table: &Table<'_>, notes: &mut Notes) -> Option<Trigger> {
    const HINT: &str = "add `without = \"changes\"`, `\"commits\"` or `\"tests\"`";
    if table.get("without").is_none() {
        notes.refuse(&table.span, "the alert does not say what is spent `without`", HINT);
    }
    let evidence = table.text("without", "\"changes\"", notes).and_then(|text| {
        let choices = [Evidence::Changes, Evidence::Commits, Evidence::Tests].map(|one| (one.as_str(), one));
        super::choice(&text, "without", &choices, notes)
    });
    let text = table.text("spend", "\"2 usd\"", notes)?;
    let spend: Quantity = super::quantity(&text, notes)?;
    if !spends(spend.unit) {
        let message = format!("`{}` is nothing that responses add up to", text.value);
        notes.refuse(&text.span, message, "write such as `2 usd`, `200k tok` or `40 responses`");
        return None;
    }
    Some(Trigger::Without { spend, evidence: evidence? })
}

/// `80% plan 5h`, `80% plan week`.
fn used(table: &Table<'_>, notes: &mut Notes) -> Option<Trigger> {
    let text = table.text("used", "\"80% plan 5h\"", notes)?;
    let PlanShare { window, share } = super::plan_share(&text, notes)?;
    Some(Trigger::Plan { window, share })
}

fn share(table: &Table<'_>, key: &str, example: &str, notes: &mut Notes) -> Option<Placed<u32>> {
    let text = table.text(key, example, notes)?;
    match percent::parse(text.value) {
        Ok(value) => Some(Placed { value, span: text.span }),
        Err(error) => {
            notes.refuse(&text.span, format!("`{}` {error}", text.value), format!("write `{key} = {example}`"));
            None
        }
    }
}

/// A share of something that cannot be more than all of it.
fn part(table: &Table<'_>, key: &str, example: &str, notes: &mut Notes) -> Option<u32> {
    let Placed { value, span } = share(table, key, example, notes)?;
    if value > 1000 {
        let message = format!("`{}` is more than all of it", percent::show(value));
        notes.refuse(&span, message, format!("write `{key} = {example}`"));
        return None;
    }
    Some(value)
}

/// A share of a pace that is more than that pace.
fn above_all(table: &Table<'_>, key: &str, example: &str, notes: &mut Notes) -> Option<u32> {
    let Placed { value, span } = share(table, key, example, notes)?;
    if value < 1000 {
        let message = format!("`{}` is slower than the pace itself", percent::show(value));
        notes.warn(&span, message, format!("write more than `100%`, such as `{key} = {example}`"));
    }
    Some(value)
}

fn times(table: &Table<'_>, key: &str, notes: &mut Notes) -> Option<u32> {
    let value = table.get(key)?;
    let DeValue::Integer(number) = value.get_ref() else {
        wrong_type(key, value, WHOLE, "3", notes);
        return None;
    };
    let times = number.as_str().parse::<u32>().ok().filter(|_| number.radix() == 10).filter(|times| *times >= 2);
    if times.is_none() {
        let message = format!("`{key} = {number}`: nothing is in a row before it comes twice");
        notes.refuse(&value.span(), message, format!("write a whole number from 2 on, such as `{key} = 3`"));
    }
    times
}

fn time(text: &Text<'_>, notes: &mut Notes) -> Option<Duration> {
    duration::parse(text.value)
        .inspect_err(|error| notes.refuse(&text.span, format!("`{}` {error}", text.value), DURATION_HINT))
        .ok()
}

/// `30 responses`.
fn waiting(table: &Table<'_>, notes: &mut Notes) -> Option<u32> {
    let text = table.text("waiting", "\"30 responses\"", notes)?;
    let quantity: Quantity = super::quantity(&text, notes)?;
    let times = u32::try_from(quantity.amount).ok().filter(|times| quantity.unit == Unit::Responses && *times >= 2);
    if times.is_none() {
        let message = format!("`{}` is no number of responses from 2 on", text.value);
        notes.refuse(&text.span, message, "write such as `waiting = \"30 responses\"`");
    }
    times
}

/// `model` or `price`.
fn changed(table: &Table<'_>, notes: &mut Notes) -> Option<Change> {
    let text = table.text("changed", "\"model\"", notes)?;
    let choices = [Change::Model, Change::Price].map(|one| (one.as_str(), one));
    super::choice(&text, "changed", &choices, notes)
}

/// What is done, and where it wants a model ladder.
fn act(table: &Table<'_>, trigger: Option<&Trigger>, notes: &mut Notes) -> Option<(AlertAction, Vec<Span>)> {
    if table.get("do").is_none() {
        notes.refuse(&table.span, "the alert has no `do`", "add `do = \"warn\"`");
        return None;
    }
    let does = table.text("do", "\"warn\"", &mut notes.silent()).filter(|does| does.value == "hold");
    if let Some(does) = does.filter(|_| !matches!(trigger, Some(Trigger::Plan { .. }) | None)) {
        let hint = "only what a plan's own limit stops begins anew by itself: write `do = \"ask\"`";
        notes.refuse(&does.span, "`hold` goes with `used = \"… plan …\"`", hint);
        return None;
    }
    let doer = if matches!(trigger, Some(Trigger::Plan { .. })) { OF_PLAN } else { ALERT };
    act::check(table, doer, "`decide` goes with a budget's step, not with an alert", notes)
}
