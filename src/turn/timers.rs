//! Deadlines that the governor asked to be told of, on the monotonic clock.

use std::time::{Duration, Instant};

use crate::decide::message::Timer;

/// What is due when. Few at a time.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    armed: Vec<(Instant, Timer)>,
}

impl Timers {
    /// Tells of `timer` after so long; one that is armed already is moved.
    pub(crate) fn arm(&mut self, now: Instant, timer: Timer, after: Duration) {
        self.armed.retain(|(_, armed)| *armed != timer);
        // A wait beyond what the clock can hold is never over.
        if let Some(at) = now.checked_add(after) {
            self.armed.push((at, timer));
        }
    }

    /// The next deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.armed.iter().map(|(at, _)| *at).min()
    }

    /// Takes what is due.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Timer> {
        let (due, later) = std::mem::take(&mut self.armed).into_iter().partition(|(at, _)| *at <= now);
        self.armed = later;
        let mut due: Vec<(Instant, Timer)> = due;
        due.sort();
        due.into_iter().map(|(_, timer)| timer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn timers_come_due_in_order_and_once() {
        let start = clock::monotonic();
        let second = Duration::from_secs(1);
        let mut timers = Timers::default();
        timers.arm(start, Timer::WindowEnd, second * 2);
        timers.arm(start, Timer::Minutes, second * 9);
        timers.arm(start, Timer::Minutes, second);
        assert_eq!(timers.next(), Some(start + second));
        assert_eq!(timers.due(start), []);
        assert_eq!(timers.due(start + second * 3), [Timer::Minutes, Timer::WindowEnd]);
        assert_eq!(timers.next(), None);
    }
}
