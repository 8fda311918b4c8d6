//! Slices of spend summed by any list of dimensions.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono_tz::Tz;

use super::By;
use super::group_by::Pieces;
use super::outputs::Outputs;
use super::rounding::apportion;
use super::savings::Savings;
use super::timeline::Entry;
use crate::compare::Surprise;
use crate::model::{
    Basis, Billing, Cost, Guess, ModelId, Money, Response, RunId, Slice, Timestamp, Tokens, Unit, Unobserved,
};

/// Which price table the costs come from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PriceStamp {
    /// Its version.
    pub version: String,
    /// The day it was last brought up to date, `2026-11-22`.
    pub date: String,
}

/// What a number of responses add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Answers of a model.
    pub responses: u64,
    /// What they counted.
    pub tokens: Tokens,
    /// What the priced and estimated ones cost.
    pub cost: Money,
    /// Answers without a price: not in `cost`.
    pub unpriced: u64,
    /// Answers whose price is a stand-in, such as the dearest model's.
    pub stand_in: u64,
    /// Answers whose tokens were inferred.
    pub inferred: u64,
    /// Why they were, and how many for each reason.
    pub guesses: BTreeMap<Guess, u64>,
    /// `cost` by who is paid, and how.
    pub billing: BTreeMap<Billing, Money>,
    /// Part, or all, of what there was could not be seen: all figures are the least that it was.
    pub unobserved: bool,
}

impl Totals {
    /// Counts one more response.
    pub fn add(&mut self, response: &Response) {
        self.responses += 1;
        self.tokens += response.tokens;
        match response.cost {
            Cost::Priced(_) => {}
            Cost::Estimated(_) => self.stand_in += 1,
            Cost::Unpriced => self.unpriced += 1,
        }
        match response.basis {
            Basis::Observed => {}
            Basis::Estimated(guess) => {
                self.inferred += 1;
                self.explain(guess);
            }
        }
        let cost = response.cost.money().unwrap_or_default();
        self.cost += cost;
        *self.billing.entry(response.billing).or_default() += cost;
    }

    /// Counts what a slice comes to; why tokens of it are inferred is [`Totals::explain`]'s.
    pub fn add_slice(&mut self, slice: &Slice) {
        let sum = &slice.sum;
        self.responses += sum.responses;
        self.tokens += sum.tokens;
        self.cost += sum.cost;
        self.unpriced += sum.unpriced;
        self.stand_in += sum.estimated;
        self.inferred += sum.inferred;
        *self.billing.entry(slice.billing).or_default() += sum.cost;
    }

    /// Says why the tokens of one response, which is counted already, are inferred.
    pub fn explain(&mut self, guess: Guess) {
        *self.guesses.entry(guess).or_default() += 1;
    }

    /// Adds what others add up to.
    pub fn merge(&mut self, other: &Self) {
        self.responses += other.responses;
        self.tokens += other.tokens;
        self.cost += other.cost;
        self.unpriced += other.unpriced;
        self.stand_in += other.stand_in;
        self.inferred += other.inferred;
        for (guess, count) in &other.guesses {
            *self.guesses.entry(*guess).or_default() += count;
        }
        for (billing, cost) in &other.billing {
            *self.billing.entry(*billing).or_default() += *cost;
        }
        self.unobserved |= other.unobserved;
    }

    /// The cost, unless nothing of it could be seen or priced: unknown is never zero.
    pub fn known_cost(&self) -> Option<Money> {
        let known = if self.responses == 0 { !self.unobserved } else { self.unpriced < self.responses };
        known.then_some(self.cost)
    }

    /// What they count in a budget's unit; `None` where that is not known, or not theirs to count.
    pub(super) fn amount(&self, unit: Unit) -> Option<i64> {
        let whole = |count: u64| i64::try_from(count).ok().filter(|_| !self.is_unseen());
        match unit {
            Unit::Usd | Unit::Credits => self.known_cost().map(Money::nanos),
            Unit::Tok => whole(self.tokens.uncached()),
            Unit::AllTok => whole(self.tokens.total()),
            Unit::Responses => whole(self.responses),
            Unit::ToolCalls | Unit::Minutes => None,
        }
    }

    /// There was something, and nothing of it could be seen.
    pub fn is_unseen(&self) -> bool {
        self.unobserved && self.responses == 0
    }

    /// `observed`, `estimated`, or `mixed`. An estimate of the tokens and a stand-in for the price both count.
    pub fn basis(&self) -> &'static str {
        match self.inferred.max(self.stand_in) {
            0 => "observed",
            some if some == self.responses => "estimated",
            _ => "mixed",
        }
    }

    /// `api`, `plan`, `local`, `unknown`, or `mixed`; `None` without responses.
    pub fn billing(&self) -> Option<&'static str> {
        let mut kinds = self.billing.keys();
        match (kinds.next(), kinds.next()) {
            (None, _) => None,
            (Some(only), None) => Some(only.as_str()),
            (Some(_), Some(_)) => Some("mixed"),
        }
    }
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its values, in the order of [`Summary::by`]; `None` is unknown.
    pub key: Vec<Option<String>>,
    /// What it adds up to.
    pub totals: Totals,
}

/// A report, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What there is a row for.
    pub by: Vec<By>,
    /// Where days begin.
    pub zone: Tz,
    /// The time and the sources.
    pub frame: Frame,
    /// Time goes on, else the dearest first.
    pub rows: Vec<Row>,
    /// All rows together.
    pub totals: Totals,
    /// Models that have no price; `None` where a file did not say which.
    pub unpriced_models: BTreeSet<Option<String>>,
    /// The run, where the report is of one, and its outcome as `govern.run/1` spells it.
    pub run: Option<(RunId, Option<String>)>,
    /// What govern did in that run, and why.
    pub decisions: Vec<Entry>,
    /// What came of it, where that was asked for.
    pub results: Option<Outputs>,
    /// What govern's acts saved, where that was asked for.
    pub savings: Option<Savings>,
    /// What changed since the time before without anybody having asked for it.
    pub surprises: Vec<Surprise>,
}

impl Summary {
    /// Each row's share of the cost in thousandths, which add up to 1000; `None` where the cost is unknown or nothing.
    pub fn shares(&self) -> Vec<Option<i128>> {
        let nanos = |totals: &Totals| i128::from(totals.cost.nanos());
        let thousandfold: Vec<i128> = self.rows.iter().map(|row| 1_000 * nanos(&row.totals)).collect();
        let shown = apportion(&thousandfold, nanos(&self.totals));
        let known = |row: &Row| self.totals.cost > Money::ZERO && row.totals.known_cost().is_some();
        self.rows.iter().zip(shown.parts).map(|(row, part)| known(row).then_some(part)).collect()
    }
}

/// What a summary says beside its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What was asked for: not before this.
    pub since: Option<Timestamp>,
    /// What was asked for: before this.
    pub until: Option<Timestamp>,
    /// The first and the last response.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Lines of session files that could not be read.
    pub skipped_lines: u64,
    /// Where the costs come from.
    pub prices: PriceStamp,
}

/// A summary in the making: slices are added as they come.
#[derive(Clone, Debug)]
pub struct Tally {
    by: Vec<By>,
    zone: Tz,
    groups: BTreeMap<Vec<Option<String>>, Totals>,
    unpriced: BTreeSet<Option<String>>,
}

impl Tally {
    /// Nothing yet; a dimension that is named twice counts once.
    pub fn new(by: &[By], zone: Tz) -> Self {
        let mut unique: Vec<By> = Vec::new();
        for dimension in by {
            if !unique.contains(dimension) {
                unique.push(dimension.clone());
            }
        }
        Self { by: unique, zone, groups: BTreeMap::new(), unpriced: BTreeSet::new() }
    }

    /// What slices must be apart by.
    pub fn by(&self) -> &[By] {
        &self.by
    }

    /// The pieces that slices must be of, where time is asked for at all.
    pub fn pieces(&self) -> Option<Pieces> {
        self.by.iter().any(By::is_time).then(|| Pieces::of(&self.by, self.zone))
    }

    /// Counts one more slice.
    pub fn add(&mut self, slice: &Slice) {
        let key = self.by.iter().map(|by| by.of_slice(slice, self.zone)).collect();
        self.groups.entry(key).or_default().add_slice(slice);
        if slice.sum.unpriced > 0 {
            self.unpriced.insert(slice.model.as_ref().map(|model: &ModelId| model.as_str().to_owned()));
        }
    }

    /// Marks the row of what could not be seen. Where nothing was read there, it is a row of its own.
    pub fn leave_out(&mut self, unobserved: &Unobserved) {
        let slice = unobserved.slice(self.pieces().map(|pieces| pieces.start(unobserved.at)));
        let key = self.by.iter().map(|by| by.of_slice(&slice, self.zone)).collect();
        self.groups.entry(key).or_default().unobserved = true;
    }

    /// Keeps why the tokens of a response are inferred, if they are. Its slice is what counts it.
    pub fn explain(&mut self, response: &Response) {
        let Basis::Estimated(guess) = response.basis else { return };
        let pieces = Pieces::of(&self.by, self.zone);
        let key: Vec<_> = self.by.iter().map(|by| by.of_response(response, pieces)).collect();
        // One that came after the slices were summed has none.
        if let Some(group) = self.groups.get_mut(&key) {
            group.explain(guess);
        }
    }

    /// The summary of all that was added.
    pub fn finish(self, frame: Frame) -> Summary {
        let mut totals = Totals::default();
        for group in self.groups.values() {
            totals.merge(group);
        }
        let rows = sorted(&self.by, self.groups);
        Summary {
            by: self.by,
            zone: self.zone,
            frame,
            rows,
            totals,
            unpriced_models: self.unpriced,
            run: None,
            decisions: Vec::new(),
            results: None,
            savings: None,
            surprises: Vec::new(),
        }
    }
}

/// Where a row stands: level by level, what its group comes to (nothing for time), and its value.
type Place = Vec<(Reverse<(Money, u64)>, Option<String>)>;

/// Level by level: time goes on; other values by what all of their rows cost, dearest first, then by name.
fn sorted(by: &[By], groups: BTreeMap<Vec<Option<String>>, Totals>) -> Vec<Row> {
    let rows: Vec<Row> = groups.into_iter().map(|(key, totals)| Row { key, totals }).collect();
    let mut weights: HashMap<&[Option<String>], (Money, u64)> = HashMap::new();
    for row in &rows {
        for depth in 0..by.len() {
            let Some(prefix) = row.key.get(..=depth) else { continue };
            let weight = weights.entry(prefix).or_default();
            weight.0 += row.totals.cost;
            weight.1 = weight.1.saturating_add(row.totals.tokens.total());
        }
    }
    let place = |row: &Row| -> Place {
        let levels = by.iter().zip(&row.key).enumerate();
        let place = levels.map(|(depth, (dimension, value))| {
            let weight = row.key.get(..=depth).filter(|_| !dimension.is_time()).and_then(|prefix| weights.get(prefix));
            (Reverse(weight.copied().unwrap_or_default()), value.clone())
        });
        place.collect()
    };
    let mut placed: Vec<_> = rows.iter().map(|row| (place(row), row.clone())).collect();
    placed.sort_by(|(one, _), (other, _)| one.cmp(other));
    placed.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Dimension;
    use crate::report::tests::sample;

    fn keys(summary: &Summary) -> Vec<String> {
        summary
            .rows
            .iter()
            .map(|row| row.key.iter().map(|value| value.as_deref().unwrap_or("?")).collect::<Vec<_>>().join("/"))
            .collect()
    }

    fn summed(by: &[By], responses: &[Response]) -> Summary {
        sample::summed(by, Tz::UTC, responses)
    }

    #[test]
    fn the_dearest_comes_first_but_days_go_on() {
        let responses = [
            sample::response("2026-11-02T10:00:00Z", "web", "t1", "gpt-6-luna", "0.10"),
            sample::response("2026-11-01T10:00:00Z", "web", "t1", "gpt-6-astra", "1.00"),
            sample::response("2026-11-01T10:00:00Z", "api", "t2", "gpt-6-astra", "3.00"),
        ];
        let agent = By::Of(Dimension::Agent);
        assert_eq!(
            keys(&summed(&[agent.clone(), By::Day], &responses)),
            ["api/2026-11-01", "web/2026-11-01", "web/2026-11-02"]
        );
        assert_eq!(
            keys(&summed(&[By::Day, agent], &responses)),
            ["2026-11-01/api", "2026-11-01/web", "2026-11-02/web"]
        );
    }

    #[test]
    fn without_dimensions_everything_is_one_row_and_nothing_is_none() {
        assert_eq!(summed(&[], &[]).rows.len(), 0);
        let one = summed(&[], &[sample::response("2026-11-02T10:00:00Z", "web", "t1", "gpt-6-luna", "0.10")]);
        assert_eq!(one.rows.len(), 1);
        assert_eq!(one.rows.first().unwrap().totals, one.totals);
    }

    #[test]
    fn an_unpriced_model_is_listed_and_its_cost_is_not_zero_but_unknown() {
        let mut response = sample::response("2026-11-02T10:00:00Z", "web", "t1", "gpt-9", "0");
        response.cost = Cost::Unpriced;
        let summary = summed(&[By::Of(Dimension::Model)], std::slice::from_ref(&response));
        assert_eq!(summary.totals.known_cost(), None);
        assert_eq!(summary.unpriced_models, BTreeSet::from([Some("gpt-9".to_owned())]));
        let other = sample::response("2026-11-02T10:00:00Z", "web", "t1", "gpt-6-luna", "0.10");
        let both = summed(&[], &[response, other]);
        assert_eq!((both.totals.known_cost(), both.totals.unpriced), (Money::parse_decimal("0.10"), 1));
    }

    #[test]
    fn mixed_billing_and_basis_are_said() {
        let api = sample::response("2026-11-02T10:00:00Z", "web", "t1", "gpt-6-luna", "0.10");
        let mut plan = api.clone();
        plan.billing = Billing::Plan;
        plan.basis = Basis::Estimated(crate::model::Guess::Pause);
        assert_eq!(summed(&[], std::slice::from_ref(&api)).totals.billing(), Some("api"));
        assert_eq!(summed(&[], std::slice::from_ref(&plan)).totals.basis(), "estimated");
        let both = summed(&[], &[api, plan]).totals;
        assert_eq!((both.billing(), both.basis()), (Some("mixed"), "mixed"));
    }

    #[test]
    fn each_row_knows_why_it_is_estimated() {
        let mut responses =
            [("web", Basis::Observed), ("web", Basis::Estimated(Guess::Pause)), ("api", Basis::Observed)]
                .map(|(agent, basis)| Response {
                    basis,
                    ..sample::response("2026-11-02T10:00:00Z", agent, agent, "gpt-6-luna", "0.10")
                })
                .to_vec();
        responses.push(Response { at: sample::at("2026-11-03T10:00:00Z"), ..responses[1].clone() });
        let summary = summed(&[By::Of(Dimension::Agent), By::Day], &responses);
        let reasons: Vec<_> = summary.rows.iter().map(|row| (row.totals.inferred, row.totals.guesses.len())).collect();
        assert_eq!(reasons, [(1, 1), (1, 1), (0, 0)]);
        assert_eq!(summary.totals.guesses, BTreeMap::from([(Guess::Pause, 2)]));
    }

    #[test]
    fn shares_add_up_and_what_has_no_price_has_none() {
        let mut responses: Vec<Response> =
            ["a", "b", "c"].map(|model| sample::response("2026-11-02T10:00:00Z", "web", "t1", model, "0.10")).to_vec();
        responses.push(Response { cost: Cost::Unpriced, model: Some("d".into()), ..responses[0].clone() });
        let summary = summed(&[By::Of(Dimension::Model)], &responses);
        assert_eq!(summary.shares(), [Some(334), Some(333), Some(333), None]);
        assert_eq!(summed(&[], &responses[3..]).shares(), [None]);
    }

    proptest! {
        #[test]
        fn rows_always_add_up_to_the_totals(
            picks in prop::collection::vec((0_usize..3, 0_usize..3, 0_i64..5_000_000_000, 0_i64..1_000_000), 0..60),
            by in prop::sample::subsequence(vec!["agent", "thread", "model", "day", "month", "team"], 0..6),
        ) {
            let responses: Vec<Response> = picks.iter().map(|(agent, model, nanos, second)| {
                let agent = ["web", "api", "docs"][*agent];
                let mut response = sample::response("2026-11-02T10:00:00Z", agent, agent, ["a", "b", "c"][*model], "0");
                response.at += chrono::TimeDelta::seconds(*second);
                response.cost = Cost::Priced(Money::from_nanos(*nanos));
                response
            }).collect();
            let by: Vec<By> = by.into_iter().map(|word| By::parse(word).unwrap()).collect();
            let summary = summed(&by, &responses);
            let mut again = Totals::default();
            for row in &summary.rows {
                again.merge(&row.totals);
            }
            prop_assert_eq!(&again, &summary.totals);
            prop_assert!(responses.is_empty() || summary.shares().iter().flatten().sum::<i128>() % 1_000 == 0);
            prop_assert_eq!(summary.totals.responses, responses.len() as u64);
            prop_assert_eq!(summary.totals.cost.nanos(), picks.iter().map(|pick| pick.2).sum::<i64>());
        }
    }
}
