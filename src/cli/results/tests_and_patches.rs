//! What session files tell of an agent's tests and patches.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Result;
use crate::ledger::Ledger;
use crate::ledger::committed::{TestsTold, keep_tests, tests_told};
use crate::model::{AgentName, RunId, ThreadInfo, Timestamp};
use crate::rollout::action::deed;
use crate::tail::Cursor;
use crate::tail::locate::find_thread;
use crate::tail::session::home_of;
use crate::usage::work::Work;

/// What was read now, and is kept for the next report: of whom, of which size.
pub(super) type New = Vec<(String, u64, TestsTold)>;

/// The session files of an agent of a run; or why they are not there.
pub(super) fn files(ledger: &Ledger, run: &RunId, agent: &AgentName) -> std::result::Result<BTreeSet<PathBuf>, String> {
    let threads = ledger.runs().threads(run).map_err(|error| error.to_string())?;
    let own: Vec<&ThreadInfo> = threads.iter().filter(|one| one.agent.as_ref() == Some(agent)).collect();
    if own.is_empty() {
        return Err("no session of it was seen".to_owned());
    }
    let mut files = BTreeSet::new();
    for thread in own {
        if thread.path.is_empty() {
            return Err("its session wrote no file".to_owned());
        }
        files.extend(files_of(thread).ok_or("its session file is gone")?);
    }
    Ok(files)
}

/// The times of a thread that count: what an earlier or a later run did in it is that one's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// From then on.
    pub(super) since: Option<Timestamp>,
    /// Before or at that time.
    pub(super) until: Option<Timestamp>,
    /// Not from the first to the second.
    pub(super) without: Vec<(Timestamp, Timestamp)>,
}

impl Times {
    pub(super) fn has(&self, at: Timestamp) -> bool {
        let within = self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at <= until);
        within && !self.without.iter().any(|(first, last)| *first <= at && at <= *last)
    }

    /// Tells them from others in what is kept.
    fn key(&self) -> String {
        let micros = |at: &Timestamp| at.timestamp_micros().to_string();
        let end = |at: &Option<Timestamp>| at.as_ref().map(micros).unwrap_or_default();
        let without: String =
            self.without.iter().map(|(first, last)| format!(" -{}..{}", micros(first), micros(last))).collect();
        format!("{}..{}{without}", end(&self.since), end(&self.until))
    }
}

/// What session files tell of whoever is called `of`, in these times; or why they do not. File names are told from `root` on.
pub(super) fn told(
    ledger: &Ledger,
    (of, times): (String, &Times),
    files: &BTreeSet<PathBuf>,
    root: &str,
    new: &mut New,
) -> std::result::Result<TestsTold, String> {
    let of = format!("{of} {}", times.key());
    let size = files.iter().filter_map(|path| path.metadata().ok()).map(|meta| meta.len()).sum();
    if let Ok(Some(known)) = tests_told(ledger, &of, size) {
        return Ok(known);
    }
    let read = read(files, root, times).map_err(|error| format!("its session file cannot be read: {error}"))?;
    new.push((of, size, read.clone()));
    Ok(read)
}

/// The commits that git said it made, as session files have its words: `[topic 1a2b3c4] what was done`.
pub(super) fn announced(files: &BTreeSet<PathBuf>) -> HashSet<String> {
    let mut found = HashSet::new();
    for path in files {
        // One that cannot be read announces nothing.
        let read = Cursor::open(path).and_then(|mut cursor| cursor.finish(|_, line| found.extend(announced_in(line))));
        let _unreadable = read;
    }
    found
}

fn announced_in(line: &[u8]) -> Vec<String> {
    let ends = line.windows(2).enumerate().filter(|(_, pair)| *pair == b"] ").map(|(end, _)| end);
    let hash = |end: usize| {
        let before = line.get(..end)?;
        let digits = before.iter().rev().take_while(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).count();
        let (rest, hash) = before.split_at_checked(before.len().saturating_sub(digits))?;
        let whole = (SHORTEST..=64).contains(&digits) && rest.ends_with(b" ");
        whole.then(|| String::from_utf8_lossy(hash).into_owned())
    };
    ends.filter_map(hash).collect()
}

/// Git says no fewer digits.
const SHORTEST: usize = 7;

/// Keeps what was read for the next report.
pub(super) fn keep(ledger: &mut Ledger, new: &New, now: Timestamp) -> Result<()> {
    ledger.turn(now, |turn| new.iter().try_for_each(|(of, size, told)| keep_tests(turn, of, *size, told)))?;
    Ok(())
}

/// Where a thread's file is by now: it may have been put away, or compressed.
fn files_of(thread: &ThreadInfo) -> Option<Vec<PathBuf>> {
    let path = Path::new(&thread.path);
    if path.exists() {
        return Some(vec![path.to_owned()]);
    }
    find_thread(&home_of(path), &thread.thread).ok().filter(|found| !found.is_empty())
}

fn read(files: &BTreeSet<PathBuf>, root: &str, times: &Times) -> std::io::Result<TestsTold> {
    // One for all of them: a sub-agent's file may repeat what its parent did.
    let mut work = Work::in_folder(root);
    for path in files {
        Cursor::open(path)?.finish(|_, line| {
            if let Some(deed) = deed(line).filter(|deed| times.has(deed.at)) {
                work.did(Duration::ZERO, deed);
            }
        })?;
    }
    Ok(TestsTold {
        tests: work.progress().tests.into(),
        failed: work.failed_tests(),
        changed: work.changed_files().map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_run_did_in_the_same_thread_does_not_count() {
        let at = |minute: u32| Timestamp::from_timestamp(i64::from(minute) * 60, 0).unwrap();
        let times = Times { since: Some(at(1)), until: Some(at(5)), without: vec![(at(2), at(3))] };
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6].map(|minute| times.has(at(minute))),
            [false, true, false, false, true, true, false]
        );
        assert_ne!(times.key(), Times { without: Vec::new(), ..times.clone() }.key());
    }

    #[test]
    fn what_git_says_that_it_committed_is_told_from_what_it_shows() {
        let line = br#"{"output":"[topic 1a2b3c4] one\n[main (root-commit) 0f0f0f0f0] two\nabcdef1 HEAD@{0}: commit: x\n[x] 12345] y"}"#;
        assert_eq!(announced_in(line), ["1a2b3c4", "0f0f0f0f0"]);
    }
}
