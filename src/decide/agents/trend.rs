//! How fast an agent spends, and how its requests grow, as its responses tell.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::{RATE_FROM, RATE_OVER, Response, Tokens, Unit};

use crate::decide::accounts::account::amount;

/// How far back a rate looks.
const LATELY: Duration = Duration::from_secs(10 * 60);

/// A rate needs so much time before it says anything.
const LEAST: Duration = Duration::from_secs(60);

/// The most responses that a rate is told from.
const MOST: usize = 2_000;

/// An agent's last responses on the clock of its active time: what it is held does not slow it down.
#[derive(Clone, Debug, Default)]
pub(in crate::decide) struct Trend {
    recent: VecDeque<(Duration, Response)>,
    /// What the root thread's first request read.
    first: Option<Tokens>,
    /// What its last one did.
    last: Option<Tokens>,
}

/// How the requests of a thread grew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Input tokens of the first request.
    pub first: u64,
    /// Input tokens of the last one.
    pub last: u64,
    /// How much of the last one was read from a cache, in thousandths.
    pub cached: u64,
}

impl Trend {
    /// Notes a response after so much active time.
    pub(in crate::decide) fn note(&mut self, active: Duration, response: &Response) {
        while self.recent.len() >= MOST || self.recent.front().is_some_and(|(at, _)| *at + LATELY < active) {
            self.recent.pop_front();
        }
        self.recent.push_back((active, response.clone()));
        if response.thread == response.root {
            self.first.get_or_insert(response.tokens);
            self.last = Some(response.tokens);
        }
    }

    /// Spent in a minute of active time, over the last ten; `None` before there is a minute to tell it from.
    pub(in crate::decide) fn per_minute(&self, active: Duration, unit: Unit) -> Option<i64> {
        let over = active.min(LATELY);
        if over < LEAST {
            return None;
        }
        let since = active.saturating_sub(over);
        let recent = self.recent.iter().filter(|(at, _)| *at >= since);
        let spent = recent.fold(0_i64, |sum, (_, response)| sum.saturating_add(amount(response, unit)));
        i64::try_from(i128::from(spent) * 60_000 / i128::try_from(over.as_millis()).ok()?).ok()
    }

    /// Spent in a minute of active time, for a person: over the last five, or over as much as there is.
    pub(in crate::decide) fn lately(&self, active: Duration, unit: Unit) -> i64 {
        let over = active.clamp(RATE_FROM, RATE_OVER);
        let since = active.saturating_sub(RATE_OVER);
        let recent = self.recent.iter().filter(|(at, _)| *at >= since);
        let spent = recent.fold(0_i64, |sum, (_, response)| sum.saturating_add(amount(response, unit)));
        let millis = i128::try_from(over.as_millis()).unwrap_or(i128::MAX);
        i64::try_from(i128::from(spent) * 60_000 / millis).unwrap_or(i64::MAX)
    }

    /// How the root thread's requests grew; `None` before there is one.
    pub(in crate::decide) fn growth(&self) -> Option<Growth> {
        let (first, last) = (self.first?, self.last?);
        let cached = last.cached_input.saturating_mul(1_000).checked_div(last.input).unwrap_or(0);
        Some(Growth { first: first.input, last: last.input, cached })
    }

    /// The last responses, newest last.
    pub(in crate::decide) fn recent(&self) -> impl Iterator<Item = &Response> {
        self.recent.iter().map(|(_, response)| response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::tests::world::{morning, response};

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_rate_is_told_by_the_minute_and_looks_ten_minutes_back() {
        let mut trend = Trend::default();
        assert_eq!(trend.per_minute(at(3_600), Unit::Tok), Some(0));
        trend.note(at(10), &response("codex", "root", "mid", 300, morning()));
        assert_eq!(trend.per_minute(at(59), Unit::Tok), None, "too soon to tell");
        assert_eq!(trend.per_minute(at(60), Unit::Tok), Some(300));
        assert_eq!(trend.per_minute(at(120), Unit::Tok), Some(150));
        trend.note(at(600), &response("codex", "root", "mid", 700, morning()));
        assert_eq!(trend.per_minute(at(600), Unit::Tok), Some(100));
        assert_eq!(trend.per_minute(at(611), Unit::Tok), Some(70), "the first one is too long ago");
        assert_eq!(trend.per_minute(at(600), Unit::Responses), Some(0), "two in ten minutes");
    }

    #[test]
    fn a_person_sees_a_rate_from_the_first_answer_on() {
        let mut trend = Trend::default();
        assert_eq!(trend.lately(at(0), Unit::Tok), 0);
        trend.note(at(2), &response("codex", "root", "mid", 300, morning()));
        assert_eq!(trend.lately(at(2), Unit::Tok), 1_800, "as if it had taken ten seconds");
        assert_eq!(trend.lately(at(10), Unit::Tok), 1_800);
        assert_eq!(trend.lately(at(30), Unit::Tok), 600, "a rate in the first minute, too");
        assert_eq!(trend.lately(at(120), Unit::Tok), 150);
        assert_eq!(trend.lately(at(302), Unit::Tok), 60);
        assert_eq!(trend.lately(at(303), Unit::Tok), 0, "five minutes ago is not lately");
    }

    #[test]
    fn requests_of_the_root_thread_tell_how_the_context_grows() {
        let mut trend = Trend::default();
        assert_eq!(trend.growth(), None);
        for (thread, input, cached) in [("root", 1_000, 0), ("sub", 9_000, 0), ("root", 4_000, 3_000)] {
            let tokens = Tokens { input, cached_input: cached, ..Tokens::default() };
            trend.note(at(1), &Response { tokens, ..response("codex", thread, "mid", 0, morning()) });
        }
        assert_eq!(trend.growth(), Some(Growth { first: 1_000, last: 4_000, cached: 750 }));
    }
}
