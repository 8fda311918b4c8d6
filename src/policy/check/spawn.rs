//! A `[[budget]]` over sub-agents: `limit = "20 sub-agents"`, `limit = "3 deep"`.

use crate::model::{BudgetName, Dimension};
use crate::policy::mistake::Notes;
use crate::policy::scope::Scope;
use crate::policy::spawn::{SPAWN_HINT, SpawnCap, SpawnLimit};
use crate::policy::table::{Placed, Table};

use super::{BudgetDraft, BudgetRule, only};

/// Keys of other budgets, and why they say nothing here.
const OTHERS: [(&str, &str); 5] = [
    ("window", "leave `window` out: it holds as long as the run, agent or thread lives"),
    ("limits", "leave `limits` out, and write another budget with `only` for others"),
    ("steps", "leave `steps` out: the start that would pass the limit is refused, and the model reads why"),
    ("grace", "leave `grace` out: no more than that are started"),
    ("allot", "leave `allot` out, and limit each agent with `per = \"agent\"`"),
];

/// The rest of a budget whose limit speaks of sub-agents.
pub(super) fn check(
    table: &Table<'_>,
    name: Option<Placed<String>>,
    observe: bool,
    notes: &mut Notes,
) -> Option<BudgetDraft> {
    let cap = cap(table, notes);
    let per = only::per(table, notes);
    let fits = |dimension: &Dimension| matches!(dimension, Dimension::Run | Dimension::Agent | Dimension::Thread);
    if let (Some(per), Some(value)) = (&per, table.get("per"))
        && (per.is_empty() || !per.iter().all(fits))
    {
        let hint = "write `per = \"run\"`, `\"agent\"` or `\"thread\"`; to bind some only there is `only = { team = [\"web\"] }`";
        notes.refuse(&value.span(), "sub-agents are limited per run, agent or thread", hint);
    }
    let only = only::check(table, "budget", notes);
    let mode = super::mode(table, notes);
    let overridable = table.boolean("overridable", notes).unwrap_or(false);
    Some(draft(name?, cap.zip(per.map(|per| Scope { per, only })), (mode.unwrap_or(observe), overridable), notes))
}

/// The budget of a fleet whose limit speaks of sub-agents: over the run, for its life.
pub(super) fn of_fleet(table: &Table<'_>, name: Option<Placed<String>>, notes: &mut Notes) -> Option<BudgetDraft> {
    let cap = cap(table, notes);
    let mode = super::mode(table, notes);
    Some(draft(name?, cap.map(|cap| (cap, Scope::of_run())), (mode.unwrap_or(false), false), notes))
}

/// How many, or how deep; what says nothing of such a limit is refused.
fn cap(table: &Table<'_>, notes: &mut Notes) -> Option<SpawnCap> {
    let text = table.text("limit", "\"20 sub-agents\"", notes);
    let cap = text.and_then(|text| {
        let wrong = |error: &_| notes.refuse(&text.span, format!("`{}` {error}", text.value), SPAWN_HINT);
        SpawnCap::parse(text.value).inspect_err(wrong).ok()
    });
    for (key, hint) in OTHERS {
        if let Some(value) = table.get(key) {
            notes.refuse(&value.span(), format!("`{key}` does not go with a limit on sub-agents"), hint);
        }
    }
    cap
}

fn draft(
    name: Placed<String>,
    rule: Option<(SpawnCap, Scope)>,
    (observe, overridable): (bool, bool),
    notes: &Notes,
) -> BudgetDraft {
    let name = Placed { value: BudgetName::new(name.value), span: name.span };
    let rule = rule.map(|(cap, scope)| {
        BudgetRule::OfSpawns(SpawnLimit { name: name.value.clone(), scope, cap, observe, layer: notes.layer() })
    });
    BudgetDraft { name, overridable, routes: Vec::new(), rule }
}
