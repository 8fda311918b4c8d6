//! Amounts in a time, as policies spell them: `4 responses/m`, `20k tok/m`, `3 usd/h`.

use std::fmt;
use std::time::Duration;

use crate::model::Quantity;
use crate::model::quantity::QuantityError;

use super::duration;

/// So much in each so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How much.
    pub quantity: Quantity,
    /// In how long; never zero.
    pub per: Duration,
}

/// Why a text is no rate. The texts complete "`…` ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// No `/` with a time behind it.
    #[error("does not say in how long: a rate is an amount and a time, with `/` between them")]
    NoTime,
    /// What stands before the `/` is no amount.
    #[error("{0}")]
    Quantity(#[from] QuantityError),
}

impl Rate {
    /// Reads an amount, `/`, and a time: `s`, `m`, `h`, `d`, or several of them, such as `10m`.
    pub fn parse(text: &str) -> Result<Self, RateError> {
        let (quantity, time) = text.rsplit_once('/').ok_or(RateError::NoTime)?;
        let time = time.trim();
        let with_number =
            if time.starts_with(|c: char| c.is_ascii_digit()) { time.to_owned() } else { format!("1{time}") };
        let per = duration::parse(&with_number).map_err(|_| RateError::NoTime)?;
        Ok(Self { quantity: Quantity::parse(quantity)?, per })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = duration::show(self.per);
        let per = per.strip_prefix('1').filter(|rest| rest.chars().all(char::is_alphabetic)).unwrap_or(&per);
        f.pad(&format!("{}/{per}", self.quantity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_shown_in_one_spelling() {
        for (text, seconds, shown) in [
            ("4 responses/m", 60, "4 responses/m"),
            ("20ktok / min", 60, "20k tok/m"),
            ("3 usd/h", 3_600, "$3.00/h"),
            ("60 tool calls/10m", 600, "60 tool calls/10m"),
            ("1 response/s", 1, "1 response/s"),
        ] {
            let rate = Rate::parse(text).unwrap();
            assert_eq!((rate.per.as_secs(), rate.to_string().as_str()), (seconds, shown), "{text}");
        }
    }

    #[test]
    fn what_is_no_rate_is_refused_with_its_reason() {
        for text in ["4 responses", "4 responses/", "4 responses/fortnight", "4 responses/0m", ""] {
            assert_eq!(Rate::parse(text), Err(RateError::NoTime), "{text}");
        }
        assert_eq!(Rate::parse("four/m"), Err(RateError::Quantity(QuantityError::Malformed)));
        assert_eq!(Rate::parse("0 tok/m"), Err(RateError::Quantity(QuantityError::NotPositive)));
    }
}
