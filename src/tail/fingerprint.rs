//! The session files: what the part of a file that was read is known by, so that another process can read on.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::FileId;

use super::cursor::COMPARED;

/// How often a file is looked at that is cut in the same moment.
const TRIES: u32 = 3;

/// A file and its content up to a place. As with [`super::Cursor::rewind_if_rewritten`], the last bytes speak for all
/// before them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Which file.
    pub id: FileId,
    /// The place, in bytes from the beginning.
    pub size: u64,
    /// The SHA-256 of the last bytes before it, at most [`COMPARED`], in hexadecimal.
    last: String,
}

impl Fingerprint {
    /// Of a file as it is now.
    pub(super) fn of(id: FileId, file: &File) -> io::Result<Self> {
        let mut tries = 0;
        loop {
            let size = file.metadata()?.len();
            match digest(file, size) {
                Ok(last) => return Ok(Self { id, size, last }),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// What was read is still there, in whichever file.
    pub(super) fn is_in(&self, file: &File) -> io::Result<bool> {
        match digest(file, self.size) {
            Ok(last) => Ok(last == self.last),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Of the bytes before a place.
fn digest(file: &File, size: u64) -> io::Result<String> {
    let mut last = [0; COMPARED];
    let length = usize::try_from(size).map_or(COMPARED, |size| size.min(COMPARED));
    let last = last.get_mut(..length).unwrap_or_default();
    file.read_exact_at(last, size.saturating_sub(u64::try_from(length).unwrap_or(0)))?;
    Ok(Sha256::digest(last).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::tail::Held;

    #[test]
    fn a_file_that_only_grew_holds_what_was_read_and_one_that_was_written_over_does_not() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("rollout-a.jsonl");
        let text = "a line of a session\n".repeat(40);
        for (name, now, holds) in [
            ("as it was", text.clone(), true),
            ("longer", text.clone() + "more\n", true),
            ("cut", text[..700].to_owned(), false),
            ("empty", String::new(), false),
            ("cut and filled up past its old size", text[..700].to_owned() + &"another line\n".repeat(90), false),
            ("another end of the same length", text[..799].to_owned() + "!", false),
        ] {
            fs::write(&path, &text).unwrap();
            let before = Held::open(&path).unwrap().fingerprint().unwrap();
            let kept = serde_json::to_string(&before).unwrap();
            fs::write(&path, now).unwrap();
            let after = Held::open(&path).unwrap();
            assert_eq!(after.id(), before.id, "{name}: it is the same file");
            assert_eq!(after.holds(&serde_json::from_str(&kept).unwrap()).unwrap(), holds, "{name}");
        }
    }

    #[test]
    fn an_empty_file_holds_nothing_that_could_be_gone() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("rollout-a.jsonl");
        fs::write(&path, "").unwrap();
        let before = Held::open(&path).unwrap().fingerprint().unwrap();
        fs::write(&path, "begun\n").unwrap();
        assert!(Held::open(&path).unwrap().holds(&before).unwrap());
    }
}
