//! What a report has a row for.

use std::cell::Cell;
use std::fmt;

use chrono::{Datelike, Days, Months, NaiveDate};
use chrono_tz::Tz;

use crate::model::{Dimension, Response, Slice, Timestamp};
use crate::policy::rule::{Calendar, Window};

/// A dimension that responses are grouped by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum By {
    /// An attribution, the run, the agent, the thread or the model.
    Of(Dimension),
    /// A calendar day, `2026-11-22`.
    Day,
    /// A week from Monday, `2026-W47` (ISO 8601).
    Week,
    /// A calendar month, `2026-11`.
    Month,
    /// Who told of it: `record`, `hook` or `gateway`.
    Source,
}

/// Why a `--by` cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ByError {
    /// No such word.
    #[error("`{0}` is nothing that spend can be grouped by")]
    Unknown(String),
}

/// What a hint says next to a [`ByError`].
pub const BY_HINT: &str = "name any of run, agent, thread, team, project, client, user, task, model, work, branch, source, day, week, month, label:KEY";

impl By {
    /// Reads one word of `--by`.
    pub fn parse(word: &str) -> Result<Self, ByError> {
        match word.trim() {
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            "source" => Ok(Self::Source),
            other => Dimension::parse(other).map(Self::Of).ok_or_else(|| ByError::Unknown(other.to_owned())),
        }
    }

    /// Time goes on from row to row; other dimensions put the dearest first.
    pub fn is_time(&self) -> bool {
        match self {
            Self::Day | Self::Week | Self::Month => true,
            Self::Of(_) | Self::Source => false,
        }
    }

    /// A slice's value; `None` is unknown. Slices that time is asked of have a start.
    pub fn of_slice(&self, slice: &Slice, zone: Tz) -> Option<String> {
        match self {
            Self::Of(dimension) => slice.get(dimension).map(str::to_owned),
            Self::Source => slice.source.map(|source| source.as_str().to_owned()),
            Self::Day | Self::Week | Self::Month => slice.start.and_then(|start| self.of_day(local_day(start, zone))),
        }
    }

    /// The value of the slice that a response is part of, where time is cut into these pieces.
    pub fn of_response(&self, response: &Response, pieces: Pieces) -> Option<String> {
        match self {
            Self::Of(dimension) => response.get(dimension).map(str::to_owned),
            Self::Source => Some(response.source.as_str().to_owned()),
            Self::Day | Self::Week | Self::Month => self.of_day(local_day(pieces.start(response.at), pieces.zone)),
        }
    }

    /// The value that comes next, of one that was made here; `None` for what is no time.
    pub fn following(&self, value: &str) -> Option<String> {
        let next = match self {
            Self::Of(_) | Self::Source => return None,
            Self::Day => NaiveDate::parse_from_str(value, DAY).ok()?.succ_opt()?,
            Self::Week => {
                NaiveDate::parse_from_str(&format!("{value}-1"), "%G-W%V-%u").ok()?.checked_add_days(Days::new(7))?
            }
            Self::Month => {
                NaiveDate::parse_from_str(&format!("{value}-01"), DAY).ok()?.checked_add_months(Months::new(1))?
            }
        };
        self.of_day(next)
    }

    fn of_day(&self, day: NaiveDate) -> Option<String> {
        match self {
            Self::Of(_) | Self::Source => None,
            Self::Day => Some(day.format(DAY).to_string()),
            Self::Week => {
                let week = day.iso_week();
                Some(format!("{:04}-W{:02}", week.year(), week.week()))
            }
            Self::Month => Some(day.format("%Y-%m").to_string()),
        }
    }

    /// What a person reads where the value is not known.
    pub fn unknown(&self) -> String {
        match self {
            // Only what was read from history has no run and no agent.
            Self::Of(Dimension::Run | Dimension::Agent) => IMPORTED.to_owned(),
            Self::Of(Dimension::Model) => "(unnamed)".to_owned(),
            Self::Of(Dimension::Work) => "(not known)".to_owned(),
            Self::Of(Dimension::Label(key)) => format!("(no {key})"),
            Self::Of(dimension) => format!("(no {dimension})"),
            Self::Day | Self::Week | Self::Month => "(no time)".to_owned(),
            Self::Source => "(not told)".to_owned(),
        }
    }
}

/// The run and the agent of what govern did not govern.
pub(super) const IMPORTED: &str = "(imported)";

const DAY: &str = "%Y-%m-%d";

fn local_day(at: Timestamp, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// The pieces that time is cut into for a report: the largest that no asked-for piece crosses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    calendar: Calendar,
    zone: Tz,
}

impl Pieces {
    /// Days, unless only weeks or only months are asked for.
    pub fn of(by: &[By], zone: Tz) -> Self {
        let mut times = by.iter().filter(|by| by.is_time()).collect::<Vec<_>>();
        times.dedup();
        let calendar = match times.as_slice() {
            [By::Week] => Calendar::Week,
            [By::Month] => Calendar::Month,
            _ => Calendar::Day,
        };
        Self { calendar, zone }
    }

    /// The start of the piece that this moment falls into.
    pub fn start(self, at: Timestamp) -> Timestamp {
        Window::Calendar(self.calendar).bounds(at, self.zone).start.unwrap_or(at)
    }

    /// As [`Pieces::start`], quick for moments of which many in a row fall into the same piece.
    pub fn starts(self) -> impl Fn(Timestamp) -> Timestamp {
        let last: Cell<Option<(Timestamp, Timestamp)>> = Cell::new(None);
        move |at| {
            let piece = last.get().filter(|(start, end)| *start <= at && at < *end).unwrap_or_else(|| self.bounds(at));
            last.set(Some(piece));
            piece.0
        }
    }

    /// The piece that this moment falls into, its end not included.
    pub fn bounds(self, at: Timestamp) -> (Timestamp, Timestamp) {
        let bounds = Window::Calendar(self.calendar).bounds(at, self.zone);
        (bounds.start.unwrap_or(at), bounds.end.unwrap_or(at))
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(dimension) => dimension.fmt(f),
            Self::Day => f.pad("day"),
            Self::Week => f.pad("week"),
            Self::Month => f.pad("month"),
            Self::Source => f.pad("source"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn every_word_of_the_design_is_read_and_shown_alike() {
        for word in [
            "run",
            "agent",
            "thread",
            "team",
            "project",
            "client",
            "user",
            "task",
            "model",
            "branch",
            "work",
            "day",
            "week",
            "month",
            "label:tier",
        ] {
            assert_eq!(By::parse(word).unwrap().to_string(), word);
        }
        assert_eq!(By::parse("label:"), Err(ByError::Unknown("label:".into())));
        assert_eq!(By::parse(""), Err(ByError::Unknown(String::new())));
    }

    #[test]
    fn days_weeks_and_months_are_those_of_the_zone() {
        let response = sample::response("2027-01-03T23:30:00Z", "codex", "t1", "gpt-6.1-sol", "0.10");
        for (by, zone, value) in [
            (By::Day, Tz::UTC, "2027-01-03"),
            (By::Week, Tz::UTC, "2026-W53"),
            (By::Month, Tz::UTC, "2027-01"),
            (By::Day, Tz::Europe__Berlin, "2027-01-04"),
            (By::Week, Tz::Europe__Berlin, "2027-W01"),
            (By::Day, Tz::America__Los_Angeles, "2027-01-03"),
            // Half past five in the morning; its midnight is no full hour of UTC.
            (By::Day, Tz::Asia__Kathmandu, "2027-01-04"),
        ] {
            let pieces = Pieces::of(std::slice::from_ref(&by), zone);
            assert_eq!(by.of_response(&response, pieces).unwrap(), value, "{by} in {zone}");
            let slice = sample::slice(&response, pieces);
            assert_eq!(by.of_slice(&slice, zone).unwrap(), value, "{by} in {zone}, of a slice");
        }
    }

    #[test]
    fn a_slice_is_of_one_week_and_one_month_where_both_are_asked_for() {
        let start = |by: &[By], at: &str| Pieces::of(by, Tz::UTC).start(sample::at(at)).to_rfc3339();
        assert_eq!(start(&[By::Week], "2026-12-01T10:00:00Z"), "2026-11-30T00:00:00+00:00");
        assert_eq!(start(&[By::Month], "2026-12-31T10:00:00Z"), "2026-12-01T00:00:00+00:00");
        assert_eq!(start(&[By::Week, By::Month], "2026-12-01T10:00:00Z"), "2026-12-01T00:00:00+00:00");
    }

    #[test]
    fn pieces_are_the_same_however_they_are_asked_for() {
        let pieces = Pieces::of(&[By::Day], Tz::America__Sao_Paulo);
        let starts = pieces.starts();
        // Midnight did not exist on 2018-11-04: clocks went from 23:59 to 01:00.
        for hour in [0, 1, 2, 3, 4, 26, 27, 28, 50, 30, 3] {
            let at = sample::at("2018-11-04T00:00:00Z") + chrono::TimeDelta::hours(hour);
            assert_eq!(starts(at), pieces.start(at));
        }
    }

    #[test]
    fn time_goes_on_over_months_and_years() {
        for (by, value, next) in [
            (By::Day, "2026-12-31", "2027-01-01"),
            (By::Week, "2026-W53", "2027-W01"),
            (By::Month, "2026-12", "2027-01"),
        ] {
            assert_eq!(by.following(value).unwrap(), next);
        }
        assert_eq!(By::Of(Dimension::Team).following("web"), None);
    }

    #[test]
    fn what_is_not_known_is_said_in_words() {
        for (word, shown) in [
            ("team", "(no team)"),
            ("label:tier", "(no tier)"),
            ("run", "(imported)"),
            ("agent", "(imported)"),
            ("model", "(unnamed)"),
        ] {
            assert_eq!(By::parse(word).unwrap().unknown(), shown);
        }
    }
}
