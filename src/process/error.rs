//! What can go wrong with processes.

use nix::errno::Errno;
use thiserror::Error;

/// A failure of the process stage; of what an agent does, reports tell.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// The guard must be forked while govern has one thread.
    #[error("the guard cannot be started: govern already has {0} threads")]
    Threads(usize),
    /// The kernel refused something.
    #[error("cannot {what}")]
    System {
        /// What was tried, as in "cannot …".
        what: &'static str,
        /// Why not.
        source: Errno,
    },
    /// The guard is not there any more.
    #[error("the guard process is gone")]
    GuardGone,
    /// What came over the guard's socket is no message of this version.
    #[error("the guard's message cannot be read")]
    Garbled(#[source] serde_json::Error),
}

impl ProcessError {
    pub(super) fn system(what: &'static str) -> impl FnOnce(Errno) -> Self {
        move |source| Self::System { what, source }
    }

    pub(super) fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::System { what, source: Errno::from_raw(error.raw_os_error().unwrap_or(0)) }
    }
}
