//! Git worktrees: an agent's own is made where it is not there.

use std::ffi::OsStr;
use std::path::Path;

use crate::error::{Error, Result};
use crate::process;

/// Sees to it that `folder` is a worktree of the repository, on this branch.
///
/// # Errors
///
/// What git says where it cannot make it; a folder that is there and is on another branch.
pub(super) fn prepare(repository: &Path, branch: &str, folder: &Path) -> Result<()> {
    let git = |at: &Path, arguments: &[&str]| {
        let at = at.to_string_lossy();
        process::ask(Path::new("git"), &[&["-C", &at], arguments].concat())
    };
    if folder.exists() {
        let found = git(folder, &["symbolic-ref", "--quiet", "--short", "HEAD"]).unwrap_or_default();
        if found.trim_end() == branch {
            return Ok(());
        }
        return Err(Error::new(format!("`{}` is there and is not on branch `{branch}`", folder.display()))
            .hint("move it away, or name another branch"));
    }
    let is_there = git(repository, &["rev-parse", "--verify", "--quiet", &format!("refs/heads/{branch}")]).is_ok();
    let start = ["-C".as_ref(), repository.as_os_str(), "worktree".as_ref(), "add".as_ref()];
    let (folder_name, branch_name): (&OsStr, &OsStr) = (folder.as_os_str(), branch.as_ref());
    let rest = if is_there { vec![folder_name, branch_name] } else { vec!["-b".as_ref(), branch_name, folder_name] };
    process::carry_out(Path::new("git"), &[&start, rest.as_slice()].concat()).map_err(|error| {
        Error::new(format!("the worktree `{}` for branch `{branch}` cannot be made", folder.display()))
            .caused_by(&error)
            .hint("`git worktree list` shows those that are there")
    })
}
