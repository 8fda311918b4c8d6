//! The question whether a file that a process writes can grow: what keeps it from that is not the writer's to tell. Codex
//! goes on without its session file (0.118 to 0.171).

use std::fs;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::libc;
use nix::sys::statvfs::{FsFlags, statvfs};

/// A line of a session may be as long as this, in bytes: where less is left, the next may be missing.
const ROOM: u64 = 64 * 1024;

/// What keeps this file from growing, which the process writes; `None`: nothing that can be seen.
pub fn cannot_grow(pid: i32, path: &Path) -> Option<String> {
    let size = fs::metadata(path).ok()?.len();
    if let Some(most) = largest_file(pid).filter(|most| size.saturating_add(ROOM) > *most) {
        return Some(format!("its Codex may write no file beyond {most} bytes"));
    }
    if is_immutable(path) {
        return Some("it was made immutable".to_owned());
    }
    let read_only = statvfs(path).is_ok_and(|system| system.flags().contains(FsFlags::ST_RDONLY));
    read_only.then(|| "its file system is mounted read-only".to_owned())
}

/// The largest file that a process may write, in bytes; `None`: there is no bound.
fn largest_file(pid: i32) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max file size"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Nobody may write it, whoever has it open (`chattr +i`).
fn is_immutable(path: &Path) -> bool {
    let Ok(path) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return false };
    let mut found = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: `path` ends with a zero, and the kernel writes no more than one `statx`, for which all zeros are a value.
    #[expect(unsafe_code, reason = "there is no safe call for a file's attributes")]
    let found = unsafe {
        if libc::statx(libc::AT_FDCWD, path.as_ptr(), 0, 0, found.as_mut_ptr()) != 0 {
            return false;
        }
        found.assume_init()
    };
    let immutable = u64::try_from(libc::STATX_ATTR_IMMUTABLE).unwrap_or_default();
    found.stx_attributes & found.stx_attributes_mask & immutable != 0
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a process to look at")]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_file_grows_until_its_writer_s_own_bound_is_near() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollout.jsonl");
        fs::write(&path, vec![b' '; 4096]).unwrap();
        for (bound, grows) in [("unlimited", true), ("100000", true), ("16", false)] {
            // In blocks of 512 or 1,024 bytes, as the shell has it.
            let script = format!("ulimit -f {bound}; exec sleep 60");
            let mut writer = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).spawn().unwrap();
            let pid = writer.id().cast_signed();
            let is_ready = || fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sleep");
            while !is_ready() {
                std::thread::yield_now();
            }
            assert_eq!(cannot_grow(pid, &path).is_none(), grows, "{bound}");
            writer.kill().unwrap();
            writer.wait().unwrap();
        }
        assert!(!is_immutable(&path) && !is_immutable(Path::new("/nonexistent")));
    }
}
