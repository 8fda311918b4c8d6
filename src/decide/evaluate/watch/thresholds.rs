//! Whether an agent is over the mark of an alert, and how that is said.

use super::*;
use crate::decide::agents::Agent;
use crate::decide::agents::lifecycle::State;
use crate::decide::agents::thread::{RECENT, Thread};
use crate::decide::message::{Moment, Phase};
use crate::model::{AlertName, PlanWindow, Quantity, Response, Timestamp, Unit};
use crate::policy::duration;
use crate::policy::plan::PlanMark;
use crate::policy::rate::Rate;
use crate::policy::rule::Trigger;
use std::time::Duration;

/// Why this trigger is over its mark for the agent, with the figures; `None` where it is not. A budget's pace is told
/// by its account, and what changed by prices.
pub(in crate::decide) fn over(agent: &Agent, trigger: &Trigger, now: Moment) -> Option<String> {
    let watch = &agent.watch;
    match trigger {
        Trigger::Rate { rate, over } => too_fast(agent, rate, *over, now.uptime),
        Trigger::Pace { .. } | Trigger::Request(_) | Trigger::Changed(_) => None,
        Trigger::Faster(share) => faster(agent, *share, now.uptime),
        Trigger::Without { spend, evidence } => {
            let spent = watch.since(*evidence, spend.unit);
            let since = if watch.spent.of(spend.unit) == spent { "" } else { "since the last ones, " };
            (spent >= spend.amount).then(|| format!("{since}{} spent without {evidence}", spend.unit.show(spent)))
        }
        Trigger::Failing(times) => {
            let streak = agent.progress.failing.as_ref().filter(|streak| streak.times >= *times)?;
            Some(format!("`{}` failed {} times in a row", streak.command, streak.times))
        }
        Trigger::Repeated(times) => {
            let streak = agent.progress.repeated.as_ref().filter(|streak| streak.times >= *times)?;
            Some(format!("`{}` was run {} times, and nothing changed", streak.command, streak.times))
        }
        Trigger::Context(share) => context(agent, *share),
        Trigger::CacheBelow(share) => cache(agent, *share),
        Trigger::Waiting(times) => (watch.waits >= *times).then(|| {
            format!("the last {} responses read from the cache, said next to nothing, and nothing changed", watch.waits)
        }),
        Trigger::Idle(time) => {
            let works = agent.state == State::Running
                && agent.turn_under_way()
                && !agent.threads.keys().any(|thread| agent.gate.keeps(thread));
            let idle = works && watch.until_idle(now.uptime, *time).is_none();
            idle.then(|| format!("nothing happened for {}", duration::show(now.uptime.saturating_sub(watch.heard))))
        }
        Trigger::Plan { window, share } => {
            let found = watch.plan.iter().find(|found| found.length == *window)?;
            let over = found.used >= *share && found.resets.is_none_or(|resets| resets > now.wall);
            over.then(|| {
                format!("{}% of the plan's {window} limit is used{}", tenths(found.used), resets(found, now.wall))
            })
        }
    }
}

/// How much of a plan's limit is used, against the budget that has this step: as budgets say it.
pub(in crate::decide) fn reached(agent: &Agent, step: PlanMark, name: &AlertName, now: Timestamp) -> Option<String> {
    let PlanMark { limit, at } = step;
    let found = agent.watch.plan.iter().find(|found| found.length == limit.window)?;
    let (used, resets) = (tenths(found.used), resets(found, now));
    let what = if found.used >= limit.share { "spent".to_owned() } else { format!("{}% reached", tenths(at)) };
    let (share, window) = (tenths(limit.share), limit.window);
    Some(format!("{used}% used of {share}% of the plan's {window} limit ({name}): {what}{resets}"))
}

/// `42.5`, `80`.
fn tenths(thousandths: u32) -> String {
    (f64::from(thousandths) / 10.0).to_string()
}

fn resets(window: &PlanWindow, now: Timestamp) -> String {
    let left = window.resets.and_then(|resets| (resets - now).to_std().ok());
    // Seconds say nothing about hours.
    let left = left.map(|left| Duration::from_secs(left.as_secs().div_ceil(60) * 60));
    left.map_or_else(String::new, |left| format!(", it begins anew in {}", duration::show(left)))
}

fn too_fast(agent: &Agent, rate: &Rate, over: Duration, now: Duration) -> Option<String> {
    let unit = rate.quantity.unit;
    let spent = agent.pace.spent(now, over, unit);
    let millis = |time: Duration| i128::try_from(time.as_millis()).unwrap_or(i128::MAX);
    let allowed = i128::from(rate.quantity.amount).saturating_mul(millis(over));
    (i128::from(spent).saturating_mul(millis(rate.per)) > allowed)
        .then(|| format!("{} in the last {} is more than {rate}", unit.show(spent), duration::show(over)))
}

/// More than this share of what an even pace would have used by now, as thousandths of a thousandth.
pub(in crate::decide) fn ahead(spent: i64, limit: i64, passed: i64, length: i64, share: u32) -> bool {
    let counted = i128::from(passed.max(length / START).min(length));
    let even = i128::from(limit).saturating_mul(counted).saturating_mul(i128::from(share));
    length > 0 && i128::from(spent).saturating_mul(i128::from(length)).saturating_mul(1000) > even
}

fn faster(agent: &Agent, share: u32, now: Duration) -> Option<String> {
    let registered = &agent.setup.registration;
    let minutes = registered.expected(Unit::Minutes)?;
    let responses = registered.expected(Unit::Responses).map(|amount| Quantity { unit: Unit::Responses, amount });
    let expected = registered.spend.or(responses)?;
    let spent = agent.watch.spent.of(expected.unit);
    let active = i64::try_from(agent.active(now).as_millis()).unwrap_or(i64::MAX);
    ahead(spent, expected.amount, active, minutes, share).then(|| {
        let (active, minutes) = (Unit::Minutes.show(active), Unit::Minutes.show(minutes));
        format!("{} spent in {active}, where {expected} in {minutes} were registered", expected.unit.show(spent))
    })
}

fn busy(agent: &Agent) -> impl Iterator<Item = &Thread> {
    agent.threads.values().filter(|thread| thread.phase != Phase::Idle)
}

fn context(agent: &Agent, share: u32) -> Option<String> {
    let used = |(id, thread): (_, &Thread)| {
        let window = *agent.progress.windows.get(id)?;
        let input = thread.recent().last().filter(|_| thread.phase != Phase::Idle)?.tokens.input;
        let is_over = u128::from(input) * 1000 >= u128::from(window) * u128::from(share);
        is_over.then_some((input, window))
    };
    let (input, window) = agent.threads.iter().filter_map(used).max()?;
    let tok = |count: u64| crate::model::quantity::short_count(i64::try_from(count).unwrap_or(i64::MAX));
    Some(format!("the last request read {} of the {} tokens that the model can", tok(input), tok(window)))
}

fn cache(agent: &Agent, share: u32) -> Option<String> {
    busy(agent).find_map(|thread| {
        let recent: Vec<&Response> = thread.recent().collect();
        let (cached, input) = recent.iter().fold((0_u128, 0_u128), |(cached, input), response| {
            (cached + u128::from(response.tokens.cached_input), input + u128::from(response.tokens.input))
        });
        let is_below = recent.len() >= RECENT && input > 0 && cached * 1000 < input * u128::from(share);
        is_below.then(|| {
            let percent = cached * 100 / input.max(1);
            format!("{percent}% of the input of the last {RECENT} requests came from the cache")
        })
    })
}
