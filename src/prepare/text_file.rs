//! The reading of what people write for govern: policies, fleet files, price lists. What lies where one of them is
//! looked for may be anything.

use std::io::{Error as IoError, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use crate::error::Error;
use crate::process;

/// What is longer was not written by hand.
const MOST: u64 = 1024 * 1024;

/// Why a file is no text that can be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// The system says no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A link that leads nowhere stands on the way to it.
    #[error("`{0}` is a link that leads nowhere")]
    Dangling(String),
    /// It is a folder, a pipe, a device or a socket.
    #[error("not a regular file: it is {0}")]
    NotRegular(&'static str),
    /// It is longer than anybody would write.
    #[error("larger than 1 MiB")]
    TooLarge,
    /// It is no UTF-8.
    #[error("line {line} is not UTF-8: byte {byte} of the file is 0x{value:02x}")]
    NotUtf8 {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        byte: usize,
        /// What stands there.
        value: u8,
    },
}

impl Unreadable {
    /// The error of a verb that needs the file. `hint` says what follows, where nothing says better what to do.
    pub(crate) fn into_error(self, what: &str, path: &Path, hint: Option<&str>) -> Error {
        let error = Error::new(format!("{what} `{}` cannot be read", path.display())).caused_by(&self);
        match (self, hint) {
            (Self::NotUtf8 { .. }, _) => error.hint("save it as UTF-8"),
            (_, Some(hint)) => error.hint(hint),
            (_, None) => error,
        }
    }
}

/// Who said that the file is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// Somebody typed its path, which may be that of a pipe: `--policy <(…)`.
    Typed,
    /// It lies where such a file is looked for.
    Found,
}

/// Something stands at the path, whatever it is: only an entry that is not there is none.
///
/// # Errors
///
/// That cannot be told, or a link on the way leads nowhere.
pub(crate) fn is_there(path: &Path) -> Result<bool, Unreadable> {
    match path.symlink_metadata() {
        Ok(_) => return Ok(true),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        Err(_) => {}
    }
    // The folder may be a link to what is not there today, such as a disk that is not mounted.
    let nearest = path.ancestors().skip(1).find(|above| above.symlink_metadata().is_ok());
    match nearest.filter(|above| above.metadata().is_err()) {
        Some(link) => Err(Unreadable::Dangling(link.display().to_string())),
        None => Ok(false),
    }
}

/// The text of a regular file, or of a pipe that somebody typed.
///
/// # Errors
///
/// It is none of these, is not there, cannot be read, is larger than 1 MiB or no UTF-8.
pub(crate) fn read(path: &Path, named: Named) -> Result<String, Unreadable> {
    let may_be_pipe = named == Named::Typed && is_descriptor(path);
    let fits = |meta: &std::fs::Metadata| {
        let kind = meta.file_type();
        let what = if kind.is_file() || (may_be_pipe && kind.is_fifo()) {
            return Ok(());
        } else if kind.is_dir() {
            "a folder"
        } else if kind.is_fifo() {
            "a pipe"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a device"
        };
        Err(Unreadable::NotRegular(what))
    };
    // To open a device may do something already.
    let meta = path.metadata().map_err(|error| {
        let dangles = error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_ok();
        if dangles { Unreadable::Dangling(path.display().to_string()) } else { error.into() }
    })?;
    fits(&meta)?;
    let file = process::open_to_read(path)?;
    fits(&file.metadata()?)?;
    let bytes = process::read_at_most(&file, MOST + 1)?;
    if bytes.len() as u64 > MOST {
        return Err(Unreadable::TooLarge);
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = bytes.iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        Unreadable::NotUtf8 { line, byte: at + 1, value: bytes.get(at).copied().unwrap_or_default() }
    })
}

/// As a shell writes a process substitution, and as people write a descriptor.
fn is_descriptor(path: &Path) -> bool {
    let is_number = |name: &Path| name.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let of_folder = ["/dev/fd", "/proc/self/fd"].into_iter().find_map(|folder| path.strip_prefix(folder).ok());
    path == Path::new("/dev/stdin") || of_folder.is_some_and(is_number)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_an_entry_that_is_not_there_is_none() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        assert!(!is_there(&at("none")).unwrap());
        assert!(!is_there(&at("no-folder/none")).unwrap());
        symlink(at("gone"), at("link")).unwrap();
        assert!(is_there(&at("link")).unwrap());
        symlink(at("gone"), at("folder")).unwrap();
        let error = is_there(&at("folder/policy.toml")).unwrap_err();
        assert!(error.to_string().ends_with("/folder` is a link that leads nowhere"), "{error}");
        fs::write(at("file"), "").unwrap();
        assert!(is_there(&at("file/policy.toml")).is_err());
    }

    #[test]
    fn what_is_no_text_file_says_what_it_is() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        let told = |path: &Path| read(path, Named::Typed).unwrap_err().to_string();
        assert_eq!(told(temp.path()), "not a regular file: it is a folder");
        assert_eq!(told(Path::new("/dev/zero")), "not a regular file: it is a device");
        symlink(at("gone"), at("link")).unwrap();
        assert!(told(&at("link")).ends_with("/link` is a link that leads nowhere"));
        fs::write(at("latin"), b"a = 1\nb = \"gr\xfc\xdfe\"\n").unwrap();
        assert_eq!(told(&at("latin")), "line 2 is not UTF-8: byte 14 of the file is 0xfc");
        fs::write(at("large"), vec![b' '; 1024 * 1024 + 1]).unwrap();
        assert_eq!(told(&at("large")), "larger than 1 MiB");
    }

    #[test]
    fn a_chain_of_links_to_a_good_file_is_followed() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        fs::write(at("file"), "good").unwrap();
        symlink(at("file"), at("one")).unwrap();
        symlink(at("one"), at("two")).unwrap();
        assert_eq!(read(&at("two"), Named::Found).unwrap(), "good");
    }
}
