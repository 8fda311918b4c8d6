//! The look at one moment of a ledger: what several questions are answered by, whoever writes meanwhile.

use rusqlite::Transaction;

use super::{Ledger, LedgerError};

/// As long as it lives all that is read of its ledger is as of one moment, and no question locks the file anew. What is
/// written meanwhile stays in the log that long: it is for looks, not for waits.
#[derive(Debug)]
pub struct Moment<'a> {
    _read: Transaction<'a>,
}

impl<'a> Moment<'a> {
    /// Holds the moment of what is read next.
    ///
    /// # Errors
    ///
    /// The ledger cannot be read.
    pub fn of(ledger: &'a Ledger) -> Result<Self, LedgerError> {
        Ok(Self { _read: ledger.conn.unchecked_transaction()? })
    }
}
