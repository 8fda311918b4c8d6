//! A hook's wait: for an answer, for the end of the shell that called it, for the end of whoever reads its output.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{Pid, getppid, setsid};

use super::pidfd;

/// What ended a hook's wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// There is something to read, or the other side is gone.
    Readable,
    /// Nobody reads this process's stdout any more.
    Unheard,
    /// The process that started this one has ended.
    Orphaned,
}

/// Opens the pipe that a process writes its output into: whoever reads it waits for its end as long as this lives, even
/// if the process and all around it are killed. `None` where its output is no pipe, or nobody reads it.
pub fn output_of(pid: i32) -> Option<File> {
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
    let path = format!("/proc/{pid}/fd/1");
    if !std::fs::metadata(&path).is_ok_and(|meta| meta.file_type().is_fifo()) {
        return None;
    }
    OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path).ok()
}

/// How often a kernel that has no descriptors for processes (before 5.3) is asked for the parent.
const LOOK_AGAIN: u8 = 100;

/// How long a killer's next act may take, in milliseconds.
const SOON: u8 = 100;

/// The process that started this one, held so that its number cannot come to mean another.
#[derive(Debug)]
pub struct Parent {
    pid: Pid,
    descriptor: Option<OwnedFd>,
}

impl Parent {
    /// Leaves the session of the parent, so that a signal to all of it does not reach this process: somebody must be
    /// left to tell what became of the others.
    pub fn apart() -> Self {
        let pid = getppid();
        // A session of one's own is refused to the leader of a group, which a shell's child is not.
        let _leader = setsid();
        Self { pid, descriptor: pidfd::open(pid.as_raw()) }
    }

    /// Waits until `answer` can be read, or nobody is left to whom it matters.
    ///
    /// # Errors
    /// What the system says where it cannot wait.
    pub fn wait_for(&self, answer: BorrowedFd<'_>) -> io::Result<Woken> {
        let stdout = io::stdout();
        let mut fds = vec![PollFd::new(answer, PollFlags::POLLIN), PollFd::new(stdout.as_fd(), PollFlags::empty())];
        let again = match &self.descriptor {
            Some(descriptor) => {
                fds.push(PollFd::new(descriptor.as_fd(), PollFlags::POLLIN));
                PollTimeout::NONE
            }
            None => LOOK_AGAIN.into(),
        };
        loop {
            // One that ended before its descriptor was opened has left this process to another.
            if getppid() != self.pid {
                return Ok(Woken::Orphaned);
            }
            match poll(&mut fds, again) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            let happened = |at: usize| fds.get(at).and_then(PollFd::any).unwrap_or(false);
            if happened(0) {
                return Ok(Woken::Readable);
            }
            if happened(1) {
                return Ok(Woken::Unheard);
            }
        }
    }

    /// Says whether the reader of this process's stdout goes away soon: one who kills what writes to it does so next.
    pub fn is_unheard_soon(&self) -> bool {
        let stdout = io::stdout();
        let mut fds = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
        poll(&mut fds, SOON).is_ok_and(|found| found > 0)
    }
}
