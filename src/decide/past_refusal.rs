//! What can be done where a limit keeps a run from starting: only what works.

use crate::model::{Dimension, Timestamp, WorkClass};
use crate::policy::duration;
use crate::policy::rule::{Budget, Layer, Window};

use super::accounts::account::Account;
use super::context::Fixed;

/// What a run is started by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartedBy {
    /// A command line, whose flags say what it belongs to.
    Flags,
    /// A fleet file, which says it of each agent.
    File,
    /// An earlier start: it goes on, and keeps its policy and what it belongs to.
    Before,
}

/// What lets a run start that this account refused, each way in a few words.
pub(super) fn past_refusal(fixed: &Fixed, account: &Account, by: StartedBy) -> Vec<String> {
    let wait = by_waiting(fixed, account);
    let others = match by {
        StartedBy::Before => [by_lifting(fixed, account), None],
        StartedBy::Flags | StartedBy::File => [by_writing(fixed, &account.rule), by_naming_another(account, by)],
    };
    wait.into_iter().chain(others.into_iter().flatten()).collect()
}

fn by_waiting(fixed: &Fixed, account: &Account) -> Option<String> {
    let zone = fixed.policy.timezone;
    let shown = |at: Timestamp| format!("{} ({zone})", at.with_timezone(&zone).format("%Y-%m-%d %H:%M"));
    match account.rule.window {
        Window::Life | Window::Total => None,
        Window::Rolling(length) => {
            Some(format!("what was spent counts for {}, and then no more", duration::show(length)))
        }
        Window::Calendar(_) => account.bounds.end.map(|end| format!("it begins anew at {}", shown(end))),
        Window::Between(..) => account.bounds.end.map(|end| format!("its window ends at {}", shown(end))),
    }
}

/// Only a run that goes on has a limit that an answer lifts.
fn by_lifting(fixed: &Fixed, account: &Account) -> Option<String> {
    let amount = account.offered.filter(|offered| *offered > 0)?;
    let who = fixed.policy.approvals.named().map(|who| format!(", by {who}")).unwrap_or_default();
    Some(format!("`govern resume {} --extend {}` lifts it{who}", fixed.run, account.key.unit.typed(amount)))
}

fn by_writing(fixed: &Fixed, budget: &Budget) -> Option<String> {
    let source = fixed.policy.sources.iter().find(|source| source.layer == budget.layer);
    match (budget.layer, source.and_then(|source| source.path.as_ref()), budget.line) {
        (Layer::Flags, ..) => Some("a larger `--budget` lets it start".to_owned()),
        (_, Some(path), Some(line)) => Some(format!("its limit is written in {}:{line}", path.display())),
        _ => None,
    }
}

/// What is counted apart for what a run names: other work is not kept by it.
fn by_naming_another(account: &Account, by: StartedBy) -> Option<String> {
    let is_named = |dimension: &Dimension| match dimension {
        Dimension::Team => Some("team"),
        Dimension::Project => Some("project"),
        Dimension::Client => Some("client"),
        Dimension::Task => Some("task"),
        _ => None,
    };
    if account.rule.scope.only.dimensions().any(|dimension| *dimension == Dimension::Work) {
        let whose =
            format!("it is that of one class of work, and a turn is `{}` until it writes", WorkClass::UNTIL_IT_WRITES);
        return Some(match by {
            StartedBy::File => format!("{whose}: agents of another class have `work = \"CLASS\"` in the fleet file"),
            StartedBy::Flags | StartedBy::Before => format!("{whose}: work of another is started with `--work CLASS`"),
        });
    }
    let mut named = account.per.iter().zip(&account.values);
    let (what, value) = named.find_map(|(dimension, value)| Some((is_named(dimension)?, value)))?;
    let whose = match value {
        Some(value) => format!("it is that of {what} {value}"),
        None => format!("it is that of all that names no {what}"),
    };
    Some(match by {
        StartedBy::File => format!("{whose}: agents of another have `{what} = \"NAME\"` in the fleet file"),
        StartedBy::Flags | StartedBy::Before => format!("{whose}: work for another is started with `--{what} NAME`"),
    })
}
