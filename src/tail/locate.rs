//! The session files: where they are.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::model::ThreadId;

/// Year, month and day.
pub(super) const DATE_LEVELS: usize = 3;

/// Codex's home: `CODEX_HOME`, else `.codex` in `HOME`; `None` if neither is set.
pub fn codex_home(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("CODEX_HOME").or_else(|| set("HOME").map(|home| home.join(".codex")))
}

/// Where a home keeps its sessions, in folders `YYYY/MM/DD` by their local start.
pub fn sessions_dir(home: &Path) -> PathBuf {
    home.join("sessions")
}

/// The home that a session file lies in.
pub fn home_of(file: &Path) -> Option<&Path> {
    file.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "sessions")).and_then(Path::parent)
}

/// Where a home keeps the sessions that begin today.
pub fn folder_of_today(home: &Path) -> PathBuf {
    sessions_dir(home).join(crate::clock::now().with_timezone(&chrono::Local).format("%Y/%m/%d").to_string())
}

/// Where a home keeps sessions that were put away; flat.
pub fn archive_dir(home: &Path) -> PathBuf {
    home.join("archived_sessions")
}

/// By its name: `rollout-….jsonl`, plain or `.zst`.
pub fn is_session_file(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.strip_prefix("rollout-"))
        .is_some_and(|name| name.ends_with(".jsonl") || name.ends_with(".jsonl.zst"))
}

/// A session file as it lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFile {
    /// Where.
    pub path: PathBuf,
    /// Its device and inode.
    pub identity: (u64, u64),
    /// Its size in bytes, as stored.
    pub size: u64,
    /// When it was changed, in nanoseconds since 1970.
    pub modified: i64,
}

impl SessionFile {
    /// Looks at a file.
    pub fn at(path: PathBuf) -> io::Result<Self> {
        let meta = fs::metadata(&path)?;
        Ok(Self::with(path, &meta))
    }

    /// Looks at the file that a link leads to, whatever `path`, its name, leads to.
    pub fn through(link: &Path, path: PathBuf) -> io::Result<Self> {
        Ok(Self::with(path, &fs::metadata(link)?))
    }

    fn with(path: PathBuf, meta: &Metadata) -> Self {
        let modified = meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec());
        Self { path, identity: (meta.dev(), meta.ino()), size: meta.len(), modified }
    }
}

/// Folders below each other that hold sessions: more is a circle of links, or something else.
const DEEPEST: usize = 8;

/// What lies below a place.
#[derive(Debug, Default)]
pub struct SessionFiles {
    /// In the order of their names.
    pub files: Vec<SessionFile>,
    /// Folders that cannot be listed and files that cannot be looked at, and why.
    pub unreadable: Vec<(PathBuf, io::Error)>,
}

/// All session files below a place: of a home those of its `sessions` and `archived_sessions`, of any other folder
/// whatever is in it, of a file the file, whatever its name. A compressed file whose plain twin is there is left out. A file that goes
/// meanwhile is left out as well.
///
/// # Errors
///
/// The place itself is not there, or cannot be looked at. What cannot be read inside is only told.
pub fn session_files(place: &Path) -> io::Result<SessionFiles> {
    if fs::metadata(place)?.is_file() {
        return Ok(SessionFiles { files: vec![SessionFile::at(place.to_owned())?], unreadable: Vec::new() });
    }
    let mut found = below(place);
    if let Some((_, error)) = found.unreadable.pop_if(|(path, _)| path == place) {
        return Err(error);
    }
    // One file may be reached by several ways.
    found.files.sort_by_key(|file| (file.identity, file.path.as_os_str().len()));
    found.files.dedup_by_key(|file| file.identity);
    found.files.sort_by(|a, b| a.path.file_name().cmp(&b.path.file_name()).then_with(|| a.path.cmp(&b.path)));
    Ok(found)
}

fn below(place: &Path) -> SessionFiles {
    let inside: Vec<PathBuf> =
        [sessions_dir(place), archive_dir(place)].into_iter().filter(|dir| dir.is_dir()).collect();
    let mut folders: Vec<(PathBuf, usize)> =
        if inside.is_empty() { vec![(place.to_owned(), 0)] } else { inside.into_iter().map(|dir| (dir, 0)).collect() };
    let mut found = SessionFiles::default();
    while let Some((folder, depth)) = folders.pop() {
        let inner = match entries(&folder) {
            Ok(inner) => inner,
            Err(error) => {
                found.unreadable.push((folder, error));
                continue;
            }
        };
        let mut names: Vec<PathBuf> = Vec::new();
        for entry in inner {
            let path = entry.path();
            if is_session_file(&path) {
                names.push(path);
            } else if depth < DEEPEST && is_folder(&entry) {
                folders.push((path, depth + 1));
            }
        }
        let plain: HashSet<PathBuf> = names.iter().filter(|path| !is_compressed(path)).cloned().collect();
        names.retain(|path| !is_compressed(path) || !plain.contains(&path.with_extension("")));
        for path in names {
            match SessionFile::at(path.clone()) {
                Ok(file) => found.files.push(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => found.unreadable.push((path, error)),
            }
        }
    }
    found
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "zst")
}

/// All files of a thread: its pages, in newest folders first, the archive last. A compressed file whose
/// plain twin is there is left out. Reads names only.
pub fn find_thread(home: &Path, thread: &ThreadId) -> io::Result<Vec<PathBuf>> {
    let mut folders = date_folders(&sessions_dir(home))?;
    folders.reverse();
    folders.push(archive_dir(home));
    let mut found = Vec::new();
    for folder in folders {
        let mut files: Vec<PathBuf> = entries(&folder)?
            .iter()
            .map(DirEntry::path)
            .filter(|path| is_session_file(path) && belongs_to(path, thread))
            .collect();
        files.sort_by(|a, b| b.cmp(a));
        found.extend(files);
    }
    let plain = found.clone();
    found.retain(|path| path.extension().is_none_or(|end| end != "zst") || !plain.contains(&path.with_extension("")));
    Ok(found)
}

fn belongs_to(path: &Path, thread: &ThreadId) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.split_once(&format!("-{thread}")).is_some_and(|(_, rest)| rest.starts_with(['.', '_']))
}

/// The folders below `sessions` that hold files: those of the days, in order of date.
fn date_folders(sessions: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = vec![sessions.to_owned()];
    for _ in 0..DATE_LEVELS {
        let mut inner = Vec::new();
        for folder in &folders {
            inner.extend(entries(folder)?.iter().filter(|entry| is_folder(entry)).map(DirEntry::path));
        }
        inner.sort();
        folders = inner;
    }
    Ok(folders)
}

/// What is in a folder; nothing is in one that is not there.
pub(super) fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    entries.collect()
}

/// A folder, or a link to one: homes are moved to other disks that way.
pub(super) fn is_folder(entry: &DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_dir() || (kind.is_symlink() && entry.path().is_dir()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(home: &Path, path: &str) -> PathBuf {
        let path = home.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        path
    }

    #[test]
    fn the_home_is_where_codex_looks_for_it() {
        let env = |home: &'static str, user: &'static str| {
            codex_home(|name| {
                let value = if name == "CODEX_HOME" { home } else { user };
                (value != "unset").then(|| value.into())
            })
        };
        assert_eq!(env("/c", "/u"), Some("/c".into()));
        assert_eq!(env("", "/u"), Some("/u/.codex".into()));
        assert_eq!(env("unset", "/u"), Some("/u/.codex".into()));
        assert_eq!(env("unset", "unset"), None);
    }

    #[test]
    fn a_home_has_its_sessions_and_its_archive_and_any_folder_what_is_in_it() {
        let temp = tempfile::tempdir().unwrap();
        let home = temp.path().join("home");
        let one = touch(&home, "sessions/2026/01/02/rollout-2026-01-02T00-00-00-a.jsonl");
        let two = touch(&home, "archived_sessions/rollout-2026-01-01T00-00-00-b.jsonl.zst");
        let twin = touch(&home, "sessions/2026/01/02/rollout-2026-01-02T00-00-00-a.jsonl.zst");
        let notes = touch(&home, "sessions/2026/01/02/notes.txt");
        let backup = touch(&home, "backup/rollout-2026-01-03T00-00-00-c.jsonl");
        std::os::unix::fs::symlink(home.join("sessions"), home.join("sessions/2026/round")).unwrap();
        let paths = |place: &Path| -> Vec<PathBuf> {
            session_files(place).unwrap().files.into_iter().map(|file| file.path).collect()
        };
        assert_eq!(paths(&home), [two, one.clone()]);
        assert_eq!(paths(&home.join("sessions")), std::slice::from_ref(&one));
        assert_eq!(paths(&home.join("backup")), [backup]);
        assert_eq!(paths(&twin), std::slice::from_ref(&twin));
        assert_eq!(paths(&notes), std::slice::from_ref(&notes), "somebody names it");
        assert!(session_files(&home.join("none")).is_err());
    }

    #[test]
    fn a_thread_is_found_with_all_its_pages_wherever_they_are() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let first = touch(home, "sessions/2025/12/31/rollout-2025-12-31T23-00-00-aaaa-1.jsonl");
        let page = touch(home, "sessions/2026/01/02/rollout-2026-01-02T01-00-00-aaaa-1_p2.jsonl");
        let packed = touch(home, "sessions/2026/01/02/rollout-2026-01-02T00-00-00-aaaa-1_p1.jsonl.zst");
        touch(home, "sessions/2026/01/02/rollout-2026-01-02T01-00-00-aaaa-1_p2.jsonl.zst");
        touch(home, "sessions/2026/01/02/rollout-2026-01-02T01-00-00-aaaa-12.jsonl");
        touch(home, "sessions/2026/01/02/rollout-2026-01-02T01-00-00-aaaa-1.jsonl.tmp");
        let archived = touch(home, "archived_sessions/rollout-2024-01-02T01-00-00-aaaa-1_p0.jsonl");
        assert_eq!(find_thread(home, &"aaaa-1".into()).unwrap(), [page, packed, first, archived]);
        assert_eq!(find_thread(home, &"bbbb".into()).unwrap(), Vec::<PathBuf>::new());
        assert_eq!(find_thread(&home.join("none"), &"aaaa-1".into()).unwrap(), Vec::<PathBuf>::new());
    }
}
