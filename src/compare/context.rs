//! A context that grew and was read again without the cache.

use crate::model::quantity::short_count;
use crate::model::with_unit::counted;
use crate::model::{Cost, Money, Tokens};

use super::Quote;
use super::remedy::{Advice, Remedy};
use super::story::{Answered, Beat, Story};

/// A smaller context is no reason to compact.
const LEAST_CONTEXT: u64 = 20_000;

/// What was in the context before and did not come from the cache was paid at the price of new input.
pub(super) fn read_again(story: &Story, quote: Quote<'_>) -> Option<Advice> {
    let (mut misses, mut answers, mut paid, mut tokens) = (0_u64, 0_u64, 0_i64, 0_u64);
    let (mut least, mut largest) = (u64::MAX, 0_u64);
    for beats in story.threads.values() {
        let mut before: Option<&Answered> = None;
        for answer in beats.iter().filter_map(Beat::answer) {
            answers = answers.saturating_add(1);
            least = least.min(answer.tokens.input);
            largest = largest.max(answer.tokens.input);
            let known = before.map_or(0, |before| before.tokens.input.min(answer.tokens.input));
            let missed = known.saturating_sub(answer.tokens.cached_input);
            if known >= LEAST_CONTEXT && missed.saturating_mul(2) >= known {
                misses = misses.saturating_add(1);
                tokens = tokens.saturating_add(missed);
                paid = paid.saturating_add(more_than_cached(answer, missed, quote).unwrap_or_default());
            }
            before = Some(answer);
        }
    }
    (misses > 0 && paid > 0).then(|| Advice {
        remedy: Remedy::Context,
        text: "compact the context earlier, or split the task".to_owned(),
        evidence: vec![
            match (short(least), short(largest)) {
                (least, largest) if least == largest => format!("the context stayed at {largest} tokens"),
                (least, largest) => format!("the context grew from {least} to {largest} tokens"),
            },
            format!(
                "{misses} of {} sent what was known without the cache, {} tokens in all",
                counted(answers, "request", "requests"),
                short(tokens)
            ),
        ],
        at_stake: Money::from_nanos(paid),
    })
}

fn short(tokens: u64) -> String {
    short_count(i64::try_from(tokens).unwrap_or(i64::MAX))
}

/// What tokens cost beyond what the cache would have taken for them.
fn more_than_cached(answer: &Answered, tokens: u64, quote: Quote<'_>) -> Option<i64> {
    let cost = |cached_input| {
        let of = Tokens { input: tokens, cached_input, ..Tokens::default() };
        match quote(answer.model.as_ref()?, &answer.tier, answer.at, &of) {
            Cost::Priced(cost) | Cost::Estimated(cost) => Some(cost.nanos()),
            Cost::Unpriced => None,
        }
    };
    Some(cost(0)?.saturating_sub(cost(tokens)?).max(0))
}

#[cfg(test)]
mod tests {
    use super::super::story::tests::{answer, nanos, story};
    use super::*;

    #[test]
    fn what_was_known_and_not_cached_is_what_is_at_stake() {
        let found = read_again(&story(vec![answer(50_000, 0, 0), answer(60_000, 0, 0)]), &nanos).unwrap();
        assert_eq!(found.evidence[0], "the context grew from 50k to 60k tokens");
        let stays = read_again(&story(vec![answer(50_000, 0, 0), answer(50_000, 0, 0)]), &nanos).unwrap();
        assert_eq!(stays.evidence[0], "the context stayed at 50k tokens");
        // Ten nano-dollars a token without the cache, one with it.
        assert_eq!(found.at_stake, Money::from_nanos(50_000 * 9));
    }

    #[test]
    fn a_cache_that_is_met_and_a_small_context_are_no_reason() {
        assert_eq!(read_again(&story(vec![answer(50_000, 0, 0), answer(60_000, 49_000, 0)]), &nanos), None);
        assert_eq!(read_again(&story(vec![answer(5_000, 0, 0), answer(6_000, 0, 0)]), &nanos), None);
    }
}
