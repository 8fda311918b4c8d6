//! Files that hold a key or a token: read where nobody else can, and shown nowhere.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Error, Result};
use crate::process;

/// Longer ones are something else.
const MOST_BYTES: u64 = 4_096;

/// A key, or a token.
pub(super) struct Key(String);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// As a request carries it.
    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

/// Reads it, where nobody but its owner can. `what` it is, as messages call it.
pub(super) fn read(path: &Path, what: &str) -> Result<Key> {
    let shown = path.display();
    let failed = |error: std::io::Error| Error::new(format!("the {what} `{shown}` cannot be read")).caused_by(&error);
    // A pipe in the file's place would be waited for.
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Error::new(format!("the {what} `{shown}` is no regular file")));
    }
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.mode() & 0o077 != 0 {
        return Err(Error::new(format!("the {what} `{shown}` can be read by others"))
            .hint(format!("`chmod 600 {shown}`, and make a new one if others may have seen it")));
    }
    let owner = metadata.uid();
    if owner != 0 && owner != process::own_uid() {
        return Err(Error::new(format!("the {what} `{shown}` is another user's file"))
            .hint("whoever can write it could have another one asked with: keep one of your own"));
    }
    let mut text = String::new();
    file.by_ref().take(MOST_BYTES).read_to_string(&mut text).map_err(failed)?;
    let text = text.trim();
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(Error::new(format!("`{shown}` holds no {what}")).hint("it holds that alone, on one line"));
    }
    Ok(Key(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_read_where_nobody_else_can_and_no_error_repeats_it() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str, mode: u32| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let good = read(&put("good", "sk-admin-x\n", 0o600), "admin key").unwrap();
        assert_eq!((good.bearer().as_str(), format!("{good:?}").as_str()), ("Bearer sk-admin-x", "Key(…)"));
        for (path, said) in [
            (put("group", "sk-admin-x", 0o640), "can be read by others"),
            (put("all", "sk-admin-x", 0o604), "can be read by others"),
            (put("empty", "\n", 0o600), "holds no admin key"),
            (put("two", "sk-admin-x\nsk-admin-y", 0o600), "holds no admin key"),
            (folder.path().join("gone"), "cannot be read"),
            (folder.path().to_owned(), "no regular file"),
        ] {
            let error = read(&path, "admin key").unwrap_err().to_string();
            assert!(error.contains(said) && !error.contains("sk-admin"), "{error}");
        }
    }
}
