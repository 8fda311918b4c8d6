//! Pure. What tokens cost: a dated table, and the user's own rates over it.
//!
//! `prices.toml` is the table: OpenAI's list prices, embedded in the binary with its date. A model
//! is found by its exact name, its aliases, without a known provider's prefix or without a
//! snapshot's date, and **never by a family's prefix**: a name that only looks like another is
//! unpriced, and said to be.

mod file;
mod name;
mod quote;
mod rates;

use std::collections::HashMap;
use std::sync::OnceLock;

use chrono::NaiveDate;

pub use self::file::PriceFileError;
pub use self::name::Resolved;
pub use self::quote::{Doubt, Quote, RateUsed};
pub use self::rates::{Factor, Rates};
use crate::model::{ModelId, Money, ServiceTier};

/// The user's own rates for one model, from a policy's `[[price]]`; they hold for all time, on
/// every service tier, and however long the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceOverride {
    /// The model, exactly as Codex names it.
    pub model: ModelId,
    /// For a million tokens of plain input.
    pub input: Money,
    /// For a million tokens read from cache; by default as `input`.
    pub cached_input: Option<Money>,
    /// For a million tokens written to cache; by default as `input`.
    pub cache_write_input: Option<Money>,
    /// For a million tokens of output.
    pub output: Money,
}

/// What every known model costs, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceTable {
    version: String,
    source: String,
    long: LongContext,
    models: Vec<Model>,
    /// Names, aliases and their dotless spellings, in lower case, to places in `models`.
    index: HashMap<String, usize>,
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
    /// The user's own rates.
    Overridden(Rates),
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

impl PriceTable {
    /// The table that govern was built with.
    pub fn embedded() -> &'static Self {
        static TABLE: OnceLock<PriceTable> = OnceLock::new();
        #[expect(clippy::expect_used, reason = "INVARIANT: the file is part of the binary, and a test reads it")]
        TABLE.get_or_init(|| Self::parse(include_str!("../prices.toml")).expect("the embedded prices are well formed"))
    }

    /// Reads a table in the form of `prices.toml`.
    pub fn parse(text: &str) -> Result<Self, PriceFileError> {
        file::parse(text)
    }

    /// This table with the user's own rates in place of the listed ones. An override of a model
    /// holds for its aliases and snapshots too; an override of an alias for that alias alone. Of
    /// two for the same model the later one holds.
    #[must_use]
    pub fn with_overrides(&self, overrides: &[PriceOverride]) -> Self {
        let mut table = self.clone();
        for one in overrides {
            let rates = Rates::new(one.input, one.cached_input, one.cache_write_input, one.output);
            let key = one.model.as_str().to_lowercase();
            let listed = table.models.iter_mut().find(|model| model.name.as_str() == key);
            if let Some(model) = listed {
                model.price = Price::Overridden(rates);
            } else {
                table.index.insert(key, table.models.len());
                table.models.push(Model::overridden(one.model.clone(), rates));
            }
        }
        table
    }

    /// The table's date, such as `2026-11-22`: recorded with each run. Overrides don't change it;
    /// they are part of the policy, whose digest is recorded too.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where the prices come from, in a sentence.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What long requests cost more.
    pub fn long_context(&self) -> LongContext {
        self.long
    }

    /// Every model: newest first as listed, then those that only an override knows.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.iter()
    }

    /// The models whose rates the user replaced.
    pub fn overridden(&self) -> impl Iterator<Item = &Model> {
        self.models().filter(|model| matches!(model.price, Price::Overridden(_)))
    }

    fn get(&self, key: &str) -> Option<&Model> {
        self.index.get(key).and_then(|place| self.models.get(*place))
    }
}

impl Model {
    fn overridden(name: ModelId, rates: Rates) -> Self {
        Self {
            name,
            aliases: Vec::new(),
            note: None,
            price: Price::Overridden(rates),
            long_context: false,
            fast: Vec::new(),
            flex: Vec::new(),
            ultrafast: Vec::new(),
            retired: None,
        }
    }

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
fn row_at<T>(rows: &[T], since: impl Fn(&T) -> Option<NaiveDate>, day: NaiveDate) -> Option<&T> {
    rows.iter().rev().find(|row| since(row).is_none_or(|first| first <= day)).or_else(|| rows.first())
}

#[cfg(test)]
mod tests;
