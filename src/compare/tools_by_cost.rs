//! What the answers cost that called each tool.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::model::Money;

use super::story::{Beat, Story};

/// A tool and what the answers cost that called it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCost {
    /// Its name, of a command its program; `None`: answers that called none.
    pub tool: Option<String>,
    /// How often it was called.
    pub calls: u64,
    /// An equal part of each answer that called it among others.
    pub cost: Money,
}

/// All tools, the costliest first; they come to what the run cost. What is called before any answer is seen has no cost.
pub fn tools_by_cost(story: &Story) -> Vec<ToolCost> {
    let mut sums: BTreeMap<Option<&str>, (u64, i64)> = BTreeMap::new();
    for beats in story.threads.values() {
        let mut paid: Option<Money> = None;
        let mut called: Vec<&str> = Vec::new();
        for beat in beats {
            match beat {
                Beat::Call { tool, .. } => called.push(tool),
                Beat::Answer(answer) => {
                    share_out(paid.replace(answer.cost), &mut called, &mut sums);
                }
            }
        }
        share_out(paid, &mut called, &mut sums);
    }
    let mut found: Vec<ToolCost> = sums
        .into_iter()
        .map(|(tool, (calls, cost))| ToolCost { tool: tool.map(str::to_owned), calls, cost: Money::from_nanos(cost) })
        .collect();
    found.sort_by_key(|tool| (Reverse(tool.cost), tool.tool.is_none()));
    found
}

/// The last nano-dollars that do not come out even are the first call's.
fn share_out<'a>(paid: Option<Money>, called: &mut Vec<&'a str>, sums: &mut BTreeMap<Option<&'a str>, (u64, i64)>) {
    let paid = paid.map_or(0, Money::nanos);
    let number = i64::try_from(called.len()).unwrap_or(i64::MAX);
    let (each, mut rest) = (paid.checked_div(number).unwrap_or(0), paid.checked_rem(number).unwrap_or(0));
    if called.is_empty() && paid != 0 {
        let sum = sums.entry(None).or_default();
        sum.1 = sum.1.saturating_add(paid);
    }
    for tool in called.drain(..) {
        let sum = sums.entry(Some(tool)).or_default();
        sum.0 = sum.0.saturating_add(1);
        sum.1 = sum.1.saturating_add(each).saturating_add(std::mem::take(&mut rest));
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::tests::{answer, call, story};
    use super::*;

    #[test]
    fn an_answer_is_shared_by_its_calls_and_all_of_it_comes_to_the_run() {
        let told = story(vec![
            call("ls", "0"),
            answer(10, 0, 5),
            call("cat", "1"),
            call("cat", "2"),
            call("ls", "3"),
            answer(20, 0, 5),
            answer(30, 0, 5),
            call("ls", "4"),
        ]);
        let found = tools_by_cost(&told);
        let told_by: Vec<_> = found.iter().map(|one| (one.tool.as_deref(), one.calls, one.cost.nanos())).collect();
        assert_eq!(told_by, [(Some("ls"), 3, 333 + 1_000), (None, 0, 1_000), (Some("cat"), 2, 334 + 333)]);
        assert_eq!(found.iter().map(|one| one.cost).sum::<Money>(), told.cost());
        assert_eq!(tools_by_cost(&story(Vec::new())), []);
    }
}
