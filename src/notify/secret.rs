//! Secrets: read from where the policy says, kept in memory, shown nowhere.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

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
    /// It is no token of that kind.
    #[error("{place} holds no `{prefix}…` token")]
    NoToken {
        /// Where it lies.
        place: String,
        /// What such a token begins with.
        prefix: &'static str,
    },
    /// There is nothing in it.
    #[error("{place} is empty")]
    Empty {
        /// Which.
        place: String,
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

/// What a service knows govern by.
pub(super) struct Token(HeaderValue);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// The token that lies there; those of this kind begin so.
    pub(super) fn read(
        from: &SecretSource,
        env: impl Fn(&str) -> Option<OsString>,
        prefix: &'static str,
    ) -> Result<Self, SecretError> {
        let text = text(from, env)?;
        let is_one = text.starts_with(prefix) && text.chars().all(|c| c.is_ascii_graphic());
        let header = HeaderValue::try_from(format!("Bearer {text}")).ok().filter(|_| is_one);
        let mut header = header.ok_or_else(|| SecretError::NoToken { place: from.to_string(), prefix })?;
        header.set_sensitive(true);
        Ok(Self(header))
    }

    /// As a request carries it.
    pub(super) fn bearer(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// What a mail server knows govern by.
pub(super) struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Password {
    /// The password that lies there.
    pub(super) fn read(from: &SecretSource, env: impl Fn(&str) -> Option<OsString>) -> Result<Self, SecretError> {
        let text = text(from, env)?;
        if text.is_empty() {
            return Err(SecretError::Empty { place: from.to_string() });
        }
        Ok(Self(text))
    }

    pub(super) fn text(&self) -> &str {
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
            let text =
                whole(path).map_err(|source| SecretError::Unreadable { path: path.display().to_string(), source })?;
            Ok(text.trim_end_matches(['\n', '\r']).to_owned())
        }
    }
}

/// A pipe in the file's place would be waited for, so it is refused.
fn whole(path: &Path) -> io::Result<String> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = String::new();
    File::open(path)?.take(MOST_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_where_it_lies_and_no_error_repeats_it() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("key");
        let good = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
        std::fs::write(&file, format!("{good}\n")).unwrap();
        let env = |name: &str| match name {
            "GOOD" => Some(OsString::from(good)),
            "SHORT" => Some(OsString::from("whsec_c2hvcnQ=")),
            "EMPTY" => Some(OsString::new()),
            _ => None,
        };
        let from_env = |name: &str| SecretSource::Env(name.to_owned());
        for source in [from_env("GOOD"), SecretSource::File(file.clone())] {
            assert_eq!(Key::read(&source, env).unwrap().bytes().len(), 32, "{source}");
        }
        for (source, said) in [
            (from_env("SHORT"), "holds no `whsec_"),
            (from_env("EMPTY"), "$EMPTY is not set"),
            (from_env("NONE"), "$NONE is not set"),
            (SecretSource::File(temp.path().join("gone")), "cannot be read"),
            (SecretSource::File("/dev/null".into()), "no regular file"),
        ] {
            let error = Key::read(&source, env).unwrap_err().to_string();
            assert!(error.contains(said) && !error.contains("c2hvcnQ"), "{source}: {error}");
        }
        assert_eq!(format!("{:?}", Key::read(&from_env("GOOD"), env).unwrap()), "Key(…)");
    }
}
