//! Waiting for room: a request that does not fit only because of what others are about to spend waits until that
//! is spent, or is not.
//!
//! Who waits sends nothing and so claims nothing: of several that wait, the one that has waited longest counts only what
//! is really under way, and those that come to the gate after it count it. So nobody waits for one that waits for it, and
//! the first one goes on, or is found not to fit, as soon as the answers under way have come. What peers were promised is
//! not waited for: they keep it to their end. Claims of other runs are looked at every second. Threads of one agent wait
//! for each other's answers in the same way, each by itself.

pub(super) mod hold;
pub(super) mod own_threads;
pub(super) mod queue;
pub(super) mod waiting;

use std::time::Duration;

/// How long an agent waits for others' claims before it is ended. After that its budget's own step applies.
pub const ENDS_AFTER: Duration = Duration::from_secs(10 * 60);

/// The same before a person is asked.
pub const ASKS_AFTER: Duration = Duration::from_secs(60);

/// How often claims of other runs are looked at: nobody tells when they end.
const LOOKS: Duration = Duration::from_secs(1);

/// An agent's place among those that wait for room, until all its requests that wait are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Who came before has the smaller number.
    pub(super) ticket: u64,
    /// Since when, by uptime.
    since: Duration,
    /// For what, for a person.
    pub(super) because: String,
}
