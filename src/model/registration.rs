//! What an agent declares before it starts.

use std::fmt;

use super::{Quantity, Unit};

/// What an agent declares before it starts; nothing of it is a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// What it expects to spend, in `usd`, `tok` or `all tok`.
    pub spend: Option<Quantity>,
    /// How many responses it expects.
    pub responses: Option<u64>,
    /// How long it expects to be active, in [`Unit::Minutes`].
    pub minutes: Option<Quantity>,
    /// The tier of `[models] tiers` that it asks for.
    pub tier: Option<String>,
    /// How much it matters beside others.
    pub priority: Priority,
}

impl Registration {
    /// What it declares of this unit, in the unit's smallest part; `None` where it says nothing.
    pub fn expected(&self, unit: Unit) -> Option<i64> {
        let of = |quantity: Option<Quantity>| quantity.filter(|said| said.unit == unit).map(|said| said.amount);
        match unit {
            Unit::Usd | Unit::Credits | Unit::Tok | Unit::AllTok => of(self.spend),
            Unit::Minutes => of(self.minutes),
            Unit::Responses => self.responses.map(|count| i64::try_from(count).unwrap_or(i64::MAX)),
            Unit::ToolCalls => None,
        }
    }

    /// What it declares of this unit for one response, rounded up; `None` where it does not say both.
    pub fn per_response(&self, unit: Unit) -> Option<i64> {
        match unit {
            Unit::Responses => Some(1),
            Unit::Usd | Unit::Credits | Unit::Tok | Unit::AllTok => {
                let (all, count) = (u64::try_from(self.expected(unit)?).ok()?, self.responses?);
                (count > 0).then(|| i64::try_from(all.div_ceil(count)).unwrap_or(i64::MAX))
            }
            Unit::Minutes | Unit::ToolCalls => None,
        }
    }
}

/// How much an agent matters beside others: 0 (least) to 9; 5 where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Priority(u8);

impl Priority {
    /// The one that matters most.
    pub const MOST: u8 = 9;

    /// `None` beyond [`Self::MOST`].
    pub const fn new(number: u8) -> Option<Self> {
        if number <= Self::MOST { Some(Self(number)) } else { None }
    }

    /// As it was declared.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self(5)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_is_told_by_the_unit() {
        let quantity = |text| Quantity::parse(text).ok();
        let registration = Registration {
            spend: quantity("2 usd"),
            responses: Some(40),
            minutes: quantity("20 minutes"),
            ..Registration::default()
        };
        for (unit, expected) in [
            (Unit::Usd, Some(2_000_000_000)),
            (Unit::Tok, None),
            (Unit::AllTok, None),
            (Unit::Responses, Some(40)),
            (Unit::Minutes, Some(1_200_000)),
            (Unit::ToolCalls, None),
        ] {
            assert_eq!(registration.expected(unit), expected, "{unit:?}");
        }
    }

    #[test]
    fn a_response_is_declared_by_what_all_of_them_are() {
        let declared = |spend: &str, responses| Registration {
            spend: Quantity::parse(spend).ok(),
            responses,
            ..Registration::default()
        };
        for (registration, unit, each) in [
            (declared("1 usd", Some(3)), Unit::Usd, Some(333_333_334)),
            (declared("1 usd", Some(3)), Unit::Tok, None),
            (declared("90k tok", Some(9)), Unit::Tok, Some(10_000)),
            (declared("1 usd", Some(0)), Unit::Usd, None),
            (declared("1 usd", None), Unit::Usd, None),
            (Registration::default(), Unit::Responses, Some(1)),
            (declared("1 usd", Some(3)), Unit::Minutes, None),
        ] {
            assert_eq!(registration.per_response(unit), each, "{registration:?} {unit:?}");
        }
    }

    #[test]
    fn priorities_end_at_nine() {
        assert_eq!(Priority::new(9).map(Priority::get), Some(9));
        assert_eq!(Priority::new(10), None);
        assert!(Priority::new(7) > Some(Priority::default()));
    }
}
