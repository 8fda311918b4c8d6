//! The reading of `/proc` for which session files a process has open, and what its paths lead to from here.
//!
//! A process may live in another mount namespace (a container, bubblewrap, `unshare -m`) or below another root: its paths
//! lead elsewhere here. `/proc/PID/root` is its root, and `/proc/PID/fd/N` the very file that it has open, however it is
//! called and whether it has a name at all.

use std::ffi::OsStr;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use crate::model::FileId;

use super::tree::Process;

/// A session file that a process has open for writing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionFile {
    /// Which.
    pub id: FileId,
    /// Its name, as it is or was seen from here.
    pub path: PathBuf,
    /// The descriptor: opens the file itself while the process has it open.
    pub link: PathBuf,
}

/// The session files that a process has open for writing: `rollout-*.jsonl` in a folder of sessions, and whatever is
/// `known` to be one. A Codex keeps the file of each live thread open; whoever merely reads a stranger's session has
/// nothing to do with its spend. One that has just ended has none.
///
/// # Errors
/// Where this user may not look.
pub fn session_files_open_in(pid: i32, known: &dyn Fn(FileId) -> bool) -> io::Result<Vec<SessionFile>> {
    let mut files: Vec<SessionFile> = descriptors(pid)?
        .iter()
        .filter_map(|entry| {
            let link = entry.path();
            let called = fs::read_link(&link).ok()?;
            let (name, removed) = without_mark(&called);
            if !name.is_absolute() || !is_written(&link) {
                return None;
            }
            let id = file_at(&link)?;
            // Closed meanwhile, its number may be another file's, or a pipe's.
            if fs::read_link(&link).ok()? != called {
                return None;
            }
            let found = is_session(name) || known(id);
            found.then(|| SessionFile { id, path: named_from_here(pid, name, removed, id, &link), link })
        })
        .collect();
    files.sort();
    files.dedup_by_key(|file| file.id);
    Ok(files)
}

/// The process has this file open for writing.
pub fn writes(pid: i32, id: FileId) -> bool {
    let is_it = |entry: &DirEntry| file_at(&entry.path()) == Some(id) && is_written(&entry.path());
    descriptors(pid).is_ok_and(|entries| entries.iter().any(is_it))
}

/// Whose descriptor of this file it is that a process has: what its parent has open as well it was born with, for the moment
/// before it executes another program, or for good. `parent_of` knows those processes that count.
pub fn writer_of(process: Process, id: FileId, parent_of: impl Fn(&Process) -> Option<Process>) -> Process {
    let mut writer = process;
    // No lineage is longer than the number of processes there may be; a circle would be a kernel's mistake.
    for _ in 0..64 {
        match parent_of(&writer).filter(|parent| writes(parent.identity.pid, id)) {
            Some(parent) => writer = parent,
            None => break,
        }
    }
    writer
}

/// What leads from here to what a process calls `path`.
pub fn path_seen_by(pid: i32, path: &Path) -> PathBuf {
    match path.strip_prefix("/") {
        Ok(_) if shares_root(pid) => path.to_owned(),
        Ok(below) => PathBuf::from(format!("/proc/{pid}/root")).join(below),
        Err(_) => PathBuf::from(format!("/proc/{pid}/cwd")).join(path),
    }
}

fn descriptors(pid: i32) -> io::Result<Vec<DirEntry>> {
    match fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(entries) => Ok(entries.flatten().collect()),
        // It is gone.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The link's own permissions tell how the descriptor was opened.
fn is_written(link: &Path) -> bool {
    link.symlink_metadata().is_ok_and(|meta| meta.permissions().mode() & 0o200 != 0)
}

/// The kernel marks the name of a file that was removed since; whoever has it open still writes it.
fn without_mark(called: &Path) -> (&Path, bool) {
    match called.as_os_str().as_bytes().strip_suffix(b" (deleted)") {
        Some(name) => (Path::new(OsStr::from_bytes(name)), true),
        None => (called, false),
    }
}

/// By its name, and by its place: below `sessions` or `archived_sessions`, or in the folder of a day, whose way there may
/// be a link.
fn is_session(path: &Path) -> bool {
    let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
    if !name.starts_with(b"rollout-") || !name.ends_with(b".jsonl") {
        return false;
    }
    let is_number = |part: Component<'_>| part.as_os_str().as_bytes().iter().all(u8::is_ascii_digit);
    let folders = path.parent().into_iter().flat_map(Path::components);
    folders.clone().any(|part| part.as_os_str() == "sessions" || part.as_os_str() == "archived_sessions")
        || folders.rev().take(3).filter(|part| is_number(*part)).count() == 3
}

/// The kernel gives names as they are in the namespace of the file, and not below the root of the process.
fn named_from_here(pid: i32, name: &Path, removed: bool, id: FileId, link: &Path) -> PathBuf {
    let inside = path_seen_by(pid, name);
    if removed {
        return inside;
    }
    [name, &inside].into_iter().find(|path| file_at(path) == Some(id)).unwrap_or(link).to_owned()
}

/// It sees the same files under the same names.
fn shares_root(pid: i32) -> bool {
    let namespace = |of: &str| fs::read_link(format!("/proc/{of}/ns/mnt")).ok();
    let root = |of: &str| file_at(Path::new(&format!("/proc/{of}/root")));
    let pid = pid.to_string();
    // Where that is not ours to look at, nothing below its root is either.
    namespace(&pid).is_none_or(|its| Some(its) == namespace("self"))
        && root(&pid).is_none_or(|its| Some(its) == root("self"))
}

fn file_at(path: &Path) -> Option<FileId> {
    let id = |meta: Metadata| FileId { device: meta.dev(), inode: meta.ino() };
    fs::metadata(path).ok().map(id)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a process to look at")]
mod tests {
    use std::fs::File;

    use super::*;

    fn own() -> i32 {
        std::process::id().cast_signed()
    }

    fn open_here() -> Vec<PathBuf> {
        session_files_open_in(own(), &|_| false).unwrap().into_iter().map(|file| file.path).collect()
    }

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().canonicalize().unwrap().join("sessions");
        fs::create_dir(&folder).unwrap();
        (temp, folder)
    }

    #[test]
    fn a_session_that_was_removed_is_still_its_writers() {
        let (_temp, folder) = folder();
        let path = folder.join("rollout-2026-11-22T05-37-11-x.jsonl");
        let written = File::create(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(open_here().contains(&path));
        drop(written);
        assert!(!open_here().contains(&path));
    }

    #[test]
    fn what_a_process_was_born_with_is_its_parents_for_as_long_as_that_has_it() {
        let (_temp, folder) = folder();
        let path = folder.join("rollout-2026-11-22T05-37-11-w.jsonl");
        let written = File::create(&path).unwrap();
        let id = file_at(&path).unwrap();
        let mut child =
            std::process::Command::new("sleep").arg("60").stdout(written.try_clone().unwrap()).spawn().unwrap();
        let read = |pid: i32| super::super::tree::read(pid);
        let born = read(child.id().cast_signed()).unwrap();
        let parent_of = |process: &Process| read(process.parent);
        assert_eq!(writer_of(born, id, parent_of).identity.pid, own());
        assert_eq!(writer_of(born, id, |_| None).identity, born.identity, "its parent is not the agent's");
        drop(written);
        assert_eq!(writer_of(born, id, parent_of).identity, born.identity);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn what_a_process_has_open_is_told_by_the_file_and_not_by_its_name() {
        let (_temp, folder) = folder();
        let path = folder.join("rollout-2026-11-22T05-37-11-z.jsonl");
        let _written = File::create(&path).unwrap();
        let id = file_at(&path).unwrap();
        fs::rename(&path, folder.join("other")).unwrap();
        fs::write(&path, "another file").unwrap();
        assert!(!open_here().contains(&path));
        let found = session_files_open_in(own(), &|known| known == id).unwrap();
        let found = found.iter().find(|file| file.id == id).unwrap();
        assert_eq!(found.path, folder.join("other"));
        assert_eq!(fs::read_to_string(&found.link).unwrap(), "", "the descriptor leads to the file that is written");
        assert!(writes(own(), id));
        assert!(!writes(own(), file_at(&path).unwrap()));
    }

    #[test]
    fn a_session_that_is_only_read_is_nobodys() {
        let (_temp, folder) = folder();
        let path = folder.join("rollout-2026-11-22T05-37-11-y.jsonl");
        fs::write(&path, "").unwrap();
        let _read = File::open(&path).unwrap();
        assert!(!open_here().contains(&path));
        assert!(!writes(own(), file_at(&path).unwrap()));
    }

    #[test]
    fn session_files_are_known_by_name_and_place() {
        for (path, expected) in [
            ("/h/.codex/sessions/2026/11/22/rollout-2026-11-22T10-00-00-x.jsonl", true),
            ("/h/.codex/archived_sessions/rollout-x.jsonl", true),
            ("/data/history/2026/11/22/rollout-x.jsonl", true),
            ("/h/.codex/sessions/history.jsonl", false),
            ("/h/elsewhere/rollout-x.jsonl", false),
            ("/h/elsewhere/2026/rollout-x.jsonl", false),
        ] {
            assert_eq!(is_session(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn a_process_that_shares_the_root_calls_files_as_they_are_called_here() {
        assert_eq!(path_seen_by(own(), Path::new("/h/sessions")), Path::new("/h/sessions"));
        let relative = path_seen_by(own(), Path::new("src"));
        assert_eq!(fs::canonicalize(relative).unwrap(), fs::canonicalize("src").unwrap());
    }
}
