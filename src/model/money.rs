//! Money as whole nano-dollars: never a float, so that sums add up to the last digit.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// An amount in nano-dollars (1 USD = 10⁹); up to about 9.2 thousand million USD. The cheapest
/// published rate, $0.005 a million tokens, is 5 of them a token. Serialized as a decimal string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Money(i64);

const NANOS: i64 = 1_000_000_000;

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// From nano-dollars.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole dollars, saturating.
    pub const fn from_usd(usd: i64) -> Self {
        Self(usd.saturating_mul(NANOS))
    }

    /// In nano-dollars.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// A decimal such as `0.0123` in dollars, with at least two places and no others that are zero.
    pub fn to_decimal(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let whole = self.0.unsigned_abs() / NANOS.unsigned_abs();
        let nanos = self.0.unsigned_abs() % NANOS.unsigned_abs();
        let digits = format!("{nanos:09}");
        let kept = digits.trim_end_matches('0').len().max(2);
        let places: String = digits.chars().take(kept).collect();
        format!("{sign}{whole}.{places}")
    }

    /// Reads a decimal in dollars: digits, at most one point, at most nine places, an optional
    /// minus. `None` for anything else or what does not fit.
    pub fn parse_decimal(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && places.is_empty()) || !all_digits(whole) || !all_digits(places) || places.len() > 9 {
            return None;
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let nanos: i64 = format!("{places:0<9}").parse().ok()?;
        let amount = whole.checked_mul(NANOS)?.checked_add(nanos)?;
        Some(Self(if negative { -amount } else { amount }))
    }

    /// The amount times `numerator / denominator`, rounded half away from zero, saturating; a
    /// zero denominator gives zero.
    pub fn scaled(self, numerator: u64, denominator: u64) -> Self {
        if denominator == 0 {
            return Self::ZERO;
        }
        let product = i128::from(self.0) * i128::from(numerator);
        let half = i128::from(denominator) / 2;
        let rounded = (product + if product < 0 { -half } else { half }) / i128::from(denominator);
        Self(i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX }))
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Money {
    /// `$1.23`; small amounts keep four places, and those that four places would show as nothing keep all. Exact figures are [`Money::to_decimal`]'s.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: u32 = if self.0.unsigned_abs() < 10 * NANOS.unsigned_abs() { 4 } else { 2 };
        let unit = 10_u64.pow(9 - places);
        let rounded = (self.0.unsigned_abs() + unit / 2) / unit;
        let scale = 10_u64.pow(places);
        let sign = if self.0 < 0 { "-" } else { "" };
        if rounded == 0 && self.0 != 0 {
            // Not nothing, however little.
            let text = format!("{sign}$0.{:09}", self.0.unsigned_abs());
            return f.pad(text.trim_end_matches('0'));
        }
        let text = format!("{sign}${}.{:0width$}", rounded / scale, rounded % scale, width = places as usize);
        // `$5.0000` reads worse than `$5.00`, and says no more.
        f.pad(if places == 4 { text.strip_suffix("00").unwrap_or(&text) } else { &text })
    }
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_decimal())
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse_decimal(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not an amount in dollars")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_survive_a_round_trip() {
        for text in ["0.00", "0.01", "1.50", "0.000000005", "-3.25", "9000000000.00"] {
            assert_eq!(Money::parse_decimal(text).unwrap().to_decimal(), text);
        }
    }

    #[test]
    fn what_is_not_a_decimal_is_refused() {
        for text in ["", ".", "1e3", "+1", "1.0000000001", "1,5", "99999999999", "NaN"] {
            assert_eq!(Money::parse_decimal(text), None, "{text}");
        }
    }

    #[test]
    fn shown_amounts_keep_the_places_that_matter() {
        let shown = |text| Money::parse_decimal(text).unwrap().to_string();
        assert_eq!(shown("5"), "$5.00");
        assert_eq!(shown("0.0123456"), "$0.0123");
        assert_eq!(shown("12.345"), "$12.35");
        assert_eq!(shown("-0.5"), "-$0.50");
        assert_eq!(shown("0.0000004"), "$0.0000004");
        assert_eq!(shown("-0.00002"), "-$0.00002");
        assert_eq!(shown("0.00006"), "$0.0001");
        assert_eq!(shown("0"), "$0.00");
    }
}
