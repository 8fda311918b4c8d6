//! The state folder: where the ledger and the sockets lie, and that they are private.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::LedgerError;
use crate::model::RunId;

/// The ledger's file within the state folder.
pub const LEDGER_FILE: &str = "ledger.db";

/// `$GOVERN_HOME`, else `$XDG_STATE_HOME/govern`, else `$HOME/.local/state/govern`. Empty variables count as unset;
/// so does a relative `XDG_STATE_HOME` (XDG base directories, "should consider the path invalid and ignore it").
pub fn state_home(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("GOVERN_HOME")
        .or_else(|| set("XDG_STATE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("govern")))
        .or_else(|| set("HOME").map(|home| home.join(".local/state/govern")))
}

/// Makes the state folder where it is missing, readable by its owner alone. A folder that is there keeps its mode:
/// `GOVERN_HOME` may name one that others need.
pub fn prepare(dir: &Path) -> Result<(), LedgerError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|source| unreachable_file(dir, source))
}

/// Where the sockets of this state folder lie, whether it is there or not.
pub fn sockets(dir: &Path) -> PathBuf {
    dir.join("run")
}

/// The folder for sockets, made where it is missing and kept to its owner. What a link leads to is not ours to close.
///
/// # Errors
///
/// Also if a link is in its place that leads to a folder which others may enter.
pub fn socket_folder(dir: &Path) -> Result<PathBuf, LedgerError> {
    prepare(dir)?;
    let path = sockets(dir);
    prepare(&path)?;
    close(&path, 0o700).map_err(|source| unreachable_file(&path, source))?;
    Ok(path)
}

/// The folder for what a run's agents write, made where it is missing and kept to its owner.
pub fn output_folder(dir: &Path, run: &RunId) -> Result<PathBuf, LedgerError> {
    let path = dir.join("runs").join(run.as_str());
    prepare(&path)?;
    Ok(path)
}

/// Makes the ledger's file where it is missing; one that others may read is closed to them. SQLite gives `-wal` and
/// `-shm` the same mode. A file that is there is not opened: closing it would drop the locks that this process holds
/// on it (POSIX record locks belong to the process, not to the file descriptor).
pub(super) fn private_file(path: &Path) -> Result<(), LedgerError> {
    let make = || -> io::Result<()> {
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        // Another's file in a shared folder, and what a link leads to: being allowed to write it is enough.
        let _ = close(path, 0o600);
        match std::fs::metadata(path)?.is_file() {
            true => Ok(()),
            false => Err(io::Error::other("something that is no file stands in its place: remove it")),
        }
    };
    make().map_err(|source| unreachable_file(path, source))
}

/// Keeps from others what is open to them.
fn close(path: &Path, mode: u32) -> io::Result<()> {
    if std::fs::metadata(path)?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    if std::fs::symlink_metadata(path)?.is_symlink() {
        return Err(io::Error::other("it is a link, and others may use what it leads to"));
    }
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Waits until no other process creates or migrates the ledger, and keeps others waiting until it is dropped.
pub(super) fn creation_lock(dir: &Path) -> Result<File, LedgerError> {
    let path = dir.join("ledger.lock");
    let lock = || -> io::Result<File> {
        // To read as well: a pipe in its place is opened so without waiting for somebody at its other end (fifo(7)).
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("something that is no file stands in its place: remove it"));
        }
        file.lock()?;
        Ok(file)
    };
    lock().map_err(|source| unreachable_file(&path, source))
}

fn unreachable_file(path: &Path, source: io::Error) -> LedgerError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LedgerError::Full,
        _ => LedgerError::Unreachable { path: path.to_owned(), source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_state_folder_follows_the_environment() {
        // GOVERN_HOME, XDG_STATE_HOME, HOME
        let cases = [
            (["/g", "/x", "/h"], Some("/g")),
            (["-", "/x", "/h"], Some("/x/govern")),
            (["-", "relative", "/h"], Some("/h/.local/state/govern")),
            (["", "", "/h"], Some("/h/.local/state/govern")),
            (["-", "-", "/h"], Some("/h/.local/state/govern")),
            (["-", "-", ""], None),
            (["-", "-", "-"], None),
        ];
        for (values, expected) in cases {
            let env = |name: &str| {
                let names = ["GOVERN_HOME", "XDG_STATE_HOME", "HOME"];
                let value = names.iter().zip(values).find(|(known, _)| **known == name).map(|(_, value)| value)?;
                (value != "-").then(|| value.into())
            };
            assert_eq!(state_home(env), expected.map(PathBuf::from), "{values:?}");
        }
    }

    #[test]
    fn what_is_made_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("a/b");
        let sockets = socket_folder(&home).unwrap();
        private_file(&home.join(LEDGER_FILE)).unwrap();
        assert_eq!((mode(&home), mode(&sockets), mode(&home.join(LEDGER_FILE))), (0o700, 0o700, 0o600));
    }

    #[test]
    fn a_file_that_others_may_read_is_closed_and_a_folder_that_is_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        let path = dir.path().join(LEDGER_FILE);
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        prepare(dir.path()).unwrap();
        private_file(&path).unwrap();
        assert_eq!((mode(dir.path()), mode(&path)), (0o755, 0o600));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes a pipe")]
    fn what_is_no_file_is_refused_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["ledger.lock", LEDGER_FILE] {
            let path = dir.path().join(name);
            let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
            assert!(made.success());
            let error = if name == LEDGER_FILE {
                private_file(&path).unwrap_err()
            } else {
                creation_lock(dir.path()).map(drop).unwrap_err()
            };
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("no file stands in its place"), "{name}: {source}");
        }
    }

    #[test]
    fn what_a_link_leads_to_keeps_its_mode_and_takes_sockets_only_if_it_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let [file, folder] = ["file", "folder"].map(|name| dir.path().join(name));
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        DirBuilder::new().mode(0o755).create(&folder).unwrap();
        let home = dir.path().join("home");
        prepare(&home).unwrap();
        std::os::unix::fs::symlink(&file, home.join(LEDGER_FILE)).unwrap();
        std::os::unix::fs::symlink(&folder, home.join("run")).unwrap();
        private_file(&home.join(LEDGER_FILE)).unwrap();
        assert!(socket_folder(&home).is_err());
        assert_eq!((mode(&file), mode(&folder)), (0o644, 0o755));
        std::fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        assert!(socket_folder(&home).is_ok());
    }
}
