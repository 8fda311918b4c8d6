//! When a budget's count started, and when it starts again.

use chrono::{DateTime, Datelike, Days, LocalResult, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::rule::{Calendar, Window};
use crate::model::Timestamp;

/// The spend that counts: from `start` on, `end` not included; `None` is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// The first moment that counts.
    pub start: Option<Timestamp>,
    /// The first moment that does not count any more.
    pub end: Option<Timestamp>,
}

impl Bounds {
    /// All time.
    pub const OPEN: Self = Self { start: None, end: None };

    /// Spend of this moment counts.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= at) && self.end.is_none_or(|end| at < end)
    }
}

impl Window {
    /// The window that `at` falls into. A window between two moments stays what it is also for an `at`
    /// outside; a rolling one ends with now.
    pub fn bounds(&self, at: Timestamp, tz: Tz) -> Bounds {
        match self {
            Self::Life | Self::Total => Bounds::OPEN,
            Self::Between(start, end) => Bounds { start: *start, end: *end },
            Self::Rolling(duration) => {
                let start = TimeDelta::from_std(*duration).ok().and_then(|duration| at.checked_sub_signed(duration));
                Bounds { start, end: None }
            }
            Self::Calendar(calendar) => calendar_bounds(*calendar, at, tz).unwrap_or(Bounds::OPEN),
        }
    }
}

/// `None` for moments no calendar of ours reaches.
fn calendar_bounds(calendar: Calendar, at: Timestamp, tz: Tz) -> Option<Bounds> {
    if !(1..=9_000).contains(&at.year()) {
        return None;
    }
    let mut first = first_day(calendar, at.with_timezone(&tz).date_naive())?;
    let mut start = day_start(first, tz)?;
    // Where clocks go back over midnight, the date falls too: then the window is not the date's.
    while start > at {
        first = first_day(calendar, first.pred_opt()?)?;
        start = day_start(first, tz)?;
    }
    loop {
        let next = next_first_day(calendar, first)?;
        let end = day_start(next, tz)?;
        if at < end {
            return Some(Bounds { start: Some(start), end: Some(end) });
        }
        (first, start) = (next, end);
    }
}

/// The first day of the calendar window that holds this day.
fn first_day(calendar: Calendar, day: NaiveDate) -> Option<NaiveDate> {
    match calendar {
        Calendar::Day => Some(day),
        Calendar::Week => day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into())),
        Calendar::Month => day.with_day(1),
        Calendar::Quarter => NaiveDate::from_ymd_opt(day.year(), day.month0() / 3 * 3 + 1, 1),
        Calendar::Year => NaiveDate::from_ymd_opt(day.year(), 1, 1),
    }
}

fn next_first_day(calendar: Calendar, first: NaiveDate) -> Option<NaiveDate> {
    match calendar {
        Calendar::Day => first.succ_opt(),
        Calendar::Week => first.checked_add_days(Days::new(7)),
        Calendar::Month => first.checked_add_months(Months::new(1)),
        Calendar::Quarter => first.checked_add_months(Months::new(3)),
        Calendar::Year => first.checked_add_months(Months::new(12)),
    }
}

/// The first moment of a day: its midnight, or what comes instead where clocks leap over it.
pub fn day_start(day: NaiveDate, tz: Tz) -> Option<Timestamp> {
    local_moment(day.and_time(NaiveTime::MIN), tz)
}

/// The moment at which clocks in `tz` first show this time; where they leap over it, the moment of
/// the leap.
pub fn local_moment(local: NaiveDateTime, tz: Tz) -> Option<Timestamp> {
    match tz.from_local_datetime(&local) {
        LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => Some(moment.to_utc()),
        LocalResult::None => leap_over(local, tz),
    }
}

/// The moment at which clocks leap over this time, to the second, by bisection.
fn leap_over(local: NaiveDateTime, tz: Tz) -> Option<Timestamp> {
    let shows_later = |seconds: i64| {
        let moment = DateTime::from_timestamp(seconds, 0)?;
        Some(moment.with_timezone(&tz).naive_local() >= local)
    };
    // No zone is, or was, two days away from UTC.
    let middle = local.and_utc().timestamp();
    let (mut before, mut after) = (middle - 2 * 86_400, middle + 2 * 86_400);
    while after - before > 1 {
        let between = before + (after - before) / 2;
        if shows_later(between)? {
            after = between;
        } else {
            before = between;
        }
    }
    DateTime::from_timestamp(after, 0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono_tz::TZ_VARIANTS;
    use proptest::prelude::*;

    use super::*;

    const CALENDARS: [Calendar; 5] =
        [Calendar::Day, Calendar::Week, Calendar::Month, Calendar::Quarter, Calendar::Year];

    fn at(text: &str) -> Timestamp {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn bounds(calendar: Calendar, moment: &str, tz: Tz) -> (String, String) {
        let bounds = Window::Calendar(calendar).bounds(at(moment), tz);
        let show = |moment: Option<Timestamp>| moment.unwrap().with_timezone(&tz).to_rfc3339();
        (show(bounds.start), show(bounds.end))
    }

    #[test]
    fn calendar_windows_begin_and_end_at_local_midnight() {
        let cases = [
            (Calendar::Day, "2026-11-22T00:00:00+01:00", "2026-11-23T00:00:00+01:00"),
            (Calendar::Week, "2026-11-16T00:00:00+01:00", "2026-11-23T00:00:00+01:00"),
            (Calendar::Month, "2026-11-01T00:00:00+01:00", "2026-12-01T00:00:00+01:00"),
            (Calendar::Quarter, "2026-10-01T00:00:00+02:00", "2027-01-01T00:00:00+01:00"),
            (Calendar::Year, "2026-01-01T00:00:00+01:00", "2027-01-01T00:00:00+01:00"),
        ];
        for (calendar, start, end) in cases {
            let bounds = bounds(calendar, "2026-11-22T22:59:59Z", Tz::Europe__Berlin);
            assert_eq!(bounds, (start.to_owned(), end.to_owned()), "{calendar:?}");
        }
    }

    #[test]
    fn days_have_23_or_25_hours_where_clocks_change() {
        for (moment, hours) in
            [("2026-03-29T12:00:00Z", 23), ("2026-10-25T12:00:00Z", 25), ("2026-06-01T12:00:00Z", 24)]
        {
            let bounds = Window::Calendar(Calendar::Day).bounds(at(moment), Tz::Europe__Berlin);
            assert_eq!(bounds.end.unwrap() - bounds.start.unwrap(), TimeDelta::hours(hours), "{moment}");
        }
    }

    #[test]
    fn a_day_without_a_midnight_begins_when_clocks_leap() {
        let (start, _) = bounds(Calendar::Day, "2018-11-04T12:00:00Z", Tz::America__Sao_Paulo);
        assert_eq!(start, "2018-11-04T01:00:00-02:00");
    }

    #[test]
    fn a_day_that_never_was_has_no_window() {
        let before = bounds(Calendar::Day, "2011-12-30T09:59:59Z", Tz::Pacific__Apia);
        let after = bounds(Calendar::Day, "2011-12-30T10:00:00Z", Tz::Pacific__Apia);
        assert!(before.0.starts_with("2011-12-29") && after.0.starts_with("2011-12-31"), "{before:?} {after:?}");
        assert_eq!(before.1, after.0);
    }

    #[test]
    fn the_last_hour_rolls() {
        let now = at("2026-11-22T10:30:00Z");
        let bounds = Window::Rolling(Duration::from_secs(3_600)).bounds(now, Tz::UTC);
        assert_eq!(bounds, Bounds { start: Some(at("2026-11-22T09:30:00Z")), end: None });
        assert!(bounds.contains(now));
    }

    #[test]
    fn moments_beyond_any_calendar_are_in_an_open_window() {
        for moment in [Timestamp::MIN_UTC, Timestamp::MAX_UTC] {
            for calendar in CALENDARS {
                assert_eq!(Window::Calendar(calendar).bounds(moment, Tz::Pacific__Kiritimati), Bounds::OPEN);
            }
            let rolling = Window::Rolling(Duration::from_secs(u64::MAX)).bounds(moment, Tz::UTC);
            assert_eq!(rolling, Bounds::OPEN);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn every_moment_is_in_exactly_one_window_and_windows_join(
            // 1900 to 2100: all the changes that zones ever made.
            seconds in -2_208_988_800_i64..4_102_444_800,
            zone in 0..TZ_VARIANTS.len(),
            calendar in 0..CALENDARS.len(),
        ) {
            let (tz, window) = (TZ_VARIANTS[zone], Window::Calendar(CALENDARS[calendar]));
            let at = DateTime::from_timestamp(seconds, 0).unwrap();
            let bounds = window.bounds(at, tz);
            prop_assert!(bounds.contains(at), "{bounds:?}");
            let (start, end) = (bounds.start.unwrap(), bounds.end.unwrap());
            prop_assert_eq!(window.bounds(start, tz), bounds);
            prop_assert_eq!(window.bounds(end - TimeDelta::milliseconds(1), tz), bounds);
            prop_assert_eq!(window.bounds(end, tz).start, Some(end));
            prop_assert_eq!(window.bounds(start - TimeDelta::milliseconds(1), tz).end, Some(start));
        }

        #[test]
        fn days_at_changes_of_the_clock_join_too(
            day in 0_u64..7_300, hour in 0_i64..48, zone in 0_usize..6,
        ) {
            // Zones that change at or over midnight.
            let zones = [
                Tz::America__St_Johns, Tz::America__Havana, Tz::Africa__Cairo,
                Tz::Asia__Beirut, Tz::America__Asuncion, Tz::Asia__Tehran,
            ];
            let tz = zones[zone];
            let day = NaiveDate::from_ymd_opt(1995, 1, 1).unwrap() + Days::new(day);
            let at = day.and_time(NaiveTime::MIN).and_utc() + TimeDelta::minutes(hour * 30 + 1);
            let window = Window::Calendar(Calendar::Day);
            let bounds = window.bounds(at, tz);
            prop_assert!(bounds.contains(at));
            prop_assert_eq!(window.bounds(bounds.end.unwrap(), tz).start, bounds.end);
            prop_assert_eq!(window.bounds(bounds.start.unwrap() - TimeDelta::seconds(1), tz).end, bounds.start);
        }
    }
}
