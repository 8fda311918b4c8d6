//! What tokens cost: a dated table, and the user's own rates over it.
//!
//! `prices.toml` is the table: OpenAI's list prices, embedded in the binary with its date. A model
//! is found by its exact name, its aliases, without a known provider's prefix or without a
//! snapshot's date, and **never by a family's prefix**: a name that only looks like another is
//! unpriced, and said to be.

mod file;
mod name;
mod own;
mod quote;
mod rates;
mod table;

use std::sync::OnceLock;

pub use self::file::PriceFileError;
pub use self::name::Resolved;
pub use self::quote::{Doubt, Quote, RateUsed};
pub use self::rates::{Factor, Rates};
pub use self::table::{
    Confidence, LongContext, Model, Own, Price, PriceOverride, PriceSource, PriceTable, RateRow, StandIn, TierPrice,
    TierRow,
};

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

    /// This table with the user's own prices in place of the listed ones. An own price of a model holds for its
    /// aliases and snapshots too; one of an alias for that alias alone. What it leaves out is the listed multiplier
    /// where there is one. Of two for the same model the later one holds.
    #[must_use]
    pub fn with_overrides(&self, overrides: &[PriceOverride]) -> Self {
        let mut table = self.clone();
        for one in overrides {
            let key = one.model.as_str().to_lowercase();
            let model = own::model(one, self.get(&key));
            if let Some(known) = table.models.iter_mut().find(|model| model.name.as_str() == key) {
                *known = model;
            } else {
                table.index.insert(key, table.models.len());
                table.models.push(model);
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

    /// The models whose price is the user's own.
    pub fn overridden(&self) -> impl Iterator<Item = &Model> {
        self.models().filter(|model| model.own.is_some())
    }

    fn get(&self, key: &str) -> Option<&Model> {
        self.index.get(key).and_then(|place| self.models.get(*place))
    }
}

#[cfg(test)]
mod tests;
