//! Owns the session files: where they are.

use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::io;
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
