//! The question whether govern itself was called from inside an agent.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};

use super::peer::{LOOKS, settled};
use super::proc_fs::codex_above;
use super::this_process::{own_identity, own_uid};
use super::tree::lineage;

/// Where govern was called from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalledFrom {
    /// No agent started it.
    Outside,
    /// An agent did.
    Inside,
    /// That cannot be told from here: those above it are hidden, or what tells of them may have been made up.
    Hidden,
}

/// Where govern was called from. Who may make namespaces and mounts of his own can hide from govern what is above it, so
/// that only what is seen whole is believed.
pub fn own_standing() -> CalledFrom {
    let Some(own) = own_identity() else { return CalledFrom::Hidden };
    // Who stands above it may end while it is looked at: a shell that has gone into the background, whoever started a sender.
    if !(0..LOOKS).any(|_| is_true_to_life(own.pid)) {
        return CalledFrom::Hidden;
    }
    match settled(own.pid) {
        Some(above) if above.governed || codex_above(own.pid).is_some() => return CalledFrom::Inside,
        Some(_) => {}
        None => return CalledFrom::Hidden,
    }
    if sees_all() { CalledFrom::Outside } else { CalledFrom::Hidden }
}

/// What `/proc` says of a process and of those above it is the kernel's word, nothing that was mounted over it.
fn is_true_to_life(pid: i32) -> bool {
    let is_proc = statfs("/proc").is_ok_and(|found| found.filesystem_type() == PROC_SUPER_MAGIC);
    let Ok(device) = fs::metadata("/proc").map(|meta| meta.dev()) else { return false };
    let is_within = |path: &str| fs::metadata(path).is_ok_and(|meta| meta.dev() == device);
    is_proc
        && is_within(&format!("/proc/{pid}/ns"))
        && lineage(pid).iter().all(|process| is_within(&format!("/proc/{}/stat", process.identity.pid)))
}

/// The first namespace of processes has this number since Linux 3.8, that of users the next.
const FIRST_OF_PROCESSES: u64 = 0xEFFF_FFFC;
const FIRST_OF_USERS: u64 = 0xEFFF_FFFD;

/// All processes above this one can be seen: it is in the machine's own namespace, or in one that only the machine's
/// owner can have made, such as a container's. One that anybody may make (`unshare -Ur`) belongs to a namespace of users.
fn sees_all() -> bool {
    let own = Path::new("/proc/self/ns/pid");
    let Ok(found) = fs::metadata(own) else {
        // A kernel without namespaces hides nothing.
        return !own.is_symlink();
    };
    if found.ino() == FIRST_OF_PROCESSES {
        return true;
    }
    let owner = File::open(own).ok().and_then(|namespace| owner_of(&namespace)).and_then(|owner| owner.metadata().ok());
    owner.is_some_and(|owner| owner.ino() == FIRST_OF_USERS) && (own_uid() != 0 || !["self", "1"].iter().any(may_nest))
}

/// The namespace of users that owns a namespace; `None` if it is not to be seen from here.
fn owner_of(namespace: &File) -> Option<File> {
    use std::os::fd::{AsRawFd, FromRawFd};
    #[expect(unsafe_code, reason = "there is no safe call for a namespace's owner")]
    // SAFETY: the call takes a descriptor that is open and gives one that is nobody else's, or -1.
    unsafe {
        let raw = nix::libc::ioctl(namespace.as_raw_fd(), nix::libc::NS_GET_USERNS);
        (raw >= 0).then(|| File::from_raw_fd(raw))
    }
}

/// The process may make namespaces without one of users, or start somebody who may.
fn may_nest(pid: &&str) -> bool {
    /// `CAP_SYS_ADMIN`.
    const ADMIN: u32 = 21;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let bounds = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let bounds = bounds.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    bounds.is_none_or(|bounds| bounds >> ADMIN & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proc_tells_of_this_process_is_the_kernels_word() {
        assert!(is_true_to_life(std::process::id().cast_signed()));
        assert!(!is_true_to_life(i32::MAX));
    }
}
