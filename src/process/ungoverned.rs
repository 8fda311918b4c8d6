//! The look for Codexes of this account that no govern has above it.

use std::os::unix::fs::MetadataExt;

use crate::model::ProcessIdentity;

use super::{proc_fs, this_process, tree};

/// Those that talk to a model and that no agent started. One below another is its own matter, and not told apart.
pub fn ungoverned_codexes() -> Vec<ProcessIdentity> {
    let own = this_process::own_uid();
    let is_own = |pid: i32| std::fs::metadata(format!("/proc/{pid}")).is_ok_and(|folder| folder.uid() == own);
    let all: Vec<tree::Process> = tree::all().into_iter().filter(|process| is_own(process.identity.pid)).collect();
    let found = proc_fs::codex_processes(&all);
    let alone = |pid: i32| proc_fs::codex_above(pid).is_none() && !tree::is_governed(pid);
    found.iter().map(|process| process.identity).filter(|identity| alone(identity.pid)).collect()
}
