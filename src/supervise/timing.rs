//! How long hooks and holds take, for metrics: kept as counts, and written with what is written anyway.

use std::time::{Duration, Instant};

use crate::ledger::Times;

/// As often as a scrape comes. More would cost a page of the ledger's log in every turn.
const OFTEN: Duration = Duration::from_secs(15);

/// What is to be written next.
#[derive(Debug, Default)]
pub(super) struct Timing {
    unwritten: Times,
    /// How much of the time that agents were held is written.
    held: Duration,
    last: Option<Instant>,
    /// The run ends: there is no next time.
    ends: bool,
}

impl Timing {
    /// A hook that nothing held was answered.
    pub(super) fn answered(&mut self, after: Duration) {
        self.unwritten.hooks.add(after);
    }

    /// The next turn is the last.
    pub(super) fn ends(&mut self) {
        self.ends = true;
    }

    /// What is to be written now, when all agents together were held for so long; `None` where that may wait.
    pub(super) fn due(&mut self, held: Duration, now: Instant) -> Option<Times> {
        let is_due = self.ends || self.last.is_none_or(|last| now.saturating_duration_since(last) >= OFTEN);
        self.unwritten.held = held.saturating_sub(self.held);
        if !is_due || self.unwritten == Times::default() {
            return None;
        }
        (self.held, self.last) = (held.max(self.held), Some(now));
        Some(std::mem::take(&mut self.unwritten))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn times_are_written_once_every_fifteen_seconds_at_most_and_at_the_end() {
        let begun = clock::monotonic();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut timing = Timing::default();
        assert_eq!(timing.due(Duration::ZERO, at(0)), None, "there is nothing to write");
        timing.answered(Duration::from_millis(3));
        let first = timing.due(Duration::from_secs(2), at(1)).unwrap();
        assert_eq!((first.hooks.count(), first.held), (1, Duration::from_secs(2)));
        timing.answered(Duration::from_millis(3));
        assert_eq!(timing.due(Duration::from_secs(9), at(15)), None);
        let second = timing.due(Duration::from_secs(10), at(16)).unwrap();
        assert_eq!((second.hooks.count(), second.held), (1, Duration::from_secs(8)), "what was written is not again");
        timing.ends();
        assert_eq!(timing.due(Duration::from_secs(10), at(17)), None, "nothing is new");
        assert_eq!(timing.due(Duration::from_secs(11), at(17)).unwrap().held, Duration::from_secs(1));
    }
}
