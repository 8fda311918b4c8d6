//! What many responses come to.

use super::{Basis, Cost, Money, Response, Tokens, Unit};

/// Responses added up. Every addition saturates: an absurd record must not wrap a total round to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub responses: u64,
    /// Their tokens.
    pub tokens: Tokens,
    /// Priced and estimated cost together.
    pub cost: Money,
    /// How many of them have a stand-in for a price.
    pub estimated: u64,
    /// How many have no price: `cost` lacks them.
    pub unpriced: u64,
    /// How many have tokens that were inferred.
    pub inferred: u64,
}

impl Sum {
    /// One response.
    pub fn of(response: &Response) -> Self {
        Self {
            responses: 1,
            tokens: response.tokens,
            cost: response.cost.money().unwrap_or(Money::ZERO),
            estimated: matches!(response.cost, Cost::Estimated(_)).into(),
            unpriced: matches!(response.cost, Cost::Unpriced).into(),
            inferred: matches!(response.basis, Basis::Estimated(_)).into(),
        }
    }

    /// Adds another sum.
    pub fn add(&mut self, other: &Self) {
        self.responses = self.responses.saturating_add(other.responses);
        self.tokens += other.tokens;
        self.cost += other.cost;
        self.estimated = self.estimated.saturating_add(other.estimated);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
        self.inferred = self.inferred.saturating_add(other.inferred);
    }

    /// Takes away what was added before.
    pub fn take(&mut self, other: &Self) {
        let Tokens { input, cached_input, cache_write_input, output, reasoning_output } = other.tokens;
        self.responses = self.responses.saturating_sub(other.responses);
        self.tokens = Tokens {
            input: self.tokens.input.saturating_sub(input),
            cached_input: self.tokens.cached_input.saturating_sub(cached_input),
            cache_write_input: self.tokens.cache_write_input.saturating_sub(cache_write_input),
            output: self.tokens.output.saturating_sub(output),
            reasoning_output: self.tokens.reasoning_output.saturating_sub(reasoning_output),
        };
        self.cost = Money::from_nanos(self.cost.nanos().saturating_sub(other.cost.nanos()));
        self.estimated = self.estimated.saturating_sub(other.estimated);
        self.unpriced = self.unpriced.saturating_sub(other.unpriced);
        self.inferred = self.inferred.saturating_sub(other.inferred);
    }

    /// The amount in a unit's smallest part; `None` for tool calls and time, which responses do
    /// not tell.
    pub fn amount(&self, unit: Unit) -> Option<i64> {
        let whole = |count| i64::try_from(count).unwrap_or(i64::MAX);
        match unit {
            Unit::Usd | Unit::Credits => Some(self.cost.nanos()),
            Unit::Tok => Some(whole(self.tokens.uncached())),
            Unit::AllTok => Some(whole(self.tokens.total())),
            Unit::Responses => Some(whole(self.responses)),
            Unit::ToolCalls | Unit::Minutes => None,
        }
    }
}

/// Responses that were recorded without a price, and got one later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repriced {
    /// How many responses.
    pub responses: u64,
    /// What they come to.
    pub cost: Money,
}
