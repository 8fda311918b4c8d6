//! The same class of work on a cheaper model: what that took, and how it ended.

use std::collections::BTreeMap;

use crate::model::{Family, ModelId, Money};

use super::likely::nearest_rank;
use super::remedy::{Advice, Case, Remedy};

/// Fewer runs on another model than these tell nothing.
const LEAST: usize = 5;

/// Where like work took less than half on another model, in the middle of its runs, and ended well no less often.
pub(super) fn cheaper(case: &Case<'_>) -> Option<Advice> {
    let dearest = case.own.iter().max_by_key(|family| family.cost)?;
    let (work, model) = (dearest.work?, dearest.model.as_ref()?);
    let mut by_model: BTreeMap<&ModelId, Vec<(&Family, Option<bool>)>> = BTreeMap::new();
    for (family, ended_well) in case.others {
        if let (Some(other), true) = (family.model.as_ref(), family.work == Some(work) && family.unpriced == 0) {
            by_model.entry(other).or_default().push((family, *ended_well));
        }
    }
    let own_share = by_model.get(model).and_then(|runs| ended_well(runs));
    let middle = |runs: &[(&Family, Option<bool>)]| {
        let mut costs: Vec<Money> = runs.iter().map(|(family, _)| family.cost).collect();
        costs.sort_unstable();
        nearest_rank(&costs, 50)
    };
    let fits = by_model.iter().filter(|(other, runs)| **other != model && runs.len() >= LEAST);
    let best = fits
        .filter(|(_, runs)| ended_well(runs).zip(own_share).is_none_or(|(other, own)| other >= own))
        .filter_map(|(other, runs)| Some((*other, runs, middle(runs)?)))
        .min_by_key(|(_, _, cost)| *cost)?;
    let (other, runs, cost) = best;
    let saved = dearest.cost.nanos().saturating_sub(cost.nanos());
    (cost.nanos().saturating_mul(2) < dearest.cost.nanos()).then(|| Advice {
        remedy: Remedy::Model,
        text: format!("do {work} work of this kind on `{other}`"),
        evidence: [
            Some(format!("{} runs of {work} on `{other}` took {cost} in the middle", runs.len())),
            ended_well(runs).map(|share| format!("{share}% of them ended well")),
            Some(format!("this one took {} on `{model}`", dearest.cost)),
        ]
        .into_iter()
        .flatten()
        .collect(),
        at_stake: Money::from_nanos(saved),
    })
}

/// How many in a hundred, of those whose end is known.
fn ended_well(runs: &[(&Family, Option<bool>)]) -> Option<usize> {
    let known: Vec<bool> = runs.iter().filter_map(|(_, ended_well)| *ended_well).collect();
    known.iter().filter(|well| **well).count().saturating_mul(100).checked_div(known.len())
}

#[cfg(test)]
mod tests {
    use super::super::Story;
    use super::super::likely::tests::family;
    use super::*;
    use crate::model::WorkClass::Edit;

    #[test]
    fn like_work_on_another_model_is_named_where_it_took_less_than_half_and_ended_no_worse() {
        let own = family("shop", Edit, "astra", 100);
        for (cents, number, own_well, other_well, named) in [
            (20, 5, Some(true), Some(true), true),
            (20, 4, Some(true), Some(true), false),
            (60, 5, Some(true), Some(true), false),
            (20, 5, Some(true), Some(false), false),
            (20, 5, None, None, true),
        ] {
            let others = vec![family("site", Edit, "luna", cents); number];
            let all: Vec<_> = others.iter().map(|one| (one, other_well)).chain([(&own, own_well)]).collect();
            let case = Case { story: &Story::default(), own: vec![&own], others: &all, troubles: 0 };
            let found = cheaper(&case);
            assert_eq!(found.is_some(), named, "{cents} {number} {other_well:?}");
            if let Some(found) = found {
                assert_eq!(found.at_stake, Money::from_nanos(800_000_000));
                assert_eq!(found.text, "do edit work of this kind on `luna`");
            }
        }
    }
}
