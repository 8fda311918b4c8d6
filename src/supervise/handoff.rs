//! What a stopped agent leaves behind: the files it changed.

use std::path::Path;
use std::time::SystemTime;

use crate::model::Timestamp;

use super::work_tree::{COARSE, Since, look};

/// The files that differ from what is committed and were touched since then, relative to the
/// repository's root; `None` without git, or where it takes too long. The work tree is the agent's: nothing that it configures is run.
pub fn changed_since(root: &Path, since: Timestamp) -> Option<Vec<String>> {
    let looked = look(root, &Since::default()).ok()?;
    let since = SystemTime::from(since) - COARSE;
    let touched = |path: &String| {
        // A file that is gone was removed by somebody: by the agent, as far as one can tell.
        let modified = std::fs::symlink_metadata(root.join(path)).and_then(|meta| meta.modified());
        modified.map_or(true, |modified| modified >= since)
    };
    Some(looked.dirty.into_keys().filter(touched).collect())
}
