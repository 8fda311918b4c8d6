//! Questions to git about what is committed: reading alone, of repositories that nobody vouches for.
//!
//! A repository's own configuration and attributes can name programs for git to run, and an agent may write both. So only
//! what [`Question`] has can be asked, none of which looks at a work tree, and git is told by settings that come before all
//! files to run nothing that these name: no hooks, file system monitors, filters, pagers, external diffs, conversions to
//! text, programs that check signatures, and nothing that fetches what is missing. Of the environment git gets what it needs
//! to find the user's own configuration, where `safe.directory` stands.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::clock;
use crate::model::CommitId;

use super::output_of::answer_of;

/// The most that one question may be answered with.
const MOST_BYTES: u64 = 64 << 20;

/// What git may be asked. Nothing but hashes in full, times, and paths behind `--` comes from outside.
#[derive(Clone, Copy, Debug)]
pub enum GitQuery<'a> {
    /// Branches, local and of remotes: `refname NUL objectname NUL symref NUL committer time LF`.
    Refs,
    /// One name of a ref that has this commit, if any does.
    RefWith(&'a CommitId),
    /// These commits in the order they are named, each with its patch; those that are missing are left out. A head is
    /// `SOH hash NUL parents NUL committer time NUL author time NUL body NUL`.
    Changes(&'a [CommitId]),
    /// All that lead to this one and were committed since then (seconds since 1970): heads without patches.
    History(&'a CommitId, i64),
    /// The same without merges and with patches, of those that touch one of these paths.
    HistoryOf(&'a CommitId, i64, &'a [String]),
    /// Where two histories were one last.
    MergeBase(&'a CommitId, &'a CommitId),
    /// The patch from one to the other.
    Between(&'a CommitId, &'a CommitId),
    /// Files that were renamed from the first (not included) to the second, the oldest first: `R100 NUL old NUL new NUL`.
    Renames(&'a CommitId, &'a CommitId),
    /// Which commit each line of a file at this commit comes from, as `git blame --porcelain` tells; those that were there
    /// before `after` are not told apart.
    Blame {
        /// The commit at which the file is looked at.
        at: &'a CommitId,
        /// Where to stop; `None`: at the beginning.
        after: Option<&'a CommitId>,
        /// The file, from the root of the repository.
        path: &'a str,
    },
}

/// A head of a commit, as [`Question::Changes`] has it.
const HEAD: &str = "--format=%x01%H%x00%P%x00%ct%x00%at%x00%B%x00";

/// What every patch is told with, whatever is configured.
const PATCH: [&str; 13] = [
    "--patch",
    "--unified=0",
    "--inter-hunk-context=0",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-relative",
    "--find-renames",
    "--diff-algorithm=myers",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--submodule=short",
    "--ignore-submodules=none",
];

/// What every log is told with.
const LOG: [&str; 5] = ["--no-show-signature", "--no-decorate", "--no-mailmap", "--encoding=UTF-8", "--no-notes"];

/// Git takes a smaller number for a date without a century; nobody committed before 1973.
const FIRST_SECOND: i64 = 100_000_000;

impl GitQuery<'_> {
    /// The words behind `git`; the first one is from the list of those that only read.
    fn words(&self) -> Vec<String> {
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let log = |words: &[&str]| [own(&["log"]), own(&LOG), own(words)].concat();
        let since = |seconds: i64| format!("--since=@{}", seconds.max(FIRST_SECOND));
        match self {
            Self::Refs => own(&[
                "for-each-ref",
                "--format=%(refname)%00%(objectname)%00%(symref)%00%(committerdate:unix)",
                "refs/heads",
                "refs/remotes",
            ]),
            Self::RefWith(commit) => {
                let contains = format!("--contains={commit}");
                own(&["for-each-ref", "--count=1", "--format=%(refname)", &contains, "refs/heads", "refs/remotes"])
            }
            Self::Changes(commits) => {
                let mut words = log(&["--no-walk=unsorted", "--ignore-missing", "--no-diff-merges", "--root", HEAD]);
                words.extend(own(&PATCH));
                words.extend(commits.iter().map(ToString::to_string));
                words.push("--".to_owned());
                words
            }
            Self::History(tip, from) => log(&[HEAD, "--topo-order", "--no-patch", &since(*from), tip.as_str(), "--"]),
            Self::HistoryOf(tip, from, paths) => {
                let mut words = log(&[HEAD, "--topo-order", "--no-merges", "--root", "--full-diff", "--full-history"]);
                words.push(since(*from));
                words.extend(own(&PATCH));
                words.extend(own(&[tip.as_str(), "--"]));
                words.extend(paths.iter().cloned());
                words
            }
            Self::MergeBase(one, other) => own(&["merge-base", one.as_str(), other.as_str()]),
            Self::Between(from, to) => {
                let mut words = own(&["diff-tree", "-r"]);
                words.extend(own(&PATCH));
                words.extend(own(&[from.as_str(), to.as_str(), "--"]));
                words
            }
            Self::Renames(from, to) => log(&[
                "--format=",
                "--topo-order",
                "--reverse",
                "--no-diff-merges",
                "--find-renames",
                "--no-relative",
                "--no-ext-diff",
                "--no-textconv",
                "--name-status",
                "-z",
                "--diff-filter=R",
                &format!("{from}..{to}"),
                "--",
            ]),
            Self::Blame { at, after, path } => {
                let range = after.map_or_else(|| at.to_string(), |after| format!("{after}..{at}"));
                own(&["blame", "--porcelain", "--no-textconv", "--encoding=UTF-8", &range, "--", path])
            }
        }
    }
}

/// What is set for every question, over all that is configured in files.
const SETTINGS: [(&str, &str); 24] = [
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.untrackedCache", "false"),
    ("core.pager", "cat"),
    ("core.quotePath", "false"),
    ("core.askPass", "true"),
    ("core.editor", "true"),
    ("core.sshCommand", "false"),
    ("core.gitProxy", "none"),
    ("core.alternateRefsCommand", "true"),
    ("core.attributesFile", "/dev/null"),
    ("credential.helper", ""),
    ("diff.external", ""),
    ("diff.orderFile", "/dev/null"),
    ("diff.suppressBlankEmpty", "false"),
    ("blame.ignoreRevsFile", ""),
    ("mailmap.file", ""),
    ("log.showSignature", "false"),
    ("log.follow", "false"),
    ("gpg.program", "false"),
    ("gpg.ssh.program", "false"),
    ("gpg.x509.program", "false"),
    ("protocol.allow", "never"),
    ("safe.bareRepository", "explicit"),
];

/// What of govern's environment git gets: where programs are, and whose configuration is his.
const KEPT: [&str; 4] = ["PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR"];

/// What git is told beside: nothing of the system's configuration and attributes, no locks, no questions, no fetching, no
/// commits in the place of others.
const ENVIRONMENT: [(&str, &str); 9] = [
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_ALLOW_PROTOCOL", "none"),
    ("GIT_PAGER", "cat"),
    ("LC_ALL", "C"),
];

/// A repository that may be asked until a deadline. Whoever asks blocks.
#[derive(Clone, Debug)]
pub struct Repository {
    folder: PathBuf,
    until: Instant,
}

impl Repository {
    /// That of this folder, for so long.
    pub fn at(folder: &Path, within: Duration) -> Self {
        Self { folder: folder.to_owned(), until: clock::monotonic() + within }
    }

    /// The answer, as git prints it.
    ///
    /// # Errors
    /// There is no such repository, it is not this user's and not in `safe.directory`, what is asked for is not there, or
    /// there is no time left.
    pub fn ask(&self, question: &GitQuery<'_>) -> io::Result<Vec<u8>> {
        let left = self.until.saturating_duration_since(clock::monotonic());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "there is no time left to ask git"));
        }
        answer_of(&mut self.command(question), left, MOST_BYTES)
    }

    fn command(&self, question: &GitQuery<'_>) -> Command {
        let mut command = Command::new("git");
        let kept: Vec<_> = KEPT.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))).collect();
        command.env_clear().envs(kept).envs(ENVIRONMENT).env("GIT_CONFIG_COUNT", SETTINGS.len().to_string());
        for (place, (name, value)) in SETTINGS.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{place}"), name).env(format!("GIT_CONFIG_VALUE_{place}"), value);
        }
        command.args(["--no-pager", "--literal-pathspecs", "-C"]).arg(&self.folder).args(question.words());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }
}

#[cfg(test)]
mod tests;
