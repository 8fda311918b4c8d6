//! What govern knows of itself: its process, its user, its terminal.

use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Uid, User, getuid};

use super::tree::identity_of;
use crate::model::ProcessIdentity;

/// govern's own process.
pub fn own_identity() -> Option<ProcessIdentity> {
    identity_of(i32::try_from(std::process::id()).ok()?)
}

/// Who runs govern.
pub fn own_uid() -> u32 {
    getuid().as_raw()
}

/// The login name of a user.
pub fn user_name(uid: u32) -> Option<String> {
    User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name)
}

/// The number of a user, by the login name or as it is written in digits.
pub fn uid_of(name: &str) -> Option<u32> {
    let known = User::from_name(name).ok().flatten().map(|user| user.uid.as_raw());
    known.or_else(|| name.parse().ok())
}

/// What this machine is called.
pub fn machine_name() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "this machine".to_owned())
}

/// There is a login of this name on this machine; where that cannot be told, there may be.
pub fn is_log_in(name: &str) -> bool {
    User::from_name(name).map_or(true, |user| user.is_some())
}

/// The home of a user's account, whatever the environment says.
pub fn account_home(uid: u32) -> Option<std::path::PathBuf> {
    User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.dir)
}

/// Where govern's own program lies; `None` if it was replaced since.
pub fn own_program() -> Option<std::path::PathBuf> {
    std::env::current_exe().ok().filter(|path| path.is_file())
}

/// The user's shell, by which Codex runs hooks, reads a command as `sh` does.
pub fn has_posix_shell() -> bool {
    // By the login, not by `$SHELL` (0.169).
    let shell = User::from_uid(getuid()).ok().flatten().map(|user| user.shell);
    let name = shell.as_deref().and_then(|shell| shell.file_name()?.to_str());
    name.is_none_or(|name| matches!(name, "sh" | "bash" | "dash" | "ash" | "ksh" | "mksh" | "zsh"))
}

/// Ctrl-Z stops govern no more: its agents have sessions of their own and would go on unsupervised. To be called before
/// there is another thread.
pub fn stay_in_foreground() {
    let stops: SigSet = [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU].into_iter().collect();
    // It cannot fail for signals that exist.
    let _blocked = stops.thread_block();
}

/// There is a terminal at which somebody could be asked.
pub fn has_terminal() -> bool {
    std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty").is_ok()
}
