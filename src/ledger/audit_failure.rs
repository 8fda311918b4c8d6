//! How an audit ends early.

use super::LedgerError;

/// Why an audit ended early.
pub(super) enum Stop {
    Broken { place: String, what: String },
    Failed(LedgerError),
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Corrupt { detail } => Self::Broken { place: "the database".to_owned(), what: detail },
            LedgerError::Unreadable { what } => Self::Broken { place: "the database".to_owned(), what },
            other => Self::Failed(other),
        }
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        LedgerError::from(error).into()
    }
}

pub(super) type Checked<T> = Result<T, Stop>;

pub(super) fn broken<T>(place: impl Into<String>, what: impl Into<String>) -> Checked<T> {
    Err(Stop::Broken { place: place.into(), what: what.into() })
}
