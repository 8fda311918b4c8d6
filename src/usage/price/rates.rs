//! Rates, factors on them, and the one place where a response's tokens become money.

use crate::model::{Money, Tokens};

/// What a million tokens of each kind cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Plain input.
    pub input: Money,
    /// Input read from cache.
    pub cached_input: Money,
    /// Input written to cache.
    pub cache_write_input: Money,
    /// Output, reasoning included.
    pub output: Money,
}

/// A multiplier in whole thousandths: 2.5 is 2500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor(u32);

impl Factor {
    /// Once.
    pub const ONE: Self = Self(1000);

    /// From thousandths.
    pub const fn from_thousandths(thousandths: u32) -> Self {
        Self(thousandths)
    }

    /// In thousandths.
    pub const fn thousandths(self) -> u32 {
        self.0
    }
}

/// Up to three factors on a rate, multiplied: 10⁹ is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Product(u128);

/// What [`Product`] counts in.
const ONE: u128 = 1_000_000_000;

impl Product {
    pub(super) fn of(factors: [Factor; 3]) -> Self {
        Self(factors.into_iter().map(|factor| u128::from(factor.0)).product())
    }
}

impl Rates {
    /// Cached and written input cost as plain input where they have no rate of their own.
    pub fn new(input: Money, cached: Option<Money>, written: Option<Money>, output: Money) -> Self {
        Self { input, cached_input: cached.unwrap_or(input), cache_write_input: written.unwrap_or(input), output }
    }

    /// As they are shown; [`Rates::cost`] never goes through them, so that it rounds once.
    pub(super) fn times(self, input: Product, output: Product) -> Self {
        let times = |rate: Money, by: Product| to_money(divide_half_up(nanos(rate).saturating_mul(by.0), ONE));
        Self {
            input: times(self.input, input),
            cached_input: times(self.cached_input, input),
            cache_write_input: times(self.cache_write_input, input),
            output: times(self.output, output),
        }
    }

    /// What the tokens cost. Exact until the end; then rounded once, half up, to a whole
    /// nano-dollar. Saturates. Cached and written tokens beyond the input, which no real response
    /// has, are not counted.
    pub(super) fn cost(self, tokens: &Tokens, input: Product, output: Product) -> Money {
        let cached = tokens.cached_input.min(tokens.input);
        let written = tokens.cache_write_input.min(tokens.input - cached);
        let plain = tokens.input - cached - written;
        let parts = [
            (plain, self.input, input),
            (cached, self.cached_input, input),
            (written, self.cache_write_input, input),
            (tokens.output, self.output, output),
        ];
        let sum = parts.into_iter().fold(0_u128, |sum, (count, rate, by)| {
            sum.saturating_add(u128::from(count).saturating_mul(nanos(rate)).saturating_mul(by.0))
        });
        to_money(divide_half_up(sum, ONE * 1_000_000))
    }
}

/// A negative rate, which no file may have, is none.
fn nanos(rate: Money) -> u128 {
    u128::try_from(rate.nanos()).unwrap_or(0)
}

fn divide_half_up(amount: u128, by: u128) -> u128 {
    amount / by + u128::from(amount % by >= by / 2)
}

fn to_money(nanos: u128) -> Money {
    Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usd(text: &str) -> Money {
        Money::parse_decimal(text).unwrap()
    }

    fn once() -> Product {
        Product::of([Factor::ONE; 3])
    }

    #[test]
    fn half_a_nano_dollar_is_rounded_up_once_at_the_end() {
        // 0.0025 dollars a million tokens is 2.5 nano-dollars a token.
        let rates = Rates::new(usd("0.0025"), None, None, usd("0.0025"));
        let tokens = |input, output| Tokens { input, output, ..Tokens::default() };
        assert_eq!(rates.cost(&tokens(1, 0), once(), once()).nanos(), 3);
        // Rounded one by one these would be 6.
        assert_eq!(rates.cost(&tokens(1, 1), once(), once()).nanos(), 5);
    }

    #[test]
    fn absurd_counts_cost_the_most_there_is_and_never_less() {
        let rates = Rates::new(usd("30"), None, None, usd("180"));
        let tokens = Tokens { input: u64::MAX, output: u64::MAX, ..Tokens::default() };
        let dear = Product::of([Factor::from_thousandths(u32::MAX); 3]);
        assert_eq!(rates.cost(&tokens, dear, dear).nanos(), i64::MAX);
    }

    #[test]
    fn more_cached_than_sent_is_taken_as_all_cached() {
        let rates = Rates::new(usd("2"), Some(usd("0.2")), Some(usd("2.5")), usd("10"));
        let tokens = Tokens { input: 1_000_000, cached_input: 5_000_000, cache_write_input: 7, ..Tokens::default() };
        assert_eq!(rates.cost(&tokens, once(), once()), usd("0.2"));
    }

    proptest! {
        #[test]
        fn the_sum_over_kinds_is_the_whole(input in 0..2_000_000_u64, cached in 0..100_u64, output in 0..200_000_u64) {
            // With rates of whole nano-dollars a token nothing is rounded, so that parts add up.
            let rates = Rates::new(usd("1.25"), Some(usd("0.125")), None, usd("10"));
            let cached = input * cached / 100;
            let whole = rates.cost(&Tokens { input, cached_input: cached, output, ..Tokens::default() }, once(), once());
            let expected = (input - cached) * 1250 + cached * 125 + output * 10_000;
            prop_assert_eq!(whole.nanos(), i64::try_from(expected).unwrap());
        }
    }
}
