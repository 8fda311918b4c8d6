//! The same call again and again.

use std::collections::BTreeMap;

use crate::model::Money;

use super::remedy::{Advice, Remedy};
use super::story::{Beat, Story};

/// As often the same call may be made without a word.
const USUAL: u64 = 4;

/// A call and its input were made more often than usual: at stake is what the answers cost that made it again.
pub(super) fn same_call(story: &Story) -> Option<Advice> {
    let mut calls: BTreeMap<(&str, &str), (u64, Money, &str)> = BTreeMap::new();
    for beats in story.threads.values() {
        let mut last = Money::ZERO;
        for beat in beats {
            match beat {
                // Of several calls that one answer made, the first has its cost.
                Beat::Answer(answer) => last = answer.cost,
                Beat::Call { tool, input, short } => {
                    let (times, cost, said) = calls.entry((tool, input)).or_default();
                    if *times > 0 {
                        *cost += last;
                    }
                    last = Money::ZERO;
                    *times = times.saturating_add(1);
                    *said = short;
                }
            }
        }
    }
    let often = calls.into_iter().filter(|(_, (times, ..))| *times > USUAL);
    let ((tool, _), (times, at_stake, short)) = often.max_by_key(|(_, (_, cost, _))| *cost)?;
    let what = if short.is_empty() { tool } else { short };
    Some(Advice {
        remedy: Remedy::Loop,
        text: format!("mend what makes it call `{what}` again and again"),
        evidence: vec![format!("`{what}` was called {times} times with the same input")],
        at_stake,
    })
}

#[cfg(test)]
mod tests {
    use super::super::story::tests::{answer, call, story};
    use super::*;

    #[test]
    fn the_same_call_more_than_four_times_is_a_loop_and_other_inputs_are_other_calls() {
        let times = |number: usize, input: fn(usize) -> String| {
            let beats = (0..number).flat_map(|n| [answer(10, 0, 5), call("cargo", &input(n))]).collect();
            same_call(&story(beats))
        };
        assert_eq!(times(4, |_| "same".to_owned()), None);
        assert_eq!(times(9, |n| n.to_string()), None);
        let found = times(5, |_| "same".to_owned()).unwrap();
        assert_eq!(found.evidence, ["`cargo same` was called 5 times with the same input"]);
        // Four answers made it again.
        assert_eq!(found.at_stake, Money::from_nanos(4 * 1_000));
    }
}
