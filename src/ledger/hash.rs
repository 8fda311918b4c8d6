//! The hash of a chain: how it is made, stored and read.

use std::fmt;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A SHA-256: of an entry and all before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What a chain starts from: its kind and whose it is, so that no chain passes for another.
    pub(super) fn seed(kind: &str, whose: &[u8]) -> Self {
        Self(Sha256::new().chain_update(kind).chain_update(b":").chain_update(whose).finalize().into())
    }

    /// What a run's chain starts from.
    pub(super) fn run_seed(run: &str) -> Self {
        Self::seed("govern.run/1", run.as_bytes())
    }

    /// What the ledger's chain starts from.
    pub(super) fn ledger_seed(id: &[u8]) -> Self {
        Self::seed("govern.ledger/1", id)
    }

    /// The hash of an entry that follows this one.
    pub(super) fn next(&self, data: &[u8]) -> Self {
        Self(Sha256::new().chain_update(self.0).chain_update(data).finalize().into())
    }

    /// What was hashed so far.
    pub(super) fn done(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }

    /// The hash of a text alone.
    pub(super) fn of(data: &[u8]) -> Self {
        Self(Sha256::digest(data).into())
    }
}

impl fmt::Display for Hash {
    /// In hex, as `audit head` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ToSql for Hash {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl FromSql for Hash {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| FromSqlError::InvalidBlobSize { expected_size: 32, blob_size: bytes.len() })
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        let digits = text.as_bytes().chunks(2).map(|pair| {
            std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.len() == 2)
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
        });
        if text.len() != 64 {
            return Err(serde::de::Error::custom("a hash has 64 hex digits"));
        }
        for (byte, digit) in bytes.iter_mut().zip(digits) {
            *byte = digit.ok_or_else(|| serde::de::Error::custom("a hash has hex digits only"))?;
        }
        Ok(Self(bytes))
    }
}
