//! What is not as it was in an agent's last runs, without anybody having asked for it: its model, or what that costs.

use crate::decide::agents::Agent;
use crate::decide::context::Context;
use crate::model::{Cost, Money};
use crate::policy::rule::Change;

/// A price that differs by less than one in so many is the same: rounding alone may differ by as much.
const LEAST: i64 = 100;

/// In what way, with the figures; `None`: it did not, or nothing is known of earlier runs.
pub(in crate::decide) fn since_its_last_runs(cx: &Context<'_>, agent: &Agent, change: Change) -> Option<String> {
    match change {
        Change::Model => model(cx, agent),
        Change::Price => price(cx, agent),
    }
}

/// The root thread is answered by a model by which none of the last runs began; one that govern routed to was asked for.
fn model(cx: &Context<'_>, agent: &Agent) -> Option<String> {
    let last = agent.threads.get(agent.root.as_ref()?)?.recent().last()?;
    let model = last.model.as_ref()?;
    let is_routed = agent.routed.as_ref().is_some_and(|rung| rung.model == *model);
    if is_routed || agent.firsts.iter().any(|first| first.model.as_ref() == Some(model)) {
        return None;
    }
    let before = agent.firsts.iter().find_map(|first| first.model.as_ref())?;
    let costs = last.cost.money().zip(cx.quoted(before, last).money());
    let factor = costs.and_then(|(now, then)| times(now, then));
    let factor = factor.map(|factor| format!("; the same work costs {factor}")).unwrap_or_default();
    Some(format!("`{model}` answers, where `{before}` did in its last runs{factor}"))
}

/// What its last runs' first answers cost then, and what the same tokens cost by the prices that hold today.
fn price(cx: &Context<'_>, agent: &Agent) -> Option<String> {
    let last = agent.threads.get(agent.root.as_ref()?)?.recent().last()?;
    let model = last.model.as_ref()?;
    let (mut then, mut now, mut answers) = (Money::ZERO, Money::ZERO, 0_u64);
    for first in agent.firsts.iter().filter(|first| first.model.as_ref() == Some(model)) {
        let today = (cx.fixed.quote)(model, &first.tier, cx.now.wall, &first.tokens);
        // A stand-in tells nothing of how prices went.
        let (Cost::Priced(paid), Cost::Priced(today)) = (first.cost, today) else { continue };
        (then, now, answers) = (then + paid, now + today, answers.saturating_add(1));
    }
    let differs = (now.nanos().saturating_sub(then.nanos())).saturating_abs().saturating_mul(LEAST) >= then.nanos();
    let factor = times(now, then).filter(|_| differs)?;
    let answers = crate::model::with_unit::counted(answers, "first answer", "first answers");
    Some(format!(
        "the same work costs {factor}: {answers} of `{model}` cost {then} in its last runs, and {now} by today's prices"
    ))
}

/// `1.4×`, to the nearest hundredth.
fn times(now: Money, then: Money) -> Option<String> {
    let (now, then) = (i128::from(now.nanos()), i128::from(then.nanos()));
    if then <= 0 || now < 0 {
        return None;
    }
    let hundredths = (now * 100 + then / 2) / then;
    let digits = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    Some(format!("{}×", digits.trim_end_matches('0').trim_end_matches('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_told_to_the_nearest_hundredth() {
        for (now, then, shown) in [
            (140, 100, Some("1.4×")),
            (200, 100, Some("2×")),
            (1, 3, Some("0.33×")),
            (105, 100, Some("1.05×")),
            (1, 0, None),
            (-1, 100, None),
        ] {
            assert_eq!(times(Money::from_nanos(now), Money::from_nanos(then)).as_deref(), shown, "{now} {then}");
        }
    }
}
