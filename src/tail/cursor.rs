//! Owns the session files: their bytes as whole lines, each once, however they were written.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use memchr::memchr;
use nix::fcntl::OFlag;

/// Longer lines are skipped and counted, 64 MiB: the largest that Codex is known to write are some tens of megabytes.
pub const LONGEST_LINE: usize = 64 << 20;

const CHUNK: usize = 64 << 10;

/// What a [`Cursor::read`] met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Lines delivered.
    pub lines: u64,
    /// Lines skipped because they are longer than [`LONGEST_LINE`].
    pub too_long: u64,
    /// The file shrank or was replaced: what was delivered starts at its beginning again.
    pub rewound: bool,
}

/// A place in a growing file.
///
/// A file that is moved away or deleted can be read to its end. What is overwritten in place, at
/// the same length, goes unnoticed: Codex only appends.
#[derive(Debug)]
pub struct Cursor {
    path: PathBuf,
    file: File,
    /// Compressed files are not appended to; this one as it was when last read.
    compressed: Option<Option<Stamp>>,
    lines: Lines,
}

/// Tells a compressed file from its next version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self { device: meta.dev(), inode: meta.ino(), size: meta.len(), modified: meta.modified().ok() }
    }
}

impl Cursor {
    /// Opens a session file at its beginning; one whose name ends in `.zst` is decompressed.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: open_file(path)?,
            compressed: path.extension().is_some_and(|end| end == "zst").then_some(None),
            lines: Lines::new(LONGEST_LINE),
        })
    }

    /// The file's path, as given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The size of the open file in bytes, as stored: of a compressed file, not of its lines.
    pub fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// How far whole lines were delivered, in uncompressed bytes.
    pub fn position(&self) -> u64 {
        self.lines.end - as_u64(self.lines.open.len())
    }

    /// Delivers all complete lines that are there and were not delivered before: `on_line` gets
    /// the byte offset of the line's start (in uncompressed bytes) and the line without its line feed. A
    /// torn last line is kept for later. Empty lines are passed over.
    pub fn read(&mut self, mut on_line: impl FnMut(u64, &[u8])) -> io::Result<Progress> {
        let mut progress = Progress::default();
        match self.compressed {
            Some(last) => self.read_compressed(last, &mut on_line, &mut progress)?,
            None => self.read_plain(&mut on_line, &mut progress)?,
        }
        Ok(progress)
    }

    /// The start and the bytes of a last line that is not complete yet.
    pub fn rest(&self) -> Option<(u64, &[u8])> {
        (!self.lines.open.is_empty()).then(|| (self.position(), self.lines.open.as_slice()))
    }

    /// As [`Cursor::read`], and then delivers a last line that has no line feed: nobody will
    /// write it any more. Should somebody do so all the same, the rest of it is dropped.
    pub fn finish(&mut self, mut on_line: impl FnMut(u64, &[u8])) -> io::Result<Progress> {
        let mut progress = self.read(&mut on_line)?;
        self.lines.flush(&mut on_line, &mut progress);
        Ok(progress)
    }

    fn read_plain(&mut self, on_line: &mut impl FnMut(u64, &[u8]), progress: &mut Progress) -> io::Result<()> {
        let open = self.file.metadata()?;
        let replaced = match fs::metadata(&self.path) {
            Ok(now) => (now.dev(), now.ino()) != (open.dev(), open.ino()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if replaced {
            self.file = open_file(&self.path)?;
        }
        if replaced || open.len() < self.lines.end {
            self.file.seek(SeekFrom::Start(0))?;
            self.lines.rewind();
            progress.rewound = true;
        }
        self.lines.take_all(&mut self.file, on_line, progress)
    }

    fn read_compressed(
        &mut self,
        last: Option<Stamp>,
        on_line: &mut impl FnMut(u64, &[u8]),
        progress: &mut Progress,
    ) -> io::Result<()> {
        let stamp = match fs::metadata(&self.path) {
            Ok(meta) => Stamp::of(&meta),
            Err(error) if error.kind() == io::ErrorKind::NotFound && last.is_some() => return Ok(()),
            Err(error) => return Err(error),
        };
        if last == Some(stamp) {
            return Ok(());
        }
        self.file = open_file(&self.path)?;
        if last.is_some() {
            self.lines.rewind();
            progress.rewound = true;
        }
        self.compressed = Some(Some(stamp));
        let mut bytes = zstd::Decoder::new(&self.file)?;
        self.lines.take_all(&mut bytes, on_line, progress)
    }
}

/// Opens a file to read it. A pipe, socket or device of such a name is refused: it may never answer, or never end.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    // Else a pipe would wait here for somebody to write.
    let file = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    match file.metadata()?.file_type() {
        kind if kind.is_file() => Ok(file),
        kind if kind.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
    }
}

/// Bytes become lines. Holds at most one line that is not yet complete.
#[derive(Debug)]
struct Lines {
    longest: usize,
    /// Bytes taken so far.
    end: u64,
    /// The line that is not yet complete.
    open: Vec<u8>,
    /// The rest of a line is dropped: it is too long, or was delivered already.
    dropping: bool,
}

impl Lines {
    fn new(longest: usize) -> Self {
        Self { longest, end: 0, open: Vec::new(), dropping: false }
    }

    fn rewind(&mut self) {
        *self = Self::new(self.longest);
    }

    fn take_all(
        &mut self,
        from: &mut impl Read,
        on_line: &mut impl FnMut(u64, &[u8]),
        progress: &mut Progress,
    ) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let taken = match from.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(taken) => taken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.take(chunk.get(..taken).unwrap_or_default(), on_line, progress);
        }
    }

    fn take(&mut self, mut bytes: &[u8], on_line: &mut impl FnMut(u64, &[u8]), progress: &mut Progress) {
        while let Some((line, rest)) = memchr(b'\n', bytes).and_then(|end| bytes.split_at_checked(end)) {
            let start = self.end;
            if self.dropping {
                self.dropping = false;
            } else if self.open.len() + line.len() > self.longest {
                progress.too_long += 1;
                self.open = Vec::new();
            } else if self.open.is_empty() {
                deliver(start, line, on_line, progress);
            } else {
                self.open.extend_from_slice(line);
                deliver(start - self.open_start(line), &self.open, on_line, progress);
                self.close();
            }
            self.end += as_u64(line.len()) + 1;
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.end += as_u64(bytes.len());
        if !self.dropping {
            self.open.extend_from_slice(bytes);
            if self.open.len() > self.longest {
                progress.too_long += 1;
                self.open = Vec::new();
                self.dropping = true;
            }
        }
    }

    /// How far before its last part the open line started.
    fn open_start(&self, last_part: &[u8]) -> u64 {
        as_u64(self.open.len() - last_part.len())
    }

    fn flush(&mut self, on_line: &mut impl FnMut(u64, &[u8]), progress: &mut Progress) {
        if !self.open.is_empty() {
            deliver(self.end - as_u64(self.open.len()), &self.open, on_line, progress);
            self.close();
            self.dropping = true;
        }
    }

    /// One huge line must not hold its memory for good.
    fn close(&mut self) {
        self.open.clear();
        self.open.shrink_to(4 * CHUNK);
    }
}

fn deliver(start: u64, line: &[u8], on_line: &mut impl FnMut(u64, &[u8]), progress: &mut Progress) {
    if !line.is_empty() {
        progress.lines += 1;
        on_line(start, line);
    }
}

fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
