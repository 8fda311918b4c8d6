//! The clock: the only place that asks what time it is.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use crate::model::Timestamp;

/// The wall clock, cut to the millisecond that the ledger keeps.
#[expect(clippy::disallowed_methods, reason = "the one place that asks")]
pub fn now() -> Timestamp {
    let now = chrono::Utc::now();
    Timestamp::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now)
}

/// The monotonic clock, for durations: it does not jump.
#[expect(clippy::disallowed_methods, reason = "the one place that asks")]
pub fn monotonic() -> Instant {
    Instant::now()
}

/// The monotonic clock as all processes of this machine have it in common: since about the machine's start, without the
/// time that it slept. Zero where the system has no such clock.
pub fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}

/// The processor time that this process has taken so far, all its threads together. Zero where the system does not say.
pub fn processor() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
