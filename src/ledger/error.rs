//! The names of what can go wrong with the ledger.

use std::path::PathBuf;

use rusqlite::ErrorCode;

use crate::error::Error;
use crate::model::{ApprovalId, ProcessIdentity, RunId};

/// Why the ledger could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Nothing has been recorded here yet.
    #[error("there is no ledger in `{folder}`")]
    NoLedger {
        /// Where one was looked for.
        folder: PathBuf,
    },
    /// A newer govern made it, or brought it up to date.
    #[error("the ledger has version {found}, this govern knows up to {known}")]
    TooNew {
        /// The ledger's version.
        found: i64,
        /// The newest version that this govern knows.
        known: i64,
    },
    /// The file holds something else.
    #[error("`{path}` is not a ledger of govern")]
    NotALedger {
        /// The file.
        path: PathBuf,
    },
    /// The folder or file cannot be made, opened or locked.
    #[error("cannot open the ledger `{path}`")]
    Unreachable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// SQLite finds its own structures damaged.
    #[error("the ledger is damaged: {detail}")]
    Corrupt {
        /// What SQLite said.
        detail: String,
    },
    /// No room is left; nothing of what was being written is there.
    #[error("the disk that holds the ledger is full")]
    Full,
    /// Another process kept the ledger for longer than a writer waits.
    #[error("the ledger is locked by another process")]
    Locked,
    /// The file, or one that SQLite keeps beside it, was removed, replaced, cut or written over while it was open: nobody
    /// else would read what is written.
    #[error("the ledger `{path}` was removed or replaced, cut or written over, while it was used")]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// Somebody has put something of their own into the database.
    #[error("the ledger {what}: what is written there may be changed or lost")]
    Strange {
        /// What, as a clause after "the ledger".
        what: String,
    },
    /// It can be read only.
    #[error("the ledger cannot be written")]
    ReadOnly,
    /// The disk failed.
    #[error("the ledger's disk fails: {detail}")]
    Disk {
        /// What SQLite said.
        detail: String,
    },
    /// A row that this version cannot make sense of.
    #[error("the ledger holds what cannot be read: {what}")]
    Unreadable {
        /// Which row, and why.
        what: String,
    },
    /// An event of a run that was never started here.
    #[error("run `{run}` was not started in this ledger")]
    NotStarted {
        /// The run.
        run: RunId,
    },
    /// What only a run may do was asked of a ledger that has none.
    #[error("no run was started with this ledger")]
    NoRun,
    /// The run has ended: its chain is closed.
    #[error("run `{run}` is sealed")]
    Sealed {
        /// The run.
        run: RunId,
    },
    /// Somebody else is about to go on with the run, or does.
    #[error("run `{run}` is going on already: process {} has it", by.pid)]
    Claimed {
        /// The run.
        run: RunId,
        /// Whose it is.
        by: ProcessIdentity,
    },
    /// No run's id begins so.
    #[error("there is no run `{prefix}`")]
    NoSuchRun {
        /// As it was asked for.
        prefix: String,
    },
    /// Several runs' ids begin so.
    #[error("several runs begin with `{prefix}`: {}", list(.candidates))]
    Ambiguous {
        /// As it was asked for.
        prefix: String,
        /// Some that fit, the newest first.
        candidates: Vec<RunId>,
    },
    /// No question has this number.
    #[error("there is no approval `{id}`")]
    NoSuchApproval {
        /// As it was asked for.
        id: ApprovalId,
    },
    /// SQLite says something else: a mistake of govern's own.
    #[error("the ledger's database refused")]
    Database(#[source] rusqlite::Error),
}

fn list(runs: &[RunId]) -> String {
    runs.iter().map(|run| format!("`{run}`")).collect::<Vec<_>>().join(", ")
}

impl LedgerError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoLedger { .. } => Some("a first `govern run -- …` makes one; `GOVERN_HOME` names its folder"),
            Self::TooNew { .. } => Some("update govern; an older one must not write here"),
            Self::NotALedger { .. } => Some("name another folder with `GOVERN_HOME`, or move the file away"),
            Self::Unreachable { .. } => Some("`GOVERN_HOME` names the folder; it must be yours and writable"),
            Self::Corrupt { .. } => Some("move `ledger.db` away with its `-wal` and `-shm` and restore a copy"),
            Self::Full => Some("free some space; what was recorded before is still there"),
            Self::Locked => Some("a stopped or hanging program holds `ledger.db`: `fuser` or `lsof` names it"),
            Self::Gone { .. } => Some("put the file back where it was, or start anew: a next run makes a new ledger"),
            Self::Strange { .. } => Some(
                "look who did it; `sqlite3 ledger.db` can drop it, and `govern audit verify` tells what it has changed",
            ),
            Self::ReadOnly => Some("check the owner and mode of `ledger.db` and its folder"),
            Self::Disk { .. } => Some("check the disk, its quota and how it is mounted"),
            Self::Unreadable { .. } => Some("`govern audit verify` tells whether the ledger was changed"),
            Self::NoSuchRun { .. } | Self::Ambiguous { .. } => Some("`govern runs` lists them"),
            Self::Claimed { .. } => {
                Some("nothing was changed: `govern status` shows what runs, `govern stop RUN` ends it")
            }
            Self::NoSuchApproval { .. } => Some("`govern approvals` lists them"),
            Self::NotStarted { .. } | Self::NoRun | Self::Sealed { .. } | Self::Database(_) => None,
        }
    }

    /// What was read cannot be understood.
    pub fn unreadable(what: impl Into<String>) -> Self {
        Self::Unreadable { what: what.into() }
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        match &error {
            rusqlite::Error::SqliteFailure(failure, detail) => {
                let detail = detail.clone().unwrap_or_else(|| failure.to_string());
                match failure.code {
                    ErrorCode::DiskFull => Self::Full,
                    ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
                        Self::Locked
                    }
                    ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Self::ReadOnly,
                    ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Corrupt { detail },
                    ErrorCode::SystemIoFailure => Self::Disk { detail },
                    _ => Self::Database(error),
                }
            }
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => Self::Unreadable { what: error.to_string() },
            _ => Self::Database(error),
        }
    }
}

impl From<LedgerError> for Error {
    /// As a person reads it: message, causes, hint.
    fn from(error: LedgerError) -> Self {
        let mut told = Self::new(error.to_string());
        if let Some(source) = std::error::Error::source(&error) {
            told = told.caused_by(source);
        }
        match error.hint() {
            Some(hint) => told.hint(hint),
            None => told,
        }
    }
}
