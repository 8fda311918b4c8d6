//! Govern's end of the guard: forks it, orders, hears reports, and steps in if it dies.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigmaskHow, Signal};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork};

use super::error::ProcessError;
use super::freeze::signal;
use super::guard_process::{self, Start, kill_everything};
use super::signals::{FOR_GOVERN, set};
use super::terminal::Terminal;
use super::tree;
use super::wire::{self, Leftovers, Numbered, Order, Report};
use crate::model::ProcessIdentity;

/// The guard before there is a runtime. Dropping it ends the guard.
#[derive(Debug)]
pub struct GuardHandle {
    socket: UnixStream,
    guard: ProcessIdentity,
    terminal: Option<Terminal>,
}

/// The guard, to be ordered and heard. Dropping it ends the guard and all agents.
#[derive(Debug)]
pub struct Guard {
    reports: tokio::net::UnixStream,
    orders: UnixStream,
    guard: ProcessIdentity,
    terminal: Option<Terminal>,
    next: AtomicU64,
    roused: AtomicBool,
    read: Vec<u8>,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The guard is to be there.
    Unexpected,
    /// It was told to finish.
    Ordered,
    /// It is gone.
    Reached,
}

impl Guard {
    /// Forks the guard. To be called at the start of `main`, before there is another thread (else
    /// [`ProcessError::Threads`]). From here on govern adopts orphans, and has those signals blocked that
    /// [`crate::process::Inbox`] reads. Agents start with the signal mask and dispositions that govern was started with
    /// (but for SIGPIPE, which Rust's runtime changes before `main`: they have the default).
    pub fn fork() -> Result<GuardHandle, ProcessError> {
        let threads = std::fs::read_dir("/proc/self/task").map_err(ProcessError::io("count threads"))?.count();
        if threads > 1 {
            return Err(ProcessError::Threads(threads));
        }
        nix::sys::prctl::set_child_subreaper(true).map_err(ProcessError::system("adopt orphans"))?;
        let terminal = Terminal::save();
        let (ours, theirs) = UnixStream::pair().map_err(ProcessError::io("make the guard's socket"))?;
        let mask =
            set(&FOR_GOVERN).thread_swap_mask(SigmaskHow::SIG_BLOCK).map_err(ProcessError::system("block signals"))?;
        #[expect(unsafe_code, reason = "the guard is a fork, so that it is there before anything else is")]
        // SAFETY: this process has one thread (checked above), so no lock is held by another.
        let forked = unsafe { fork() }.map_err(ProcessError::system("fork the guard"))?;
        match forked {
            ForkResult::Child => {
                drop(ours);
                guard_process::run(Start { socket: theirs, mask, terminal })
            }
            ForkResult::Parent { child } => {
                drop(theirs);
                let pid = child.as_raw();
                // Its own child keeps its number until it is waited for.
                let guard = tree::identity_of(pid).unwrap_or(ProcessIdentity { pid, started: 0 });
                Ok(GuardHandle { socket: ours, guard, terminal })
            }
        }
    }

    /// Which process the guard is: every process of an agent descends from it.
    pub fn identity(&self) -> ProcessIdentity {
        self.guard
    }

    /// The terminal as it was found, if govern has one.
    pub fn terminal(&self) -> Option<&Terminal> {
        self.terminal.as_ref()
    }

    /// Lets the guard go on where somebody has stopped it, and it alone: govern itself runs. Says whether that was so since
    /// it was asked last.
    pub fn was_stopped(&self) -> bool {
        self.rouse();
        self.roused.swap(false, Ordering::Relaxed)
    }

    fn rouse(&self) {
        let stands = tree::read(self.guard.pid)
            .is_some_and(|guard| guard.identity == self.guard && guard.state == tree::State::Stopped);
        if stands && signal(self.guard, Signal::SIGCONT) {
            self.roused.store(true, Ordering::Relaxed);
        }
    }

    /// Sends an order and returns its number, which counts up from 1. Waits only while the guard is behind in
    /// reading, for microseconds.
    pub fn send(&self, order: Order) -> Result<u64, ProcessError> {
        self.rouse();
        let request = self.next.fetch_add(1, Ordering::Relaxed);
        let framed = wire::frame(&Numbered { request, order })?;
        let mut socket = &self.orders;
        let mut rest = framed.as_slice();
        while !rest.is_empty() {
            match socket.write(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    let mut full = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
                    let _ = poll(&mut full, PollTimeout::NONE);
                }
                Err(_) => return Err(ProcessError::GuardGone),
            }
        }
        Ok(request)
    }

    /// The next report; `None` once the guard has finished. If the guard died instead, what it kept is
    /// killed first, and [`Report::GuardLost`] says so; the terminal is the caller's to put back. Nothing is lost if
    /// this is dropped while it waits.
    pub async fn next(&mut self) -> Option<Report> {
        loop {
            match wire::unframe(&mut self.read) {
                Ok(Some(report)) => return Some(report),
                Ok(None) => {}
                Err(_) => return self.lost(),
            }
            if self.end == End::Reached {
                return None;
            }
            if self.reports.readable().await.is_err() {
                return self.lost();
            }
            let mut space = [0; 4096];
            match self.reports.try_read(&mut space) {
                Ok(0) => return self.lost(),
                Ok(read) => self.read.extend_from_slice(space.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return self.lost(),
            }
        }
    }

    /// Tells the guard that there are no more orders, and waits until it is gone: govern is to be the last.
    /// Returns the reports that were still on their way.
    pub async fn finish(mut self, leftovers: Leftovers) -> Vec<Report> {
        if self.end == End::Unexpected && self.send(Order::Finish(leftovers)).is_ok() {
            self.end = End::Ordered;
        }
        let mut last = Vec::new();
        while let Some(report) = self.next().await {
            last.push(report);
        }
        last
    }

    fn lost(&mut self) -> Option<Report> {
        let before = std::mem::replace(&mut self.end, End::Reached);
        self.read.clear();
        match before {
            End::Reached => None,
            End::Ordered => {
                wait_for(self.guard.pid);
                None
            }
            End::Unexpected => {
                // If it hung up and still lives, it is of no use any more; it is among the descendants.
                let killed = kill_everything();
                Some(Report::GuardLost { killed })
            }
        }
    }
}

impl GuardHandle {
    /// Goes on inside a runtime with I/O enabled.
    pub fn into_async(self) -> Result<Guard, ProcessError> {
        let refused = || ProcessError::io("set up the guard's socket");
        self.socket.set_nonblocking(true).map_err(refused())?;
        let orders = self.socket.try_clone().map_err(refused())?;
        let reports = tokio::net::UnixStream::from_std(self.socket).map_err(refused())?;
        Ok(Guard {
            reports,
            orders,
            guard: self.guard,
            terminal: self.terminal,
            next: AtomicU64::new(1),
            roused: AtomicBool::new(false),
            read: Vec::new(),
            end: End::Unexpected,
        })
    }

    /// Which process the guard is.
    pub fn identity(&self) -> ProcessIdentity {
        self.guard
    }

    /// The terminal as it was found, if govern has one.
    pub fn terminal(&self) -> Option<&Terminal> {
        self.terminal.as_ref()
    }
}

/// Lets go of govern's own stdin, unless it is a terminal. To be called once an agent that inherits
/// it was launched, so that whoever writes into it sees when the agent closes it.
pub fn release_stdin() {
    guard_process::release_stdin();
}

fn wait_for(pid: i32) {
    while waitpid(Pid::from_raw(pid), None) == Err(Errno::EINTR) {}
}
