//! How much of a ChatGPT plan's own limits is used, as Codex reports it.

use std::fmt;
use std::time::Duration;

use super::Timestamp;

/// One of a plan's windows, as last reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanWindow {
    /// How long it is.
    pub length: PlanLength,
    /// How much of it is used, in thousandths.
    pub used: u32,
    /// When it begins anew, if that was said.
    pub resets: Option<Timestamp>,
}

/// What was last said of one window of one of an account's limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitTold {
    /// Codex's `limit_id`, where it is not the plan's own limit: another one says nothing of the plan.
    pub other: Option<String>,
    /// How much of it is used.
    pub window: PlanWindow,
    /// When that was said.
    pub at: Timestamp,
}

/// How long a plan's window is: plans have one of some hours and one of a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanLength {
    minutes: u32,
}

impl PlanLength {
    /// The week that plans have beside their window of some hours.
    pub const WEEK: Self = Self { minutes: 7 * 24 * 60 };

    /// Of so many minutes. Codexes of autumn 2025 wrote 299 and 10,079 where they meant five hours and a week, so what
    /// lies within a hundredth of whole hours is whole hours.
    pub const fn of_minutes(minutes: u32) -> Self {
        let hours = (minutes / 60 + (minutes % 60) / 30).saturating_mul(60);
        let close = hours > 0 && minutes.abs_diff(hours) <= hours / 100;
        Self { minutes: if close { hours } else { minutes } }
    }

    /// Of a duration; `None` for one that no plan could have.
    pub fn of(duration: Duration) -> Option<Self> {
        let minutes = u32::try_from(duration.as_secs() / 60).ok().filter(|minutes| *minutes > 0)?;
        Some(Self::of_minutes(minutes))
    }

    /// In minutes.
    pub fn minutes(self) -> u32 {
        self.minutes
    }
}

impl fmt::Display for PlanLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match self.minutes {
            minutes if minutes == Self::WEEK.minutes => "week".to_owned(),
            minutes if minutes % (24 * 60) == 0 => format!("{}d", minutes / (24 * 60)),
            minutes if minutes % 60 == 0 => format!("{}h", minutes / 60),
            minutes => format!("{minutes}m"),
        };
        f.pad(&shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_shown_as_policies_spell_them() {
        let cases = [(300, "5h"), (10_080, "week"), (1_440, "1d"), (90, "90m")];
        for (minutes, shown) in cases {
            assert_eq!(PlanLength::of_minutes(minutes).to_string(), shown);
        }
        assert_eq!(PlanLength::of(Duration::from_secs(604_800)), Some(PlanLength::WEEK));
        assert_eq!(PlanLength::of(Duration::from_secs(59)), None);
    }

    #[test]
    fn a_minute_more_or_less_is_the_same_window() {
        let cases = [
            (299, "5h"),
            (301, "5h"),
            (303, "5h"),
            (304, "304m"),
            (290, "290m"),
            (10_079, "week"),
            (10_081, "week"),
            (1_439, "1d"),
            (59, "59m"),
            (60, "1h"),
            (1, "1m"),
            (u32::MAX, "71582788h"),
        ];
        for (minutes, shown) in cases {
            assert_eq!(PlanLength::of_minutes(minutes).to_string(), shown, "{minutes}");
        }
    }
}
