//! What a stopped agent leaves behind: the files it changed.

use std::path::Path;
use std::time::SystemTime;

use crate::model::Timestamp;
use crate::process;

/// The files that differ from what is committed and were touched since then, relative to the
/// repository's root; `None` without git.
pub fn changed_since(root: &Path, since: Timestamp) -> Option<Vec<String>> {
    let folder = root.to_string_lossy();
    let arguments = ["-C", &folder, "status", "--porcelain", "-z", "--no-renames"];
    let output = process::ask(Path::new("git"), &arguments).ok()?;
    let since = SystemTime::from(since);
    let mut files: Vec<String> = output
        .split('\0')
        .filter_map(|entry| entry.get(3..))
        .filter(|path| {
            // A file that is gone was removed by somebody: by the agent, as far as one can tell.
            let modified = std::fs::symlink_metadata(root.join(path)).and_then(|meta| meta.modified());
            modified.map_or(true, |modified| modified >= since)
        })
        .map(str::to_owned)
        .collect();
    files.sort();
    Some(files)
}
