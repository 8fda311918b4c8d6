//! The question whether session files can grow: the free space of the disk they lie on.

use std::path::Path;

use nix::sys::statvfs;
use nix::unistd::geteuid;

/// What a file system has left, in its own blocks.
#[derive(Clone, Copy, Debug)]
struct Left {
    /// For everybody.
    available: u64,
    /// With what is set aside for root.
    free: u64,
    /// All there are; file systems that don't count say 0.
    blocks: u64,
}

/// Whether this user can write nothing more to the disk that `folder` lies on. Codex goes on all
/// the same then, without a session file. One that is not there, or whose disk keeps no count, is not
/// full; a quota does not show.
pub fn is_full(folder: &Path) -> bool {
    statvfs::statvfs(folder).is_ok_and(|disk| {
        let left = Left { available: disk.blocks_available(), free: disk.blocks_free(), blocks: disk.blocks() };
        left.is_nothing(geteuid().is_root())
    })
}

impl Left {
    fn is_nothing(self, for_root: bool) -> bool {
        self.blocks > 0 && if for_root { self.free == 0 } else { self.available == 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_when_its_user_can_take_no_block() {
        let left = |available, free, blocks| Left { available, free, blocks };
        for (name, left, user, root) in [
            ("room for all", left(5, 10, 100), false, false),
            ("the last block", left(1, 1, 100), false, false),
            ("only what is set aside for root", left(0, 5, 100), true, false),
            ("nothing", left(0, 0, 100), true, true),
            ("no count", left(0, 0, 0), false, false),
        ] {
            assert_eq!((left.is_nothing(false), left.is_nothing(true)), (user, root), "{name}");
        }
    }

    #[test]
    fn the_disk_is_asked_and_not_the_folders_own_size() {
        // Every Linux has these: one that counts no blocks, and none at all.
        assert!(!is_full(Path::new("/proc")));
        assert!(!is_full(Path::new("/proc/no such folder")));
    }
}
