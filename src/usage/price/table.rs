//! The table: every known model, its rates and since when they hold.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::rates::{Factor, Rates};
use crate::model::{ModelId, ServiceTier};

/// The user's own price of one model, from a policy's `[prices]`: it takes all that the embedded table takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceOverride {
    /// The model, exactly as Codex names it.
    pub model: ModelId,
    /// What it costs at standard speed.
    pub price: Price,
    /// Long requests cost more; `None` where the policy does not say.
    pub long_context: Option<bool>,
    /// What fast requests cost, oldest row first; `None` where the policy does not say.
    pub fast: Option<Vec<TierRow>>,
    /// The same of flex requests.
    pub flex: Option<Vec<TierRow>>,
    /// The same of ultrafast requests.
    pub ultrafast: Option<Vec<TierRow>>,
}

/// What every known model costs, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceTable {
    pub(super) version: String,
    pub(super) source: String,
    pub(super) long: LongContext,
    pub(super) models: Vec<Model>,
    /// Names, aliases and their dotless spellings, in lower case, to places in `models`.
    pub(super) index: HashMap<String, usize>,
}

/// What long requests cost more: the whole request, not only what lies beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongContext {
    /// A request with more input tokens than this is long; exactly so many is not.
    pub above: u64,
    /// On input, cached input and cache writes.
    pub input: Factor,
    /// On output.
    pub output: Factor,
}

/// One model's prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its own name.
    pub name: ModelId,
    /// Other names at the same price.
    pub aliases: Vec<String>,
    /// What a reader of the price should know.
    pub note: Option<String>,
    /// What it costs at standard speed.
    pub price: Price,
    /// The price is the user's own, and so is known to be incomplete in some parts.
    pub own: Option<Own>,
    /// Long requests cost more.
    pub long_context: bool,
    /// What fast requests cost, oldest row first; empty where the tier is not offered.
    pub fast: Vec<TierRow>,
    /// What flex requests cost.
    pub flex: Vec<TierRow>,
    /// What ultrafast requests cost.
    pub ultrafast: Vec<TierRow>,
    /// The day on which the API stopped, or will stop, to serve it.
    pub retired: Option<NaiveDate>,
}

/// What a model costs at standard speed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Price {
    /// Its own rates, oldest first, never empty.
    Listed(Vec<RateRow>),
    /// It is not for sale: another model's price stands in for it; oldest first, never empty.
    As(Vec<StandIn>),
}

/// Where the parts of a user's own price come from, beside its rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// What long requests cost more.
    pub long_context: PriceSource,
    /// What fast requests cost.
    pub fast: PriceSource,
    /// What flex requests cost.
    pub flex: PriceSource,
    /// What ultrafast requests cost.
    pub ultrafast: PriceSource,
}

/// Where a part of a user's own price comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceSource {
    /// The policy says it.
    Said,
    /// The policy leaves it out; the listed multiplier holds.
    Inherited,
    /// Nobody says it: what it would matter to is estimated.
    Unsaid,
}

impl Own {
    /// What holds by the list, as tables call it.
    pub fn inherited(&self) -> impl Iterator<Item = &'static str> {
        self.parts().into_iter().filter(|(_, part)| *part == PriceSource::Inherited).map(|(name, _)| name)
    }

    /// All of them, as tables call them.
    pub fn parts(&self) -> [(&'static str, PriceSource); 4] {
        [("long requests", self.long_context), ("fast", self.fast), ("flex", self.flex), ("ultrafast", self.ultrafast)]
    }
}

/// Rates from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateRow {
    /// The first day, from midnight UTC; the first row of a model also holds before it.
    pub since: Option<NaiveDate>,
    /// The rates.
    pub rates: Rates,
    /// How sure they are.
    pub confidence: Confidence,
    /// What a reader of these rates should know.
    pub note: Option<String>,
}

/// A stand-in from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandIn {
    /// The first day.
    pub since: Option<NaiveDate>,
    /// The model whose price is taken.
    pub model: ModelId,
}

/// A service tier's price from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierRow {
    /// The first day.
    pub since: Option<NaiveDate>,
    /// The price.
    pub price: TierPrice,
    /// The tier is offered for long requests too.
    pub long: bool,
    /// What a reader of the price should know.
    pub note: Option<String>,
}

/// What a service tier costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TierPrice {
    /// So many times each standard rate.
    Times(Factor),
    /// Rates of its own.
    Own(Rates),
    /// It is offered, at a price that nobody published.
    Unpublished,
}

/// How sure a rate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Others' guess: what is priced at it is estimated.
    Low,
    /// Few sources, or partly inferred.
    Medium,
    /// Published, and independent sources agree.
    High,
}

impl Confidence {
    /// As tables spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl Model {
    /// The rows of a tier's price; `None` for the standard tier and for an unknown one.
    pub fn tier(&self, tier: &ServiceTier) -> Option<&[TierRow]> {
        match tier {
            ServiceTier::Fast => Some(&self.fast),
            ServiceTier::Flex => Some(&self.flex),
            ServiceTier::Ultrafast => Some(&self.ultrafast),
            ServiceTier::Standard | ServiceTier::Other(_) => None,
        }
    }
}

/// The last row that has begun on this day; the first one where none has.
pub(super) fn row_at<T>(rows: &[T], since: impl Fn(&T) -> Option<NaiveDate>, day: NaiveDate) -> Option<&T> {
    rows.iter().rev().find(|row| since(row).is_none_or(|first| first <= day)).or_else(|| rows.first())
}
