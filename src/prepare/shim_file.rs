//! A file that may be a shim, known by its beginning, and refused where govern would govern it twice.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::codex::Invocation;
use crate::error::{Error, Result};
use crate::exit::Exit;

/// By this line a shim is known from any other program.
pub(crate) const MARK: &str = "# Written by `govern shim`";
/// No shim is longer, in bytes: it has two paths and a few limits.
const LONGEST: u64 = 64 * 1024;

/// A command whose own Codex is a shim would be governed by two at once, each of which takes the other's hooks for a
/// breach: it is refused, with what to type. Behind a script, a shim is a run of its own, and both govern.
pub(crate) fn refuse(invocation: Option<&Invocation>, cwd: &Path, path: Option<&OsStr>) -> Result<()> {
    let Some(word) = invocation.and_then(|one| one.launcher().last()) else { return Ok(()) };
    let named = Path::new(word);
    let found = if named.components().count() > 1 || named.is_absolute() {
        Some(cwd.join(named))
    } else {
        let mut folders = path.into_iter().flat_map(std::env::split_paths);
        folders.find_map(|folder| Some(cwd.join(folder).join(named)).filter(|file| runs(file)))
    };
    let Some(shim) = found.filter(|file| is_shim(file)) else { return Ok(()) };
    let hint = match behind(&shim) {
        Some(codex) => format!("name the real one, and a limit of the shim's as `--budget`: `{}`", codex.display()),
        None => "name the real one".to_owned(),
    };
    Err(Error::new(format!("`{}` is a shim of govern's, which governs its Codex already", shim.display()))
        .hint(hint)
        .exit(Exit::Refused))
}

/// The Codex that a shim runs: the last word before its arguments.
pub(crate) fn behind(shim: &Path) -> Option<PathBuf> {
    let mut text = Vec::new();
    fs::File::open(shim).and_then(|file| file.take(LONGEST).read_to_end(&mut text)).ok()?;
    let text = String::from_utf8(text).ok()?;
    let line = text.lines().last()?.strip_suffix(" \"$@\"")?;
    let (_, word) = line.rsplit_once(" '--' ")?;
    Some(PathBuf::from(word.strip_prefix('\'')?.strip_suffix('\'')?.replace("'\\''", "'")))
}

/// It is a program.
pub(crate) fn runs(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// `govern shim` has written it.
pub(crate) fn is_shim(path: &Path) -> bool {
    let mut beginning = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(200).read_to_end(&mut beginning));
    read.is_ok() && beginning.windows(MARK.len()).any(|part| part == MARK.as_bytes())
}
