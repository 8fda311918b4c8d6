//! The watch on the ledger's files: that somebody has written into it, not what.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::state_folder::LEDGER_FILE;

/// Hears of each write, whoever's it is.
#[derive(Debug)]
pub struct FileWatch(Inotify);

impl FileWatch {
    /// Begins to listen in the ledger's folder, which is there.
    ///
    /// # Errors
    ///
    /// The user has no watch left, or the folder cannot be read.
    pub fn listen(folder: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC)?;
        let written = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
        inotify.add_watch(folder, written)?;
        Ok(Self(inotify))
    }

    /// Waits until somebody has written. Blocks: it is for a thread of its own.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn wait(&self) -> io::Result<()> {
        loop {
            match self.0.read_events() {
                // What was too much to be told has no name.
                Ok(events) if events.iter().any(|event| event.name.as_deref().is_none_or(is_ledgers)) => return Ok(()),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The database or its log; not what its readers share.
fn is_ledgers(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(LEDGER_FILE) && !name.ends_with("-shm"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;
    use crate::ledger::tests::testing::govern;

    #[test]
    fn a_write_is_heard() {
        let temp = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(temp.path()).unwrap();
        let heard = FileWatch::listen(temp.path()).unwrap();
        std::fs::write(temp.path().join("something else"), "x").unwrap();
        govern(&mut ledger, "k3f9x27m1a");
        heard.wait().unwrap();
        for (name, own) in [("ledger.db", true), ("ledger.db-wal", true), ("ledger.db-shm", false), ("run", false)] {
            assert_eq!(is_ledgers(OsStr::new(name)), own, "{name}");
        }
    }
}
