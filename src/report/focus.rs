//! Spend in the columns of FOCUS, the FinOps Open Cost and Usage Specification.
//!
//! The dataset is *Cost and Usage* of version 1.3 (<https://focus.finops.org/focus-specification/v1-3/>), with all its
//! mandatory columns, as CSV. A row is one kind of tokens that one model answered in one day, for one attribution and class of work. What
//! the specification leaves open, or what govern cannot know, is decided so:
//!
//! - `BilledCost` is always 0: govern bills nobody and sees no invoice, and who does not invoice a charge must not write
//!   one, so that nothing counts twice beside the provider's own dataset.
//! - `ContractedCost` is what the ledger counted, at list price or at the policy's own rates. It adds up to the report's
//!   cost to the last digit. `ListCost` differs from it only where a policy has rates of its own.
//! - `EffectiveCost` is the same by API key; on a ChatGPT plan, whose fee covers the use, it is 0.
//! - Costs may not be null. What has no price has a cost of 0, no unit price and no `SkuPriceId`; `x_Price` says
//!   `unpriced`.
//! - `BillingAccountId` is `Unknown`: session files do not say it.

use std::collections::HashMap;

use chrono_tz::Tz;

use super::By;
use super::group_by::Pieces;
use super::rounding::apportion;
use super::token_kinds::Kind;
use crate::model::{Attribution, Basis, Billing, Cost, ModelId, Money, Response, ServiceTier, Timestamp, WorkClass};
use crate::usage::price::{PriceTable, Rates};

mod columns;

/// Charges in the making: responses are added as they stream past.
#[derive(Debug)]
pub struct Charges<'a> {
    list: &'a PriceTable,
    own: &'a PriceTable,
    zone: Tz,
    /// Where the response before this one fell: they come in the order of time.
    day: Option<(Timestamp, Timestamp)>,
    rows: HashMap<Origin, [Part; 4]>,
    /// Responses without a price.
    unpriced: u64,
}

/// What the tokens of a row have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Origin {
    day: (Timestamp, Timestamp),
    provider: Option<String>,
    billing: Billing,
    model: Option<ModelId>,
    tier: ServiceTier,
    attribution: Attribution,
    work: Option<WorkClass>,
    estimated: bool,
    price: Price,
}

/// What the ledger's cost is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Price {
    /// The list's rates for a million tokens of each kind, and those that were counted.
    Rated { list: UnitPrices, counted: UnitPrices, long_context: bool, how: &'static str },
    /// At rates that neither the list nor the policy has any more: shared out over the kinds by the list's.
    Apportioned,
    /// It has none.
    Unpriced,
}

type UnitPrices = [Money; 4];

/// What there is of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Part {
    tokens: u64,
    list: Money,
    counted: Money,
}

impl<'a> Charges<'a> {
    /// Nothing yet. Costs are split over the kinds of tokens by the list's rates, or by those of the policy that
    /// applies here; days begin at midnight in the zone.
    pub fn new(list: &'a PriceTable, own: &'a PriceTable, zone: Tz) -> Self {
        Self { list, own, zone, day: None, rows: HashMap::new(), unpriced: 0 }
    }

    /// Counts one more response.
    pub fn add(&mut self, response: Response) {
        let day = match self.day {
            Some(day) if day.0 <= response.at && response.at < day.1 => day,
            _ => Pieces::of(&[By::Day], self.zone).bounds(response.at),
        };
        self.day = Some(day);
        let (price, list, counted) = self.split(&response);
        self.unpriced += u64::from(price == Price::Unpriced);
        let tokens = Kind::ALL.map(|kind| kind.count(&response.tokens));
        let origin = Origin {
            day,
            provider: response.provider,
            billing: response.billing,
            model: response.model,
            tier: response.tier,
            attribution: response.attribution,
            work: response.work,
            estimated: response.basis != Basis::Observed,
            price,
        };
        let parts = self.rows.entry(origin).or_default();
        for (part, (tokens, (list, counted))) in
            parts.iter_mut().zip(tokens.into_iter().zip(list.into_iter().zip(counted)))
        {
            part.tokens = part.tokens.saturating_add(tokens);
            part.list += list;
            part.counted += counted;
        }
    }

    /// How many responses have no price.
    pub fn unpriced(&self) -> u64 {
        self.unpriced
    }

    /// The dataset, under a line of names; the order is of time, then of what is dearest to read apart.
    pub fn to_csv(&self) -> String {
        columns::csv(&self.rows, self.zone)
    }

    /// The response's cost by kind: at list price, and as it was counted.
    fn split(&self, response: &Response) -> (Price, [Money; 4], [Money; 4]) {
        let (Some(cost), Some(model)) = (response.cost.money(), &response.model) else {
            return match response.cost.money() {
                None => (Price::Unpriced, [Money::ZERO; 4], [Money::ZERO; 4]),
                Some(cost) => self.apportioned(response, cost),
            };
        };
        if response.billing == Billing::Local && cost == Money::ZERO {
            let free = [Money::ZERO; 4];
            return (Price::Rated { list: free, counted: free, long_context: false, how: "free" }, free, free);
        }
        let quote = |table: &'a PriceTable| {
            let quote = table.quote(model, &response.tier, response.at, &response.tokens);
            quote.cost.money().zip(quote.rate)
        };
        let listed = quote(self.list);
        let estimated = matches!(response.cost, Cost::Estimated(_));
        match (listed, quote(self.own)) {
            (Some((list, rate)), _) if list == cost => {
                let (units, parts) = (unit_prices(rate.rates), shared_out(cost, response, rate.rates));
                let how = if estimated { "estimated" } else { "list" };
                (Price::Rated { list: units, counted: units, long_context: rate.long_context, how }, parts, parts)
            }
            (listed, Some((own, rate))) if own == cost && !estimated => {
                let (units, parts) = (unit_prices(rate.rates), shared_out(cost, response, rate.rates));
                let (list, list_parts) = listed.map_or((units, parts), |(list, rate)| {
                    (unit_prices(rate.rates), shared_out(list, response, rate.rates))
                });
                (
                    Price::Rated { list, counted: units, long_context: rate.long_context, how: "policy" },
                    list_parts,
                    parts,
                )
            }
            _ => self.apportioned(response, cost),
        }
    }

    /// At the rates of the model, else at the dearest ones: what matters is how they are to one another.
    fn apportioned(&self, response: &Response, cost: Money) -> (Price, [Money; 4], [Money; 4]) {
        let known = response
            .model
            .as_ref()
            .and_then(|model| self.own.quote(model, &response.tier, response.at, &response.tokens).rate);
        let rate = known.or_else(|| self.list.dearest(&response.tier, response.at, &response.tokens).rate);
        let even = Rates::new(Money::from_usd(1), None, None, Money::from_usd(1));
        let parts = shared_out(cost, response, rate.map_or(even, |rate| rate.rates));
        (Price::Apportioned, parts, parts)
    }
}

fn unit_prices(rates: Rates) -> UnitPrices {
    Kind::ALL.map(|kind| match kind {
        Kind::Input => rates.input,
        Kind::CachedInput => rates.cached_input,
        Kind::CacheWrite => rates.cache_write_input,
        Kind::Output => rates.output,
    })
}

/// The cost by kind, as the rates weigh them: to the last nano-dollar it is the cost.
fn shared_out(cost: Money, response: &Response, rates: Rates) -> [Money; 4] {
    let mut weights = [0_i128; 4];
    for ((weight, kind), rate) in weights.iter_mut().zip(Kind::ALL).zip(unit_prices(rates)) {
        *weight = i128::from(kind.count(&response.tokens)).saturating_mul(rate.nanos().into());
    }
    // The products below must fit, however absurd the counts are.
    while weights.iter().fold(0_i128, |sum, weight| sum.saturating_add(*weight)) > 1 << 62 {
        weights = weights.map(|weight| weight >> 1);
    }
    let whole: i128 = weights.iter().sum();
    if whole == 0 {
        return [cost, Money::ZERO, Money::ZERO, Money::ZERO];
    }
    let shares = apportion(&weights.map(|weight| weight * i128::from(cost.nanos())), whole);
    let mut parts = [Money::ZERO; 4];
    for (part, share) in parts.iter_mut().zip(shares.parts) {
        *part = Money::from_nanos(i64::try_from(share).unwrap_or(i64::MAX));
    }
    parts
}

#[cfg(test)]
mod tests;
