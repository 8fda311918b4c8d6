//! Pure. What a report has a row for.

use std::fmt;

use chrono::Datelike;
use chrono_tz::Tz;

use crate::model::{Dimension, Response};

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
}

/// Why a `--by` cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ByError {
    /// No such word.
    #[error("`{0}` is nothing that spend can be grouped by")]
    Unknown(String),
    /// Known to the design, not to this version.
    #[error("`{0}` cannot be grouped by in this version of govern yet")]
    Later(String),
}

/// What a hint says next to a [`ByError`].
pub const BY_HINT: &str =
    "name any of run, agent, thread, team, project, client, user, task, model, branch, day, week, month, label:KEY";

impl By {
    /// Reads one word of `--by`.
    pub fn parse(word: &str) -> Result<Self, ByError> {
        match word.trim() {
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            "work" => Err(ByError::Later("work".to_owned())),
            other => Dimension::parse(other).map(Self::Of).ok_or_else(|| ByError::Unknown(other.to_owned())),
        }
    }

    /// Time goes on from row to row; other dimensions put the dearest first.
    pub fn is_time(&self) -> bool {
        match self {
            Self::Day | Self::Week | Self::Month => true,
            Self::Of(_) => false,
        }
    }

    /// A response's value; `None` is unknown. Days begin at midnight in the zone.
    pub fn value(&self, response: &Response, zone: Tz) -> Option<String> {
        let date = || response.at.with_timezone(&zone).date_naive();
        match self {
            Self::Of(dimension) => response.get(dimension).map(str::to_owned),
            Self::Day => Some(date().format("%Y-%m-%d").to_string()),
            Self::Week => {
                let week = date().iso_week();
                Some(format!("{:04}-W{:02}", week.year(), week.week()))
            }
            Self::Month => Some(date().format("%Y-%m").to_string()),
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(dimension) => dimension.fmt(f),
            Self::Day => f.pad("day"),
            Self::Week => f.pad("week"),
            Self::Month => f.pad("month"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

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
            "day",
            "week",
            "month",
            "label:tier",
        ] {
            assert_eq!(By::parse(word).unwrap().to_string(), word);
        }
        assert_eq!(By::parse("work"), Err(ByError::Later("work".into())));
        assert_eq!(By::parse("label:"), Err(ByError::Unknown("label:".into())));
        assert_eq!(By::parse(""), Err(ByError::Unknown(String::new())));
    }

    #[test]
    fn days_weeks_and_months_are_those_of_the_zone() {
        let response = sample::response("2027-01-03T23:30:00Z", "codex", "t1", "gpt-6.1-sol", "0.10");
        let value = |by: By, zone: Tz| by.value(&response, zone).unwrap();
        assert_eq!(value(By::Day, Tz::UTC), "2027-01-03");
        assert_eq!(value(By::Week, Tz::UTC), "2026-W53");
        assert_eq!(value(By::Month, Tz::UTC), "2027-01");
        assert_eq!(value(By::Day, Tz::Europe__Berlin), "2027-01-04");
        assert_eq!(value(By::Week, Tz::Europe__Berlin), "2027-W01");
        assert_eq!(value(By::Day, Tz::America__Los_Angeles), "2027-01-03");
    }
}
