//! What lies beside the ledger and grows: the folders with what agents wrote, of runs that are over.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::{Alive, RunId, Timestamp};

use super::{Ledger, LedgerError};

/// A folder that may go: all that a run's agents wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Whose.
    pub run: RunId,
    /// Where.
    pub path: PathBuf,
    /// How many files.
    pub files: u64,
    /// How large they are together.
    pub bytes: u64,
    /// When the run was over.
    pub over: Timestamp,
}

/// The folders of runs that were over before `before`, the oldest first. A folder that belongs to no run of this ledger is
/// nobody's to remove.
///
/// # Errors
///
/// The ledger, or the state folder, cannot be read.
pub fn leftovers(
    ledger: &Ledger,
    state: &Path,
    before: Timestamp,
    alive: &Alive<'_>,
) -> Result<Vec<Leftover>, LedgerError> {
    let folder = state.join("runs");
    let unreachable = |source: io::Error| LedgerError::Unreachable { path: folder.clone(), source };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreachable(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreachable)?;
        let name = entry.file_name();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let Some(run) = name.to_str().filter(|_| is_folder).map(RunId::new) else { continue };
        if !ledger.runs().is_over(&run, alive)? {
            continue;
        }
        let Ok(info) = ledger.runs().find(run.as_str()) else { continue };
        let (files, bytes, changed) = held(&entry.path()).map_err(unreachable)?;
        // Of a run whose govern was killed nobody wrote when: what it wrote last tells.
        let over = info.ended.unwrap_or(info.started).max(changed.unwrap_or(info.started));
        if info.id == run && over < before {
            found.push(Leftover { run, path: entry.path(), files, bytes, over });
        }
    }
    found.sort_by(|a, b| (a.over, &a.run).cmp(&(b.over, &b.run)));
    Ok(found)
}

/// How many files a folder holds, how large, and when one was changed last. Links are not followed.
fn held(folder: &Path) -> io::Result<(u64, u64, Option<Timestamp>)> {
    let (mut files, mut bytes, mut last) = (0_u64, 0_u64, None);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                folders.push(entry.path());
                continue;
            }
            files = files.saturating_add(1);
            bytes = bytes.saturating_add(metadata.len());
            last = last.max(metadata.modified().ok().map(Timestamp::from));
        }
    }
    Ok((files, bytes, last))
}

/// Removes it. What is gone already needs no removing.
///
/// # Errors
///
/// Something of it cannot be removed.
pub fn remove(leftover: &Leftover) -> io::Result<()> {
    match fs::remove_dir_all(&leftover.path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
