//! What a response costs, at which rate, and how sure that is.

use std::fmt;

use chrono::NaiveDate;

use super::name::Resolved;
use super::rates::{Factor, Product, Rates};
use super::table::{Confidence, Model, Price, PriceSource, PriceTable, RateRow, TierPrice, TierRow, row_at};
use crate::model::{Cost, ModelId, ServiceTier, Timestamp, Tokens};

/// A cost and how it came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote<'a> {
    /// What the response costs at list price.
    pub cost: Cost,
    /// The rate used; `None` where there is none.
    pub rate: Option<RateUsed<'a>>,
    /// Why the cost is estimated, or missing.
    pub doubt: Option<Doubt>,
}

/// The rate that a response was priced at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateUsed<'a> {
    /// The model whose rate it is.
    pub model: &'a Model,
    /// The day from which it holds, where the table says so.
    pub since: Option<NaiveDate>,
    /// For a million tokens, with tier, length and region counted in.
    pub rates: Rates,
    /// The request was longer than the long-context limit and the model charges for that.
    pub long_context: bool,
}

/// Why a cost is not simply the listed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Estimated: the rate is others' guess.
    LowConfidence,
    /// Estimated: the model is not for sale, another one's price stands in.
    StandIn,
    /// Estimated at the standard rate: no price of this tier is published for the model, and Codex
    /// does not send a tier that its catalogue does not list for the model.
    TierNotOffered,
    /// Estimated at the standard rate: the tier is not offered for requests this long.
    TierNotOfferedForLong,
    /// Estimated at the standard rate: the user's own price says nothing of this tier.
    TierUnsaid,
    /// Estimated as a short request: the user's own price says nothing of long ones.
    LongUnsaid,
    /// Estimated: sources disagree on what the region adds.
    Region,
    /// Estimated at the dearest model's rate.
    Dearest,
    /// Estimated as another model: the policy said so.
    AsAnother,
    /// Unpriced: the table does not know the model.
    UnknownModel,
    /// Unpriced: this version does not know the service tier.
    UnknownTier,
    /// Unpriced: the tier exists, its price is not published, and guesses would be far off.
    TierUnpublished,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::LowConfidence => "no published price; a third party's guess",
            Self::StandIn => "not for sale; priced as the model behind it",
            Self::TierNotOffered => "no price of this service tier is published for the model; standard rate",
            Self::TierNotOfferedForLong => "the service tier is not offered for requests this long; standard rate",
            Self::TierUnsaid => "your own price says nothing of this service tier; standard rate",
            Self::LongUnsaid => "your own price says nothing of requests this long; as a short one",
            Self::Region => "sources disagree on the region's surcharge",
            Self::Dearest => "counted as the dearest model",
            Self::AsAnother => "counted as another model",
            Self::UnknownModel => "the price table does not know the model",
            Self::UnknownTier => "the price table does not know the service tier",
            Self::TierUnpublished => "the price of this service tier is not published",
        })
    }
}

impl Quote<'_> {
    const fn unpriced(doubt: Doubt) -> Self {
        Quote { cost: Cost::Unpriced, rate: None, doubt: Some(doubt) }
    }

    fn doubted(mut self, doubt: Option<Doubt>) -> Self {
        if let (Cost::Priced(money) | Cost::Estimated(money), Some(_)) = (self.cost, doubt) {
            self.cost = Cost::Estimated(money);
            self.doubt = doubt;
        }
        self
    }
}

impl PriceTable {
    /// What a response of this model, on this tier, at this moment costs. Each response is
    /// rounded once, half up, to a whole nano-dollar; sums of costs are exact.
    pub fn quote(&self, model: &ModelId, tier: &ServiceTier, at: Timestamp, tokens: &Tokens) -> Quote<'_> {
        let Some(found) = self.resolve(model) else {
            return Quote::unpriced(Doubt::UnknownModel);
        };
        let quote = self.quote_resolved(found, tier, at.date_naive(), tokens);
        quote.doubted((!found.region_is_certain).then_some(Doubt::Region))
    }

    /// What it costs as this other model, always estimated: for `unpriced = "as:MODEL"`.
    pub fn quote_as(&self, model: &ModelId, tier: &ServiceTier, at: Timestamp, tokens: &Tokens) -> Quote<'_> {
        self.quote(model, tier, at, tokens).doubted(Some(Doubt::AsAnother))
    }

    /// The most that the response would cost as any model that is served on that day: for `unpriced = "dearest"`.
    /// On a tier that the table does not know, or knows no price of, the most on any tier. Which
    /// model that is depends on the tokens.
    pub fn dearest(&self, tier: &ServiceTier, at: Timestamp, tokens: &Tokens) -> Quote<'_> {
        const TIERS: [ServiceTier; 4] =
            [ServiceTier::Standard, ServiceTier::Fast, ServiceTier::Flex, ServiceTier::Ultrafast];
        let one = [tier.clone()];
        let tiers: &[ServiceTier] = match tier {
            ServiceTier::Other(_) | ServiceTier::Ultrafast => &TIERS,
            ServiceTier::Standard | ServiceTier::Fast | ServiceTier::Flex => &one,
        };
        let day = at.date_naive();
        // What is not served any more answers nobody.
        let served = self.models().filter(|model| model.retired.is_none_or(|retired| day < retired));
        let quotes = served.flat_map(|model| {
            let found = Resolved { model, region: Factor::ONE, region_is_certain: true };
            tiers.iter().map(move |tier| self.quote_resolved(found, tier, day, tokens))
        });
        quotes
            .max_by_key(|quote| quote.cost.money())
            .unwrap_or(Quote::unpriced(Doubt::UnknownModel))
            .doubted(Some(Doubt::Dearest))
    }

    fn quote_resolved<'a>(
        &'a self,
        found: Resolved<'a>,
        tier: &ServiceTier,
        day: NaiveDate,
        tokens: &Tokens,
    ) -> Quote<'a> {
        match &found.model.price {
            Price::As(rows) => {
                // A stand-in has rates of its own: the table is refused otherwise.
                let standin = row_at(rows, |row| row.since, day).and_then(|row| self.get(row.model.as_str()));
                match standin {
                    Some(model) if !matches!(model.price, Price::As(_)) => self
                        .quote_resolved(Resolved { model, ..found }, tier, day, tokens)
                        // Where the user says what it costs as, that is its price.
                        .doubted(found.model.own.is_none().then_some(Doubt::StandIn)),
                    _ => Quote::unpriced(Doubt::UnknownModel),
                }
            }
            Price::Listed(rows) => match row_at(rows, |row| row.since, day) {
                Some(row) => self.quote_listed(found, row, tier, day, tokens),
                None => Quote::unpriced(Doubt::UnknownModel),
            },
        }
    }

    fn quote_listed<'a>(
        &self,
        found: Resolved<'a>,
        row: &RateRow,
        tier: &ServiceTier,
        day: NaiveDate,
        tokens: &Tokens,
    ) -> Quote<'a> {
        let model = found.model;
        let long = model.long_context && tokens.input > self.long.above;
        let (price, tier_doubt) = match tier_price(model, tier, day, long) {
            Ok(known) => known,
            Err(doubt) => return Quote::unpriced(doubt),
        };
        let (rates, times) = match price {
            TierPrice::Times(factor) => (row.rates, factor),
            TierPrice::Own(rates) => (rates, Factor::ONE),
            TierPrice::Unpublished => return Quote::unpriced(Doubt::TierUnpublished),
        };
        let (long_input, long_output) =
            if long { (self.long.input, self.long.output) } else { (Factor::ONE, Factor::ONE) };
        let input = Product::of([times, long_input, found.region]);
        let output = Product::of([times, long_output, found.region]);
        let rate = RateUsed { model, since: row.since, rates: rates.times(input, output), long_context: long };
        let guess = (row.confidence == Confidence::Low).then_some(Doubt::LowConfidence);
        let unsaid =
            tokens.input > self.long.above && model.own.is_some_and(|own| own.long_context == PriceSource::Unsaid);
        let guess = guess.or(unsaid.then_some(Doubt::LongUnsaid));
        Quote { cost: Cost::Priced(rates.cost(tokens, input, output)), rate: Some(rate), doubt: None }
            .doubted(tier_doubt.or(guess))
    }
}

/// The tier's price for the model on this day, or why there is none.
///
/// A recorded tier is the one asked for. Codex leaves `priority` and `flex` out of requests to
/// models whose catalogue entry does not list them, so those without a price are taken as standard
/// and marked. `ultrafast` may come with a newer catalogue than this table's, at three to six times
/// the price: without one it stays unpriced. A user's own price is for the user's own model: what it leaves out is
/// estimated at its standard rate.
fn tier_price(
    model: &Model,
    tier: &ServiceTier,
    day: NaiveDate,
    long: bool,
) -> Result<(TierPrice, Option<Doubt>), Doubt> {
    const STANDARD: TierPrice = TierPrice::Times(Factor::ONE);
    let row = |rows| row_at(rows, |row: &TierRow| row.since, day);
    let offered = match tier {
        ServiceTier::Standard => return Ok((STANDARD, None)),
        ServiceTier::Other(_) if model.own.is_some() => None,
        ServiceTier::Other(_) => return Err(Doubt::UnknownTier),
        ServiceTier::Ultrafast if model.own.is_some() => row(&model.ultrafast),
        ServiceTier::Ultrafast => Some(row(&model.ultrafast).ok_or(Doubt::TierUnpublished)?),
        ServiceTier::Fast => row(&model.fast),
        ServiceTier::Flex => row(&model.flex),
    };
    Ok(match offered {
        None if model.own.is_some() => (STANDARD, Some(Doubt::TierUnsaid)),
        None => (STANDARD, Some(Doubt::TierNotOffered)),
        Some(row) if long && !row.long => (STANDARD, Some(Doubt::TierNotOfferedForLong)),
        Some(row) => (row.price, None),
    })
}
