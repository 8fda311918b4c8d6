//! What was told beside what was observed, by model and tier; and what either has alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::reconciled::{BillSource, Reconciled};
use crate::model::{ModelId, Money, ObservedPart, ServiceTier, ToldPart};

/// A model and a tier; `None`: not known, or all of them together.
type Key = (Option<ModelId>, Option<ServiceTier>);

/// One model on one tier, of all that was told by one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Who told.
    pub source: BillSource,
    /// The model.
    pub model: Option<ModelId>,
    /// The tier; `None`: what was told names none, and there were several.
    pub tier: Option<ServiceTier>,
    /// What was observed.
    pub observed: Seen,
    /// What was told; `None`: not in dollars.
    pub told: Option<Money>,
}

impl Row {
    /// By how much more was told than observed.
    pub fn difference(&self) -> Option<Money> {
        self.told.map(|told| told - self.observed.cost)
    }
}

/// What was observed, as a sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How many responses.
    pub responses: u64,
    /// How many of them have no price.
    pub unpriced: u64,
    /// What the others cost.
    pub cost: Money,
}

/// What only one side has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// Who told, or did not.
    pub source: BillSource,
    /// OpenAI has it and no record does; else it is the other way round.
    pub told: bool,
    /// In OpenAI's words, or the model.
    pub item: String,
    /// How many threads or days it is of.
    pub times: u64,
    /// How much; `None`: not in dollars.
    pub usd: Option<Money>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// By source, model and tier.
    pub rows: Vec<Row>,
    /// What one side has alone, the largest first.
    pub strangers: Vec<Stranger>,
    /// How many threads.
    pub threads: u64,
    /// How many days.
    pub days: u64,
}

/// What is gathered for a row.
#[derive(Clone, Debug, Default)]
struct Sum {
    observed: Seen,
    told: Money,
    /// Something was told in no dollars.
    without_dollars: bool,
}

impl Comparison {
    /// Of these; each thing is among them once.
    pub fn of<'r>(all: impl IntoIterator<Item = &'r Reconciled>) -> Self {
        let mut rows: BTreeMap<(BillSource, Key), Sum> = BTreeMap::new();
        let mut strangers: BTreeMap<(BillSource, bool, String), (u64, Option<Money>)> = BTreeMap::new();
        let mut comparison = Self::default();
        for one in all {
            let source = one.of.source();
            match source {
                BillSource::Codex => comparison.threads = comparison.threads.saturating_add(1),
                BillSource::Costs => comparison.days = comparison.days.saturating_add(1),
            }
            let placing = Placing::of(one);
            let mut alone = |told: bool, item: &str, usd: Option<Money>| {
                let (times, sum) = strangers.entry((source, told, item.to_owned())).or_insert((0, Some(Money::ZERO)));
                *times = times.saturating_add(1);
                *sum = sum.zip(usd).map(|(sum, usd)| sum + usd);
            };
            for part in &one.observed {
                let sum = rows.entry((source, placing.observed(part))).or_default();
                sum.observed.responses = sum.observed.responses.saturating_add(part.responses);
                sum.observed.unpriced = sum.observed.unpriced.saturating_add(part.unpriced);
                sum.observed.cost += part.cost;
                if !one.told.iter().any(|told| placing.told(told).is_some_and(|(model, _)| model == part.model)) {
                    let model = part.model.as_ref().map_or("a model that is not known", ModelId::as_str);
                    alone(false, model, Some(part.cost));
                }
            }
            for part in &one.told {
                let key = placing.told(part);
                if key.is_none() && part.usd != Some(Money::ZERO) {
                    alone(true, &part.item, part.usd);
                }
                let Some(key) = key else { continue };
                let sum = rows.entry((source, key)).or_default();
                sum.told += part.usd.unwrap_or_default();
                sum.without_dollars |= part.usd.is_none();
            }
        }
        comparison.rows = rows
            .into_iter()
            .map(|((source, (model, tier)), sum)| Row {
                source,
                model,
                tier,
                observed: sum.observed,
                told: (!sum.without_dollars).then_some(sum.told),
            })
            .collect();
        comparison.strangers = strangers
            .into_iter()
            .map(|((source, told, item), (times, usd))| Stranger { source, told, item, times, usd })
            .collect();
        comparison.strangers.sort_by_key(|one| std::cmp::Reverse(one.usd.map(|usd| usd.nanos().unsigned_abs())));
        comparison
    }

    /// What was observed, of all rows.
    pub fn observed(&self) -> Money {
        self.rows.iter().map(|row| row.observed.cost).sum()
    }

    /// What was told that a row explains.
    pub fn told(&self) -> Money {
        self.rows.iter().filter_map(|row| row.told).sum()
    }

    /// By how much more was told than observed; `None` where a row was told in something else than dollars.
    pub fn difference(&self) -> Option<Money> {
        self.rows.iter().map(Row::difference).sum()
    }

    /// What was told that no record explains.
    pub fn unexplained(&self) -> Money {
        self.strangers.iter().filter(|one| one.told).filter_map(|one| one.usd).sum()
    }
}

/// Which row a part belongs to.
struct Placing<'r> {
    one: &'r Reconciled,
    /// Models whose tiers cannot be told apart here.
    merged: BTreeSet<&'r ModelId>,
}

impl<'r> Placing<'r> {
    fn of(one: &'r Reconciled) -> Self {
        let without_tier = one.told.iter().filter(|part| part.tier.is_none()).filter_map(|part| part.model.as_ref());
        let tiers = |model: &ModelId| one.observed.iter().filter(|part| part.model.as_ref() == Some(model)).count();
        Self { one, merged: without_tier.filter(|model| tiers(model) > 1).collect() }
    }

    fn observed(&self, part: &ObservedPart) -> Key {
        let merged = part.model.as_ref().is_some_and(|model| self.merged.contains(model));
        (part.model.clone(), (!merged).then(|| part.tier.clone()))
    }

    /// `None`: nothing like it was observed.
    fn told(&self, part: &ToldPart) -> Option<Key> {
        let Some(model) = &part.model else {
            // What is told of a thread as a whole is of its one model, where it has one.
            return match (self.one.of.source(), self.one.observed.as_slice()) {
                (BillSource::Codex, [only]) => Some(self.observed(only)),
                _ => None,
            };
        };
        let mut own = self.one.observed.iter().filter(|observed| observed.model.as_ref() == Some(model));
        let first = own.next()?;
        match &part.tier {
            _ if self.merged.contains(model) => Some((part.model.clone(), None)),
            None => Some(self.observed(first)),
            Some(tier) => Some((part.model.clone(), Some(tier.clone()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reconciled::{BillBasis, BillSubject};

    fn observed(model: &str, tier: ServiceTier, cents: i64) -> ObservedPart {
        let cost = Money::from_nanos(cents * 10_000_000);
        ObservedPart { model: Some(model.into()), tier, responses: 1, unpriced: 0, cost }
    }

    fn told(item: &str, model: Option<&str>, tier: Option<ServiceTier>, cents: i64) -> ToldPart {
        let usd = Some(Money::from_nanos(cents * 10_000_000));
        ToldPart { item: item.to_owned(), model: model.map(Into::into), tier, usd, credit_micros: None }
    }

    fn day(observed: Vec<ObservedPart>, told: Vec<ToldPart>) -> Reconciled {
        let of = BillSubject::Day { day: "2026-11-01".parse().unwrap(), projects: Vec::new() };
        Reconciled { of, basis: BillBasis::Reconciled, observed, told }
    }

    fn thread(observed: Vec<ObservedPart>, told: Vec<ToldPart>) -> Reconciled {
        Reconciled { of: BillSubject::Thread("t1".into()), ..day(observed, told) }
    }

    fn rows(one: &Reconciled) -> Vec<(String, String, i64, i64)> {
        let rows = Comparison::of([one]).rows;
        rows.iter()
            .map(|row| {
                let model = row.model.as_ref().map_or("?", ModelId::as_str).to_owned();
                let tier = row.tier.as_ref().map_or("all", ServiceTier::as_str).to_owned();
                (model, tier, row.observed.cost.nanos() / 10_000_000, row.told.unwrap().nanos() / 10_000_000)
            })
            .collect()
    }

    fn row(model: &str, tier: &str, observed: i64, told: i64) -> (String, String, i64, i64) {
        (model.to_owned(), tier.to_owned(), observed, told)
    }

    #[test]
    fn a_model_is_compared_by_tier_where_both_name_one() {
        use ServiceTier::{Fast, Standard};
        let one = day(
            vec![observed("sol", Standard, 100), observed("sol", Fast, 50)],
            vec![told("sol, input", Some("sol"), Some(Standard), 90), told("sol fast", Some("sol"), Some(Fast), 60)],
        );
        assert_eq!(rows(&one), [row("sol", "standard", 100, 90), row("sol", "fast", 50, 60)]);
        let without = day(
            vec![observed("sol", Standard, 100), observed("sol", Fast, 50), observed("luna", Fast, 1)],
            vec![told("sol, input", Some("sol"), None, 90), told("luna, input", Some("luna"), None, 2)],
        );
        assert_eq!(rows(&without), [row("luna", "fast", 1, 2), row("sol", "all", 150, 90)]);
    }

    #[test]
    fn what_one_side_has_alone_is_named_and_in_no_row() {
        use ServiceTier::Standard;
        let one = day(
            vec![observed("sol", Standard, 100), observed("luna", Standard, 7)],
            vec![
                told("sol, input", Some("sol"), None, 100),
                told("nova, input", Some("nova"), None, 30),
                told("web search", None, None, 40),
                told("storage", None, None, 0),
            ],
        );
        let compared = Comparison::of([&one, &one]);
        let strangers: Vec<(bool, &str, u64, i64)> = compared
            .strangers
            .iter()
            .map(|one| (one.told, one.item.as_str(), one.times, one.usd.unwrap().nanos() / 10_000_000))
            .collect();
        assert_eq!(
            strangers,
            [(true, "web search", 2, 80), (true, "nova, input", 2, 60), (false, "luna", 2, 14)],
            "the largest first, and what costs nothing is none"
        );
        assert_eq!((compared.days, compared.unexplained().nanos()), (2, 1_400_000_000));
        assert_eq!(compared.difference(), Some(compared.told() - compared.observed()));
        assert_eq!(compared.difference().map(Money::nanos), Some(-140_000_000));
    }

    #[test]
    fn a_thread_of_one_model_takes_what_is_told_of_it_as_a_whole() {
        use ServiceTier::{Fast, Standard};
        let whole = || vec![told("estimated usage", None, None, 90)];
        assert_eq!(rows(&thread(vec![observed("sol", Fast, 100)], whole())), [row("sol", "fast", 100, 90)]);
        let two = thread(vec![observed("sol", Fast, 100), observed("luna", Standard, 1)], whole());
        assert_eq!(Comparison::of([&two]).strangers.len(), 3, "whose it is cannot be said");
    }

    #[test]
    fn what_is_told_in_credits_alone_has_no_difference() {
        let mut part = told("usage in credits: sol", Some("sol"), Some(ServiceTier::Standard), 0);
        (part.usd, part.credit_micros) = (None, Some(5));
        let one = thread(vec![observed("sol", ServiceTier::Standard, 100)], vec![part]);
        let compared = Comparison::of([&one]);
        assert_eq!((compared.rows[0].told, compared.rows[0].difference()), (None, None));
        assert_eq!(compared.difference(), None);
    }
}
