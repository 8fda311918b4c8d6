//! The guard's look at govern: while a signal or a debugger holds that, nobody governs, and its agents stand still, too.
//!
//! The kernel tells a stop to a parent alone, and govern is the guard's. So it is looked at, which takes some 10 µs.

use std::time::{Duration, Instant};

use super::tree::{self, State};
use crate::clock;
use crate::clocks::{STANDS_FOR, STANDS_LOOK};
use crate::model::ProcessIdentity;

/// How govern was found at the last looks.
#[derive(Debug)]
pub(super) struct Standstill {
    govern: i32,
    next: Instant,
    found: Found,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    GoesOn,
    /// It stood still at one look. Ctrl-Z stops govern and its guard, one after the other.
    Perhaps(Instant),
    StandsStill(Instant),
}

/// What a look has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Observation {
    /// govern was stopped, and its guard was not.
    Stopped,
    /// It goes on, after so long.
    GoesOn(Duration),
}

impl Standstill {
    /// Looks at the process that this one was forked from.
    pub(super) fn of_parent() -> Self {
        Self { govern: nix::unistd::getppid().as_raw(), next: clock::monotonic(), found: Found::GoesOn }
    }

    /// Which process is looked at.
    pub(super) fn govern(&self) -> Option<ProcessIdentity> {
        tree::identity_of(self.govern)
    }

    /// How long until the next look.
    pub(super) fn due_in(&self) -> Duration {
        self.next.saturating_duration_since(clock::monotonic())
    }

    /// The guard itself may have been stopped meanwhile: what was seen before counts no more.
    pub(super) fn continued(&mut self) {
        if let Found::Perhaps(_) = self.found {
            self.found = Found::GoesOn;
        }
    }

    /// Looks, if it is time or if govern has just said something.
    pub(super) fn look(&mut self, has_spoken: bool) -> Option<Observation> {
        let now = clock::monotonic();
        if now < self.next && !(has_spoken && self.found != Found::GoesOn) {
            return None;
        }
        let stands =
            tree::read(self.govern).is_some_and(|govern| matches!(govern.state, State::Stopped | State::Traced));
        let (found, told) = self.found.then(stands, now);
        self.found = found;
        self.next = now + if let Found::Perhaps(_) = found { STANDS_FOR } else { STANDS_LOOK };
        told
    }
}

impl Found {
    fn then(self, stands: bool, now: Instant) -> (Self, Option<Observation>) {
        match (self, stands) {
            (Self::GoesOn, false) | (Self::Perhaps(_), false) => (Self::GoesOn, None),
            (Self::GoesOn, true) => (Self::Perhaps(now), None),
            (Self::Perhaps(since), true) => (Self::StandsStill(since), Some(Observation::Stopped)),
            (Self::StandsStill(_), true) => (self, None),
            (Self::StandsStill(since), false) => {
                (Self::GoesOn, Some(Observation::GoesOn(now.saturating_duration_since(since))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_still_once_two_looks_agree_and_goes_on_at_the_first_that_says_so() {
        let begun = clock::monotonic();
        let at = |second: u64| begun + Duration::from_secs(second);
        let mut found = Found::GoesOn;
        let looks = [
            (false, None),
            (true, None),
            (false, None),
            (true, None),
            (true, Some(Observation::Stopped)),
            (true, None),
            (false, Some(Observation::GoesOn(Duration::from_secs(3)))),
            (false, None),
        ];
        for (second, (stands, expected)) in looks.into_iter().enumerate() {
            let (next, told) = found.then(stands, at(second as u64));
            assert_eq!(told, expected, "look {second}");
            found = next;
        }
    }

    #[test]
    fn a_guard_that_was_stopped_itself_begins_anew() {
        let mut standstill = Standstill::of_parent();
        standstill.found = Found::Perhaps(clock::monotonic());
        standstill.continued();
        assert_eq!(standstill.found, Found::GoesOn);
        // Whoever runs the tests goes on.
        assert_eq!(standstill.look(false), None);
        assert!(standstill.due_in() <= STANDS_LOOK && standstill.govern().is_some());
    }
}
