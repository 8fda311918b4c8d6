//! What would have cost less: the one remedy with the most money at stake, and its evidence.

use crate::model::Money;

use super::remedy::{Advice, Case, Remedy};
use super::{Quote, context, models, repeated, tools};

/// The remedy with the most at stake; `None`: the record shows none. A person is named where the run met trouble again
/// and again and nothing else would help.
pub fn advise(case: &Case<'_>, quote: Quote<'_>) -> Option<Advice> {
    let found = [
        models::cheaper(case),
        tools::large_output(case.story, quote),
        context::read_again(case.story, quote),
        repeated::same_call(case.story),
    ];
    let most = found.into_iter().flatten().max_by_key(|advice| advice.at_stake);
    most.filter(|advice| advice.at_stake > Money::ZERO).or_else(|| person(case))
}

fn person(case: &Case<'_>) -> Option<Advice> {
    let spent = case.story.cost();
    (case.troubles >= 2 && spent > Money::ZERO).then(|| Advice {
        remedy: Remedy::Person,
        text: "let a person take this over".to_owned(),
        evidence: vec![
            format!("it was stopped, denied or left without an answer {} times", case.troubles),
            format!("it had spent {spent} by then"),
        ],
        at_stake: spent,
    })
}
