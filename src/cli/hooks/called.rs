//! A look at the program that installed hooks call: whether it is this govern, and who may put another in its place.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Place;
use super::file::ConfigFile;
use crate::codex::installed;
use crate::prepare::here::Here;
use crate::process;

/// The govern that a file's hooks call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Called {
    pub(in crate::cli) program: PathBuf,
    /// They are the machine's.
    pub(in crate::cli) managed: bool,
    /// It is there.
    pub(in crate::cli) is_there: bool,
    /// It is the one that looks.
    pub(in crate::cli) is_this: bool,
    pub(in crate::cli) replaced_by: ReplacedBy,
}

/// Who may put another program in the place of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum ReplacedBy {
    /// Root alone.
    Root,
    /// A user, and so an agent of his that no sandbox holds.
    User,
    /// An agent in Codex's sandbox as well, which may write to its working folder and to temporary folders.
    Sandboxed,
}

/// What the hooks of each file call that is there.
pub(in crate::cli) fn called(here: &Here<'_>) -> Vec<Called> {
    let own = process::own_program();
    let places = [Place::system(own.as_deref().unwrap_or(Path::new("/"))), Place::user(here)];
    let writable = [Some(here.cwd.clone()), Some(PathBuf::from("/tmp")), here.variable("TMPDIR").map(PathBuf::from)];
    let writable: Vec<PathBuf> = writable.into_iter().flatten().filter_map(|path| path.canonicalize().ok()).collect();
    let of = |place: &Place| {
        let file = ConfigFile::read(&place.path).ok()?;
        let standing = installed::standing(&file.text, place.trust()).ok()?;
        let program = PathBuf::from(standing.hooks.iter().find_map(installed::Found::program)?);
        let found = identity(&program);
        let is_this = found.is_some() && found == own.as_deref().and_then(identity);
        let replaced_by = replaced_by(&program, &writable);
        Some(Called { program, managed: place.managed, is_there: found.is_some(), is_this, replaced_by })
    };
    places.iter().flatten().filter_map(of).collect()
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = path.metadata().ok()?;
    Some((meta.dev(), meta.ino()))
}

/// By the owners and modes of the file and of all folders above it, by its name and where that leads.
fn replaced_by(program: &Path, writable: &[PathBuf]) -> ReplacedBy {
    let real = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    if writable.iter().any(|folder| folder.parent().is_some() && real.starts_with(folder)) {
        return ReplacedBy::Sandboxed;
    }
    let is_roots = |path: &Path| {
        // In a folder such as `/tmp` everybody may add, and nobody may replace what is another's.
        let sticky = |mode: u32| mode & 0o1000 != 0;
        path.symlink_metadata().is_ok_and(|meta| {
            let closed = meta.is_symlink() || meta.mode() & 0o022 == 0 || (meta.is_dir() && sticky(meta.mode()));
            meta.uid() == 0 && closed
        })
    };
    let all = program.ancestors().chain(real.ancestors()).all(is_roots);
    if all { ReplacedBy::Root } else { ReplacedBy::User }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_replace_a_program_is_told_by_where_it_lies() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().canonicalize().unwrap();
        let program = folder.join("bin/govern");
        std::fs::create_dir(folder.join("bin")).unwrap();
        std::fs::write(&program, "").unwrap();
        assert_eq!(replaced_by(&program, std::slice::from_ref(&folder)), ReplacedBy::Sandboxed);
        let link = folder.join("link");
        std::os::unix::fs::symlink(&program, &link).unwrap();
        assert_eq!(replaced_by(&link, &[folder.join("bin")]), ReplacedBy::Sandboxed, "where a link leads counts");
        assert_eq!(
            replaced_by(Path::new("/"), &[PathBuf::from("/")]),
            ReplacedBy::Root,
            "all of the machine is no sandbox"
        );
        // Everybody may write into this one.
        let mut mode = std::fs::metadata(&program).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o777);
        std::fs::set_permissions(&program, mode).unwrap();
        assert_eq!(replaced_by(&program, &[]), ReplacedBy::User);
    }
}
