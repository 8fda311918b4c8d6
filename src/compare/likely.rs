//! What like runs took, as quantiles by nearest rank: a figure that one of them really came to.

use std::collections::BTreeMap;

use crate::model::{Dimension, Family, ModelId, Money, WorkClass};

/// Fewer runs than these tell nothing.
pub const ENOUGH: usize = 10;

/// What runs have in common that are compared; nothing: all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Like {
    /// The project.
    pub project: Option<String>,
    /// The class of work on which most was spent.
    pub work: Option<WorkClass>,
    /// The model on which most was spent.
    pub model: Option<ModelId>,
}

/// What like runs took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Likely {
    /// What they have in common: less than was asked for, where too few had all of it.
    pub like: Like,
    /// How many they are.
    pub runs: usize,
    /// Half of them took no more; `None` without any.
    pub p50: Option<Money>,
    /// Four in five took no more.
    pub p80: Option<Money>,
    /// Nineteen in twenty took no more.
    pub p95: Option<Money>,
}

impl Like {
    /// The same without the first thing that is in common: project, then work, then model. `None`: nothing is left.
    pub(super) fn wider(&self) -> Option<Self> {
        match self {
            Self { project: Some(_), .. } => Some(Self { project: None, ..self.clone() }),
            Self { work: Some(_), .. } => Some(Self { work: None, ..self.clone() }),
            Self { model: Some(_), .. } => Some(Self::default()),
            Self { project: None, work: None, model: None } => None,
        }
    }

    /// The family has all of it.
    pub fn is_met_by(&self, family: &Family) -> bool {
        let project = self.project.is_none() || self.project == family.project;
        let work = self.work.is_none() || self.work == family.work;
        project && work && (self.model.is_none() || self.model == family.model)
    }

    /// What a family is like.
    pub fn of(family: &Family) -> Self {
        Self { project: family.project.clone(), work: family.work, model: family.model.clone() }
    }
}

impl Likely {
    /// They are enough to tell something.
    pub fn is_enough(&self) -> bool {
        self.runs >= ENOUGH
    }

    fn of(like: Like, mut costs: Vec<Money>) -> Self {
        costs.sort_unstable();
        let quantile = |percent| nearest_rank(&costs, percent);
        Self { like, runs: costs.len(), p50: quantile(50), p80: quantile(80), p95: quantile(95) }
    }
}

/// What a run that is like this is likely to take: by those that have all of it in common, or less and less of it until
/// they are enough. What has no price says nothing of what it cost.
pub fn likely(families: &[Family], like: &Like) -> Likely {
    let mut like = like.clone();
    loop {
        let costs: Vec<Money> = priced(families).filter(|one| like.is_met_by(one)).map(|one| one.cost).collect();
        match like.wider().filter(|_| costs.len() < ENOUGH) {
            Some(wider) => like = wider,
            None => return Likely::of(like, costs),
        }
    }
}

/// The same for each combination of these values, in their order; nothing is widened.
pub fn likely_by(families: &[Family], by: &[Dimension]) -> Vec<(Vec<Option<String>>, Likely)> {
    let mut costs: BTreeMap<Vec<Option<String>>, Vec<Money>> = BTreeMap::new();
    for family in priced(families) {
        let values = by.iter().map(|dimension| family.get(dimension).map(str::to_owned)).collect();
        costs.entry(values).or_default().push(family.cost);
    }
    costs.into_iter().map(|(values, costs)| (values, Likely::of(Like::default(), costs))).collect()
}

fn priced(families: &[Family]) -> impl Iterator<Item = &Family> {
    families.iter().filter(|family| family.unpriced == 0 && family.responses > 0)
}

/// The least of these, the smallest first, that so many percent of them do not pass.
pub(super) fn nearest_rank(sorted: &[Money], percent: usize) -> Option<Money> {
    let rank = sorted.len().saturating_mul(percent).div_ceil(100).max(1);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in crate::compare) fn family(project: &str, work: WorkClass, model: &str, cents: i64) -> Family {
        Family {
            root: "t1".into(),
            run: None,
            at: crate::model::Timestamp::UNIX_EPOCH,
            project: Some(project.to_owned()),
            task: None,
            work: Some(work),
            model: Some(model.into()),
            responses: 3,
            cost: Money::from_nanos(cents * 10_000_000),
            unpriced: 0,
        }
    }

    fn like(project: &str, work: WorkClass, model: &str) -> Like {
        Like { project: Some(project.to_owned()), work: Some(work), model: Some(model.into()) }
    }

    #[test]
    fn a_quantile_is_a_figure_that_one_of_them_came_to() {
        let costs: Vec<Money> = (1..=10).map(Money::from_nanos).collect();
        for (percent, nanos) in [(50, 5), (80, 8), (95, 10), (1, 1), (100, 10)] {
            assert_eq!(nearest_rank(&costs, percent), Some(Money::from_nanos(nanos)), "{percent}");
        }
        assert_eq!(nearest_rank(&[], 50), None);
        assert_eq!(nearest_rank(&costs[..1], 95), Some(Money::from_nanos(1)));
    }

    #[test]
    fn project_then_work_then_model_is_let_go_until_ten_are_found() {
        use WorkClass::{Edit, Review};
        let of = |number, project, work, model| vec![family(project, work, model, 1); number];
        for (families, runs, left) in [
            (of(10, "shop", Edit, "sol"), 10, like("shop", Edit, "sol")),
            (
                [of(9, "shop", Edit, "sol"), of(1, "site", Edit, "sol")].concat(),
                10,
                Like { project: None, ..like("", Edit, "sol") },
            ),
            (
                [of(9, "shop", Edit, "sol"), of(4, "site", Review, "sol")].concat(),
                13,
                Like { model: Some("sol".into()), ..Like::default() },
            ),
            ([of(9, "shop", Edit, "sol"), of(4, "site", Review, "luna")].concat(), 13, Like::default()),
            (of(3, "shop", Edit, "sol"), 3, Like::default()),
        ] {
            let found = likely(&families, &like("shop", Edit, "sol"));
            assert_eq!((found.runs, &found.like), (runs, &left));
            assert_eq!(found.is_enough(), runs >= ENOUGH);
        }
    }

    #[test]
    fn what_has_no_price_says_nothing_of_what_it_cost() {
        let mut families = vec![family("shop", WorkClass::Edit, "sol", 5); 3];
        families[0].unpriced = 1;
        assert_eq!(likely(&families, &Like::default()).runs, 2);
        assert_eq!(likely(&[], &Like::default()).p50, None);
    }

    proptest! {
        #[test]
        fn so_many_percent_of_them_are_not_passed(mut nanos in prop::collection::vec(0_i64..1_000, 1..60), percent in 1_usize..=100) {
            nanos.sort_unstable();
            let costs: Vec<Money> = nanos.into_iter().map(Money::from_nanos).collect();
            let found = nearest_rank(&costs, percent).unwrap();
            let within = costs.iter().filter(|cost| **cost <= found).count();
            prop_assert!(within * 100 >= costs.len() * percent);
            let below = costs.iter().filter(|cost| **cost < found).count();
            prop_assert!(below * 100 < costs.len() * percent, "and no smaller figure would do");
        }
    }
}
