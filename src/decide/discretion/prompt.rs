//! What a governor model is asked, and what its answer is worth.
//!
//! No agent talks to it: a question holds figures, words of this file and the policy's own ladder, and nothing that an
//! agent wrote, not even its commands. An answer chooses among what it was offered, or is worth nothing: it is judged by
//! the policy and by how things stand when it comes, not by what it says.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::event::{Chosen, Course};
use crate::model::{Quantity, Streak, Unit, Verb};
use crate::policy::rule::May;
use crate::policy::verdict::Standing;

use crate::decide::discretion::rule::{Facts, LATELY};
use crate::decide::message::Prompt;

/// An answer is a line; more is none.
const MOST_BYTES: usize = 4_096;

/// How much of its reason is kept, in characters.
const MOST_REASON: usize = 200;

const TASK: &str = "You advise `govern`, which keeps coding agents within a budget. One of them has come to a step of \
    its budget at which more than one thing can be done. Choose one of `choices`, as a careful lead would: an agent that \
    gets somewhere is worth money, one that goes in circles is not, and a person's time costs more than a few cents. \
    `rule` is what a fixed rule would choose; follow it unless the figures speak against it. \
    All there is to know stands below: run no command, read no file, ask nothing. \
    Answer with the JSON that was asked for: `choice`; `amount` with its unit, such as \"0.4usd\", for `extend` \
    alone, within its bounds, else null; `reason`: one sentence of at most 200 characters with the figures that decided.";

/// What a model chose, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::decide) struct Opinion {
    pub(in crate::decide) what: Course,
    pub(in crate::decide) reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    choice: String,
    amount: Option<String>,
    reason: String,
}

/// What may be chosen here, an extension by as much as there is to give. Below the limit nobody is ended on a model's
/// word.
pub(in crate::decide) fn offers(facts: &Facts, may: &May) -> Vec<Course> {
    let verbs: &[Verb] = match facts.strict {
        false => &[Verb::Steer, Verb::Throttle, Verb::Route, Verb::Ask],
        true => &[Verb::Route, Verb::Ask, Verb::Stop, Verb::Kill],
    };
    let can = |verb: &Verb| may.has(*verb) && facts.floor.is_none_or(|floor| *verb >= floor) && facts.allows(*verb);
    let go_on = (!facts.strict).then_some(Course::GoOn);
    let extend = most(facts, may).map(|amount| Course::Extend { amount });
    let acts = verbs.iter().copied().filter(can).map(|verb| Course::Act { verb });
    go_on.into_iter().chain(extend).chain(acts).collect()
}

/// By how much an allotment can rise, where that is enough.
fn most(facts: &Facts, may: &May) -> Option<i64> {
    let stock = facts.pool.filter(|_| may.extend)?;
    let most = may.max_extend.map_or(stock.size, |most| most.amount.min(stock.size));
    (most > 0 && most >= facts.needed).then_some(most)
}

/// Puts the question.
pub(in crate::decide) fn question(facts: &Facts, standing: &Standing, rule: &Chosen, offers: &[Course]) -> Prompt {
    let words: Vec<&str> = offers.iter().map(|course| word(*course)).collect();
    let schema = json!({
        "type": "object",
        "properties": {
            "choice": { "type": "string", "enum": words },
            "amount": { "type": ["string", "null"] },
            "reason": { "type": "string" },
        },
        "required": ["choice", "amount", "reason"],
        "additionalProperties": false,
    });
    let text = format!("{TASK}\n\n{}", figures(facts, standing, rule, offers));
    Prompt { text, schema: schema.to_string() }
}

fn figures(facts: &Facts, standing: &Standing, rule: &Chosen, offers: &[Course]) -> Value {
    let amount = |amount: i64| facts.unit.typed(amount);
    let ago = |at: Option<Duration>| at.map(|at| facts.uptime.saturating_sub(at).as_secs() / 60);
    let progress = &facts.progress;
    let times = |streak: &Option<Streak>| streak.as_ref().map_or(0, |streak| streak.times);
    let requests = facts.growth.map(|growth| {
        let cached = growth.cached / 10;
        json!({ "first_read_tokens": growth.first, "last_read_tokens": growth.last, "last_cached_percent": cached })
    });
    let cheaper = facts.cheaper.as_ref().map(|cheaper| {
        let model = cheaper.model.as_str();
        json!({ "model": model, "saves_percent": cheaper.saves / 10, "next_request_fits": cheaper.fits })
    });
    let choices = offers.iter().map(|course| choice(*course, facts)).collect::<Vec<_>>();
    json!({
        "at_the_limit": facts.strict,
        "spent": amount(standing.spent),
        "limit": amount(standing.limit),
        "next_requests": amount(standing.reserved),
        "minutes": facts.uptime.as_secs() / 60,
        "spent_per_minute": facts.rate.map(amount),
        "declared_per_minute": facts.declared.map(amount),
        "progress": {
            "files_changed": progress.changes.len(),
            "files_changed_in_last_5_minutes": progress.files_changed_since(facts.uptime.saturating_sub(LATELY)),
            "minutes_since_last_change": ago(progress.changed_at()),
            "commits": progress.commits,
            "test_runs": progress.tests,
            "minutes_since_last_test": ago(progress.tested_at),
            "commands": progress.commands,
            "same_command_without_a_change": times(&progress.repeated),
            "same_command_failed_in_a_row": times(&progress.failing),
        },
        "requests": requests,
        "cheaper_model": cheaper,
        "priority_of_0_to_9": facts.priority.to_string(),
        "agents_that_wait_for_it": facts.waiting,
        "choices": choices,
        "rule": choice(rule.what, facts),
    })
}

fn choice(course: Course, facts: &Facts) -> Value {
    let what = word(course);
    match course {
        Course::Extend { amount } => {
            json!({ "choice": what, "at_least": facts.unit.typed(facts.needed), "at_most": facts.unit.typed(amount) })
        }
        Course::GoOn | Course::Act { .. } => json!({ "choice": what }),
    }
}

fn word(course: Course) -> &'static str {
    match course {
        Course::GoOn => "go_on",
        Course::Extend { .. } => "extend",
        Course::Act { verb } => verb.as_str(),
    }
}

/// What was answered, where that is among what may be chosen now.
///
/// # Errors
/// The opinion, as far as it could be understood, and why it is worth nothing.
pub(in crate::decide) fn judge(text: &str, facts: &Facts, may: &May) -> Result<Opinion, (Option<Opinion>, String)> {
    let broken = || (None, "its answer is not of the form that was asked for".to_owned());
    let answer: Answer = match text.len() <= MOST_BYTES {
        true => serde_json::from_str(text).map_err(|_| broken())?,
        false => return Err(broken()),
    };
    let offers = offers(facts, may);
    let reason = plain(&answer.reason);
    let what = match answer.choice.as_str() {
        "extend" => Course::Extend { amount: quantity(answer.amount.as_deref(), facts.unit).ok_or_else(broken)? },
        choice => known(choice).ok_or_else(broken)?,
    };
    let opinion = Opinion { what, reason };
    let found = offers.iter().find(|offer| word(**offer) == word(what));
    let show = |amount: i64| facts.unit.show(amount);
    let why = match (found, what) {
        (None, _) => format!("`{}` is nothing that may be chosen here", word(what)),
        (Some(Course::Extend { amount: most }), Course::Extend { amount }) if amount > *most => {
            format!("{} is more than the {} that may be given", show(amount), show(*most))
        }
        (Some(_), Course::Extend { amount }) if amount < facts.needed => {
            format!("{} is less than the {} that is needed", show(amount), show(facts.needed))
        }
        (Some(_), _) => return Ok(opinion),
    };
    Err((Some(opinion), why))
}

fn known(choice: &str) -> Option<Course> {
    let verbs = [Verb::Steer, Verb::Throttle, Verb::Route, Verb::Ask, Verb::Stop, Verb::Kill];
    let acts = verbs.map(|verb| Course::Act { verb });
    std::iter::once(Course::GoOn).chain(acts).find(|course| word(*course) == choice)
}

fn quantity(text: Option<&str>, unit: Unit) -> Option<i64> {
    Quantity::parse(text?).ok().filter(|quantity| quantity.unit == unit).map(|quantity| quantity.amount)
}

/// One short line, whatever it was.
fn plain(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let kept: String = words.chars().take(MOST_REASON).collect();
    kept.trim_end_matches('.').to_owned()
}
