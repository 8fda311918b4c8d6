//! Descriptors of processes: while one is held, its process's number means no other.

use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Holds a process by its number; `None` if it is gone, or the kernel has no such descriptors (before 5.3).
pub(super) fn open(pid: i32) -> Option<OwnedFd> {
    #[expect(unsafe_code, reason = "there is no safe call for a process's descriptor")]
    // SAFETY: the call takes two numbers and gives a descriptor that is nobody else's, or -1.
    unsafe {
        let raw = nix::libc::syscall(nix::libc::SYS_pidfd_open, pid, 0);
        i32::try_from(raw).ok().filter(|raw| *raw >= 0).map(|raw| OwnedFd::from_raw_fd(raw))
    }
}

/// The process has not ended: its number is its own, and was until now.
pub(super) fn lives(process: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO) == Ok(0)
}
