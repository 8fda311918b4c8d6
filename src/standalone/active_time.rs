//! A session's active time, as its hooks tell one another: it passes between two of them while something of the session is
//! under way, and not while it is held.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::model::{AgentName, ProcessIdentity, Timestamp};

/// When a hook looked, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClockReading {
    /// Since the machine was started: it does not jump, and processes have it in common.
    monotonic: u64,
    wall: Timestamp,
}

impl ClockReading {
    pub(super) fn now() -> Self {
        Self { monotonic: millis(clock::since_boot()), wall: clock::now() }
    }
}

/// A session's active time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Worked {
    /// In milliseconds, by the name that the agent had.
    by: BTreeMap<AgentName, u64>,
    /// Since when it is active without that being counted; `None` where nothing of it is under way.
    pub(super) since: Option<Since>,
}

/// The last hook that left something under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Since {
    pub(super) agent: AgentName,
    /// Its Codex. No other one goes on with it, nor any after the machine was started anew.
    pub(super) codex: ProcessIdentity,
    monotonic: u64,
    pub(super) wall: Timestamp,
}

impl Worked {
    /// How long it was active since the last hook. A turn that `ended` without a hook, such as one that was interrupted,
    /// was active until then.
    pub(super) fn passed(&self, codex: ProcessIdentity, now: ClockReading, ended: Option<Timestamp>) -> Duration {
        let Some(since) = self.since.as_ref().filter(|since| since.codex == codex) else { return Duration::ZERO };
        let until_end = ended.and_then(|ended| (ended - since.wall).to_std().ok());
        let passed = Duration::from_millis(now.monotonic.saturating_sub(since.monotonic));
        until_end.map_or(passed, |until_end| passed.min(until_end))
    }

    /// Counts that. What comes after it is counted if it `goes_on`.
    pub(super) fn pass(&mut self, of: (&AgentName, ProcessIdentity), now: ClockReading, passed: Duration) {
        let counted = self.by.entry(of.0.clone()).or_default();
        *counted = counted.saturating_add(millis(passed));
        self.goes_on(of, now, self.since.as_ref().is_some_and(|since| since.codex == of.1));
    }

    pub(super) fn goes_on(&mut self, (agent, codex): (&AgentName, ProcessIdentity), now: ClockReading, goes_on: bool) {
        let since = Since { agent: agent.clone(), codex, monotonic: now.monotonic, wall: now.wall };
        // Another hook may have looked later and written sooner.
        let later = self.since.take().filter(|known| known.codex == codex && known.monotonic > now.monotonic);
        self.since = goes_on.then(|| later.unwrap_or(since));
    }

    pub(super) fn spans(&self) -> BTreeMap<AgentName, Duration> {
        self.by.iter().map(|(name, counted)| (name.clone(), Duration::from_millis(*counted))).collect()
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const CODEX: ProcessIdentity = ProcessIdentity { pid: 1, started: 1 };

    fn at(seconds: u64) -> ClockReading {
        let wall = Timestamp::UNIX_EPOCH + TimeDelta::seconds(i64::try_from(seconds).unwrap());
        ClockReading { monotonic: seconds * 1_000, wall }
    }

    /// A session's hooks: how long it was active after all of them.
    fn active(hooks: &[(ClockReading, ProcessIdentity, Option<ClockReading>, bool)]) -> u64 {
        let (mut worked, name) = (Worked::default(), AgentName::new("codex"));
        for (now, codex, ended, goes_on) in hooks {
            let passed = worked.passed(*codex, *now, ended.map(|ended| ended.wall));
            worked.pass((&name, *codex), *now, passed);
            worked.goes_on((&name, *codex), *now, *goes_on);
        }
        worked.spans().values().map(Duration::as_secs).sum()
    }

    #[test]
    fn time_passes_between_hooks_while_something_goes_on() {
        let of = |seconds, goes_on| (at(seconds), CODEX, None, goes_on);
        assert_eq!(active(&[of(10, true)]), 0);
        assert_eq!(active(&[of(10, true), of(15, true), of(75, true)]), 65);
        assert_eq!(active(&[of(10, true), of(15, false), of(75, true), of(80, true)]), 10, "held, or between turns");
    }

    #[test]
    fn an_interrupted_turn_ends_where_its_file_says() {
        let ended = Some(at(20));
        assert_eq!(active(&[(at(10), CODEX, None, true), (at(3_600), CODEX, ended, true)]), 10);
        // An earlier turn's end is none of this one.
        assert_eq!(active(&[(at(30), CODEX, None, true), (at(40), CODEX, ended, true)]), 10);
        assert_eq!(active(&[(at(10), CODEX, None, true), (at(15), CODEX, ended, true)]), 5, "a clock was set");
    }

    #[test]
    fn another_codex_goes_on_with_what_was_counted_and_with_no_gap() {
        let other = ProcessIdentity { pid: 2, started: 2 };
        let hooks = [(at(10), CODEX, None, true), (at(20), CODEX, None, true), (at(90), other, None, true)];
        assert_eq!(active(&hooks), 10);
        assert_eq!(active(&[hooks.as_slice(), &[(at(95), other, None, true)]].concat()), 15);
    }

    #[test]
    fn what_two_hooks_see_at_once_counts_once_and_a_jump_of_the_wall_clock_is_no_time() {
        let of = |seconds| (at(seconds), CODEX, None, true);
        assert_eq!(active(&[of(10), of(20), of(19), of(25)]), 15);
        let jumped = ClockReading { wall: at(100_000).wall, ..at(15) };
        assert_eq!(active(&[of(10), (jumped, CODEX, None, true)]), 5);
    }
}
