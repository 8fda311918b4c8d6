//! The session files: what one tells before it is followed: whose it is, how old, of which family.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::model::{CommitId, ThreadId, Timestamp};
use crate::rollout::{self, Record, RecordKind, Refused, SessionName};
use crate::usage::meter::{Counting, Meter, RunningTotal};

use super::cursor::{Cursor, open_file};
use super::locate;

/// The first line of a session file holds its instructions: seen up to 40 KB.
const LONGEST_FIRST: u64 = 1024 * 1024;

/// About what a first line takes.
const BUFFER: usize = 32 * 1024;

/// What a file's name tells.
pub fn name_of(path: &Path) -> Option<SessionName> {
    SessionName::parse(path.file_name()?.to_str()?)
}

/// The name says that the session was begun before the run, by this machine's local time.
pub fn name_is_older(path: &Path, since: Timestamp) -> bool {
    use chrono::TimeZone;
    let began = name_of(path).and_then(|name| chrono::Local.from_local_datetime(&name.started).earliest());
    // Names hold whole seconds.
    began.is_some_and(|began| began + chrono::TimeDelta::seconds(1) < since)
}

/// The root of the family that a file's first lines name.
pub fn root_of(path: &Path) -> std::io::Result<Option<ThreadId>> {
    let mut meter = Meter::new(name_of(path).as_ref(), Counting { from: Timestamp::MAX_UTC, grown_from: u64::MAX });
    // The first line tells; a legacy fork has its parent's behind it.
    match first_record(path)? {
        Ok(record) => {
            let _history = meter.push(0, &record);
            Ok(meter.root().cloned())
        }
        // Not written to its end yet, or compressed: another look will tell.
        Err(_) => Ok(None),
    }
}

/// The thread that a file's first line names; `None` where it is not a session file.
pub fn thread_of(path: &Path) -> std::io::Result<Option<ThreadId>> {
    let mut meter = Meter::new(None, Counting { from: Timestamp::MAX_UTC, grown_from: u64::MAX });
    Ok(first_record(path)?.ok().and_then(|record| {
        let _history = meter.push(0, &record);
        meter.thread().cloned()
    }))
}

/// The version of the Codex that began a session; `None` where its file does not say.
pub fn version_of(path: &Path) -> Option<String> {
    match first_record(path).ok()?.ok()?.kind {
        RecordKind::Meta(meta) => meta.cli_version,
        _ => None,
    }
}

/// The program that asked Codex for a session; `None` where its file does not say. Codex's own screen is `codex-tui` (0.169 and
/// 0.171), also where it hands its work to a server in the background.
pub fn originator_of(path: &Path) -> Option<String> {
    match first_record(path).ok()?.ok()?.kind {
        RecordKind::Meta(meta) => meta.originator,
        _ => None,
    }
}

/// Where a session was started, by its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Began {
    /// The working folder.
    pub folder: Option<String>,
    /// The commit that was checked out.
    pub commit: Option<CommitId>,
    /// The git branch.
    pub branch: Option<String>,
    /// The git remote's address.
    pub remote: Option<String>,
}

/// Where a session was started; `None` where its file is gone, or does not say it in its first line.
pub fn began(path: &Path) -> Option<Began> {
    match first_record(path).ok()?.ok()?.kind {
        RecordKind::Meta(meta) => {
            Some(Began { folder: meta.cwd, commit: meta.commit, branch: meta.branch, remote: meta.remote })
        }
        _ => None,
    }
}

fn first_record(path: &Path) -> std::io::Result<Result<Record, Refused>> {
    let mut first = Vec::new();
    BufReader::with_capacity(BUFFER, open_file(path)?.take(LONGEST_FIRST)).read_until(b'\n', &mut first)?;
    Ok(rollout::read(first.strip_suffix(b"\n").unwrap_or(&first)))
}

/// The running totals of a thread that is not ours: what a fork of it may repeat. `None` if it has no file any more.
pub fn parent_totals(home: &Path, parent: &ThreadId) -> std::io::Result<Option<Vec<RunningTotal>>> {
    let paths = locate::find_thread(home, parent)?;
    let Some(first) = paths.first() else { return Ok(None) };
    let name = name_of(first);
    let mut meter = Meter::new(name.as_ref(), Counting { from: Timestamp::MAX_UTC, grown_from: u64::MAX });
    for path in paths {
        let mut cursor = match Cursor::open(&path) {
            Ok(cursor) => cursor,
            // Archived, compressed or deleted since it was looked for.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        cursor.read(|position, line| {
            if let Ok(record) = rollout::read_for_accounting(line) {
                let _history = meter.push(position, &record);
            }
        })?;
    }
    Ok(Some(meter.totals().to_vec()))
}

/// The Codex home that a session file lies in: above `sessions` or `archived_sessions`.
pub fn home_of(path: &Path) -> PathBuf {
    let folder = |name: &std::ffi::OsStr| name == "sessions" || name == "archived_sessions";
    path.ancestors()
        .find(|folder_path| folder_path.file_name().is_some_and(folder))
        .and_then(Path::parent)
        .unwrap_or(path)
        .to_owned()
}
