//! How long an agent has worked.

use std::time::Duration;

/// Counts only while it runs; on the monotonic clock, so that a jump of the wall clock is no time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ActiveClock {
    pub(super) since: Option<Duration>,
    pub(super) total: Duration,
}

impl ActiveClock {
    pub(super) fn start(&mut self, uptime: Duration) {
        self.since.get_or_insert(uptime);
    }

    pub(super) fn stop(&mut self, uptime: Duration) {
        if let Some(since) = self.since.take() {
            self.total += uptime.saturating_sub(since);
        }
    }

    pub(super) fn total(&self, uptime: Duration) -> Duration {
        self.total + self.since.map_or(Duration::ZERO, |since| uptime.saturating_sub(since))
    }
}
