//! Owns stopping and continuing whole trees of processes, and every signal that is sent.

use std::collections::HashSet;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::tree::{Process, alive};
use crate::clock;
use crate::model::ProcessIdentity;

/// How long a freeze insists on seeing every process stopped. One that waits inside the kernel
/// (a `vfork` whose child is stopped, a disk) can't be seen to stop, and can't run either.
const INSIST: Duration = Duration::from_millis(100);

/// Between two looks: a process stops within microseconds once it has the processor.
const BETWEEN: Duration = Duration::from_micros(100);

/// What a freeze came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stillness {
    /// Living processes.
    pub(super) processes: u32,
    /// Those not seen to have stopped.
    pub(super) unsettled: u32,
}

/// Stops all `members`, which is asked again until two passes agree and all are still: what was
/// started, or orphaned, while it ran is found by the next pass. Adds to `stopped` those that this
/// stopped; one that was stopped already is its owner's to continue.
pub(super) fn freeze(members: impl Fn() -> Vec<Process>, stopped: &mut HashSet<ProcessIdentity>) -> Stillness {
    let deadline = clock::monotonic() + INSIST;
    let mut before: HashSet<ProcessIdentity> = HashSet::new();
    loop {
        let now = members();
        for process in now.iter().filter(|process| process.runs()) {
            if signal(process.identity, Signal::SIGSTOP) {
                stopped.insert(process.identity);
            }
        }
        let found: HashSet<ProcessIdentity> = now.iter().map(|process| process.identity).collect();
        let unsettled = now.iter().filter(|process| !process.still).count();
        let late = clock::monotonic() >= deadline;
        if (unsettled == 0 && found == before) || late {
            let living = now.iter().filter(|process| !process.is_dead()).count();
            return Stillness { processes: count(living), unsettled: count(unsettled) };
        }
        before = found;
        if unsettled > 0 {
            std::thread::sleep(BETWEEN);
        }
    }
}

/// Continues these, the last started first: a shell that watches its jobs never sees one stopped.
/// Says how many there still were.
pub(super) fn thaw(stopped: &HashSet<ProcessIdentity>) -> u32 {
    let mut order: Vec<ProcessIdentity> = stopped.iter().copied().filter(|identity| alive(*identity)).collect();
    order.sort_by_key(|identity| std::cmp::Reverse((identity.started, identity.pid)));
    count(order.into_iter().filter(|identity| signal(*identity, Signal::SIGCONT)).count())
}

/// Sends a signal to a process that was just looked at; says whether it was still there.
#[expect(clippy::disallowed_methods, reason = "the one place that signals")]
pub(super) fn signal(to: ProcessIdentity, signal: Signal) -> bool {
    // Zero and negative numbers would mean whole groups.
    to.pid > 1 && kill(Pid::from_raw(to.pid), signal).is_ok()
}

/// Freezes and kills all `members` until there are none, or until `patience` is over; `reap` takes
/// the status of dead children. Says how many were killed, and how many are left.
pub(super) fn exterminate(
    members: impl Fn() -> Vec<Process>,
    mut reap: impl FnMut(),
    patience: Duration,
) -> (u32, u32) {
    let deadline = clock::monotonic() + patience;
    let mut killed = HashSet::new();
    freeze(&members, &mut HashSet::new());
    loop {
        reap();
        let living: Vec<Process> = members().into_iter().filter(|process| !process.is_dead()).collect();
        if living.is_empty() || clock::monotonic() >= deadline {
            return (count(killed.len()), count(living.len()));
        }
        for process in &living {
            if signal(process.identity, Signal::SIGKILL) {
                killed.insert(process.identity);
            }
        }
        std::thread::sleep(BETWEEN);
    }
}

pub(super) fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}
