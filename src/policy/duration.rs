//! Durations as policies and flags spell them: `90s`, `15m`, `1h`, `30d`, `2w`, `1h 30m`.

use std::fmt::Write as _;
use std::time::Duration;

/// What a hint says next to a text that is no duration.
pub const DURATION_HINT: &str = "write a whole number and a unit, such as `90s`, `15m`, `1h`, `30d` or `2w`";

/// A hundred years: beyond is a typing mistake.
const MOST: u64 = 100 * 366 * 86_400;

/// Why a text is no duration. The texts complete "`…` ".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// No whole number, or no known unit behind it.
    #[error("is not a duration")]
    Malformed,
    /// Nothing.
    #[error("must be more than zero")]
    Zero,
    /// More than a hundred years.
    #[error("is absurdly long")]
    TooLong,
}

/// Reads whole numbers and their units, from the largest to the smallest, such as `1h 30m`; spaces are optional.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text.trim();
    let (mut seconds, mut before) = (0_u64, u64::MAX);
    while !rest.is_empty() {
        let (number, unit);
        (number, unit, rest) = first(rest)?;
        if unit >= before {
            return Err(DurationError::Malformed);
        }
        before = unit;
        let more = number.checked_mul(unit).and_then(|more| seconds.checked_add(more));
        seconds = more.filter(|seconds| *seconds <= MOST).ok_or(DurationError::TooLong)?;
    }
    match (seconds, before) {
        (_, u64::MAX) => Err(DurationError::Malformed),
        (0, _) => Err(DurationError::Zero),
        (seconds, _) => Ok(Duration::from_secs(seconds)),
    }
}

/// The first number, the seconds of its unit, and what follows.
fn first(text: &str) -> Result<(u64, u64, &str), DurationError> {
    let (number, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or(DurationError::Malformed)?);
    let rest = rest.trim_start();
    let (unit, rest) = rest.split_at(rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len()));
    if number.is_empty() {
        return Err(DurationError::Malformed);
    }
    let number = number.parse().map_err(|_| DurationError::TooLong)?;
    Ok((number, seconds_of(unit).ok_or(DurationError::Malformed)?, rest.trim_start()))
}

/// A capital M may be a month to somebody: of single letters only the small ones are units.
fn seconds_of(unit: &str) -> Option<u64> {
    let word = if unit.len() > 1 { unit.to_ascii_lowercase() } else { unit.to_owned() };
    Some(match word.as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        _ => return None,
    })
}

/// Shows a duration in its largest units, whole seconds: `30m`, `1h 30m`, `30d`.
pub fn show(duration: Duration) -> String {
    let mut left = duration.as_secs();
    let mut shown = String::new();
    for (letter, unit) in [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)] {
        if left >= unit {
            let space = if shown.is_empty() { "" } else { " " };
            // Writing to a String cannot fail.
            let _ = write!(shown, "{space}{}{letter}", left / unit);
            left %= unit;
        }
    }
    if shown.is_empty() { "0s".to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (text, seconds) in [
            ("90s", 90),
            ("15m", 900),
            ("1h", 3_600),
            ("30 d", 2_592_000),
            ("2w", 1_209_600),
            ("10 minutes", 600),
            ("30min", 1_800),
            ("1 Hour", 3_600),
            ("2 hrs", 7_200),
            ("1h30m", 5_400),
            ("1h 30 min", 5_400),
            ("45 secs", 45),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_its_reason() {
        let cases = [
            ("", DurationError::Malformed),
            ("30", DurationError::Malformed),
            ("m", DurationError::Malformed),
            ("1.5h", DurationError::Malformed),
            ("-1h", DurationError::Malformed),
            ("30m1h", DurationError::Malformed),
            ("1h1h", DurationError::Malformed),
            ("1h30", DurationError::Malformed),
            ("30 m and", DurationError::Malformed),
            ("1M", DurationError::Malformed),
            ("0m", DurationError::Zero),
            ("99999999999999999999s", DurationError::TooLong),
            ("99999999999999999d", DurationError::TooLong),
        ];
        for (text, error) in cases {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn durations_are_shown_in_their_largest_units() {
        for (seconds, shown) in [(0, "0s"), (45, "45s"), (1_800, "30m"), (5_400, "1h 30m"), (2_592_000, "30d")] {
            assert_eq!(show(Duration::from_secs(seconds)), shown);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_read_or_refused(text in ".{0,40}") {
            let _ = parse(&text);
        }
    }
}
