//! A budget's `window`.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use toml::Spanned;
use toml::de::DeValue;

use crate::model::{Dimension, Timestamp};
use crate::policy::duration::{self, DurationError};
use crate::policy::mistake::Notes;
use crate::policy::rule::{Calendar, Window};
use crate::policy::suggest;
use crate::policy::table::{Keys, Table, Text, wrong_type};
use crate::policy::window::{day_start, local_moment};

use super::meant;

const KEYS: Keys = Keys { of: "`window`", known: &["from", "until"], later: &[] };

const WORDS: [(&str, Window); 6] = [
    ("day", Window::Calendar(Calendar::Day)),
    ("week", Window::Calendar(Calendar::Week)),
    ("month", Window::Calendar(Calendar::Month)),
    ("quarter", Window::Calendar(Calendar::Quarter)),
    ("year", Window::Calendar(Calendar::Year)),
    ("total", Window::Total),
];

const HINT: &str = "write `day`, `week`, `month`, `quarter`, `year`, a duration such as `1h` or `30d`, \
    `{ from = \"2026-12-01\", until = \"2027-01-15\" }`, or `total`";
const DATE_HINT: &str = "write a day, such as `2026-12-01`, or a moment, such as `2026-12-01T09:00:00Z`";

/// When counting starts again. What lives no longer than a run needs no window of its own.
pub(super) fn check(budget: &Table<'_>, per: Option<&[Dimension]>, tz: Tz, notes: &mut Notes) -> Option<Window> {
    let Some(value) = budget.get("window") else {
        if per?.iter().any(Dimension::has_own_life) {
            return Some(Window::Life);
        }
        notes.refuse(&budget.span, "the budget does not say its `window`", HINT);
        return None;
    };
    match value.get_ref() {
        DeValue::String(_) => named(&budget.text("window", "\"month\"", notes)?, notes),
        DeValue::Table(entries) => between(&Table::new(entries, value.span()), tz, notes),
        _ => {
            wrong_type("window", value, "a text or `{ from, until }`", "\"month\"", notes);
            None
        }
    }
}

fn named(text: &Text<'_>, notes: &mut Notes) -> Option<Window> {
    if let Some((_, window)) = WORDS.iter().find(|(word, _)| *word == text.value) {
        return Some(window.clone());
    }
    match duration::parse(text.value) {
        Ok(duration) => return Some(Window::Rolling(duration)),
        Err(DurationError::Malformed) => {
            let near = || suggest::nearest(text.value, WORDS.iter().map(|(word, _)| *word));
            let hint = match meant::window(text.value).or_else(near) {
                // What lives no longer than a run.
                _ if ["run", "agent", "thread", "session"].contains(&text.value) => {
                    "leave `window` out: `per = \"run\"`, `\"agent\"` and `\"thread\"` count for the thing's own life"
                        .to_owned()
                }
                _ if text.value.trim() == "1M" => "write `month`, or `1m` for a minute".to_owned(),
                Some(word) => format!("did you mean `{word}`?"),
                None => HINT.to_owned(),
            };
            notes.refuse(&text.span, format!("`{}` is not a window", text.value), hint);
        }
        Err(error @ (DurationError::Zero | DurationError::TooLong)) => {
            notes.refuse(&text.span, format!("`{}` {error}", text.value), HINT);
        }
    }
    None
}

fn between(table: &Table<'_>, tz: Tz, notes: &mut Notes) -> Option<Window> {
    let table = &table.only(&KEYS, notes);
    let mut bound = |key| table.get(key).map(|value| moment(key, value, tz, notes));
    let (from, until) = match (bound("from"), bound("until")) {
        (None, None) => {
            notes.refuse(&table.span, "the window has neither `from` nor `until`", HINT);
            return None;
        }
        // A bound that is there but cannot be read has been reported.
        (Some(None), _) | (_, Some(None)) => return None,
        (from, until) => (from.flatten(), until.flatten()),
    };
    if let (Some(start), Some(end)) = (from, until)
        && end <= start
    {
        let hint = "`until` is the first day that does not count any more, and must come after `from`";
        notes.refuse(&table.span, "the window ends before it begins", hint);
        return None;
    }
    Some(Window::Between(from, until))
}

fn moment(key: &str, value: &Spanned<DeValue<'_>>, tz: Tz, notes: &mut Notes) -> Option<Timestamp> {
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        _ => {
            wrong_type(key, value, "a date", "\"2026-12-01\"", notes);
            return None;
        }
    };
    let moment = parse_moment(text.trim(), tz);
    if moment.is_none() {
        notes.refuse(&value.span(), format!("`{text}` is not a date"), DATE_HINT);
    }
    moment
}

/// A day (its first moment in `tz`), a local time, or a time with its offset.
fn parse_moment(text: &str, tz: Tz) -> Option<Timestamp> {
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return day_start(day, tz);
    }
    let local = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    if let Some(local) = local.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok()) {
        return local_moment(local, tz);
    }
    DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_where_the_policy_lives() {
        let cases = [
            ("2026-12-01", "2026-11-30T23:00:00+00:00"),
            ("2026-12-01T09:00:00", "2026-12-01T08:00:00+00:00"),
            ("2026-12-01 09:00", "2026-12-01T08:00:00+00:00"),
            ("2026-12-01T09:00:00Z", "2026-12-01T09:00:00+00:00"),
            ("2026-12-01T09:00:00-05:00", "2026-12-01T14:00:00+00:00"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_moment(text, Tz::Europe__Berlin).unwrap().to_rfc3339(), expected, "{text}");
        }
        for text in ["", "tomorrow", "2026-13-01", "+262143-01-01", "9999999-01-01", "-262143-01-01"] {
            let _ = parse_moment(text, Tz::Pacific__Kiritimati);
        }
    }
}
