//! The watch over what SQLite keeps beside the ledger while it is open: the write-ahead log and its index. Whoever
//! removes, replaces, cuts or writes over one of them takes away what was written, and SQLite itself may notice only when
//! the last one closes: then it would copy what stands in the log into the database.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

/// Down to this size, in bytes, the log may be cut by SQLite itself when it begins anew (`journal_size_limit`).
pub(super) const LOG_LIMIT: u64 = 8_388_608;

/// The files, as they were after the last turn.
#[derive(Debug, Default)]
pub(super) struct Beside {
    log: Option<Seen>,
    index: Option<Seen>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    path: PathBuf,
    device: u64,
    inode: u64,
    size: u64,
}

impl Seen {
    fn at(path: PathBuf) -> io::Result<Self> {
        let found = std::fs::metadata(&path)?;
        Ok(Self { path, device: found.dev(), inode: found.ino(), size: found.len() })
    }

    /// It is another file by now, none, or shorter than this many bytes of it may be.
    fn is_cut(&self, least: u64) -> bool {
        let now = Self::at(self.path.clone());
        now.map_or(true, |now| (now.device, now.inode) != (self.device, self.inode) || now.size < self.size.min(least))
    }
}

impl Beside {
    /// Looks at them: they are as this connection has just left them.
    pub(super) fn note(&mut self, ledger: &Path) {
        let beside = |end: &str| Seen::at(ledger.with_extension(end)).ok();
        (self.log, self.index) = (beside("db-wal"), beside("db-shm"));
    }

    /// The log was written over from its beginning: it has not the number there by which SQLite knows a log, whoever of
    /// several has written it last. What stands in it is not to get into the database. (Nobody locks the log itself, so
    /// that it can be opened and closed beside SQLite, which the other files cannot.)
    fn written_over(&self) -> Option<PathBuf> {
        let log = self.log.as_ref()?;
        // A pipe in its place would be waited for.
        if std::fs::metadata(&log.path).is_ok_and(|found| !found.is_file()) {
            return Some(log.path.clone());
        }
        let mut number = [0; 4];
        let read = File::open(&log.path).and_then(|mut file| file.read_exact(&mut number));
        let is_log = matches!(number, [0x37, 0x7f, 0x06, 0x82 | 0x83]);
        // One that another has emptied begins with nothing.
        (read.is_ok() && !is_log).then(|| log.path.clone())
    }

    /// Which of them somebody has removed, replaced, cut or written over since. A log that somebody else has checkpointed
    /// to its end is empty and lacks nothing.
    pub(super) fn taken(&self, conn: &Connection) -> Option<PathBuf> {
        if let Some(index) = self.index.as_ref().filter(|index| index.is_cut(u64::MAX)) {
            return Some(index.path.clone());
        }
        if let Some(log) = self.written_over() {
            return Some(log);
        }
        let log = self.log.as_ref().filter(|log| log.is_cut(LOG_LIMIT))?;
        let frames = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(1));
        let is_there = Seen::at(log.path.clone()).is_ok_and(|now| now.inode == log.inode);
        (frames != Ok(0) || !is_there).then(|| log.path.clone())
    }
}
