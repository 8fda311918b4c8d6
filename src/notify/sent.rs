//! What became of an attempt to tell somebody something.

use std::time::Duration;

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It was taken.
    Taken,
    /// It was taken, and can be changed later by this.
    Posted {
        /// By what the channel knows it.
        receipt: String,
    },
    /// The address wants no more notices (410).
    Gone,
    /// It was not, and may be later.
    NotYet {
        /// Why.
        why: String,
        /// How long the reader wants to be left alone.
        after: Option<Duration>,
    },
    /// It was not, and never will be.
    Never {
        /// Why.
        why: String,
    },
}
