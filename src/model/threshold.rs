//! Where in a limit something stands.

use serde::{Deserialize, Serialize};

/// When a step applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Threshold {
    /// At so many thousandths of the limit.
    Share(u32),
    /// When no more than this is left, in the limit's unit.
    Left(i64),
}

impl Threshold {
    /// The spend at which the step applies under this limit (never below zero). A share that lies between two whole
    /// ones is reached with the second: 60 % of 3 responses are 2.
    pub fn amount(self, limit: i64) -> i64 {
        match self {
            Self::Share(thousandths) => {
                let (whole, part) = divided(limit, thousandths);
                saturated(if part > 0 { whole + 1 } else { whole })
            }
            Self::Left(left) => limit.saturating_sub(left).max(0),
        }
    }
}

/// So many thousandths of a limit, and no more: what is lent past it, or kept back of it.
pub fn part_of(limit: i64, thousandths: u32) -> i64 {
    saturated(divided(limit, thousandths).0)
}

fn divided(limit: i64, thousandths: u32) -> (i128, i128) {
    let product = i128::from(limit) * i128::from(thousandths);
    (product.div_euclid(1000), product.rem_euclid(1000))
}

fn saturated(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_share_of_a_few_is_reached_when_that_many_are() {
        for (limit, share, at) in [(3, 600, 2), (1, 800, 1), (10, 800, 8), (5, 800, 4), (2, 500, 1), (3, 1000, 3)] {
            assert_eq!(Threshold::Share(share).amount(limit), at, "{share} of {limit}");
        }
        assert_eq!((part_of(3, 600), part_of(9, 100)), (1, 0));
    }

    proptest! {
        #[test]
        fn a_step_is_reached_exactly_from_its_share_on(limit in 0..i64::MAX, share in 0_u32..3_000, off in -2_i64..3) {
            let at = Threshold::Share(share).amount(limit);
            let spent = at.saturating_add(off).max(0);
            let reached = i128::from(spent) * 1000 >= i128::from(limit) * i128::from(share);
            prop_assert_eq!(spent >= at, reached || (at == i64::MAX && spent == at));
            // What is lent is never more than that.
            let part = part_of(limit, share);
            prop_assert!(i128::from(part) * 1000 <= i128::from(limit) * i128::from(share));
            prop_assert!(part <= at && at.saturating_sub(part) <= 1);
        }
    }
}
