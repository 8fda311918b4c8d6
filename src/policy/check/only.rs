//! Whose spend or calls a rule is about: dimensions, and patterns on their values.

use crate::model::Dimension;
use crate::policy::mistake::Notes;
use crate::policy::scope::Only;
use crate::policy::suggest;
use crate::policy::table::{Entry, Table, Text};

use super::{models, pattern};

/// What a budget may be per, as hints name it.
const PER: [&str; 12] = [
    "run",
    "agent",
    "thread",
    "team",
    "project",
    "client",
    "user",
    "task",
    "model",
    "branch",
    "label:KEY",
    "everything",
];

/// What `only` may look at, as hints name it.
const ONLY: [&str; 10] = ["agent", "team", "project", "client", "user", "task", "model", "branch", "work", "label:KEY"];

/// The dimensions; `everything` is the empty list.
pub(super) fn per(table: &Table<'_>, notes: &mut Notes) -> Option<Vec<Dimension>> {
    if table.get("per").is_none() {
        let hint = format!("add `per = \"run\"`; known are {}", suggest::list(&PER));
        notes.refuse(&table.span, "the budget does not say what it is `per`", hint);
        return None;
    }
    let texts = table.texts("per", "\"run\"", notes)?;
    if texts.value.is_empty() {
        notes.refuse(&texts.span, "`per` is empty", "write `per = \"everything\"` for one budget over all");
        return None;
    }
    let mut dimensions = Vec::new();
    for text in &texts.value {
        if text.value == "everything" {
            if texts.value.len() > 1 {
                notes.refuse(&text.span, "`everything` stands alone", "leave it out, or all the others");
            }
            continue;
        }
        let known = dimension(text, ("unknown `per` value", &PER), notes)?;
        if known == Dimension::Work {
            let hint = "write `only = { work = [\"review\"] }` in a budget for each class";
            notes.refuse(&text.span, "no budget is `per` work: what a turn is may change until its end", hint);
        }
        if dimensions.contains(&known) {
            notes.refuse(&text.span, format!("`{known}` stands twice in `per`"), "leave one out");
        }
        dimensions.push(known);
    }
    Some(dimensions)
}

/// `only`, of a budget or a gate.
pub(super) fn check(table: &Table<'_>, of: &str, notes: &mut Notes) -> Only {
    let Some(filters) = table.table("only", "{ branch = [\"main\"] }", notes) else { return Only::default() };
    let mut only = Vec::new();
    for Entry { key, value } in filters.entries() {
        let texts = filters.texts(key.value, "[\"main\"]", notes);
        let (Some(dimension), Some(texts)) = (dimension(&key, ("unknown `only` key", &ONLY), notes), texts) else {
            continue;
        };
        if texts.value.is_empty() {
            let message = format!("the {of} can never apply: no {dimension} matches an empty list");
            notes.warn(&value.span(), message, format!("name some, or leave `{dimension}` out for all"));
        } else if matches!(dimension, Dimension::Run | Dimension::Thread) {
            let message = format!("nobody knows the id of a {dimension} beforehand");
            notes.warn(&key.span, message, "leave it out, or filter by something that you name");
        }
        if dimension == Dimension::Work {
            texts.value.iter().filter(|text| !text.value.contains('*')).for_each(|text| {
                super::work::class(text, notes);
            });
        }
        let globs = match dimension {
            Dimension::Model => models::patterns(&texts, notes),
            _ => pattern::globs(&texts, notes),
        };
        only.push((dimension, globs));
    }
    Only::new(only)
}

/// One dimension by its name; `unknown` is what another word is called, beside those that are known there.
fn dimension(text: &Text<'_>, (unknown, known): (&str, &[&str]), notes: &mut Notes) -> Option<Dimension> {
    let dimension = Dimension::parse(text.value);
    if dimension.is_none() {
        let message = format!("{unknown} `{}`", text.value);
        notes.refuse(&text.span, message, suggest::hint(text.value, known));
    }
    dimension
}
