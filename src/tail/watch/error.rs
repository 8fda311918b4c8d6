//! The session files: why they cannot be watched.

use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use notify::ErrorKind;

use super::Notice;

/// Why a folder cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// `ENOSPC` from inotify.
    #[error("cannot watch `{}`: all of this user's file watches are in use", path.display())]
    TooManyWatches {
        /// The folder that was one too many.
        path: PathBuf,
    },
    /// `EMFILE` or `ENFILE`.
    #[error("cannot watch session files: too many inotify instances or open files")]
    TooManyHandles,
    /// Anything else, such as a folder that may not be read.
    #[error("cannot watch `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// inotify itself is not there.
    #[error("cannot watch session files")]
    NoInotify(#[source] io::Error),
}

impl WatchError {
    /// What to do about it, if something can be.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::TooManyWatches { .. } => Some("raise the limit: `sudo sysctl fs.inotify.max_user_watches=524288`"),
            Self::TooManyHandles => {
                Some("raise the limits: `sudo sysctl fs.inotify.max_user_instances=512`, or `ulimit -n`")
            }
            Self::Folder { .. } | Self::NoInotify(_) => None,
        }
    }

    /// From opening inotify.
    pub(super) fn at_start(error: notify::Error) -> Self {
        match error.kind {
            ErrorKind::Io(error) if !is_out_of_handles(&error) => Self::NoInotify(error),
            _ => Self::TooManyHandles,
        }
    }

    /// From watching a folder.
    pub(super) fn of(error: notify::Error, path: &Path) -> Self {
        let path = path.to_owned();
        match error.kind {
            ErrorKind::MaxFilesWatch => Self::TooManyWatches { path },
            ErrorKind::Io(error) if is_out_of_handles(&error) => Self::TooManyHandles,
            ErrorKind::Io(source) => Self::Folder { path, source },
            ErrorKind::PathNotFound => Self::Folder { path, source: io::ErrorKind::NotFound.into() },
            ErrorKind::Generic(text) => Self::Folder { path, source: io::Error::other(text) },
            ErrorKind::WatchNotFound | ErrorKind::InvalidConfig(_) => {
                Self::Folder { path, source: io::ErrorKind::Other.into() }
            }
        }
    }

    /// The same of what is watched by another name.
    pub(super) fn about(self, path: &Path) -> Self {
        match self {
            Self::TooManyWatches { .. } => Self::TooManyWatches { path: path.to_owned() },
            Self::Folder { source, .. } => Self::Folder { path: path.to_owned(), source },
            Self::TooManyHandles | Self::NoInotify(_) => self,
        }
    }

    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Folder { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    pub(super) fn trouble(&self) -> Notice {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Notice::Trouble(match self.hint() {
            Some(hint) => format!("{text} (hint: {hint})"),
            None => text,
        })
    }
}

fn is_out_of_handles(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| code == Errno::EMFILE as i32 || code == Errno::ENFILE as i32)
}
