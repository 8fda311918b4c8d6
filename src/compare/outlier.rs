//! Runs that cost far more than like ones.

use std::collections::HashMap;

use crate::model::{Family, Money};

use super::likely::{ENOUGH, Like, nearest_rank};

/// How many times the middle one of like runs is out of the ordinary.
pub const FACTOR: i64 = 3;

/// A run that cost far more than like ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlier<'a> {
    /// Which.
    pub family: &'a Family,
    /// What it has in common with the others.
    pub like: Like,
    /// How many others.
    pub others: usize,
    /// What half of them did not pass.
    pub usual: Money,
}

/// All of them, in the order of the families. A run is compared with ten others at least.
pub fn outliers(families: &[Family]) -> Vec<Outlier<'_>> {
    let priced = || families.iter().filter(|family| family.unpriced == 0 && family.cost > Money::ZERO);
    let mut costs: HashMap<Key<'_>, Vec<Money>> = HashMap::new();
    for family in priced() {
        for key in Key::all(family) {
            costs.entry(key).or_default().push(family.cost);
        }
    }
    costs.values_mut().for_each(|costs| costs.sort_unstable());
    let of_family = |family| {
        let (wide, found) = Key::all(family).into_iter().enumerate().find_map(|(wide, key)| {
            let found = costs.get(&key).filter(|found| found.len() > ENOUGH)?;
            Some((wide, found))
        })?;
        let usual = nearest_rank(found, 50)?;
        let is_far = family.cost.nanos() >= usual.nanos().saturating_mul(FACTOR) && usual > Money::ZERO;
        is_far.then(|| Outlier { family, like: widened(family, wide), others: found.len().saturating_sub(1), usual })
    };
    priced().filter_map(of_family).collect()
}

/// What like runs have in common.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    All(Option<&'a str>, Option<&'a str>, Option<&'a str>),
    WorkAndModel(Option<&'a str>, Option<&'a str>),
    Model(Option<&'a str>),
    Nothing,
}

impl<'a> Key<'a> {
    /// The narrowest first.
    fn all(family: &'a Family) -> [Self; 4] {
        let work = family.work.map(crate::model::WorkClass::as_str);
        let model = family.model.as_ref().map(crate::model::ModelId::as_str);
        [
            Self::All(family.project.as_deref(), work, model),
            Self::WorkAndModel(work, model),
            Self::Model(model),
            Self::Nothing,
        ]
    }
}

fn widened(family: &Family, wide: usize) -> Like {
    let all = Like::of(family);
    match wide {
        0 => all,
        1 => Like { project: None, ..all },
        2 => Like { project: None, work: None, ..all },
        _ => Like::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::likely::tests::family;
    use super::*;
    use crate::model::WorkClass::Edit;

    #[test]
    fn three_times_the_middle_of_ten_others_is_out_of_the_ordinary_and_less_is_not() {
        for (others, cents, found) in [(10, 30, 1), (10, 29, 0), (9, 300, 0), (10, 10, 0)] {
            let mut families = vec![family("shop", Edit, "sol", 10); others];
            families.push(family("shop", Edit, "sol", cents));
            let told = outliers(&families);
            assert_eq!(told.len(), found, "{others} others, {cents} cents");
            if let [only] = told.as_slice() {
                assert_eq!((only.others, only.usual.nanos()), (10, 100_000_000));
                assert_eq!(only.like.project.as_deref(), Some("shop"));
            }
        }
    }

    #[test]
    fn where_too_few_are_alike_it_is_compared_with_more() {
        let mut families = vec![family("shop", Edit, "sol", 10); 12];
        families.push(family("site", Edit, "sol", 100));
        let told = outliers(&families);
        let [only] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((only.like.project.as_deref(), only.like.work), (None, Some(Edit)));
    }
}
