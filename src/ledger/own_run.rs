//! The run that this process governs.

use crate::model::{ProcessIdentity, RunId};

/// A run and the process that governs it.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) run: RunId,
    pub(super) process: ProcessIdentity,
}

impl Seat {
    /// The run is governed by this very process, and by no other beside it.
    pub(super) fn is_this_process(&self) -> bool {
        u32::try_from(self.process.pid) == Ok(std::process::id())
    }
}
