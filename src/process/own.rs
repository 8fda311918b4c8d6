//! Owns what govern knows of itself: its process, its user, its terminal.

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

/// The log-in name of a user.
pub fn user_name(uid: u32) -> Option<String> {
    User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name)
}

/// There is a terminal at which somebody could be asked.
pub fn has_terminal() -> bool {
    std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty").is_ok()
}
