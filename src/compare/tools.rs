//! Which tool's output filled the context, and how often that was paid for.

use std::collections::BTreeMap;

use crate::model::with_unit::counted;
use crate::model::{Cost, Money, Tokens};

use super::Quote;
use super::remedy::{Advice, Remedy};
use super::story::{Answered, Beat, Story};

/// Less than so many tokens is not worth a word.
const LEAST_TOKENS: u64 = 10_000;

#[derive(Default)]
struct Output {
    calls: u64,
    tokens: u64,
    sent_again: u64,
    paid: i64,
}

/// What grew between two answers, beyond what the first of them said itself, came from the tools that ran between them:
/// of several an equal part from each. It is sent again with each later request of the thread, read from the cache at best.
pub(super) fn large_output(story: &Story, quote: Quote<'_>) -> Option<Advice> {
    let mut outputs: BTreeMap<&str, Output> = BTreeMap::new();
    for beats in story.threads.values() {
        of_thread(beats, quote, &mut outputs);
    }
    let (tool, most) = outputs.into_iter().max_by_key(|(_, output)| output.paid)?;
    (most.tokens >= LEAST_TOKENS && most.paid > 0).then(|| Advice {
        remedy: Remedy::Tools,
        text: format!("have `{tool}` say less, or read its output in parts"),
        evidence: vec![
            format!(
                "{} {} of `{tool}` put {} tokens into the context",
                most.calls,
                if most.calls == 1 { "call" } else { "calls" },
                most.tokens
            ),
            format!("they were sent again {}", counted(most.sent_again, "time", "times")),
        ],
        at_stake: Money::from_nanos(most.paid),
    })
}

fn of_thread<'a>(beats: &'a [Beat], quote: Quote<'_>, outputs: &mut BTreeMap<&'a str, Output>) {
    let mut between: Vec<&str> = Vec::new();
    let mut before: Option<&Answered> = None;
    for (place, beat) in beats.iter().enumerate() {
        let answer = match beat {
            Beat::Call { tool, .. } => {
                between.push(tool);
                continue;
            }
            Beat::Answer(answer) => answer,
        };
        let said = before.map_or(u64::MAX, |before| before.tokens.input.saturating_add(before.tokens.output));
        let grown = answer.tokens.input.saturating_sub(said);
        if let Some(each) = grown.checked_div(between.len() as u64).filter(|each| *each > 0) {
            let later = beats.get(place.saturating_add(1)..).unwrap_or_default();
            let again: Vec<&Answered> = later
                .iter()
                .filter_map(Beat::answer)
                .take_while(|one| one.tokens.input >= answer.tokens.input)
                .collect();
            let paid =
                again.iter().filter_map(|one| read_from_cache(one, each, quote)).fold(0_i64, i64::saturating_add);
            for tool in &between {
                let output = outputs.entry(tool).or_default();
                output.calls = output.calls.saturating_add(1);
                output.tokens = output.tokens.saturating_add(each);
                output.sent_again = output.sent_again.saturating_add(again.len() as u64);
                output.paid = output.paid.saturating_add(paid);
            }
        }
        between.clear();
        before = Some(answer);
    }
}

/// What so many tokens cost that the request of this answer read from the cache.
fn read_from_cache(answer: &Answered, tokens: u64, quote: Quote<'_>) -> Option<i64> {
    let read = Tokens { input: tokens, cached_input: tokens, ..Tokens::default() };
    match quote(answer.model.as_ref()?, &answer.tier, answer.at, &read) {
        Cost::Priced(cost) | Cost::Estimated(cost) => Some(cost.nanos()),
        Cost::Unpriced => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::tests::{answer, call, nanos, story};
    use super::*;

    #[test]
    fn what_a_tool_said_is_paid_again_with_each_later_request() {
        let told = story(vec![
            answer(1_000, 0, 100),
            call("cat", "1"),
            answer(31_100, 1_000, 100),
            call("ls", "2"),
            answer(31_300, 31_100, 100),
            answer(31_400, 31_300, 100),
        ]);
        let found = large_output(&told, &nanos).unwrap();
        assert_eq!(found.remedy, Remedy::Tools);
        assert_eq!(found.evidence[0], "1 call of `cat` put 30000 tokens into the context");
        // Two later requests read them from the cache, a nano-dollar a token.
        assert_eq!(found.at_stake, Money::from_nanos(60_000));
    }

    #[test]
    fn a_compacted_context_has_it_no_more_and_little_is_not_told() {
        let compacted = vec![answer(1_000, 0, 0), call("cat", "1"), answer(31_000, 0, 0), answer(5_000, 0, 0)];
        assert_eq!(large_output(&story(compacted), &nanos), None);
        let little = vec![answer(1_000, 0, 0), call("cat", "1"), answer(1_900, 0, 0), answer(2_000, 0, 0)];
        assert_eq!(large_output(&story(little), &nanos), None);
    }
}
