//! The session files: their bytes as whole lines, each once, however they were written.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use memchr::memchr;
use nix::fcntl::OFlag;

/// Longer lines are skipped and counted, 64 MiB: the largest that Codex is known to write are some tens of megabytes.
pub const LONGEST_LINE: usize = 64 << 20;

const CHUNK: usize = 64 << 10;

/// How much of what was read last must still be there when more is read, in bytes.
pub(super) const COMPARED: usize = 256;

/// What a [`Cursor::read`] met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Lines delivered.
    pub lines: u64,
    /// Lines skipped because they are longer than [`LONGEST_LINE`].
    pub too_long: u64,
}

/// A place in a growing file that is open.
///
/// It goes on with that file, whatever becomes of its name.
#[derive(Debug)]
pub struct Cursor {
    file: File,
    form: Form,
    lines: Lines,
}

/// How a file's lines are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    /// Nobody appends to a compressed file: it is read once.
    Compressed {
        read: bool,
    },
}

impl Cursor {
    /// Opens a session file at its beginning; one whose name ends in `.zst` is decompressed.
    pub fn open(path: &Path) -> io::Result<Self> {
        let compressed = path.extension().is_some_and(|end| end == "zst");
        let form = if compressed { Form::Compressed { read: false } } else { Form::Plain };
        Ok(Self { file: open_file(path)?, form, lines: Lines::new(LONGEST_LINE) })
    }

    /// What it reads from.
    pub(super) fn file(&self) -> &File {
        &self.file
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
        match self.form {
            Form::Plain => self.lines.take_all(&mut self.file, &mut on_line, &mut progress)?,
            Form::Compressed { read: true } => {}
            Form::Compressed { read: false } => {
                let most = most_decompressed(self.file.metadata()?.len());
                let mut text = Bounded { inner: zstd::Decoder::new(&self.file)?, left: most };
                self.lines.take_all(&mut text, &mut on_line, &mut progress)?;
                self.form = Form::Compressed { read: true };
            }
        }
        Ok(progress)
    }

    /// Goes on from this byte of a plain file, whatever was read before.
    pub(super) fn skip_to(&mut self, start: u64) -> io::Result<()> {
        if self.form == Form::Plain {
            self.file.seek(SeekFrom::Start(start))?;
            self.lines = Lines { end: start, ..Lines::new(self.lines.longest) };
        }
        Ok(())
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

    /// Begins anew with a file that was cut or written over: it is shorter than it was, or no longer holds what was read
    /// last. Says whether it was. What is written over before that, and put back, is not noticed.
    pub fn rewind_if_rewritten(&mut self) -> io::Result<bool> {
        if self.form != Form::Plain || self.holds_what_was_read()? {
            return Ok(false);
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.lines = Lines::new(self.lines.longest);
        Ok(true)
    }

    /// The end of what was read is where it was.
    fn holds_what_was_read(&self) -> io::Result<bool> {
        let last = self.lines.last.as_slice();
        let mut now = [0; COMPARED];
        let Some(now) = now.get_mut(..last.len()) else { return Ok(false) };
        match self.file.read_exact_at(now, self.lines.end - as_u64(last.len())) {
            Ok(()) => Ok(now == last),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// How much a compressed file of this size may come to: sessions are compressed to a tenth or so, and a small one that
/// repeats itself to much less. What a few kilobytes could come to would keep govern busy for hours.
fn most_decompressed(size: u64) -> u64 {
    size.saturating_mul(200).saturating_add(64 << 20)
}

/// A reader that fails where more comes than there may be.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.left = self.left.checked_sub(as_u64(read)).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "it comes to more than any session does that is compressed so small",
            )
        })?;
        Ok(read)
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
    /// The last of them, at most [`COMPARED`].
    last: Vec<u8>,
    /// The line that is not yet complete.
    open: Vec<u8>,
    /// The rest of a line is dropped: it is too long, or was delivered already.
    dropping: bool,
}

impl Lines {
    fn new(longest: usize) -> Self {
        Self { longest, end: 0, last: Vec::new(), open: Vec::new(), dropping: false }
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
        self.remember(bytes);
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

    /// Keeps the last bytes.
    fn remember(&mut self, bytes: &[u8]) {
        let kept = bytes.get(bytes.len().saturating_sub(COMPARED)..).unwrap_or(bytes);
        let surplus = (self.last.len() + kept.len()).saturating_sub(COMPARED);
        self.last.drain(..surplus.min(self.last.len()));
        self.last.extend_from_slice(kept);
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
