//! The marks beside a run's socket: a hook that cannot ask ends its Codex, and leaves word that it was the gate.

use std::path::{Path, PathBuf};

use crate::model::RunId;

/// Where the hooks of a run's agent leave it; agents are told by their places.
pub fn path_of(folder: &Path, run: &RunId, agent: usize) -> PathBuf {
    folder.join(format!("{run}.{agent}.failed"))
}

/// Takes the mark away; says whether there was one.
pub fn take(path: &Path) -> bool {
    std::fs::remove_file(path).is_ok()
}
