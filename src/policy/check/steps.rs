//! What a budget does at shares of its limit: each step, then their order.

use std::time::Duration;

use toml::de::DeValue;

use crate::model::{Quantity, Unit, Verb};
use crate::policy::duration::{self, DURATION_HINT};
use crate::policy::mistake::{Notes, Span};
use crate::policy::percent;
use crate::policy::rule::{May, Step, Threshold};
use crate::policy::show;
use crate::policy::suggest;
use crate::policy::table::{Keys, Placed, Table, Text, wrong_type};

use super::decide::{self, MayDraft};
use super::meant;
use super::step_words::{VERBS, rate, unit_in_words};

const KEYS: Keys = Keys {
    of: "a step",
    known: &["at", "do", "say", "to", "wait", "else", "wrap_up", "may", "max_extend"],
    later: &[],
};

const DECIDE: &str = "decide";

/// The most steps of a budget.
pub(super) const MOST_STEPS: usize = 50;

const DEFAULT_WAIT: Duration = Duration::from_secs(30 * 60);
const AT_HINT: &str = "write a share of the limit, such as `80%`, or what is left of it, such as `20 usd left`";

/// What the steps are checked against: as much of their budget as is known.
pub(super) struct Limits {
    /// The unit, if the limit could be read.
    pub(super) unit: Option<Unit>,
    /// All limits of the budget.
    pub(super) amounts: Vec<i64>,
    /// How far past the limit spend may go, in thousandths.
    pub(super) grace: u32,
}

/// A step and its places.
pub(super) struct StepDraft {
    step: Step,
    at: Span,
    verb: Span,
    /// Where it wants a model ladder.
    routes: Vec<Span>,
    /// Where it wants a pool.
    extend: Option<Span>,
}

/// The steps, as far as they are right.
pub(super) struct Checked {
    /// In order of severity.
    pub(super) steps: Vec<Step>,
    /// Where they want a model ladder.
    pub(super) routes: Vec<Span>,
    /// Where they want a pool.
    pub(super) extends: Vec<Span>,
}

/// What a step says that it does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Do(Verb),
    Decide,
}

/// What a budget without `steps` does; `last` at the limit, where somebody typed it for this run.
pub(super) fn default_steps(last: Option<Verb>) -> Vec<Step> {
    let insists = last == Some(Verb::Ask);
    let last = last.unwrap_or(Verb::Ask);
    let step = |share, verb| Step {
        at: Threshold::Share(share),
        verb,
        may: None,
        say: None,
        to: None,
        wait: DEFAULT_WAIT,
        otherwise: Verb::Stop,
        wrap_up: None,
        insists,
    };
    let warn = (last > Verb::Warn).then(|| step(800, Verb::Warn));
    warn.into_iter().chain([step(1000, last)]).collect()
}

/// The limit itself, in thousandths of it.
const LIMIT: u32 = 1000;

/// What happens at shares of an allotment where nobody said it: the governor decides.
pub(super) fn of_allotments() -> Vec<Step> {
    let verbs = vec![Verb::Route, Verb::Ask, Verb::Stop];
    let may = May { extend: true, verbs, max_extend: None, to: None };
    let step = |share| Step {
        at: Threshold::Share(share),
        verb: may.severest(),
        may: Some(may.clone()),
        say: None,
        to: None,
        wait: DEFAULT_WAIT,
        otherwise: Verb::Stop,
        wrap_up: None,
        insists: false,
    };
    vec![step(800), step(1000)]
}

/// Reads `steps`; without them there are those that `unsaid` gives.
pub(super) fn check(
    table: &Table<'_>,
    limits: &Limits,
    unsaid: impl FnOnce() -> Vec<Step>,
    notes: &mut Notes,
) -> Checked {
    let Some(list) = table.one_or_more("steps", MOST_STEPS, notes) else {
        return Checked { steps: unsaid(), routes: Vec::new(), extends: Vec::new() };
    };
    if list.value.is_empty() {
        let shares: Vec<String> = unsaid().iter().map(|step| show::step_in_words(step, Unit::Usd)).collect();
        let hint = format!("leave `steps` out for {}", shares.join(" and "));
        notes.refuse(&list.span, "`steps` is empty: nothing would happen at the limit", hint);
    }
    let mut drafts = Vec::new();
    for item in list.value {
        match item.get_ref() {
            DeValue::Table(entries) => drafts.extend(one(&Table::new(entries, item.span()), limits, notes)),
            _ => wrong_type("steps", item, "a list of tables", "[{ at = \"80%\", do = \"warn\" }]", notes),
        }
    }
    if order(&drafts, notes) {
        never_fires(&drafts, limits, notes);
    }
    let routes = drafts.iter().flat_map(|draft| draft.routes.clone()).collect();
    let extends = drafts.iter().filter_map(|draft| draft.extend.clone()).collect();
    Checked { steps: drafts.into_iter().map(|draft| draft.step).collect(), routes, extends }
}

/// Where the last step that asks or ends stands before the limit, the limit itself is kept by the same: no request that would
/// pass it is started although that step is not reached yet, or was answered. (Past an allotment the whole budget binds.)
/// Where none does, and the limit is met by a route or left to a governor that may do no more than that, what would pass it
/// is asked about: a limit that the bottom of the ladder may pass without end would be none. A budget that tells models apart
/// (`by_model`) is left by a route.
pub(super) fn keep_the_limit(steps: &mut Vec<Step>, by_model: bool) {
    let before = |step: &Step| match step.at {
        Threshold::Share(share) => share < LIMIT,
        Threshold::Left(left) => left > 0,
    };
    let goes_on = |step: &Step| step.verb == Verb::Route || step.may.is_some();
    let kept = match steps.iter().rposition(|step| step.verb.is_hard()) {
        Some(last) => steps.get(last).filter(|step| before(step)).cloned(),
        None if !by_model && steps.iter().any(|step| goes_on(step) && !before(step)) => default_steps(None).pop(),
        None => None,
    };
    let Some(step) = kept else { return };
    let place = steps.iter().position(|step| matches!(step.at, Threshold::Share(share) if share > LIMIT));
    steps.insert(place.unwrap_or(steps.len()), Step { at: Threshold::Share(LIMIT), ..step });
}

fn one(table: &Table<'_>, limits: &Limits, notes: &mut Notes) -> Option<StepDraft> {
    let table = &table.only(&KEYS, notes);
    let at_text = required(table, STEP, "at", "\"80%\"", notes);
    let at = at_text.as_ref().and_then(|text| threshold(text, limits, notes));
    let deed = required(table, STEP, "do", "\"warn\"", notes);
    let doing = deed.and_then(|text| Some(Placed { value: self::deed(&text, notes)?, span: text.span }));
    let at = at.zip(at_text).map(|(value, text)| Placed { value, span: text.span });
    let stops = doing.as_ref().is_some_and(|doing| doing.value == Deed::Do(Verb::Stop));
    let wrap_up = wrap_up(table, stops, limits, notes);
    let mut draft = act(table, STEP, (at, doing), limits.unit, notes)?;
    draft.step.wrap_up = wrap_up?;
    Some(draft)
}

/// What a stop lets be spent first to commit and sum up; `None`: what is written there is wrong.
fn wrap_up(table: &Table<'_>, stops: bool, limits: &Limits, notes: &mut Notes) -> Option<Option<i64>> {
    let Some(text) = table.text("wrap_up", "\"0.20 usd\"", notes) else {
        return table.get("wrap_up").is_none().then_some(None);
    };
    if !stops {
        let message = "`wrap_up` goes with `do = \"stop\"`: nothing else ends an agent that could sum up first";
        notes.refuse(&text.span, message, "leave `wrap_up` out, or write `do = \"stop\"`");
        return None;
    }
    let more = super::quantity(&text, notes)?;
    if let Some(unit) = limits.unit.filter(|unit| *unit != more.unit) {
        let message = format!("`wrap_up` is {more}, and the budget counts {}", unit_in_words(unit));
        notes.refuse(&text.span, message, "write how much more of the same may be used");
        return None;
    }
    if limits.amounts.iter().any(|limit| more.amount > *limit) {
        let message = "`wrap_up` is more than the limit itself";
        notes.warn(&text.span, message, "what it takes to commit and sum up is little: a few answers");
    }
    Some(Some(more.amount))
}

/// What an alert, or a step of a plan's own limit, does, and where that wants a model ladder. Neither has a share of a
/// budget at which it would, nor anything that a governor could choose.
pub(super) fn of_alert(table: &Table<'_>, doer: Doer, notes: &mut Notes) -> Option<(Step, Vec<Span>)> {
    let text = required(table, doer, "do", "\"warn\"", notes);
    let doing = text.and_then(|text| Some(Placed { value: Deed::Do(verb(&text, doer, notes)?), span: text.span }));
    let at = Some(Placed { value: Threshold::Share(1000), span: table.span.clone() });
    let draft = act(table, doer, (at, doing), None, notes)?;
    Some((draft.step, draft.routes))
}

/// Who does what `do` says, and what that can be.
#[derive(Clone, Copy)]
pub(super) struct Doer {
    /// As messages call one of its kind.
    pub(super) of: &'static str,
    /// As they call this one.
    pub(super) this: &'static str,
    /// The words, those that are not [`VERBS`] included.
    pub(super) words: &'static [&'static str],
}

const STEP: Doer = Doer {
    of: "a step",
    this: "the step",
    words: &["warn", "steer", "throttle", "route", "ask", "stop", "kill", DECIDE],
};

fn act(
    table: &Table<'_>,
    doer: Doer,
    (at, doing): (Option<Placed<Threshold>>, Option<Placed<Deed>>),
    unit: Option<Unit>,
    notes: &mut Notes,
) -> Option<StepDraft> {
    let deed = doing.as_ref().map(|doing| doing.value);
    let chosen = if deed == Some(Deed::Decide) { decide::check(table, unit, notes) } else { None };
    let wait = table.text("wait", "\"30m\"", notes);
    let otherwise = table.text("else", "\"stop\"", notes);
    let say = table.text("say", "\"commit what works\"", notes);
    let to = table.text("to", "\"4 responses/m\"", notes);
    if let Some(deed) = deed {
        let may = chosen.as_ref().map(|draft| &draft.may);
        let keys = [("wait", Verb::Ask), ("else", Verb::Ask), ("say", Verb::Steer), ("to", Verb::Throttle)];
        keys.into_iter().for_each(|(key, of)| goes_with(table, (key, of), deed, may, notes));
        if let Deed::Do(verb) = deed {
            ["may", "max_extend"].into_iter().for_each(|key| only_decides(table, key, verb, notes));
        }
    }
    let say = say.map_or(Some(None), |text| super::name(&text, "say", notes).map(Some));
    let to =
        if deed == Some(Deed::Do(Verb::Throttle)) { rate(table, doer.this, to, notes).map(Some) } else { Some(None) };
    let wait = wait.map_or(Some(DEFAULT_WAIT), |text| self::wait(&text, notes));
    let otherwise_span = otherwise.as_ref().map(|text| text.span.clone());
    let otherwise = otherwise.map_or(Some(Verb::Stop), |text| self::otherwise(&text, notes));
    let Placed { value: at, span: at_span } = at?;
    let Placed { value: deed, span: verb_span } = doing?;
    let (verb, may, routes, extend) = match deed {
        Deed::Do(verb) => (verb, None, (verb == Verb::Route).then(|| verb_span.clone()), None),
        Deed::Decide => {
            let MayDraft { may, route, extend } = chosen?;
            (may.severest(), Some(may), route, extend)
        }
    };
    let otherwise_routes = otherwise_span.filter(|_| otherwise == Some(Verb::Route));
    let routes = routes.into_iter().chain(otherwise_routes).collect();
    let (say, to, wait, otherwise) = (say?, to?, wait?, otherwise?);
    let step = Step { at, verb, may, say, to, wait, otherwise, wrap_up: None, insists: false };
    Some(StepDraft { step, at: at_span, verb: verb_span, routes, extend })
}

/// Refuses a key of a verb that the step does not have, and cannot come to.
fn goes_with(table: &Table<'_>, (key, of): (&str, Verb), deed: Deed, may: Option<&May>, notes: &mut Notes) {
    let Some(value) = table.get(key) else { return };
    match (deed, may) {
        (Deed::Do(verb), _) if verb != of => {
            let message = format!("`{key}` goes with `do = \"{of}\"`, not with `{verb}`");
            notes.refuse(&value.span(), message, format!("leave `{key}` out, or write `do = \"{of}\"`"));
        }
        (Deed::Decide, Some(may)) if !may.has(of) => {
            let message = format!("`{key}` goes with `{of}`, which `may` leaves out");
            notes.refuse(&value.span(), message, format!("leave `{key}` out, or add `{of}` to `may`"));
        }
        (Deed::Do(_) | Deed::Decide, _) => {}
    }
}

fn only_decides(table: &Table<'_>, key: &str, verb: Verb, notes: &mut Notes) {
    if let Some(value) = table.get(key) {
        let message = format!("`{key}` goes with `do = \"{DECIDE}\"`, not with `{verb}`");
        notes.refuse(&value.span(), message, format!("leave `{key}` out, or write `do = \"{DECIDE}\"`"));
    }
}

pub(super) fn required<'t>(
    table: &Table<'t>,
    doer: Doer,
    key: &str,
    example: &str,
    notes: &mut Notes,
) -> Option<Text<'t>> {
    if table.get(key).is_none() {
        notes.refuse(&table.span, format!("{} has no `{key}`", doer.this), format!("add `{key} = {example}`"));
    }
    table.text(key, example, notes)
}

fn threshold(text: &Text<'_>, limits: &Limits, notes: &mut Notes) -> Option<Threshold> {
    if text.value.trim_end().ends_with('%') {
        return match percent::parse(text.value) {
            Ok(share) => Some(Threshold::Share(share)),
            Err(error) => {
                notes.refuse(&text.span, format!("`{}` {error}", text.value), AT_HINT);
                None
            }
        };
    }
    let Some(amount) = text.value.trim_end().strip_suffix("left").map(str::trim_end) else {
        notes.refuse(&text.span, format!("`{}` does not say when", text.value), when(text.value));
        return None;
    };
    if let Ok(share) = percent::parse(amount) {
        let hint = match share {
            ..1000 => format!("write `{}`: shares are of what is spent", percent::show(1000 - share)),
            _ => AT_HINT.to_owned(),
        };
        notes.refuse(&text.span, format!("`{}` is a share, and no amount", text.value), hint);
        return None;
    }
    if Quantity::parse_limit(amount).is_ok_and(|left| left.amount == 0) {
        let message = format!("`{}` is the limit itself", text.value);
        notes.refuse(&text.span, message, "write `100%`");
        return None;
    }
    let left = super::quantity(&Placed { value: amount, span: text.span.clone() }, notes)?;
    fits(&left, text, limits, notes).then_some(Threshold::Left(left.amount))
}

/// What to write instead of a text that does not say when.
fn when(text: &str) -> String {
    let trimmed = text.trim();
    let number = ["percent", "per cent", "pct"].into_iter().find_map(|word| trimmed.strip_suffix(word));
    let share = number.unwrap_or(trimmed).trim_end();
    // `0.8` and `.8` are shares, too.
    let tenths = share.strip_prefix("0.").or_else(|| share.strip_prefix('.')).filter(|_| number.is_none());
    let share = match tenths {
        Some(tenths) if tenths.len() <= 2 => format!("{tenths:0<2}").trim_start_matches('0').to_owned(),
        Some(_) | None => share.to_owned(),
    };
    if percent::parse(&format!("{share}%")).is_ok() {
        return format!("write `{share}%`");
    }
    let amount = ["remaining", "remain", "remains"].into_iter().find_map(|word| trimmed.strip_suffix(word));
    let amount = amount.unwrap_or(trimmed).trim_end();
    if Quantity::parse(amount).is_ok() {
        return format!("write `{amount} left`, or a share of the limit, such as `80%`");
    }
    match trimmed {
        "limit" | "the limit" | "end" | "max" | "full" => "write `100%`".to_owned(),
        _ => AT_HINT.to_owned(),
    }
}

/// What is left must be of the limit's unit, and less than the limit.
fn fits(left: &Quantity, text: &Text<'_>, limits: &Limits, notes: &mut Notes) -> bool {
    if let Some(unit) = limits.unit.filter(|unit| *unit != left.unit) {
        let message = format!("`{}` is not of the limit's unit, {}", text.value, unit_in_words(unit));
        notes.refuse(&text.span, message, AT_HINT);
        return false;
    }
    let least = limits.amounts.iter().copied().min();
    if limits.amounts.iter().any(|limit| left.amount < *limit) || limits.amounts.is_empty() {
        if let Some(least) = least.filter(|least| left.amount >= *least) {
            let message = format!("this holds from the start where the limit is {}", left.unit.show(least));
            notes.warn(&text.span, message, "a share, such as `80%`, fits every limit");
        }
        return true;
    }
    let message = format!("`{}` holds from the start: the limit is {}", text.value, left.unit.show(least.unwrap_or(0)));
    notes.refuse(&text.span, message, "leave less than the limit, or write a share such as `80%`");
    false
}

fn deed(text: &Text<'_>, notes: &mut Notes) -> Option<Deed> {
    if text.value == DECIDE {
        return Some(Deed::Decide);
    }
    if text.value == "extend" {
        let message = "`extend` is no step of its own: the governor chooses it where that helps";
        notes.refuse(&text.span, message, "write `do = \"decide\", may = [\"extend\", \"ask\"]`");
        return None;
    }
    verb(text, STEP, notes).map(Deed::Do)
}

fn verb(text: &Text<'_>, doer: Doer, notes: &mut Notes) -> Option<Verb> {
    let found = VERBS.into_iter().find(|verb| verb.as_str() == text.value);
    if found.is_none() {
        let Doer { of, words, .. } = doer;
        let message = format!("`{}` is nothing that {of} can do", text.value);
        let hint = match meant::step(text.value).filter(|verb| words.contains(verb)) {
            Some(verb) if text.value == "deny" => {
                format!("write `{verb}`, or `ask`: `deny` is what a `[[gate]]` does to single calls")
            }
            Some(verb) => format!("write `{verb}`; known are {}", suggest::list(words)),
            None => suggest::hint(text.value, words),
        };
        notes.refuse(&text.span, message, hint);
    }
    found
}

fn otherwise(text: &Text<'_>, notes: &mut Notes) -> Option<Verb> {
    if matches!(text.value, "warn" | "steer" | "throttle" | "ask") {
        let message = format!("`else = \"{}\"` would leave the agent held without an end", text.value);
        notes.refuse(&text.span, message, "write `route`, `stop` or `kill`");
        return None;
    }
    verb(text, Doer { words: &["route", "stop", "kill"], ..STEP }, notes)
}

fn wait(text: &Text<'_>, notes: &mut Notes) -> Option<Duration> {
    match duration::parse(text.value) {
        Ok(wait) => Some(wait),
        Err(error) => {
            notes.refuse(&text.span, format!("`{}` {error}", text.value), DURATION_HINT);
            None
        }
    }
}

/// Steps must be listed from mild to severe. Warning, routing and asking may come more than once.
fn order(drafts: &[StepDraft], notes: &mut Notes) -> bool {
    let mut in_order = true;
    for (earlier, later) in drafts.iter().zip(drafts.iter().skip(1)) {
        let (before, after) = (earlier.step.verb, later.step.verb);
        if before > after {
            let (after, before) = (in_words(&later.step), in_words(&earlier.step));
            let message = format!("{after} comes after {before}, which is more severe");
            let hint = "within a window steps only get more severe: list warn, steer, throttle, route, ask, stop, kill in this order";
            notes.refuse(&later.verb, message, hint);
            in_order = false;
        } else if later.step.may.is_some() && earlier.step.may.is_none() && before.is_hard() {
            let message = format!(
                "`{DECIDE}` comes after `{before}`, which holds or ends the agent before there is anything to choose"
            );
            notes.refuse(&later.verb, message, format!("list `{DECIDE}` before it, or add `{before}` to `may`"));
            in_order = false;
        }
    }
    in_order
}

fn in_words(step: &Step) -> String {
    match step.may {
        Some(_) => format!("`{DECIDE}` (up to `{}`)", step.verb),
        None => format!("`{}`", step.verb),
    }
}

/// Warns of steps that others, or the limit itself, keep from ever firing.
fn never_fires(drafts: &[StepDraft], limits: &Limits, notes: &mut Notes) {
    for (index, draft) in drafts.iter().enumerate() {
        let earlier = drafts.get(..index).unwrap_or_default();
        let later = drafts.get(index + 1..).unwrap_or_default();
        let ends = |step: &Step| step.may.is_none() && step.verb >= Verb::Stop;
        let ended = earlier.iter().find(|other| ends(&other.step) && other.step.verb == draft.step.verb);
        let overtaken = later.iter().find(|other| overtakes(other, draft, limits));
        if let Some(other) = ended {
            let message = format!("this step can never fire: `{}` has ended the agent before", other.step.verb);
            notes.warn(&draft.verb, message, "leave one of them out");
        } else if let Some(other) = overtaken {
            let message = format!("this step can never fire: `{}` always comes first", other.step.verb);
            let hint = if draft.step.verb == Verb::Ask && other.step.at == draft.step.at {
                format!("leave `{0}` out, and write `else = \"{0}\"` into the question", other.step.verb)
            } else {
                "give the milder step the lower share".to_owned()
            };
            notes.warn(&draft.at, message, hint);
        } else if let Threshold::Share(share) = draft.step.at
            && share > 1000 + limits.grace
        {
            past_the_limit(draft, earlier, notes);
        }
    }
}

fn past_the_limit(draft: &StepDraft, earlier: &[StepDraft], notes: &mut Notes) {
    match earlier.iter().find(|other| other.step.verb.is_hard()) {
        Some(other) => {
            let message = format!("this step can never fire: `{}` keeps spend from going so far", other.step.verb);
            notes.warn(&draft.at, message, "write `100%` or less, or let turns finish with `grace`");
        }
        None => notes.warn(
            &draft.at,
            "this step comes after the limit: spend up to it is let past",
            "write `100%` or less, or raise the limit",
        ),
    }
}

/// Warns of steps after which the limit itself is passed unheeded.
pub(super) fn nothing_at_the_limit(table: &Table<'_>, steps: &[Step], notes: &mut Notes) {
    let Some(written) = table.get("steps").filter(|_| !steps.is_empty()) else { return };
    let at_limit = |step: &Step| matches!(step.at, Threshold::Share(share) if share >= 1000);
    let slows = |step: &Step| matches!(step.verb, Verb::Steer | Verb::Throttle);
    let acts = |step: &Step| step.verb.is_hard() || step.may.is_some() || (at_limit(step) && !slows(step));
    if !steps.iter().any(acts) {
        let message = "nothing is done at the limit itself: no step asks or stops";
        let hint = "add `{ at = \"100%\", do = \"stop\" }`, or `{ at = \"100%\", do = \"warn\" }` if a warning is all";
        notes.warn(&written.span(), message, hint);
    }
}

/// The more severe step comes first under every limit of the budget, or in the same moment; or it is the same step twice.
/// A route is tried before an end at the same mark, and a governor chooses.
fn overtakes(severer: &StepDraft, milder: &StepDraft, limits: &Limits) -> bool {
    let chosen = severer.step.may.is_some() || milder.step.may.is_some();
    let wins = severer.step.verb > milder.step.verb && milder.step.verb != Verb::Route && !chosen;
    let same = severer.step.verb == milder.step.verb || wins;
    let earlier = |limit: i64| {
        let (first, second) = (severer.step.at.amount(limit), milder.step.at.amount(limit));
        first < second || (same && first == second)
    };
    match (severer.step.at, milder.step.at) {
        // Shares compare so under any limit, also one that could not be read.
        (Threshold::Share(first), Threshold::Share(second)) if first <= second => first < second || same,
        // Of a few, two shares may be the same whole number.
        (Threshold::Share(_), Threshold::Share(_)) => {
            wins && !limits.amounts.is_empty() && limits.amounts.iter().all(|limit| earlier(*limit))
        }
        (Threshold::Left(_), _) | (_, Threshold::Left(_)) => {
            !limits.amounts.is_empty() && limits.amounts.iter().all(|limit| earlier(*limit))
        }
    }
}
