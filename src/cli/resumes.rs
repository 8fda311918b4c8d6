//! The notes of which runs a timer lets go on: a small file for each, beside the ledger.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::{RunId, Timestamp};
use crate::prepare::here::Here;
use crate::process::{open_to_read, read_at_most};
use crate::report::resumes::ResumesAt;

/// Longer ones were written by somebody else.
const MOST_BYTES: u64 = 4_096;

/// Whose timer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Keeper {
    /// The user's own systemd.
    Systemd,
    /// The user's crontab.
    Cron,
}

/// A run that goes on by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Noted {
    pub(super) run: RunId,
    pub(super) at: Timestamp,
    pub(super) limit: String,
    pub(super) keeper: Keeper,
    /// When the run had ended then: one that has ended once more since went on without the timer.
    #[serde(default)]
    pub(super) ended: Option<Timestamp>,
}

fn folder(here: &Here<'_>) -> Result<PathBuf> {
    Ok(here.state_folder()?.join("resumes"))
}

fn file(folder: &Path, run: &RunId) -> PathBuf {
    folder.join(format!("{run}.json"))
}

/// Those that are noted, the first one first. One that cannot be read is none.
pub(super) fn noted(here: &Here<'_>) -> Result<Vec<Noted>> {
    let entries = fs::read_dir(folder(here)?).into_iter().flatten().flatten();
    let read = |path: PathBuf| {
        let bytes = read_at_most(&open_to_read(&path).ok()?, MOST_BYTES).ok()?;
        serde_json::from_slice::<Noted>(&bytes).ok()
    };
    let mut found: Vec<Noted> = entries.filter_map(|entry| read(entry.path())).collect();
    found.sort_by(|one, other| (one.at, &one.run).cmp(&(other.at, &other.run)));
    Ok(found)
}

/// The same, as pages show them.
pub(super) fn listed(here: &Here<'_>) -> Result<Vec<ResumesAt>> {
    let shown = |noted: Noted| ResumesAt { run: noted.run, at: noted.at, limit: noted.limit };
    Ok(noted(here)?.into_iter().map(shown).collect())
}

/// Notes one.
pub(super) fn note(noted: &Noted, here: &Here<'_>) -> Result<()> {
    let folder = folder(here)?;
    let failed = |error: std::io::Error| Error::new("what goes on by itself cannot be noted").caused_by(&error);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
    let text = serde_json::to_string(noted).unwrap_or_default();
    fs::write(file(&folder, &noted.run), text).map_err(failed)
}

/// It goes on by itself no more.
pub(super) fn forget(run: &RunId, here: &Here<'_>) -> Result<()> {
    let _was_not_there = fs::remove_file(file(&folder(here)?, run));
    Ok(())
}
