//! `--since` and `--until`: a day, a month, a moment, or so long ago.

use std::time::Duration;

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;

use crate::model::Timestamp;
use crate::policy::duration::DurationError;
use crate::policy::rule::{Calendar, Window};
use crate::policy::{duration, window};

/// A point in time as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The beginning of a day in the report's zone.
    Day(NaiveDate),
    /// The beginning of the day, week or month that it is now.
    This(Calendar),
    /// The beginning of the day before today.
    Yesterday,
    /// A moment, RFC 3339.
    Moment(Timestamp),
    /// So long before now.
    Ago(Duration),
}

impl When {
    /// Reads `2026-11-01`, `2026-11`, `2026-11-01T12:00:00Z`, `today`, `yesterday`, `week`, `month`, or `30d`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "today" => return Ok(Self::This(Calendar::Day)),
            "yesterday" => return Ok(Self::Yesterday),
            "week" => return Ok(Self::This(Calendar::Week)),
            "month" => return Ok(Self::This(Calendar::Month)),
            _ => {}
        }
        let month = format!("{text}-01");
        let of_month = (text.len() == "2026-11".len()).then_some(month.as_str());
        if let Some(day) = [Some(text), of_month].into_iter().flatten().find_map(|day| day.parse::<NaiveDate>().ok()) {
            return Ok(Self::Day(day));
        }
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Ok(Self::Moment(moment));
        }
        let ago = text.strip_suffix("ago").map_or(text, str::trim_end);
        duration::parse(ago).map(Self::Ago).map_err(|error| {
            let wrong = match error {
                DurationError::Malformed => "is no time that can be read".to_owned(),
                DurationError::Zero | DurationError::TooLong => error.to_string(),
            };
            format!(
                "`{text}` {wrong}: write a day such as `2026-11-01`, a month such as `2026-11`, a moment such as \
                 `2026-11-01T12:00:00Z`, `today`, `yesterday`, `week`, `month`, or `30d`"
            )
        })
    }

    /// The moment that is meant.
    pub fn resolve(self, now: Timestamp, zone: Tz) -> Option<Timestamp> {
        match self {
            Self::Day(day) => window::day_start(day, zone),
            Self::This(calendar) => Window::Calendar(calendar).bounds(now, zone).start,
            Self::Yesterday => window::day_start(now.with_timezone(&zone).date_naive().pred_opt()?, zone),
            Self::Moment(moment) => Some(moment),
            Self::Ago(duration) => now.checked_sub_signed(TimeDelta::from_std(duration).ok()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_moments_and_spans_are_understood_in_the_zone() {
        let now: Timestamp = "2026-11-22T14:00:00Z".parse().unwrap();
        let meant = |text: &str| When::parse(text).unwrap().resolve(now, Tz::Europe__Berlin).unwrap().to_rfc3339();
        assert_eq!(meant("2026-11-01"), "2026-10-31T23:00:00+00:00");
        assert_eq!(meant("2026-11-01T12:00:00+02:00"), "2026-11-01T10:00:00+00:00");
        assert_eq!(meant("30d"), "2026-10-23T14:00:00+00:00");
        assert_eq!(meant("2h ago"), "2026-11-22T12:00:00+00:00");
        assert_eq!(meant("2026-11"), "2026-10-31T23:00:00+00:00");
        assert_eq!(meant("today"), "2026-11-21T23:00:00+00:00");
        assert_eq!(meant("yesterday"), "2026-11-20T23:00:00+00:00");
        assert_eq!(meant("week"), "2026-11-15T23:00:00+00:00");
        assert_eq!(meant("month"), "2026-10-31T23:00:00+00:00");
    }

    #[test]
    fn what_is_no_time_is_refused_with_what_to_write() {
        for text in ["", "soon", "2026-13-01", "2026-13", "0d", "1y", "-01"] {
            assert!(When::parse(text).unwrap_err().contains("write a day"), "{text}");
        }
    }
}
