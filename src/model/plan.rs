//! Pure. How much of a ChatGPT plan's own limits is used, as Codex reports it.

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

/// How long a plan's window is: plans have one of some hours and one of a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanLength {
    /// In minutes; 300 and 10,080 in all that was seen.
    pub minutes: u32,
}

impl PlanLength {
    /// The week that plans have beside their window of some hours.
    pub const WEEK: Self = Self { minutes: 7 * 24 * 60 };

    /// Of a duration; `None` for one that no plan could have.
    pub fn of(duration: Duration) -> Option<Self> {
        let minutes = u32::try_from(duration.as_secs() / 60).ok().filter(|minutes| *minutes > 0)?;
        Some(Self { minutes })
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
            assert_eq!(PlanLength { minutes }.to_string(), shown);
        }
        assert_eq!(PlanLength::of(Duration::from_secs(604_800)), Some(PlanLength::WEEK));
        assert_eq!(PlanLength::of(Duration::from_secs(59)), None);
    }
}
