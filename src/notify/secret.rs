//! Owns secrets: read from where the policy says, kept in memory, shown nowhere.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::policy::notify::SecretSource;

/// Longer ones are something else.
const MOST_BYTES: u64 = 4_096;

/// What the keys of Standard Webhooks begin with.
const PREFIX: &str = "whsec_";

/// Why there is no secret. None of the texts repeats one.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("${name} is not set")]
    Unset {
        /// Which.
        name: String,
    },
    /// The file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is no key.
    #[error("{place} holds no `whsec_…` key of 24 to 64 bytes")]
    NoKey {
        /// Where it lies.
        place: String,
    },
}

/// A key that notices are signed with.
pub(super) struct Key(Vec<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// The key that lies there, as Standard Webhooks write it: `whsec_` and base64.
    pub(super) fn read(from: &SecretSource, env: impl Fn(&str) -> Option<OsString>) -> Result<Self, SecretError> {
        let text = text(from, env)?;
        let bytes = text.strip_prefix(PREFIX).and_then(|encoded| STANDARD.decode(encoded).ok());
        bytes
            .filter(|bytes| (24..=64).contains(&bytes.len()))
            .map(Self)
            .ok_or_else(|| SecretError::NoKey { place: from.to_string() })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn text(from: &SecretSource, env: impl Fn(&str) -> Option<OsString>) -> Result<String, SecretError> {
    match from {
        SecretSource::Env(name) => {
            let set = env(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty());
            set.ok_or_else(|| SecretError::Unset { name: name.clone() })
        }
        SecretSource::File(path) => {
            let mut text = String::new();
            let read = File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
            read.map_err(|source| SecretError::Unreadable { path: path.display().to_string(), source })?;
            Ok(text.trim_end_matches(['\n', '\r']).to_owned())
        }
    }
}
