//! A configuration file of Codex's: read, and replaced as a whole.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A file longer than this is none of Codex's.
const MAX: u64 = 4 * 1024 * 1024;

/// A configuration file as it was when it was read.
pub(super) struct ConfigFile {
    /// What a link at its place leads to.
    pub(super) real: PathBuf,
    /// Empty where there is none.
    pub(super) text: String,
    /// `None` where there is none.
    found: Option<fs::Metadata>,
}

impl ConfigFile {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let unreadable =
            |error: &io::Error| Error::new(format!("`{}` cannot be read", path.display())).caused_by(error);
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { real: path.to_owned(), text: String::new(), found: None });
            }
            Err(error) => return Err(unreadable(&error)),
        };
        let found = fs::metadata(&real).map_err(|error| unreadable(&error))?;
        // A pipe would be waited for.
        if !found.is_file() {
            return Err(Error::new(format!("`{}` is not a file", path.display())));
        }
        if found.len() > MAX {
            return Err(Error::new(format!("`{}` is larger than 4 MiB", path.display())));
        }
        let text = fs::read_to_string(&real).map_err(|error| unreadable(&error))?;
        Ok(Self { real, text, found: Some(found) })
    }

    /// There is none.
    pub(super) fn is_missing(&self) -> bool {
        self.found.is_none()
    }

    /// Takes it away, unless somebody has changed it since.
    pub(super) fn remove(&self) -> Result<()> {
        self.is_as_it_was()?;
        fs::remove_file(&self.real)
            .map_err(|error| Error::new(format!("`{}` cannot be removed", self.real.display())).caused_by(&error))
    }

    /// Puts another text in its place, at once and with its rights; unless somebody has changed it since.
    pub(super) fn replace(&self, after: &str) -> Result<()> {
        self.is_as_it_was()?;
        self.write(after).map_err(|error| self.not_written(&error))
    }

    fn is_as_it_was(&self) -> Result<()> {
        let now = match fs::read_to_string(&self.real) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(self.not_written(&error)),
        };
        if now != self.text {
            return Err(Error::new(format!("`{}` was changed by somebody else meanwhile", self.real.display()))
                .hint("look at it, then try again"));
        }
        Ok(())
    }

    fn not_written(&self, error: &io::Error) -> Error {
        Error::new(format!("`{}` cannot be written", self.real.display())).caused_by(error)
    }

    fn write(&self, after: &str) -> io::Result<()> {
        let folder = self.real.parent().unwrap_or(Path::new("/"));
        if self.found.is_none() {
            fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
        }
        let mode = self.found.as_ref().map_or_else(|| new_mode(&self.real), |found| found.permissions().mode());
        let name = self.real.file_name().unwrap_or_default().to_string_lossy();
        let beside = folder.join(format!(".{name}.govern-{}", std::process::id()));
        let written = (|| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
            file.write_all(after.as_bytes())?;
            if let Some(found) = &self.found {
                // Root may edit another's file, which stays theirs.
                let own = file.metadata()?;
                if (own.uid(), own.gid()) != (found.uid(), found.gid()) {
                    std::os::unix::fs::fchown(&file, Some(found.uid()), Some(found.gid()))?;
                }
            }
            file.set_permissions(fs::Permissions::from_mode(mode & 0o7777))?;
            file.sync_all()?;
            fs::rename(&beside, &self.real)
        })();
        if written.is_err() {
            let _not_there = fs::remove_file(&beside);
        }
        written
    }
}

/// The machine's file is for every user to read; a user's own may hold secrets.
fn new_mode(path: &Path) -> u32 {
    if path.starts_with("/etc") { 0o644 } else { 0o600 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_behind_its_link_and_keeps_its_rights() {
        let temp = tempfile::tempdir().unwrap();
        let (real, link) = (temp.path().join("real.toml"), temp.path().join("config.toml"));
        fs::write(&real, "a = 1\n").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        ConfigFile::read(&link).unwrap().replace("b = 2\n").unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), "b = 2\n");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 2, "nothing is left beside it");
    }

    #[test]
    fn what_somebody_else_wrote_meanwhile_is_not_lost() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("config.toml");
        let read = ConfigFile::read(&path).unwrap();
        fs::write(&path, "his = 1\n").unwrap();
        let error = read.replace("ours = 1\n").unwrap_err();
        assert!(error.to_string().contains("somebody else"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "his = 1\n");
    }

    #[test]
    fn a_new_file_is_its_owners_alone() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("config.toml");
        ConfigFile::read(&path).unwrap().replace("a = 1\n").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
