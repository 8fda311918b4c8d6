//! Pure. Durations as policies and flags spell them: `90s`, `15m`, `1h`, `30d`, `2w`.

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

/// Reads a whole number and a unit; a space between them is optional.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or(DurationError::Malformed)?;
    let (number, unit) = text.split_at(split);
    let unit = match unit.trim_start() {
        "s" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        _ => return Err(DurationError::Malformed),
    };
    if number.is_empty() {
        return Err(DurationError::Malformed);
    }
    let number: u64 = number.parse().map_err(|_| DurationError::TooLong)?;
    match number.checked_mul(unit) {
        Some(0) => Err(DurationError::Zero),
        Some(seconds) if seconds <= MOST => Ok(Duration::from_secs(seconds)),
        Some(_) | None => Err(DurationError::TooLong),
    }
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
        for (text, seconds) in
            [("90s", 90), ("15m", 900), ("1h", 3_600), ("30 d", 2_592_000), ("2w", 1_209_600), ("10 minutes", 600)]
        {
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
            ("1h30m", DurationError::Malformed),
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
