//! Every time after which something happens of itself while agents work or end, in one place: whoever tests what goes on
//! for long reads here how long that must be.
//!
//! Not here: what a policy says (waits of questions, windows, rates), how often a screen is drawn, and how long figures
//! look back.

use std::time::Duration;

/// How long a request waits for the record of the answer before it. Codex writes it 2 ms after the answer, in a task of
/// its own; where the last request failed, none comes.
pub const RECORD_WITHIN: Duration = Duration::from_millis(250);

/// How long a request waits for the answer where its budgets are kept elsewhere. One that is nearby takes milliseconds.
pub const RESERVED_WITHIN: Duration = Duration::from_secs(5);

/// How long after nobody has answered there a request that waits asks once more.
pub const ASKS_ONCE_MORE: Duration = Duration::from_secs(5);

/// How long after a turn's start its first request may take to come to the gate of a paused agent. The session file tells
/// of the turn some moments before the hook calls.
pub const GATE_WITHIN: Duration = Duration::from_millis(500);

/// How soon a session file that was not ours is looked at again.
pub const FOREIGN_FILE: Duration = Duration::from_secs(1);

/// How long after a look at a work tree the next one may follow that nobody waits for.
pub const WORK_TREE: Duration = Duration::from_secs(5);

/// How long such a look may take, all of it.
pub const GIT_WITHIN: Duration = Duration::from_secs(5);

/// How long git may take to tell what was committed, at a run's end.
pub const COMMITS_WITHIN: Duration = Duration::from_secs(2);

/// How long a report asks git what became of what was committed. What is known by then is kept for the next one.
pub const RESULTS_WITHIN: Duration = Duration::from_secs(60);

/// How long a silent peer at the socket is waited for.
pub const SOCKET_WITHIN: Duration = Duration::from_secs(5);

/// How long a stop waits for the answers and the tools that are under way: a tool may never end.
pub const DRAIN_WITHIN: Duration = Duration::from_secs(10 * 60);

/// How long a stopped Codex, and then its tools, have to end by themselves.
pub const STOP_GRACE: Duration = Duration::from_secs(3);

/// The same for a killed one.
pub const KILL_GRACE: Duration = Duration::from_millis(500);

/// How long what outlived the command has to end with the Codexes that were killed, before it is said to live on.
pub const ENDS_WITHIN: Duration = Duration::from_secs(1);

/// How long after KILL a process may live on before it is reported: it waits inside the kernel.
pub const UNKILLABLE: Duration = Duration::from_secs(5);

/// How long the guard tries to kill what govern left before it gives up on the kernel.
pub const LAST_SWEEP: Duration = Duration::from_secs(30);

/// How often the guard looks whether govern goes on, while there are agents.
pub const STANDS_LOOK: Duration = Duration::from_millis(250);

/// How long govern must stand still before its agents do. Ctrl-Z reaches the guard some microseconds after govern.
pub const STANDS_FOR: Duration = Duration::from_millis(20);

/// The clocks of one run that look for what its agents do. [`Clocks::STANDARD`] is what `govern` keeps to: no flag, file or
/// variable moves them, for an agent could set it. Only another program can bring others, as the tests' does
/// ([`crate::cli::main_with`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// How long a working Codex may stay without a session file before a limit can't be kept. A file appears 229 ms after
    /// the start (Codex 0.169, fresh home); a loaded machine needs longer.
    pub observe: Duration,
    /// When the tree is looked through for Codexes whose files nobody announced: soon after the start, then seldom. The
    /// kernel tells an unprivileged process nothing of a grandchild's birth.
    pub sweeps: [Duration; 5],
    /// How often it is looked through at least where a limit binds a command that is not Codex itself.
    pub wary_sweep: Duration,
}

impl Clocks {
    /// Those of `govern`.
    pub const STANDARD: Self = Self {
        observe: Duration::from_secs(20),
        sweeps: [
            Duration::from_millis(400),
            Duration::from_secs(1),
            Duration::from_secs(2),
            Duration::from_secs(4),
            Duration::from_secs(8),
        ],
        wary_sweep: Duration::from_secs(1),
    };

    /// When the tree is looked through again, after so many times.
    pub fn sweep_after(&self, sweeps: usize) -> Duration {
        let [.., last] = self.sweeps;
        self.sweeps.get(sweeps).copied().unwrap_or(last)
    }

    /// An agent that has worked for longer than this has outlived all of them.
    pub fn longest(&self) -> Duration {
        let fixed = [RECORD_WITHIN, GATE_WITHIN, FOREIGN_FILE, WORK_TREE, GIT_WITHIN, SOCKET_WITHIN];
        let seen = self.sweeps.into_iter().max().unwrap_or_default();
        // It is looked for from the sweep that has found it.
        let observed = seen.max(self.wary_sweep) + self.observe;
        fixed.into_iter().fold(observed, Duration::max)
    }
}

/// An alert that comes again so soon is counted in one notice, instead of being one of its own.
pub const ALERTS_FOLDED: Duration = Duration::from_secs(10 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_waits_for_longer_than_the_longest() {
        assert_eq!(Clocks::STANDARD.longest(), Duration::from_secs(28));
        let quick = Clocks { observe: Duration::from_millis(1), ..Clocks::STANDARD };
        assert_eq!(quick.longest(), Duration::from_millis(8_001));
    }
}
