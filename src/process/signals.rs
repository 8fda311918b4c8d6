//! The signals that are sent to govern: each becomes a message that says where it came from.

use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::error::ProcessError;

/// What would end govern and is for the agent to answer, or for the supervisor to decide.
/// Blocked from the moment the guard is forked, so that none is lost and none ends govern.
/// CONT is told, and continues govern all the same.
pub(super) const FOR_GOVERN: [Signal; 7] = [
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGCONT,
];

/// A signal that reached govern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its number.
    pub signal: i32,
    /// The kernel sent it: a key at the terminal, or the terminal went away. The agent is in govern's
    /// own process group and has got it too.
    pub from_terminal: bool,
    /// Who sent it, if a process did.
    pub sender: Option<i32>,
}

impl Arrived {
    /// Who sent it wants the end: INT, QUIT, TERM or HUP.
    pub fn ends(&self) -> bool {
        [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP].iter().any(|end| *end as i32 == self.signal)
    }

    /// govern was stopped, as by Ctrl-Z, and goes on.
    pub fn continues(&self) -> bool {
        self.signal == Signal::SIGCONT as i32
    }
}

/// Signals in the order in which the kernel gives them out.
#[derive(Debug)]
pub struct Inbox {
    signals: AsyncFd<Raw>,
}

#[derive(Debug)]
struct Raw(SignalFd);

impl AsRawFd for Raw {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Inbox {
    /// Opens it, inside a runtime. [`crate::process::Guard::fork`] must have been called before any thread
    /// was started: it blocks the signals that are read here.
    /// Those that govern was started to ignore, as `nohup` and a shell's background jobs do, are nobody's business.
    pub fn open() -> Result<Self, ProcessError> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = ignored(&status);
        let heard: SigSet = FOR_GOVERN.into_iter().filter(|signal| !ignored.contains(*signal)).collect();
        let raw = SignalFd::with_flags(&heard, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
            .map_err(ProcessError::system("receive signals"))?;
        #[expect(unsafe_code, reason = "the runtime knows no signalfd of its own")]
        // SAFETY: `Raw` owns its descriptor and always names that one.
        let signals = unsafe { AsyncFd::register_with_interest(Raw(raw), Interest::READABLE) };
        let signals = signals.map_err(|error| ProcessError::io("wait for signals")(error.into()))?;
        Ok(Self { signals })
    }

    /// The next signal. Nothing is lost if this is dropped while it waits.
    pub async fn next(&mut self) -> Result<Arrived, ProcessError> {
        loop {
            let mut ready = self.signals.readable().await.map_err(ProcessError::io("wait for signals"))?;
            match self.signals.get_ref().0.read_signal() {
                Ok(Some(info)) => {
                    let from_terminal = info.ssi_code == nix::libc::SI_KERNEL;
                    let sender = if from_terminal { None } else { i32::try_from(info.ssi_pid).ok() };
                    return Ok(Arrived { signal: info.ssi_signo.cast_signed(), from_terminal, sender });
                }
                Ok(None) => ready.clear_ready(),
                Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => return Err(ProcessError::system("receive signals")(errno)),
            }
        }
    }
}

pub(super) fn set(signals: &[Signal]) -> SigSet {
    signals.iter().copied().collect()
}

/// The ignored signals, from `/proc/PID/status`.
fn ignored(status: &str) -> SigSet {
    let bits = status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok())
        .unwrap_or_default();
    let is_set = |signal: &Signal| bits >> (*signal as i32 - 1) & 1 == 1;
    Signal::iterator().filter(is_set).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        let found = ignored("Name:\tgovern\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001005\n");
        assert_eq!(found, set(&[Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGPIPE]));
        assert_eq!(ignored("garbage"), SigSet::empty());
    }
}
