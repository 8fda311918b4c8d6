//! A look at an agent's work tree: what git says is not as committed, with what changes when a file does.
//!
//! The work tree is the agent's to write, its git configuration too. So git is told to run nothing that it names: no
//! hooks, no file system monitor, no filters, nothing of submodules; and it takes no locks that the agent's own git
//! could meet.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::clock;
use crate::clocks::GIT_WITHIN;
use crate::model::Changed;
use crate::process;
use crate::usage::work::WorkTreeState;

/// The most that git may have to say.
const MOST_BYTES: u64 = 4 << 20;

/// The most files that are looked at.
const MOST_FILES: usize = 10_000;

/// Of a file that is new to git no more is read to count its lines.
const MOST_LINES_BYTES: u64 = 1 << 20;

/// What git calls a tree with nothing in it.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// File systems stamp by a clock that moves in steps, up to 10 ms behind.
pub(super) const COARSE: Duration = Duration::from_millis(20);

/// What a look goes on from.
#[derive(Clone, Debug, Default)]
pub(super) struct Since {
    /// The commit at the start; `None` before the first look, or where there was none.
    pub(super) first: Option<String>,
    /// That of the last look.
    pub(super) last: Option<String>,
}

/// Looks at the work tree that this folder lies in. Blocks, for no longer than [`GIT_WITHIN`].
///
/// # Errors
/// Where there is none, git is not installed, or it takes too long.
pub(super) fn look(folder: &Path, since: &Since) -> io::Result<WorkTreeState> {
    let mut git = Git { folder: folder.display().to_string(), env: quiet(), deadline: clock::monotonic() + GIT_WITHIN };
    git.silence_filters();
    let root = git.line(&["rev-parse", "--show-toplevel"])?;
    let head = git.line(&["rev-parse", "--quiet", "--verify", "HEAD"]).ok();
    let moved = since.last.is_some() && head != since.last;
    let commits = match (&since.first, &head) {
        (Some(first), Some(head)) if moved => {
            let count = git.line(&["rev-list", "--count", &format!("{first}..{head}")]);
            count.ok().and_then(|count| count.parse().ok()).unwrap_or(1)
        }
        _ => 0,
    };
    let committed = match (&since.last, &head) {
        (Some(last), Some(head)) if moved => {
            let names = ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", last, head];
            git.words(&names).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let status = ["status", "--porcelain=v1", "-z", "--untracked-files=all", "--ignore-submodules=all", "--no-renames"];
    let dirty = git.words(&status)?.into_iter().take(MOST_FILES).filter_map(|line| {
        let file = line.get(3..)?.to_owned();
        let mark = mark(&Path::new(&root).join(&file));
        Some((file, mark))
    });
    let dirty: BTreeMap<String, u64> = dirty.collect();
    Ok(WorkTreeState { root, head, commits, committed, dirty })
}

/// How the work tree that this folder lies in differs from a commit; without one, from nothing. Blocks, for no longer than
/// [`GIT_WITHIN`].
///
/// # Errors
/// As [`look`].
pub(super) fn changed(folder: &Path, since: Option<&str>) -> io::Result<Changed> {
    let mut git = Git { folder: folder.display().to_string(), env: quiet(), deadline: clock::monotonic() + GIT_WITHIN };
    git.silence_filters();
    let root = git.line(&["rev-parse", "--show-toplevel"])?;
    git.folder.clone_from(&root);
    let mut changed = Changed::default();
    let since = since.unwrap_or(EMPTY_TREE);
    let diff = ["diff", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all"];
    for line in git.words(&[diff.as_slice(), &[since, "--"]].concat())? {
        // `-` stands for the lines of what is no text.
        let mut counts = line.split('\t').map(|count| count.parse().unwrap_or(0_u64));
        let (added, removed) = (counts.next().unwrap_or(0), counts.next().unwrap_or(0));
        count(&mut changed, added, removed);
    }
    let new = ["ls-files", "--others", "--exclude-standard", "-z"];
    for file in git.words(&new)?.into_iter().take(MOST_FILES) {
        count(&mut changed, lines(&Path::new(&root).join(file)), 0);
    }
    Ok(changed)
}

fn count(changed: &mut Changed, added: u64, removed: u64) {
    changed.files = changed.files.saturating_add(1);
    changed.added = changed.added.saturating_add(added);
    changed.removed = changed.removed.saturating_add(removed);
}

/// The lines of a file that git does not know; what is very long, or no file, has none that are counted.
fn lines(path: &Path) -> u64 {
    let is_file = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file());
    let file = std::fs::File::open(path).ok().filter(|_| is_file);
    let bytes = file.and_then(|file| process::read_at_most(&file, MOST_LINES_BYTES).ok()).unwrap_or_default();
    let whole = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    whole + u64::from(bytes.last().is_some_and(|byte| *byte != b'\n'))
}

/// Leaves out what was changed since then; says whether anything was.
pub(super) fn leave_out(look: &mut WorkTreeState, since: SystemTime) -> bool {
    let all = look.dirty.len();
    let root = Path::new(&look.root);
    look.dirty.retain(|file, _| !is_touched(&root.join(file), since));
    look.dirty.len() < all
}

/// The file was written since then. One that is gone was removed by nobody knows whom.
fn is_touched(path: &Path, since: SystemTime) -> bool {
    let modified = std::fs::symlink_metadata(path).and_then(|meta| meta.modified());
    modified.is_ok_and(|modified| modified >= since)
}

/// What changes when a file does; nothing of what is in it.
fn mark(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let Ok(meta) = std::fs::symlink_metadata(path) {
        (meta.mtime(), meta.mtime_nsec(), meta.len(), meta.mode(), meta.ino()).hash(&mut hasher);
    }
    hasher.finish()
}

struct Git {
    folder: String,
    env: Vec<(String, String)>,
    deadline: Instant,
}

impl Git {
    fn ask(&self, arguments: &[&str]) -> io::Result<Vec<u8>> {
        let left = self.deadline.saturating_duration_since(clock::monotonic());
        let all: Vec<&str> = ["-C", &self.folder].into_iter().chain(arguments.iter().copied()).collect();
        process::ask_git(&all, &self.env, left, MOST_BYTES)
    }

    fn line(&self, arguments: &[&str]) -> io::Result<String> {
        let said = self.ask(arguments)?;
        Ok(String::from_utf8_lossy(&said).trim_end_matches('\n').to_owned())
    }

    /// What stands between zero bytes.
    fn words(&self, arguments: &[&str]) -> io::Result<Vec<String>> {
        let said = self.ask(arguments)?;
        let words = said.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        Ok(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    }

    /// Every filter that is configured, wherever, is set to nothing.
    fn silence_filters(&mut self) {
        let names = ["config", "-z", "--name-only", "--get-regexp", r"^filter\..*\.(clean|smudge|process|required)$"];
        let filters = self.words(&names).unwrap_or_default();
        let quiet = filters.into_iter().map(|name| {
            let value = if name.ends_with(".required") { "false" } else { "" };
            (name, value.to_owned())
        });
        let settings: Vec<(String, String)> = base().into_iter().chain(quiet).collect();
        self.env = environment(&settings);
    }
}

fn base() -> Vec<(String, String)> {
    [("core.fsmonitor", "false"), ("core.hooksPath", "/dev/null"), ("core.untrackedCache", "false")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn quiet() -> Vec<(String, String)> {
    environment(&base())
}

/// Settings by environment: what a name holds cannot be mistaken for a value.
fn environment(settings: &[(String, String)]) -> Vec<(String, String)> {
    let mut env = vec![
        ("GIT_OPTIONAL_LOCKS".to_owned(), "0".to_owned()),
        ("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()),
        ("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string()),
    ];
    for (index, (name, value)) in settings.iter().enumerate() {
        env.push((format!("GIT_CONFIG_KEY_{index}"), name.clone()));
        env.push((format!("GIT_CONFIG_VALUE_{index}"), value.clone()));
    }
    env
}

#[cfg(test)]
mod tests;
