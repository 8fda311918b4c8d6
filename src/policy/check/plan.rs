//! A `[[budget]]` over a ChatGPT plan's own limit: `limit = "80% plan 5h"`.

use toml::de::DeValue;

use crate::model::{BudgetName, Dimension, Verb};
use crate::policy::mistake::{Notes, Span};
use crate::policy::percent;
use crate::policy::plan::{PlanBudget, PlanShare, PlanStep};
use crate::policy::rule::AlertAction;
use crate::policy::show;
use crate::policy::table::{Keys, Placed, Table, wrong_type};

use super::steps::{self, Doer, MOST_STEPS};
use super::{BudgetDraft, BudgetRule, act, only};

const STEP: Keys =
    Keys { of: "a step of a plan's limit", known: &["at", "do", "say", "to", "wait", "else", "until"], later: &[] };

const DOER: Doer = Doer {
    of: "a step of a plan's limit",
    this: "the step",
    words: &["warn", "steer", "throttle", "route", "hold", "ask", "stop", "kill"],
};

/// Keys of other budgets, and why they say nothing of a plan.
const OTHERS: [(&str, &str); 4] = [
    ("window", "the plan's own window is the budget's, too: leave `window` out"),
    ("limits", "there is one plan: leave `limits` out"),
    ("grace", "leave `grace` out: what a plan still covers is Codex's to say"),
    ("allot", "nobody can be promised a part of a plan: leave `allot` out"),
];

/// A step and its places.
struct StepDraft {
    step: PlanStep,
    at: Span,
    verb: Span,
    routes: Vec<Span>,
}

/// What a budget over a plan's limit does without `steps`; `last` at the limit, where somebody named it.
pub(in crate::policy) fn default_steps(last: Option<Verb>) -> Vec<PlanStep> {
    let act = |step| PlanStep { at: 1000, act: AlertAction::Step(step) };
    let warn = steps::default_steps(None).into_iter().next().map(|step| PlanStep { at: 800, ..act(step) });
    match last {
        Some(last) => {
            let at = steps::default_steps(Some(last)).pop().map(act);
            warn.filter(|_| last > Verb::Warn).into_iter().chain(at).collect()
        }
        None => warn.into_iter().chain([PlanStep { at: 1000, act: AlertAction::Hold }]).collect(),
    }
}

/// The rest of a budget whose limit speaks of a plan.
pub(super) fn check(
    table: &Table<'_>,
    name: Option<Placed<String>>,
    observe: bool,
    notes: &mut Notes,
) -> Option<BudgetDraft> {
    let limit = table.text("limit", "\"80% plan 5h\"", notes).and_then(|text| super::plan_share(&text, notes));
    for (key, hint) in OTHERS {
        if let Some(value) = table.get(key) {
            notes.refuse(&value.span(), format!("`{key}` does not go with a plan's own limit"), hint);
        }
    }
    if let (Some(per), Some(value)) = (only::per(table, notes), table.get("per"))
        && !matches!(per.as_slice(), [] | [Dimension::User])
    {
        let hint = "write `per = \"user\"`; to bind some agents only there is `only = { team = [\"web\"] }`";
        notes.refuse(&value.span(), "a plan's own limit is its user's, over all that they do", hint);
    }
    let only = only::check(table, "budget", notes);
    let drafts = steps(table, limit, notes);
    let mode = super::mode(table, notes);
    let overridable = table.boolean("overridable", notes).unwrap_or(false);
    let name = name?;
    let name = Placed { value: BudgetName::new(name.value), span: name.span };
    let routes = drafts.iter().flatten().flat_map(|draft| draft.routes.clone()).collect();
    let steps =
        drafts.map_or_else(|| default_steps(None), |drafts| drafts.into_iter().map(|draft| draft.step).collect());
    let rule = limit.map(|limit| {
        BudgetRule::OfPlan(PlanBudget {
            name: name.value.clone(),
            limit,
            only,
            steps,
            observe: mode.unwrap_or(observe),
            layer: notes.layer(),
        })
    });
    Some(BudgetDraft { name, overridable, routes, rule })
}

fn steps(table: &Table<'_>, limit: Option<PlanShare>, notes: &mut Notes) -> Option<Vec<StepDraft>> {
    let list = table.one_or_more("steps", MOST_STEPS, notes)?;
    if list.value.is_empty() {
        let unsaid: Vec<String> = default_steps(None).iter().map(show::plan_step_in_words).collect();
        let hint = format!("leave `steps` out for {}", unsaid.join(" and "));
        notes.refuse(&list.span, "`steps` is empty: nothing would happen at the limit", hint);
    }
    let mut drafts = Vec::new();
    for item in list.value {
        match item.get_ref() {
            DeValue::Table(entries) => drafts.extend(step(&Table::new(entries, item.span()), notes)),
            _ => wrong_type("steps", item, "a list of tables", "[{ at = \"80%\", do = \"warn\" }]", notes),
        }
    }
    order(&drafts, limit, notes);
    Some(drafts)
}

fn step(table: &Table<'_>, notes: &mut Notes) -> Option<StepDraft> {
    const HINT: &str = "write a share of the budget's limit, such as `80%`";
    let table = &table.only(&STEP, notes);
    let at = steps::required(table, DOER, "at", "\"80%\"", notes).and_then(|text| match percent::parse(text.value) {
        Ok(value) => Some(Placed { value, span: text.span }),
        Err(error) => {
            notes.refuse(&text.span, format!("`{}` {error}", text.value), HINT);
            None
        }
    });
    let act =
        act::check(table, DOER, "`decide` goes with a budget that can be allotted, not with a plan's own limit", notes);
    let verb = table.get("do")?.span();
    let ((act, routes), Placed { value: at, span }) = act.zip(at)?;
    Some(StepDraft { step: PlanStep { at, act }, at: span, verb, routes })
}

/// From mild to severe: a hold is a question that nobody is asked.
fn severity(act: &AlertAction) -> (Verb, bool) {
    match act {
        AlertAction::Step(step) => (step.verb, false),
        AlertAction::Hold => (Verb::Route, true),
    }
}

fn word(act: &AlertAction) -> &'static str {
    match act {
        AlertAction::Step(step) => step.verb.as_str(),
        AlertAction::Hold => "hold",
    }
}

fn order(drafts: &[StepDraft], limit: Option<PlanShare>, notes: &mut Notes) {
    for (earlier, later) in drafts.iter().zip(drafts.iter().skip(1)) {
        let (before, after) = (&earlier.step, &later.step);
        if severity(&before.act) > severity(&after.act) {
            let (after, before) = (word(&after.act), word(&before.act));
            let message = format!("`{after}` comes after `{before}`, which is more severe");
            let hint =
                "steps only get more severe: list warn, steer, throttle, route, hold, ask, stop, kill in this order";
            notes.refuse(&later.verb, message, hint);
        } else if after.at <= before.at {
            let message = format!("this can never apply: `{}` does, at {}", word(&after.act), percent::show(after.at));
            notes.warn(&earlier.at, message, "put it at a smaller share, or leave it out");
        }
    }
    let Some(limit) = limit else { return };
    for draft in drafts.iter().filter(|draft| limit.part(draft.step.at) > 1000) {
        let message = format!("{} of `{limit}` is more than all of the plan", percent::show(draft.step.at));
        notes.warn(&draft.at, message, "put it at a smaller share: this can never apply");
    }
}
