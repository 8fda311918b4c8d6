//! Where a budget is heading: its pace, and a forecast to its window's end.
//!
//! The forecast is what is spent plus the mean of a time that is long enough to be fair, for as long as the window lasts
//! yet. That time is the last seven days, for what has changed lately goes on; of a window so long that seven days tell
//! nothing of it, it is the window so far. Both only as far back as the ledger knows.

use chrono::TimeDelta;

use super::BudgetStanding;
use crate::model::Timestamp;

/// So long ago the mean begins, where the ledger knows that much.
pub const RECENT: TimeDelta = TimeDelta::days(7);

/// Less is no mean of anything.
const LEAST: TimeDelta = TimeDelta::hours(1);

/// In a sentence, for the page and for JSON.
pub const RULE: &str = "what is spent, and the mean of the last 7 days (of windows of a year and more, of the window \
                        so far) until the window ends; as far back as this ledger knows";

/// Where a budget is heading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Spend against an even one over the window, in thousandths: 1,300 spends 1.3 times as fast as the limit lasts.
    /// `None` where the window has no two ends, or has hardly begun.
    pub pace: Option<i64>,
    /// Where that leads to.
    pub forecast: Forecast,
}

/// What will be spent when the window ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forecast {
    /// Nothing tells: the window has no end, or too little is known.
    #[default]
    Unknown,
    /// The window rolls: if nothing changes, this is what it stays at.
    Steady,
    /// So much.
    End {
        /// In the unit's smallest part.
        amount: i64,
        /// When it passes what is allowed, if it will and has not.
        crosses: Option<Timestamp>,
        /// When the mean begins.
        since: Timestamp,
    },
}

/// What was spent in a time that ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its beginning.
    pub since: Timestamp,
    /// What was spent since, in the unit's smallest part.
    pub spent: i64,
}

/// Whether a window of this length is foretold by its last seven days: they are 2 % of it, or more.
pub fn goes_by_recent(length: TimeDelta) -> bool {
    length <= RECENT * 50
}

impl Outlook {
    /// Of a budget whose window has two ends, by the mean of a stretch of time.
    pub fn of(standing: &BudgetStanding, mean: Stretch, now: Timestamp) -> Self {
        let (Some(start), Some(end)) = (standing.window_start, standing.window_end) else { return Self::default() };
        let millis = |length: TimeDelta| i128::from(length.num_milliseconds());
        let (length, passed, left) = (millis(end - start), millis(now - start), millis(end - now));
        if length <= 0 || passed < 0 || left <= 0 {
            return Self::default();
        }
        let tells = |known: i128| known * 50 >= length && known >= millis(LEAST);
        let (spent, allowed) = (i128::from(standing.spent), i128::from(standing.allowed()).max(1));
        let pace = tells(passed).then(|| saturated(spent * length * 1_000 / (allowed * passed)));
        let known = millis(now - mean.since);
        if !tells(known) {
            return Self { pace, forecast: Forecast::Unknown };
        }
        let recent = i128::from(mean.spent).max(0);
        let amount = spent + recent * left / known;
        let room = allowed - spent;
        let crosses = (room > 0 && amount > allowed).then(|| {
            // INVARIANT: what will be spent is more than is, so that something was spent recently.
            TimeDelta::try_milliseconds(saturated(room * known / recent.max(1)))
        });
        let crosses = crosses.flatten().and_then(|ahead| now.checked_add_signed(ahead)).map(|at| at.min(end));
        Self { pace, forecast: Forecast::End { amount: saturated(amount), crosses, since: mean.since } }
    }

    /// It is expected to pass what is allowed before its window ends.
    pub fn crosses(&self) -> Option<Timestamp> {
        match self.forecast {
            Forecast::End { crosses, .. } => crosses,
            Forecast::Unknown | Forecast::Steady => None,
        }
    }
}

fn saturated(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Unit;
    use crate::report::tests::sample;

    /// November, in cents: spent of a limit.
    fn november(spent: i64, limit: i64) -> BudgetStanding {
        let mut standing = sample::standing("month", "", Unit::Responses, (spent, 0, limit));
        standing.window_start = Some(sample::at("2026-11-01T00:00:00Z"));
        standing.window_end = Some(sample::at("2026-12-01T00:00:00Z"));
        standing
    }

    fn outlook(standing: &BudgetStanding, since: &str, recent: i64, now: &str) -> Outlook {
        Outlook::of(standing, Stretch { since: sample::at(since), spent: recent }, sample::at(now))
    }

    #[test]
    fn the_window_so_far_goes_on_as_it_was() {
        let half = outlook(&november(600, 1_000), "2026-11-01T00:00:00Z", 600, "2026-11-16T00:00:00Z");
        let crosses = Some(sample::at("2026-11-26T00:00:00Z"));
        let since = sample::at("2026-11-01T00:00:00Z");
        assert_eq!(half, Outlook { pace: Some(1_200), forecast: Forecast::End { amount: 1_200, crosses, since } });
    }

    #[test]
    fn a_young_window_goes_on_as_the_days_before_it_did() {
        let second = outlook(&november(10, 1_000), "2026-10-26T00:00:00Z", 70, "2026-11-02T00:00:00Z");
        let since = sample::at("2026-10-26T00:00:00Z");
        assert_eq!(second.forecast, Forecast::End { amount: 10 + 290, crosses: None, since });
        assert_eq!(second.pace, Some(300));
    }

    #[test]
    fn what_is_over_crosses_no_more_and_is_forecast_all_the_same() {
        let over = outlook(&november(1_100, 1_000), "2026-11-01T00:00:00Z", 1_100, "2026-11-11T00:00:00Z");
        assert_eq!(over.crosses(), None);
        assert!(matches!(over.forecast, Forecast::End { amount: 3_300, .. }));
    }

    #[test]
    fn too_little_tells_nothing() {
        // Two percent of a month are 14.4 hours.
        let morning = outlook(&november(5, 1_000), "2026-11-01T00:00:00Z", 5, "2026-11-01T14:00:00Z");
        assert_eq!(morning, Outlook::default());
        let young_ledger = outlook(&november(5, 1_000), "2026-11-20T00:00:00Z", 5, "2026-11-20T10:00:00Z");
        assert_eq!(young_ledger.forecast, Forecast::Unknown);
        assert!(young_ledger.pace.is_some());
        let endless = BudgetStanding { window_end: None, ..november(5, 1_000) };
        assert_eq!(outlook(&endless, "2026-11-01T00:00:00Z", 5, "2026-11-20T00:00:00Z"), Outlook::default());
        let past = outlook(&november(5, 1_000), "2026-11-01T00:00:00Z", 5, "2026-12-02T00:00:00Z");
        assert_eq!(past, Outlook::default());
    }

    proptest! {
        #[test]
        fn a_forecast_is_no_less_than_what_is_spent_and_crosses_between_now_and_the_end(
            spent in 0_i64..i64::MAX, recent in 0_i64..i64::MAX, limit in 1_i64..i64::MAX, hour in 0_i64..720, back in 0_i64..400,
        ) {
            let standing = november(spent, limit);
            let now = sample::at("2026-11-01T00:00:00Z") + TimeDelta::hours(hour);
            let outlook = Outlook::of(&standing, Stretch { since: now - TimeDelta::hours(back), spent: recent }, now);
            if let Forecast::End { amount, crosses, .. } = outlook.forecast {
                prop_assert!(amount >= spent);
                prop_assert_eq!(crosses.is_some(), spent < limit && amount > limit);
                prop_assert!(crosses.is_none_or(|at| now <= at && Some(at) <= standing.window_end));
            }
        }
    }
}
