//! What changed without anybody having asked for it: a model that is new, or a price.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::model::{Cost, ModelId, Money, Response, Timestamp};

use super::Quote;

/// A price that differs by less than one in so many is the same: rounding alone may differ by as much.
const LEAST: i64 = 100;

/// What is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Surprise {
    /// A model answers that did not before.
    Model {
        /// Which.
        model: ModelId,
        /// On which most was spent before.
        before: ModelId,
        /// What its answers cost in hundredths of what the same tokens cost on that one; `None`: one has no price.
        factor: Option<u64>,
    },
    /// The same tokens have another price than when they were answered.
    Price {
        /// Of which model.
        model: ModelId,
        /// What they cost now, in hundredths of what they did then.
        factor: u64,
    },
}

/// What is new in the answers `since`, held against those `before`; nothing where there were none. Prices are those of `now`.
pub fn surprises(before: &[Response], since: &[Response], now: Timestamp, quote: Quote<'_>) -> Vec<Surprise> {
    let costs = by_model(before);
    let Some(usual) = costs.iter().max_by_key(|(model, cost)| (**cost, Reverse(*model))).map(|(model, _)| *model)
    else {
        return Vec::new();
    };
    let is_new = |model: &&ModelId| !costs.contains_key(*model);
    let mut found: Vec<Surprise> = by_model(since)
        .into_keys()
        .filter(is_new)
        .map(|model| {
            let own = since.iter().filter(|response| response.model.as_ref() == Some(model));
            let factor = factor(own.map(|response| {
                let usual = quote(usual, &response.tier, response.at, &response.tokens);
                (response.cost, usual)
            }));
            Surprise::Model { model: model.clone(), before: usual.clone(), factor: factor.map(|(factor, _)| factor) }
        })
        .collect();
    for model in costs.keys() {
        let own = before.iter().filter(|response| response.model.as_ref() == Some(*model));
        let price = factor(own.map(|response| (quote(model, &response.tier, now, &response.tokens), response.cost)));
        if let Some((factor, true)) = price {
            found.push(Surprise::Price { model: (*model).clone(), factor });
        }
    }
    found
}

fn by_model(responses: &[Response]) -> BTreeMap<&ModelId, Money> {
    let mut costs: BTreeMap<&ModelId, Money> = BTreeMap::new();
    for response in responses {
        if let Some(model) = &response.model {
            *costs.entry(model).or_default() += response.cost.money().unwrap_or_default();
        }
    }
    costs
}

/// The one cost in hundredths of the other, of those that both have a price, and whether they differ by more than rounding.
/// A stand-in tells nothing.
fn factor(pairs: impl Iterator<Item = (Cost, Cost)>) -> Option<(u64, bool)> {
    let (mut one, mut other) = (0_i64, 0_i64);
    for pair in pairs {
        if let (Cost::Priced(left), Cost::Priced(right)) = pair {
            one = one.saturating_add(left.nanos());
            other = other.saturating_add(right.nanos());
        }
    }
    if other <= 0 || one < 0 {
        return None;
    }
    let hundredths = (i128::from(one) * 100 + i128::from(other) / 2) / i128::from(other);
    let differs = one.saturating_sub(other).saturating_abs().saturating_mul(LEAST) >= other;
    u64::try_from(hundredths).ok().map(|hundredths| (hundredths, differs))
}

#[cfg(test)]
mod tests {
    use super::super::saved::tests::{answer_of, quote};
    use super::*;

    fn now() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    #[test]
    fn a_model_that_was_not_there_before_is_told_with_what_the_same_work_costs() {
        let (before, since) = ([answer_of("luna", 1_000)], [answer_of("sol", 1_000), answer_of("luna", 10)]);
        let found = surprises(&before, &since, now(), &quote);
        assert_eq!(found, [Surprise::Model { model: "sol".into(), before: "luna".into(), factor: Some(1_000) }]);
        assert_eq!(surprises(&[], &since, now(), &quote), [], "nothing is known of what was before");
        assert_eq!(surprises(&since, &before, now(), &quote), [], "one that is not used any more is no surprise");
        let strange = surprises(&before, &[answer_of("strange", 10)], now(), &quote);
        assert_eq!(strange, [Surprise::Model { model: "strange".into(), before: "luna".into(), factor: None }]);
    }

    #[test]
    fn a_price_that_is_another_by_now_is_told() {
        let mut before = [answer_of("sol", 1_000)];
        before[0].cost = Cost::Priced(Money::from_nanos(5_500));
        let found = surprises(&before, &before.clone(), now(), &quote);
        assert_eq!(found, [Surprise::Price { model: "sol".into(), factor: 200 }]);
        before[0].cost = Cost::Priced(Money::from_nanos(10_950));
        assert_eq!(surprises(&before, &before.clone(), now(), &quote), [], "that may be rounding");
    }
}
