//! As written → valid: what one file says, each piece checked by itself and all mistakes noted.

mod act;
mod alert;
mod allot;
mod approvals;
mod arguments;
mod attribute;
mod budget;
mod channels;
mod decide;
mod gate;
mod gateway;
mod governor;
mod holds;
mod mail;
mod meant;
pub(crate) mod models;
mod only;
mod pattern;
mod person;
pub(super) mod plan;
mod prices;
mod reconcile;
mod regular;
mod secret;
mod serve;
mod slack;
mod spawn;
mod step_words;
mod steps;
mod window;
mod work;

use crate::policy::approvals::Quorum;
use chrono_tz::Tz;
use toml::Spanned;
use toml::de::DeValue;

use super::mistake::{Notes, Span};
use super::plan::{PLAN_HINT, PlanBudget, PlanShare};
use super::rule::{
    Alert, AttributeRule, Budget, FreshLedger, Gate, GovernorModel, Layer, Rung, SpawnLimit, Step, Unpriced,
};
use super::suggest;
use super::table::{Entry, Keys, Placed, Table, Text, WHOLE, wrong_type};
use super::zone;
use crate::model::quantity::{QuantityError, quantity_hint};
use crate::model::{AlertName, BudgetName, GateName, ModelId, Quantity, ServiceTier, Unit, Verb};
use crate::usage::price::PriceOverride;
use crate::work::OwnRule;
pub(super) use channels::{NotifyDraft, RouteDraft};
pub(super) use gateway::GatewayDraft;
pub(super) use person::{PersonDraft, clash};
pub(super) use reconcile::ReconcileDraft;
pub(super) use serve::ServeDraft;

/// The version of policies and fleet files that this govern understands.
const VERSION: &str = "1";

const KEYS: Keys = Keys {
    of: "a policy",
    known: &[
        "version",
        "timezone",
        "mode",
        "models",
        "budget",
        "gate",
        "alert",
        "approvals",
        "attribute",
        "ledger",
        "prices",
        "governor",
        "notify",
        "serve",
        "gateway",
        "reconcile",
        "work",
        "person",
    ],
    later: &["on_failure"],
};

/// Keys that newcomers write above all tables, and the table that they belong into.
const OF_TABLES: [(&str, &str); 9] = [
    ("name", "[[budget]]"),
    ("per", "[[budget]]"),
    ("limit", "[[budget]]"),
    ("limits", "[[budget]]"),
    ("window", "[[budget]]"),
    ("steps", "[[budget]]"),
    ("ladder", "[models]"),
    ("allow", "[models]"),
    ("approvers", "[approvals]"),
];

/// What a repository's file may say nothing of, tables of later versions among them: a clone is not to be trusted with
/// money, names, doors out or the ledger. What may stand there is the rest of [`KEYS`].
const CLOSED: [(&str, &str); 13] = [
    ("timezone", "`timezone`"),
    ("prices", "`[prices]`"),
    ("governor", "`[governor]`, which asks a model at your cost"),
    ("ledger", "`[ledger]`"),
    ("person", "`[[person]]`"),
    ("notify", "`[notify]`"),
    ("serve", "`[serve]`"),
    ("shared", "`[shared]`"),
    ("gateway", "`[gateway]`"),
    ("reconcile", "`[reconcile]`"),
    ("work", "`[[work]]`"),
    ("metrics", "`[metrics]`"),
    ("on_failure", "`on_failure`"),
];

const LEDGER: Keys = Keys { of: "`[ledger]`", known: &["fresh"], later: &[] };

/// What one file says, as far as it is valid.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// `mode`: whether the file only observes; `None` where it has no rules at all.
    pub(super) observe: Option<bool>,
    /// Its budgets, in order.
    pub(super) budgets: Vec<BudgetDraft>,
    /// Its gates, in order.
    pub(super) gates: Vec<GateDraft>,
    /// Its alerts, in order.
    pub(super) alerts: Vec<AlertDraft>,
    /// `[models] ladder`.
    pub(super) ladder: Option<Placed<Vec<Placed<Rung>>>>,
    /// `[models] allow`.
    pub(super) allow: Option<Placed<Vec<globset::GlobMatcher>>>,
    /// `[models] service_tiers`.
    pub(super) service_tiers: Option<Placed<Vec<ServiceTier>>>,
    /// `[models] tiers`, in order.
    pub(super) tiers: Vec<TierDraft>,
    /// `[models] unpriced`.
    pub(super) unpriced: Option<Placed<Unpriced>>,
    /// `[approvals] approvers`.
    pub(super) approvers: Option<Placed<Vec<String>>>,
    /// `[approvals] max_extend`.
    pub(super) max_extend: Option<Placed<Quantity>>,
    /// `[approvals] max_grant`.
    pub(super) max_grant: Option<Placed<Quantity>>,
    /// `[approvals] quorum`.
    pub(super) quorum: Option<Placed<Quorum>>,
    /// `[approvals] wait_for_nobody`.
    pub(super) wait_for_nobody: bool,
    /// `[approvals] not_self`, where it is said.
    pub(super) not_self: Option<Span>,
    /// Its persons, in order.
    pub(super) persons: Vec<PersonDraft>,
    /// Its attribution rules, in order.
    pub(super) attribute: Vec<AttributeRule>,
    /// Its rules of what work is, in order.
    pub(super) work: Vec<OwnRule>,
    /// `[ledger] fresh`.
    pub(super) fresh: Option<FreshLedger>,
    /// `[prices]`.
    pub(super) prices: Vec<Placed<PriceOverride>>,
    /// `[governor]`, and where its model stands.
    pub(super) governor: Option<Placed<GovernorModel>>,
    /// `[notify]`, where it counts.
    pub(super) notify: Option<NotifyDraft>,
    /// `[serve]`, where it counts.
    pub(super) serve: Option<ServeDraft>,
    /// `[gateway]`, where it counts.
    pub(super) gateway: Option<GatewayDraft>,
    /// `[reconcile]`, where it counts.
    pub(super) reconcile: Option<ReconcileDraft>,
}

/// A tier of models and where its model stands.
#[derive(Debug)]
pub(super) struct TierDraft {
    /// Its name.
    pub(super) name: String,
    /// The model that it stands for.
    pub(super) model: ModelId,
    /// Where that stands.
    pub(super) span: Span,
}

/// A budget with what only matters until the layers are joined.
#[derive(Debug)]
pub(super) struct BudgetDraft {
    /// Its name, which counts for uniqueness even if the rest is wrong.
    pub(super) name: Placed<BudgetName>,
    /// A nearer layer may replace it.
    pub(super) overridable: bool,
    /// Where it wants a model ladder.
    pub(super) routes: Vec<Span>,
    /// The budget, if all of it is right.
    pub(super) rule: Option<BudgetRule>,
}

/// What a budget counts.
#[derive(Debug)]
pub(super) enum BudgetRule {
    /// What responses and calls add up to.
    Counted(Budget),
    /// What is used of a plan's own limit.
    OfPlan(PlanBudget),
    /// How many sub-agents are started, or how deep.
    OfSpawns(SpawnLimit),
}

impl BudgetRule {
    /// It limits what is spent in money.
    pub(super) fn limits_money(&self) -> bool {
        matches!(self, Self::Counted(budget) if matches!(budget.unit(), Unit::Usd | Unit::Credits))
    }

    /// Nothing is done by it.
    pub(super) fn observes(&self) -> bool {
        match self {
            Self::Counted(budget) => budget.observe,
            Self::OfPlan(budget) => budget.observe,
            Self::OfSpawns(limit) => limit.observe,
        }
    }
}

/// A gate and where its name stands.
#[derive(Debug)]
pub(super) struct GateDraft {
    /// Its name, which counts for uniqueness even if the rest is wrong.
    pub(super) name: Placed<GateName>,
    /// The gate, if all of it is right.
    pub(super) gate: Option<Gate>,
}

/// An alert with what only matters until the layers are joined.
#[derive(Debug)]
pub(super) struct AlertDraft {
    /// Its name, which counts for uniqueness even if the rest is wrong.
    pub(super) name: Placed<AlertName>,
    /// Where it wants a model ladder.
    pub(super) routes: Vec<Span>,
    /// The budget whose pace it looks at.
    pub(super) pace: Option<Placed<BudgetName>>,
    /// The alert, if all of it is right.
    pub(super) alert: Option<Alert>,
}

/// The file's time zone, needed before the rest can be read.
pub(super) fn timezone(root: &Table<'_>, notes: &mut Notes) -> Option<Placed<Tz>> {
    if notes.layer() == Layer::Fleet {
        return None;
    }
    if is_closed("timezone", notes) {
        return None;
    }
    let text = root.text("timezone", "\"Europe/Berlin\"", notes)?;
    match zone::parse(text.value) {
        Ok(tz) => Some(Placed { value: tz, span: text.span }),
        Err(hint) => {
            notes.refuse(&text.span, format!("`{}` is not a time zone", text.value), hint);
            None
        }
    }
}

/// Everything else that the file says.
pub(super) fn file(root: &Table<'_>, tz: Tz, notes: &mut Notes) -> Draft {
    if is_a_fleet(root) {
        no_policy(root, notes);
        return Draft::default();
    }
    no_control_characters(root, &[], notes);
    let root = &keys(root, notes);
    version(root, notes);
    let observe = mode(root, notes).unwrap_or(false);
    let mut draft = Draft { observe: Some(observe), ..Draft::default() };
    models::check(root, &mut draft, notes);
    for table in root.tables("budget", notes) {
        let name_is_new = |name: &str| draft.budgets.iter().all(|other| other.name.value.as_str() != name);
        if let Some(found) = budget::check(&table, tz, observe, name_is_new, notes) {
            draft.budgets.push(found);
        }
    }
    for table in root.tables("gate", notes) {
        let name_is_new = |name: &str| draft.gates.iter().all(|other| other.name.value.as_str() != name);
        if let Some(found) = gate::check(&table, observe, name_is_new, notes) {
            draft.gates.push(found);
        }
    }
    for table in root.tables("alert", notes) {
        let name_is_new = |name: &str| draft.alerts.iter().all(|other| other.name.value.as_str() != name);
        if let Some(found) = alert::check(&table, observe, name_is_new, notes) {
            draft.alerts.push(found);
        }
    }
    approvals::check(root, &mut draft, notes);
    for table in root.tables("attribute", notes) {
        draft.attribute.extend(attribute::check(&table, notes));
    }
    if !is_closed("work", notes) {
        for table in root.tables("work", notes) {
            draft.work.extend(work::check(&table, notes));
        }
    }
    draft.fresh = fresh_ledger(root, notes);
    draft.prices = prices::check(root, notes);
    governor::check(root, &mut draft, notes);
    channels::check(root, &mut draft, notes);
    serve::check(root, &mut draft, notes);
    gateway::check(root, &mut draft, notes);
    reconcile::check(root, &mut draft, notes);
    person::check(root, &mut draft, notes);
    draft
}

/// What a file may say at all, and what of that a repository's.
fn keys<'t>(root: &Table<'t>, notes: &mut Notes) -> Table<'t> {
    for Entry { key, .. } in root.entries() {
        if let Some((_, what)) = CLOSED.iter().find(|(word, _)| is_closed(word, notes) && *word == key.value) {
            untrusted(&key.span, what, notes);
        }
    }
    let repository = notes.layer() == Layer::Repository;
    let closed = |word: &str| repository && CLOSED.iter().any(|(closed, _)| *closed == word);
    let misplaced: Vec<&str> =
        root.entries().iter().filter(|entry| is_misplaced(entry, notes)).map(|entry| entry.key.value).collect();
    root.only_with(&KEYS, |word| closed(word) || misplaced.contains(&word), notes)
}

/// Refuses a key of a table that stands above all tables.
fn is_misplaced(Entry { key, .. }: &Entry<'_>, notes: &mut Notes) -> bool {
    let Some((_, table)) = OF_TABLES.iter().find(|(word, _)| *word == key.value) else { return false };
    notes.refuse(&key.span, format!("a policy has no key `{}`", key.value), format!("write it below `{table}`"));
    true
}

/// The file has what only fleets have.
fn is_a_fleet(root: &Table<'_>) -> bool {
    let has =
        |key: &str| root.get(key).is_some_and(|value| matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_)));
    has("agent") || has("agents")
}

fn no_policy(root: &Table<'_>, notes: &mut Notes) {
    let place = ["agent", "agents"].iter().find_map(|key| root.get(key)).map_or(0..0, Spanned::span);
    let hint = "check it with `govern fleet FILE --plan`, which starts nothing";
    notes.refuse(&place, "this is a fleet file, not a policy: it has agents", hint);
}

/// The file has none of what fleets have, and something that only policies have.
fn is_a_policy(root: &Table<'_>) -> bool {
    let lists = root.get("budget").is_some_and(|value| matches!(value.get_ref(), DeValue::Array(_)));
    !is_a_fleet(root) && (lists || first_of_a_policy(root).is_some())
}

fn first_of_a_policy<'t>(root: &Table<'t>) -> Option<Entry<'t>> {
    const SHARED: [&str; 2] = ["version", "budget"];
    root.entries().into_iter().find(|entry| KEYS.known.contains(&entry.key.value) && !SHARED.contains(&entry.key.value))
}

/// Refuses a policy where a fleet file is meant.
pub(crate) fn no_fleet(root: &Table<'_>, notes: &mut Notes) -> bool {
    if !is_a_policy(root) {
        return false;
    }
    let place = first_of_a_policy(root).map(|entry| entry.key.span);
    let place = place.or_else(|| root.get("budget").map(Spanned::span)).unwrap_or(0..0);
    let hint = "a fleet has `[[agent]]`s, and `policy = \"FILE\"` for this one; check a policy with `govern policy check FILE`";
    notes.refuse(&place, "this is a policy, not a fleet file", hint);
    true
}

/// The file is a repository's, and may not say this: [`keys`] has told so.
fn is_closed(key: &str, notes: &Notes) -> bool {
    notes.layer() == Layer::Repository && CLOSED.iter().any(|(closed, _)| *closed == key)
}

/// The budget of a fleet file: the one thing of it that is a rule.
pub(super) fn fleet(root: &Table<'_>, notes: &mut Notes) -> Draft {
    if is_a_policy(root) {
        return Draft::default();
    }
    let Some(table) = root.table("budget", "{ limit = \"10 usd\" }", notes) else { return Draft::default() };
    let budget = budget::of_fleet(&table, notes);
    let observe = budget.as_ref().and_then(|draft| draft.rule.as_ref()).map(BudgetRule::observes);
    Draft { observe, budgets: budget.into_iter().collect(), ..Draft::default() }
}

/// No key and no text may hold what a terminal would obey when it is shown. Texts of the `prose` keys, which are not
/// shown, may have lines.
pub(crate) fn no_control_characters(table: &Table<'_>, prose: &[&str], notes: &mut Notes) {
    for entry in table.entries() {
        if entry.key.value.contains(char::is_control) {
            notes.refuse(&entry.key.span, "the key has control characters in it", "leave them out");
        }
        let lines = prose.contains(&entry.key.value);
        no_control_characters_in(entry.value, prose, lines, notes);
    }
}

fn no_control_characters_in(value: &Spanned<DeValue<'_>>, prose: &[&str], lines: bool, notes: &mut Notes) {
    let wrong = |c: char| c.is_control() && !(lines && matches!(c, '\n' | '\r' | '\t'));
    match value.get_ref() {
        DeValue::String(text) if text.contains(wrong) => {
            let hint = if notes.written(&value.span()).contains('\\') {
                "`\\b`, `\\t` and `\\n` are such in double quotes: write patterns in single quotes"
            } else if lines {
                "leave them out"
            } else {
                "leave them out, line breaks and tabs too: such a text needs none"
            };
            notes.refuse(&value.span(), "the text has control characters in it", hint);
        }
        DeValue::Array(items) => items.iter().for_each(|item| no_control_characters_in(item, prose, lines, notes)),
        DeValue::Table(entries) => no_control_characters(&Table::new(entries, value.span()), prose, notes),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

/// `version`, which every file begins with.
pub(crate) fn version(root: &Table<'_>, notes: &mut Notes) {
    let Some(value) = root.get("version") else {
        if !notes.partial {
            let message = format!("the {} does not say its `version`", notes.kind());
            notes.refuse(&(0..0), message, "begin it with `version = 1`");
        }
        return;
    };
    match value.get_ref() {
        DeValue::Integer(number) if number.as_str() == VERSION && number.radix() == 10 => {}
        DeValue::Integer(number) => notes.refuse(
            &value.span(),
            format!("this govern understands version {VERSION}, not {number}"),
            "write `version = 1`, or use a later govern",
        ),
        _ => wrong_type("version", value, WHOLE, VERSION, notes),
    }
}

/// `mode = "observe"` or `"enforce"`, of a file or a budget.
fn mode(table: &Table<'_>, notes: &mut Notes) -> Option<bool> {
    let text = table.text("mode", "\"observe\"", notes)?;
    choice(&text, "mode", &[("observe", true), ("enforce", false)], notes)
}

fn fresh_ledger(root: &Table<'_>, notes: &mut Notes) -> Option<FreshLedger> {
    if is_closed("ledger", notes) {
        return None;
    }
    let table = root.table("ledger", "{ fresh = \"warn\" }", notes)?;
    let table = table.only(&LEDGER, notes);
    let text = table.text("fresh", "\"warn\"", notes)?;
    choice(&text, "fresh", &[("warn", FreshLedger::Warn), ("refuse", FreshLedger::Refuse)], notes)
}

/// One of few words.
fn choice<T: Copy>(text: &Text<'_>, key: &str, choices: &[(&str, T)], notes: &mut Notes) -> Option<T> {
    let found = choices.iter().find(|(word, _)| *word == text.value).map(|(_, value)| *value);
    if found.is_none() {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let message = format!("`{}` is no value of `{key}`", text.value);
        notes.refuse(&text.span, message, suggest::hint(text.value, &words));
    }
    found
}

/// An amount, or a mistake.
pub(crate) fn quantity(text: &Text<'_>, notes: &mut Notes) -> Option<Quantity> {
    read_as(Quantity::parse, text, notes)
}

/// What a budget may come to, zero included, or a mistake.
fn limit(text: &Text<'_>, notes: &mut Notes) -> Option<Quantity> {
    read_as(Quantity::parse_limit, text, notes)
}

fn read_as(read: fn(&str) -> Result<Quantity, QuantityError>, text: &Text<'_>, notes: &mut Notes) -> Option<Quantity> {
    let wrong = |error: &QuantityError| {
        notes.refuse(&text.span, format!("`{}` {error}", text.value), quantity_hint(text.value))
    };
    read(text.value).inspect_err(wrong).ok()
}

/// A share of a plan's own limit, or a mistake.
fn plan_share(text: &Text<'_>, notes: &mut Notes) -> Option<PlanShare> {
    PlanShare::parse(text.value)
        .inspect_err(|error| notes.refuse(&text.span, format!("`{}` {error}", text.value), PLAN_HINT))
        .ok()
}

/// A text that names something: not empty, not endless.
pub(crate) fn name(text: &Text<'_>, key: &str, notes: &mut Notes) -> Option<String> {
    let wrong = if text.value.trim().is_empty() {
        "is empty"
    } else if text.value.chars().count() > 200 {
        "is longer than 200 characters"
    } else {
        return Some(text.value.trim().to_owned());
    };
    notes.refuse(&text.span, format!("`{key}` {wrong}"), "write a short text");
    None
}

/// The name of a rule, unlike that of any other of its kind. `of` is the kind.
fn unique_name(
    table: &Table<'_>,
    of: &str,
    is_new: impl Fn(&str) -> bool,
    notes: &mut Notes,
) -> Option<Placed<String>> {
    let example = match of {
        "gate" => "\"nothing is published unasked\"",
        "alert" => "\"burning fast\"",
        _ => "\"each run\"",
    };
    let Some(text) = table.text("name", example, notes) else {
        if table.get("name").is_none() {
            notes.refuse(&table.span, format!("the {of} has no `name`"), format!("add `name = {example}`"));
        }
        return None;
    };
    let name = name(&text, "name", notes)?;
    if name.starts_with("--") {
        let message = format!("`{name}` is the name of a {of} that a flag gives");
        notes.refuse(&text.span, message, "begin the name with something other than `--`");
        return None;
    }
    if !is_new(&name) {
        let message = format!("there are two {of}s named `{name}`");
        notes.refuse(&text.span, message, format!("give each {of} a name of its own"));
        return None;
    }
    Some(Placed { value: name, span: text.span })
}

/// Refuses what a repository's own file may not say.
fn untrusted(span: &Span, what: &str, notes: &mut Notes) {
    // Channels, persons, the page, the gateway and the admin key count in no file that a command line gives.
    let is_for_no_run =
        ["[notify", "[[person", "[serve", "[gateway", "[reconcile"].iter().any(|table| what.contains(table));
    let given = if is_for_no_run { "" } else { ", or give this file with `--policy`" };
    notes.refuse(
        span,
        format!("a repository's policy may not set {what}"),
        format!(
            "a cloned repository is not to be trusted with it: put it into your own policy (`govern init --user` writes \
             one, `govern init --template NAME` one for you, a team, CI){given}"
        ),
    );
}

/// What a budget without `steps` does; also that of a flag, with another last verb.
pub(super) fn default_steps(last: Option<Verb>) -> Vec<Step> {
    steps::default_steps(last)
}
