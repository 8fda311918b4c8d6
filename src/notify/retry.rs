//! When a notice that did not arrive is sent again, and when it is given up.

use std::time::Duration;

use chrono::TimeDelta;

use crate::model::Timestamp;

/// From the first try on; what is a day old is no news.
const GIVE_UP: TimeDelta = TimeDelta::days(1);

/// The longest pause.
const LONGEST: TimeDelta = TimeDelta::minutes(10);

/// When the next try begins after this one (from 1), which began first at `began`: a second later, then twice as long each
/// time, up to ten minutes; later where the receiver asks for it, but no later than that. `None`: it is given up.
pub fn next(attempt: u32, began: Timestamp, now: Timestamp, asked: Option<Duration>) -> Option<Timestamp> {
    let doubled = 1_i64.checked_shl(attempt.saturating_sub(1)).filter(|seconds| *seconds > 0).unwrap_or(i64::MAX);
    let pause = TimeDelta::try_seconds(doubled).unwrap_or(LONGEST).min(LONGEST);
    let asked = asked.and_then(|asked| TimeDelta::from_std(asked).ok()).unwrap_or_default().min(LONGEST);
    let at = now.checked_add_signed(pause.max(asked))?;
    (at.signed_duration_since(began) <= GIVE_UP).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_minutes_and_end_after_a_day() {
        let began = Timestamp::from_timestamp_millis(1_800_000_000_000).unwrap();
        let at = |attempt, after: i64, asked: Option<u64>| {
            let now = began + TimeDelta::seconds(after);
            next(attempt, began, now, asked.map(Duration::from_secs)).map(|at| (at - now).num_seconds())
        };
        let pauses: Vec<_> =
            [1, 2, 3, 10, 11, 64, 65, u32::MAX].into_iter().map(|attempt| at(attempt, 0, None)).collect();
        assert_eq!(pauses, [1, 2, 4, 512, 600, 600, 600, 600].map(Some));
        assert_eq!(at(1, 0, Some(7)), Some(7));
        assert_eq!(at(1, 0, Some(86_400)), Some(600), "nobody is kept waiting for longer");
        assert_eq!(at(5, 0, Some(1)), Some(16));
        assert_eq!(at(100, 86_400 - 600, None), Some(600));
        assert_eq!(at(100, 86_400 - 599, None), None);
    }
}
