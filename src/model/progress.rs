//! What an agent has to show for what it spent: changes, commits, tests, and commands that come to nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ThreadId;

/// What an agent has come to since its run began, as its session files and its work tree say. Moments are uptime.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// When each file that differs from the start was last seen to change, oldest first; of very many, the last ones.
    pub changes: Vec<Duration>,
    /// Commits since the start.
    pub commits: u32,
    /// When the last one was seen.
    pub committed_at: Option<Duration>,
    /// Commands that ran tests, passed or not.
    pub tests: u32,
    /// When the last one ended.
    pub tested_at: Option<Duration>,
    /// Commands that were run.
    pub commands: u32,
    /// The command that was run most often since the work tree last changed.
    pub repeated: Option<Streak>,
    /// The command that failed most often since it last did well, or was never seen to.
    pub failing: Option<Streak>,
    /// When the work tree was last looked at, or could not be.
    pub looked_at: Option<Duration>,
    /// How many tokens each thread's model can read at once, as Codex says.
    pub windows: BTreeMap<ThreadId, u64>,
}

/// A command that comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streak {
    /// In short, secrets redacted.
    pub command: String,
    /// How often.
    pub times: u32,
}

impl Progress {
    /// How many files differ from the start.
    pub fn files_changed(&self) -> usize {
        self.changes.len()
    }

    /// How many files were seen to change after this moment.
    pub fn files_changed_since(&self, uptime: Duration) -> usize {
        self.changes.iter().filter(|changed| **changed > uptime).count()
    }

    /// When the work tree last changed; a commit is a change.
    pub fn changed_at(&self) -> Option<Duration> {
        self.changes.iter().copied().max().max(self.committed_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_lately_is_told_from_what_changed_before() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let progress = Progress {
            changes: vec![minutes(2), minutes(11), minutes(12)],
            committed_at: Some(minutes(13)),
            ..Progress::default()
        };
        assert_eq!((progress.files_changed(), progress.files_changed_since(minutes(10))), (3, 2));
        assert_eq!(progress.changed_at(), Some(minutes(13)));
        assert_eq!(Progress::default().changed_at(), None);
    }
}
