//! The session files: one that is held open, so that whatever becomes of its name, what is written to it is read.

use std::fs::{self, Metadata};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::model::FileId;

use super::cursor::{Cursor, Progress};
use super::fingerprint::Fingerprint;

/// What this process has open, as links to the files themselves. inotify follows them, too.
pub(super) const OWN_DESCRIPTORS: &str = "/proc/self/fd";

/// A session file that is open here. Which file it is, is settled when it is opened: a name may lead elsewhere later.
#[derive(Debug)]
pub struct Held {
    id: FileId,
    /// As it was called when it was opened.
    name: PathBuf,
    path: PathBuf,
    cursor: Cursor,
}

/// What has become of the name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// It leads to the file, or the file has another name now.
    Known,
    /// Another file has it.
    Replaced,
    /// Nothing has it that can be reached: it was removed, or something hides it, such as a mount.
    Lost,
}

/// What was done to a session file by somebody else than its writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alteration {
    /// It is shorter than it was, or was written over.
    Rewritten,
    /// Another file has its name.
    Replaced,
    /// It was removed, or something hides it.
    Lost,
    /// It has a line that Codex did not write.
    Foreign,
}

impl Alteration {
    /// Such as `was replaced by another file`.
    pub fn text(self) -> &'static str {
        match self {
            Self::Rewritten => "was cut or written over",
            Self::Replaced => "was replaced by another file",
            Self::Lost => "was removed or hidden",
            Self::Foreign => "was written to by another program",
        }
    }
}

impl Held {
    /// Opens the file that this path leads to at the moment.
    pub fn open(path: &Path) -> io::Result<Self> {
        let cursor = Cursor::open(path)?;
        let id = id_of(&cursor.file().metadata()?);
        Ok(Self { id, name: path.to_owned(), path: path.to_owned(), cursor })
    }

    /// Opens this file by `link`, such as `/proc/PID/fd/N`, a descriptor of its writer: it leads to what the writer has
    /// open whatever its name leads to, and from any mount namespace. `path` is its name as seen from here. A descriptor
    /// that was closed meanwhile may be another file, or a pipe: then it is not found.
    pub fn open_through(link: &Path, id: FileId, path: PathBuf) -> io::Result<Self> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let cursor = Cursor::open(link).map_err(|error| if file_at(link) == Some(id) { error } else { gone() })?;
        match id_of(&cursor.file().metadata()?) == id {
            true => Ok(Self { id, name: path.clone(), path, cursor }),
            false => Err(gone()),
        }
    }

    /// Which file it is.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// The last name that was known of it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// It had this name when it was opened, or has it now.
    pub fn is_called(&self, path: &Path) -> bool {
        self.name == path || self.path == path
    }

    /// What the file system says of it now.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.cursor.file().metadata()
    }

    /// What it is known by now.
    pub fn fingerprint(&self) -> io::Result<Fingerprint> {
        Fingerprint::of(self.id, self.cursor.file())
    }

    /// What was read then is still in it.
    pub fn holds(&self, read: &Fingerprint) -> io::Result<bool> {
        read.is_in(self.cursor.file())
    }

    /// As [`Cursor::rewind_if_rewritten`].
    pub fn rewind_if_rewritten(&mut self) -> io::Result<bool> {
        self.cursor.rewind_if_rewritten()
    }

    /// As [`Cursor::read`].
    pub fn read(&mut self, on_line: impl FnMut(u64, &[u8])) -> io::Result<Progress> {
        self.cursor.read(on_line)
    }

    /// Delivers the whole lines from this byte of a plain file on; says how far that was. The first may be the rest of one.
    pub fn read_from(&mut self, start: u64, on_line: impl FnMut(u64, &[u8])) -> io::Result<u64> {
        self.cursor.skip_to(start)?;
        self.cursor.read(on_line)?;
        Ok(self.cursor.position())
    }

    /// As [`Cursor::finish`].
    pub fn finish(&mut self, on_line: impl FnMut(u64, &[u8])) -> io::Result<Progress> {
        self.cursor.finish(on_line)
    }

    /// A link to the very file, for as long as this is held.
    pub fn own_link(&self) -> PathBuf {
        Path::new(OWN_DESCRIPTORS).join(self.cursor.file().as_raw_fd().to_string())
    }

    /// What has become of its name. One that was moved (by `codex archive`, or with its folder) is known by its new
    /// name from now on, unless another has the old one.
    pub fn whereabouts(&mut self) -> Whereabouts {
        match file_at(&self.name) {
            Some(named) if named == self.id => return Whereabouts::Known,
            Some(_) => return Whereabouts::Replaced,
            None if file_at(&self.path) == Some(self.id) => return Whereabouts::Known,
            None => {}
        }
        // The kernel knows what an open file is called now.
        match fs::read_link(self.own_link()) {
            Ok(moved) if file_at(&moved) == Some(self.id) => {
                self.path = moved;
                Whereabouts::Known
            }
            Ok(_) | Err(_) => Whereabouts::Lost,
        }
    }
}

/// The file that a path leads to; `None` where that cannot be told.
pub fn file_at(path: &Path) -> Option<FileId> {
    Some(id_of(&fs::metadata(path).ok()?))
}

fn id_of(meta: &Metadata) -> FileId {
    FileId { device: meta.dev(), inode: meta.ino() }
}

#[cfg(test)]
mod tests;
