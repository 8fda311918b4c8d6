//! Stopping and continuing whole trees of processes, and every signal that is sent.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::tree::{Process, State, alive};
use crate::clock;
use crate::model::ProcessIdentity;

/// When a freeze accepts that some were not seen to stop, if those wait inside the kernel (a `vfork`
/// whose child is stopped, a disk): they can't run either.
const ACCEPT: Duration = Duration::from_millis(100);

/// When a freeze gives up on a tree that still moves.
const GIVE_UP: Duration = Duration::from_secs(2);

/// How long a govern that is inside the tree has at a time to finish what it writes into its ledger.
const WRITES_WITHIN: Duration = Duration::from_millis(2);

/// Between two looks: a process stops within microseconds once it has the processor.
const BETWEEN: Duration = Duration::from_micros(100);

/// A way to see an agent's processes, dead ones that nobody has reaped included; each is shown as
/// soon as it is found.
pub(super) type Members<'a> = dyn Fn(&mut dyn FnMut(&Process)) -> Vec<Process> + 'a;

/// What a freeze came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stillness {
    /// Living processes.
    pub(super) processes: u32,
    /// Those not seen to have stopped; never 0 if the tree still moved at the end.
    pub(super) unsettled: u32,
}

/// Stops all `members`, which are looked at again until two walks agree and all are still: what was
/// started, or orphaned, during one walk is found by the next. Each is stopped the moment it is
/// found, or a tree that is quick to fork would outrun the walk. Adds to `stopped` those that this
/// stopped; one that was stopped already is its owner's to continue.
pub(super) fn freeze(members: &Members<'_>, stopped: &mut HashSet<ProcessIdentity>) -> Stillness {
    let begun = clock::monotonic();
    let mut before: HashSet<ProcessIdentity> = HashSet::new();
    loop {
        let now = members(&mut |process| {
            if process.runs() && signal(process.identity, Signal::SIGSTOP) {
                stopped.insert(process.identity);
            }
        });
        let found: HashSet<ProcessIdentity> = now.iter().map(|process| process.identity).collect();
        let agree = found == before;
        let unsettled: Vec<&Process> = now.iter().filter(|process| !process.still).collect();
        let patience = clock::monotonic().saturating_duration_since(begun);
        let accepted = patience >= ACCEPT && unsettled.iter().all(|process| is_stuck(process));
        let processes = count(now.iter().filter(|process| !process.is_dead()).count());
        let settled = agree && (unsettled.is_empty() || accepted);
        if settled && patience < GIVE_UP && lets_writers_go_on(&now, stopped) {
            // The next walk stops them again, and what they have started.
            before.clear();
            std::thread::sleep(WRITES_WITHIN);
            continue;
        }
        if settled {
            return Stillness { processes, unsettled: count(unsettled.len()) };
        }
        if patience >= GIVE_UP {
            return Stillness { processes, unsettled: count(unsettled.len()).max(1) };
        }
        if agree {
            std::thread::sleep(BETWEEN);
        }
        before = found;
    }
}

/// Continues those that are govern as well, as in a run inside a run, and that this stopped while they wrote a ledger:
/// nobody else could write it. Says whether there were any.
fn lets_writers_go_on(members: &[Process], stopped: &HashSet<ProcessIdentity>) -> bool {
    let Ok(own) = std::fs::metadata("/proc/self/exe") else { return false };
    let is_govern = |process: &&Process| {
        std::fs::metadata(format!("/proc/{}/exe", process.identity.pid))
            .is_ok_and(|exe| (exe.dev(), exe.ino()) == (own.dev(), own.ino()))
    };
    let ours = members.iter().filter(|process| stopped.contains(&process.identity));
    let mut governs = ours.filter(is_govern).peekable();
    if governs.peek().is_none() {
        return false;
    }
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let writers: HashSet<i32> = locks.lines().filter_map(writer).collect();
    let writing = governs.filter(|process| writers.contains(&process.identity.pid));
    writing.filter(|process| signal(process.identity, Signal::SIGCONT)).count() > 0
}

/// Who holds the lock of a line of `/proc/locks`, if it is one of those that SQLite takes to write (proc_locks(5)).
fn writer(line: &str) -> Option<i32> {
    let mut words = line.split_whitespace().skip(1);
    let is_held = (words.next()?, words.next()?, words.next()?) == ("POSIX", "ADVISORY", "WRITE");
    words.next()?.parse().ok().filter(|_| is_held)
}

/// Told to stop, and either its first thread or another one waits inside the kernel.
fn is_stuck(process: &Process) -> bool {
    match process.state {
        State::Waiting | State::Stopped | State::Traced => true,
        State::Running | State::Sleeping | State::Zombie => false,
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

/// Asks a process to end its turn, as Ctrl-C would; says whether it was still there.
pub fn interrupt(to: ProcessIdentity) -> bool {
    alive(to) && signal(to, Signal::SIGINT)
}

/// Freezes and kills all `members` until there are none, or until `patience` is over; `reap` takes
/// the status of dead children, which count as long as they are there: a dead one may just have left
/// an orphan that the same walk did not see. Says how many were killed.
pub(super) fn exterminate(members: &Members<'_>, mut reap: impl FnMut(), patience: Duration) -> u32 {
    let begun = clock::monotonic();
    let mut killed = HashSet::new();
    freeze(members, &mut HashSet::new());
    loop {
        reap();
        let left = members(&mut |process| {
            if !process.is_dead() && signal(process.identity, Signal::SIGKILL) {
                killed.insert(process.identity);
            }
        });
        if left.is_empty() || clock::monotonic().saturating_duration_since(begun) >= patience {
            return count(killed.len());
        }
        std::thread::sleep(BETWEEN);
    }
}

pub(super) fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_is_told_from_who_waits_reads_or_locks_otherwise() {
        for (line, expected) in [
            ("1: POSIX  ADVISORY  WRITE 4380 fd:00:6407843 120 120", Some(4380)),
            ("1: -> POSIX  ADVISORY  WRITE 4381 fd:00:6407843 120 120", None),
            ("2: POSIX  ADVISORY  READ 4380 fd:00:6407843 128 128", None),
            ("3: FLOCK  ADVISORY  WRITE 4380 fd:00:6407844 0 EOF", None),
            ("", None),
        ] {
            assert_eq!(writer(line), expected, "{line}");
        }
    }
}
