//! What an agent did becomes what it has to show: its threads' deeds, and looks at its work tree.

mod test_command;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use crate::model::{Progress, Streak, ThreadId};
use crate::rollout::{Deed, DeedKind};

use test_command::runs_tests;

/// The most commands whose repetitions are counted, and the most changed files that are told apart.
const MOST: usize = 1_000;

/// How much of a command is shown.
const SHOWN: usize = 120;

/// An agent's work, from its start on.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// The folder that file names are told from.
    root: String,
    /// Calls that were asked for and have not returned.
    asked: HashMap<String, Asked>,
    /// Commands that go on in the background, by session.
    background: HashMap<u64, (String, String)>,
    /// Calls that were counted: a copied history, or a file that is read again, names them again.
    done: HashSet<String>,
    commands: HashMap<String, Tries>,
    files: BTreeMap<String, Duration>,
    /// Commands that ran tests and did not end well.
    failed_tests: u64,
    /// The last look at the work tree.
    seen: Option<WorkTreeState>,
    progress: Progress,
}

#[derive(Clone, Debug)]
enum Asked {
    Command(String),
    Poll(u64),
}

/// How a command has done.
#[derive(Clone, Debug, Default)]
struct Tries {
    /// Since the work tree last changed.
    runs: u32,
    /// Since it last did well.
    failures: u32,
    last: Duration,
}

/// The work tree at one moment, as git sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkTreeState {
    /// The root of the work tree.
    pub root: String,
    /// The commit that is checked out; `None` before the first.
    pub head: Option<String>,
    /// Commits since the first look's.
    pub commits: u32,
    /// The files that those since the last look have changed.
    pub committed: Vec<String>,
    /// The files that are not as committed, with something that changes when they do.
    pub dirty: BTreeMap<String, u64>,
}

impl Work {
    /// Nothing done yet, in this folder.
    pub fn in_folder(root: &str) -> Self {
        Self { root: root.to_owned(), ..Self::default() }
    }

    /// What it comes to.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// How many of the commands that ran tests did not end well.
    pub fn failed_tests(&self) -> u64 {
        self.failed_tests
    }

    /// The files that were changed, as far as they are told apart.
    pub fn changed_files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The commit that the next look starts from: that of the last one.
    pub fn last_head(&self) -> Option<&str> {
        self.seen.as_ref()?.head.as_deref()
    }

    /// How many tokens this thread's model can read at once.
    pub fn window(&mut self, thread: &ThreadId, tokens: u64) {
        if self.progress.windows.get(thread) != Some(&tokens) {
            self.progress.windows.insert(thread.clone(), tokens);
        }
    }

    /// The agent did something. Its commands are told apart by their text, from which secrets were taken.
    pub fn did(&mut self, now: Duration, deed: Deed) {
        let Deed { call, kind, .. } = deed;
        if self.done.contains(&call) {
            return;
        }
        match kind {
            DeedKind::Asked(command) => {
                self.asked.insert(call, Asked::Command(command));
            }
            DeedKind::Polled(session) => {
                self.asked.insert(call, Asked::Poll(session));
            }
            DeedKind::Ran { command, code } => {
                self.asked.remove(&call);
                self.done.insert(call);
                self.ran(now, command, code);
            }
            DeedKind::Changed(files) => {
                self.asked.remove(&call);
                self.done.insert(call);
                self.changed(now, files);
            }
            DeedKind::Returned(outcome) => {
                self.changed(now, outcome.files);
                match (self.asked.remove(&call), outcome.code, outcome.session) {
                    (Some(Asked::Command(command)), Some(code), _) => {
                        self.done.insert(call);
                        self.ran(now, command, code);
                    }
                    (Some(Asked::Command(command)), None, Some(session)) => {
                        self.background.insert(session, (call, command));
                    }
                    (Some(Asked::Poll(session)), Some(code), _) => self.background_ended(now, session, code),
                    (_, _, _) => {}
                }
            }
        }
    }

    fn background_ended(&mut self, now: Duration, session: u64, code: i64) {
        if let Some((call, command)) = self.background.remove(&session)
            && self.done.insert(call)
        {
            self.ran(now, command, code);
        }
    }

    fn ran(&mut self, now: Duration, command: String, code: i64) {
        self.progress.commands = self.progress.commands.saturating_add(1);
        if runs_tests(&command) {
            self.progress.tests = self.progress.tests.saturating_add(1);
            self.progress.tested_at = Some(now);
            self.failed_tests = self.failed_tests.saturating_add(u64::from(code != 0));
        }
        if self.commands.len() >= MOST && !self.commands.contains_key(&command) {
            let oldest = self.commands.iter().min_by_key(|(_, tries)| tries.last).map(|(command, _)| command.clone());
            oldest.and_then(|oldest| self.commands.remove(&oldest));
        }
        let tries = self.commands.entry(command).or_default();
        tries.runs = tries.runs.saturating_add(1);
        tries.failures = if code == 0 { 0 } else { tries.failures.saturating_add(1) };
        tries.last = now;
        self.count_streaks();
    }

    fn changed(&mut self, now: Duration, files: impl IntoIterator<Item = String>) {
        let mut any = false;
        for file in files {
            let name = file.strip_prefix(&self.root).map_or(file.as_str(), |rest| rest.trim_start_matches('/'));
            self.files.insert(name.to_owned(), now);
            any = true;
        }
        if any {
            self.starts_anew();
        }
    }

    /// The work tree is another one: what is run again may come to something else.
    fn starts_anew(&mut self) {
        while self.files.len() > MOST {
            let oldest = self.files.iter().min_by_key(|(_, at)| **at).map(|(file, _)| file.clone());
            oldest.and_then(|oldest| self.files.remove(&oldest));
        }
        self.progress.changes = self.files.values().copied().collect();
        self.progress.changes.sort_unstable();
        self.commands.values_mut().for_each(|tries| tries.runs = 0);
        self.count_streaks();
    }

    fn count_streaks(&mut self) {
        let most = |count: fn(&Tries) -> u32| {
            let found = self.commands.iter().max_by_key(|(_, tries)| (count(tries), tries.last));
            found
                .filter(|(_, tries)| count(tries) > 0)
                .map(|(command, tries)| Streak { command: shortened(command), times: count(tries) })
        };
        let (repeated, failing) = (most(|tries| tries.runs), most(|tries| tries.failures));
        self.progress.repeated = repeated;
        self.progress.failing = failing;
    }

    /// The work tree could not be looked at.
    pub fn not_looked(&mut self, now: Duration) {
        self.progress.looked_at = Some(now);
    }

    /// The work tree was looked at. The first look says what was there before the agent.
    pub fn looked(&mut self, now: Duration, look: WorkTreeState) {
        self.progress.looked_at = Some(now);
        let Some(before) = self.seen.replace(look.clone()) else {
            self.root = look.root;
            return;
        };
        let was = |file: &String| before.dirty.get(file);
        let mut changed: Vec<String> =
            look.dirty.iter().filter(|(file, mark)| was(file) != Some(mark)).map(|(file, _)| file.clone()).collect();
        if look.head != before.head {
            self.progress.commits = look.commits;
            self.progress.committed_at = Some(now);
            changed.extend(look.committed.into_iter().filter(|file| !self.files.contains_key(file)));
            self.starts_anew();
        } else {
            // What is as committed again was taken back, which is a change too.
            changed.extend(before.dirty.keys().filter(|file| !look.dirty.contains_key(*file)).cloned());
        }
        self.changed(now, changed);
    }
}

fn shortened(command: &str) -> String {
    let line = command.lines().next().unwrap_or_default();
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None if line.len() < command.trim_end().len() => format!("{line} …"),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests;
