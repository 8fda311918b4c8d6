//! The look through the write-ahead log: whether its frames are still as their sums say.
//!
//! SQLite holds a frame against its sum only when it opens a log that a crash has left, not when it copies one into the
//! database: pages in the middle of a log that somebody writes over would spoil it. The format is that of
//! <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::Connection;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// Begins a log whose sums are of words with the highest byte first; one less, with the lowest.
const HIGHEST_FIRST: u32 = 0x377f_0683;
/// So often a log may be begun anew by others while it is looked through.
const MOST_TRIES: usize = 3;

/// Whether somebody has written over a frame of the log that this connection counts on. Reads the whole log, a
/// millisecond for some megabytes; of one with more than `most` frames nothing is said.
pub(super) fn is_damaged(conn: &Connection, log: &Path, most: usize) -> bool {
    for _ in 0..MOST_TRIES {
        let Ok(frames) = conn.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get::<_, i64>(1)) else {
            return false;
        };
        let frames = usize::try_from(frames).unwrap_or_default();
        if frames == 0 || frames > most {
            return false;
        }
        let Ok(mut file) = File::open(log) else { return false };
        let mut header = [0; HEADER];
        if file.read_exact(&mut header).is_err() || is_whole(&header, frames, &mut file) {
            return false;
        }
        // Another may have begun it anew meanwhile.
        let mut now = [0; HEADER];
        let is_the_same = File::open(log).and_then(|mut file| file.read_exact(&mut now)).is_ok() && now == header;
        if is_the_same {
            return true;
        }
    }
    false
}

/// The first so many frames behind the header are as their sums say.
fn is_whole(header: &[u8; HEADER], frames: usize, log: &mut impl Read) -> bool {
    let Some(mut sum) = Sum::of_header(header) else { return false };
    let salts = header.get(16..24);
    let mut frame = vec![0; FRAME_HEADER + page_size(header)];
    (0..frames).all(|_| {
        if log.read_exact(&mut frame).is_err() || frame.get(8..16) != salts {
            return false;
        }
        sum.add(frame.get(..8).unwrap_or_default());
        sum.add(frame.get(FRAME_HEADER..).unwrap_or_default());
        sum.is(frame.get(16..24).unwrap_or_default())
    })
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_be_bytes)
}

/// In bytes: at most 64 KiB, whatever the header says.
fn page_size(header: &[u8; HEADER]) -> usize {
    usize::try_from(word(header, 8)).unwrap_or_default().min(65_536)
}

/// The running sum of a log.
struct Sum {
    highest_first: bool,
    one: u32,
    two: u32,
}

impl Sum {
    /// The sum behind the header; `None` where the header itself is not as its sum says.
    fn of_header(header: &[u8; HEADER]) -> Option<Self> {
        let magic = word(header, 0);
        let mut sum = Self { highest_first: magic == HIGHEST_FIRST, one: 0, two: 0 };
        sum.add(header.get(..24)?);
        (magic | 1 == HIGHEST_FIRST && sum.is(header.get(24..)?)).then_some(sum)
    }

    fn add(&mut self, bytes: &[u8]) {
        let read = if self.highest_first { u32::from_be_bytes } else { u32::from_le_bytes };
        let (pairs, _) = bytes.as_chunks::<8>();
        for [a, b, c, d, e, f, g, h] in pairs {
            self.one = self.one.wrapping_add(read([*a, *b, *c, *d])).wrapping_add(self.two);
            self.two = self.two.wrapping_add(read([*e, *f, *g, *h])).wrapping_add(self.one);
        }
    }

    fn is(&self, stored: &[u8]) -> bool {
        (word(stored, 0), word(stored, 4)) == (self.one, self.two)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn a_log_that_sqlite_wrote_is_whole_and_one_with_any_byte_changed_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let conn = Connection::open(dir.path().join("x.db")).unwrap();
        conn.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t(a);
             INSERT INTO t VALUES (randomblob(9000)); INSERT INTO t VALUES (1); BEGIN; INSERT INTO t VALUES (2);",
        )
        .unwrap();
        let path = dir.path().join("x.db-wal");
        let damaged = || is_damaged(&conn, &path, usize::MAX);
        assert!(!damaged(), "what is not committed yet is not counted");
        conn.execute_batch("COMMIT").unwrap();
        assert!(!damaged());
        let file = File::options().read(true).write(true).open(&path).unwrap();
        for at in [4, 20, 40, 50, 60, 5_000, 9_000, file.metadata().unwrap().len() - 1] {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 1], at).unwrap();
            assert!(damaged(), "byte {at}");
            assert!(!is_damaged(&conn, &path, 1), "more frames than were asked about");
            file.write_all_at(&byte, at).unwrap();
            assert!(!damaged());
        }
        conn.execute_batch("PRAGMA wal_checkpoint(RESTART); INSERT INTO t VALUES (3)").unwrap();
        assert!(!damaged(), "begun anew, with older frames behind the new ones");
    }
}
