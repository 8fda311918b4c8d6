//! Which file it is, whatever it is called.

use serde::{Deserialize, Serialize};

/// A file by its device and inode: the same under every name, in every folder and mount namespace that it can be reached
/// from, for as long as somebody has it open or a name leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileId {
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub inode: u64,
}
