//! How single values read: names, durations, moments.

use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::model::Timestamp;

/// Makes a name from outside safe to print: what would move the cursor, colour the screen, turn the reading direction or
/// begin an order to a CI's log (`::error::` where a line begins, `##[group]` anywhere) becomes `�`; line breaks and tabs
/// become spaces.
pub fn printable(text: &str) -> String {
    let mut printed = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let is_order = match c {
            // Where lines are folded any word may come first.
            ':' => rest.as_str().starts_with(':') && printed.chars().next_back().is_none_or(char::is_whitespace),
            '[' => printed.ends_with("##"),
            _ => false,
        };
        printed.push(match c {
            _ if is_order => '\u{fffd}',
            '\n' | '\r' | '\t' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{feff}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        });
    }
    printed
}

/// The same of a text of several lines, each as [`printable`] has it.
pub fn printable_lines(text: &str) -> String {
    text.lines().map(|line| printable(line) + "\n").collect()
}

/// `0.4 s`, `12 s`, `2 min 11 s`, `29 min`, `3 h 5 min`, `4 d 3 h`: two units at most, the smaller one only where it still matters.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let pair = |unit: u64, name: &str, part: u64, part_name: &str| {
        let rest = seconds % unit / part;
        if rest == 0 {
            format!("{} {name}", seconds / unit)
        } else {
            format!("{} {name} {rest} {part_name}", seconds / unit)
        }
    };
    match seconds {
        // A whole second more or less is much of so little.
        0..2 => tenths(duration),
        2..60 => format!("{seconds} s"),
        60..600 => pair(60, "min", 1, "s"),
        600..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => pair(3_600, "h", 60, "min"),
        _ => pair(86_400, "d", 3_600, "h"),
    }
}

/// `0 s`, `<0.1 s`, `0.4 s`, `1 s`.
fn tenths(duration: Duration) -> String {
    match (duration.as_millis() / 100, duration.is_zero()) {
        (_, true) => "0 s".to_owned(),
        (0, false) => "<0.1 s".to_owned(),
        (tenths, false) if tenths % 10 == 0 => format!("{} s", tenths / 10),
        (tenths, false) => format!("{}.{} s", tenths / 10, tenths % 10),
    }
}

/// So many seconds ahead, as exactly as a forecast can be: `<1 min`, `28 min`, `3 h`, `2 d`.
pub fn about(seconds: u64) -> String {
    match seconds {
        0..60 => "<1 min".to_owned(),
        60..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// The time from one moment to a later one; zero if it is not later.
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    (to - from).to_std().unwrap_or_default()
}

/// `2026-11-22 14:05` in the zone.
pub fn moment(at: Timestamp, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
}

/// A moment ahead, as short as it is clear: `14:05` on the same day, `1 Dec 00:00` within half a
/// year, else `2027-12-01`.
pub fn ahead(at: Timestamp, now: Timestamp, zone: Tz) -> String {
    let (at, now) = (at.with_timezone(&zone), now.with_timezone(&zone));
    let format = if at.date_naive() == now.date_naive() {
        "%H:%M"
    } else if (at - now).abs() < TimeDelta::days(182) {
        "%-d %b %H:%M"
    } else {
        "%Y-%m-%d"
    };
    at.format(format).to_string()
}

/// `14:05:09` in the zone.
pub fn clock(at: Timestamp, zone: Tz) -> String {
    at.with_timezone(&zone).format("%H:%M:%S").to_string()
}

/// RFC 3339, UTC, to the millisecond where there are any.
pub fn rfc3339(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// `1 line`, `3 lines`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", super::rounding::grouped(i128::from(number)), if number == 1 { one } else { many })
}

/// `640 B`, `1.2 MB`: powers of a thousand.
pub fn size(bytes: u64) -> String {
    let mut unit = "B";
    let (mut whole, mut tenths) = (bytes, 0);
    for larger in ["kB", "MB", "GB", "TB"] {
        if whole < 1_000 {
            break;
        }
        (whole, tenths, unit) = (whole / 1_000, whole % 1_000 / 100, larger);
    }
    if unit == "B" || whole >= 100 { format!("{whole} {unit}") } else { format!("{whole}.{tenths} {unit}") }
}

/// A command line that a POSIX shell reads back as these words.
pub fn shell_words<S: AsRef<str>>(words: &[S]) -> String {
    words.iter().map(|word| shell_word(word.as_ref())).collect::<Vec<_>>().join(" ")
}

fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_figures_at_most() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_260, "1.2 kB"),
            (99_999_999, "99.9 MB"),
            (1_073_741_824, "1.0 GB"),
            (250_000_000_000, "250 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn durations_read_as_people_say_them() {
        for (seconds, read) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (131, "2 min 11 s"),
            (1_799, "29 min"),
            (3_600, "1 h"),
            (11_100, "3 h 5 min"),
            (86_400, "1 d"),
            (356_400, "4 d 3 h"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), read);
        }
        for (millis, read) in [(40, "<0.1 s"), (430, "0.4 s"), (1_000, "1 s"), (1_990, "1.9 s"), (2_900, "2 s")] {
            assert_eq!(duration(Duration::from_millis(millis)), read);
        }
    }

    #[test]
    fn what_lies_ahead_is_told_by_the_minute_at_most() {
        for (seconds, read) in
            [(0, "<1 min"), (59, "<1 min"), (119, "1 min"), (7_199, "119 min"), (7_200, "2 h"), (200_000, "2 d")]
        {
            assert_eq!(about(seconds), read);
        }
    }

    #[test]
    fn a_name_cannot_drive_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\u{202e}c\nd\u{9b}e"), "a\u{fffd}[31mb\u{fffd}c d\u{fffd}e");
        assert_eq!(printable("täst …"), "täst …");
        assert_eq!(printable("::error::a ::b c::d"), "\u{fffd}:error::a \u{fffd}:b c::d");
        assert_eq!(printable("a##[group]b #[c]"), "a##\u{fffd}group]b #[c]");
    }

    #[test]
    fn a_command_line_survives_the_shell() {
        assert_eq!(shell_words(&["codex", "exec", "don't; rm *", ""]), r"codex exec 'don'\''t; rm *' ''");
        assert_eq!(shell_words(&["codex", "-m", "gpt-6.1-sol", "K=v"]), "codex -m gpt-6.1-sol K=v");
    }
}
