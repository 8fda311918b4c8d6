//! A work tree's own log: which commit is checked out, and what was checked out or committed since. Read from git's own
//! files, so that it costs no process at a run's start, and none at its end where nothing was committed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::{common_folder, find_git, read_small};
use crate::model::CommitId;

/// The most of a log that is read.
const MOST_LOG: u64 = 16 << 20;

/// A work tree at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// Its root.
    pub root: PathBuf,
    /// The folder that all work trees of its repository share.
    pub common: PathBuf,
    /// What is checked out; `None`: nothing was committed yet, or it cannot be told without git.
    pub head: Option<CommitId>,
    /// How long its log was.
    pub logged: u64,
    /// Its own folder in the repository.
    git: PathBuf,
}

/// The work tree that a folder lies in; `None`: it lies in none.
pub fn checkout(folder: &Path) -> Option<Checkout> {
    let (root, git) = find_git(folder)?;
    let common = common_folder(&git);
    let common = common.canonicalize().unwrap_or(common);
    let logged = std::fs::metadata(log_of(&git)).map_or(0, |log| log.len());
    Some(Checkout { head: head(&git, &common), root, common, logged, git })
}

fn log_of(git: &Path) -> PathBuf {
    git.join("logs/HEAD")
}

impl Checkout {
    /// What its log has from there on.
    ///
    /// # Errors
    /// There is no log (nothing was committed or checked out yet, or it keeps none), or it is too long.
    pub fn log_from(&self, place: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(log_of(&self.git))?;
        let meta = file.metadata()?;
        if !meta.is_file() || meta.len().saturating_sub(place) > MOST_LOG {
            return Err(io::Error::other("the log of its work tree is too long"));
        }
        // One that has become shorter was written anew.
        file.seek(SeekFrom::Start(if meta.len() < place { 0 } else { place }))?;
        let mut log = Vec::new();
        file.take(MOST_LOG).read_to_end(&mut log)?;
        Ok(log)
    }

    /// References are kept in a form that only git reads.
    pub fn is_opaque(&self) -> bool {
        self.common.join("reftable").is_dir()
    }
}

fn head(git: &Path, common: &Path) -> Option<CommitId> {
    let head = read_small(&git.join("HEAD"))?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return CommitId::parse(head.trim()) };
    let inside = !name.split('/').any(|part| part == "..") && name.starts_with("refs/");
    let loose = || read_small(&common.join(name)).and_then(|text| CommitId::parse(text.trim()));
    let packed = || {
        let packed = read_small(&common.join("packed-refs"))?;
        packed.lines().find_map(|line| CommitId::parse(line.strip_suffix(name)?.strip_suffix(' ')?))
    };
    inside.then(|| loose().or_else(packed)).flatten()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ONE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

    fn write(path: PathBuf, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn what_is_checked_out_is_found_wherever_it_is_kept() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        let git = root.join(".git");
        write(git.join("HEAD"), "ref: refs/heads/a/b\n");
        let found = || checkout(&root).unwrap();
        assert_eq!((found().head, found().logged), (None, 0));
        write(
            git.join("packed-refs"),
            &format!("# pack-refs\n{} refs/heads/x/a/b\n{ONE} refs/heads/a/b\n", "a".repeat(40)),
        );
        assert_eq!(found().head, CommitId::parse(ONE));
        write(git.join("refs/heads/a/b"), &format!("{}\n", "b".repeat(40)));
        assert_eq!(found().head, CommitId::parse(&"b".repeat(40)));
        write(git.join("HEAD"), &format!("{ONE}\n"));
        assert_eq!(found().head, CommitId::parse(ONE));
        write(git.join("HEAD"), "ref: refs/../../etc/passwd\n");
        assert_eq!(found().head, None);
    }

    #[test]
    fn a_log_is_read_from_where_it_ended_and_anew_where_it_was_cut() {
        let temp = tempfile::tempdir().unwrap();
        write(temp.path().join(".git/HEAD"), "ref: refs/heads/main\n");
        assert!(checkout(temp.path()).unwrap().log_from(0).is_err(), "there is none");
        write(temp.path().join(".git/logs/HEAD"), "before\n");
        let start = checkout(temp.path()).unwrap();
        assert_eq!(start.logged, 7);
        write(temp.path().join(".git/logs/HEAD"), "before\nafter\n");
        assert_eq!(start.log_from(start.logged).unwrap(), b"after\n");
        write(temp.path().join(".git/logs/HEAD"), "cut\n");
        assert_eq!(start.log_from(start.logged).unwrap(), b"cut\n");
    }

    #[test]
    fn a_linked_work_tree_has_a_log_of_its_own() {
        let temp = tempfile::tempdir().unwrap();
        let main = temp.path().canonicalize().unwrap().join("main/.git");
        write(main.join("worktrees/fix/HEAD"), "ref: refs/heads/fix\n");
        write(main.join("worktrees/fix/commondir"), "../..\n");
        write(main.join("worktrees/fix/logs/HEAD"), "own\n");
        write(main.join("logs/HEAD"), "the other's\n");
        write(main.join("refs/heads/fix"), ONE);
        let tree = temp.path().join("fix");
        write(tree.join(".git"), &format!("gitdir: {}\n", main.join("worktrees/fix").display()));
        let found = checkout(&tree).unwrap();
        assert_eq!((&found.common, &found.head), (&main, &CommitId::parse(ONE)));
        assert_eq!(found.log_from(0).unwrap(), b"own\n");
    }
}
