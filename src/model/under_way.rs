//! What an agent has sent and has no answer to.

use super::{Money, Timestamp};

/// Requests that would be told to be cut off if nothing more were ever heard of their agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// How many.
    pub requests: u32,
    /// What they may cost, by the largest recent response of their threads.
    pub cost: Money,
    /// When the last of them was let through, where that is known.
    pub sent: Option<Timestamp>,
}
