//! The file that node_exporter's textfile collector reads.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use super::gather;
use crate::cli::{here, to_stderr};
use crate::error::{Error, Result};
use crate::process::AskedToEnd;

/// What the collector reads.
const NAME: &str = "govern.prom";

/// Others read it: the collector is another user.
const MODE: u32 = 0o644;

/// Replaces the file as a whole: who reads meanwhile has the old one, never a part.
pub(super) fn write(folder: &Path, text: &str) -> Result<()> {
    // The collector reads what ends in `.prom`: this does not.
    let next = folder.join(format!(".{NAME}.{}", std::process::id()));
    let written = fresh(&next, text).and_then(|()| fs::rename(&next, folder.join(NAME)));
    written.map_err(|error| {
        let _gone = fs::remove_file(&next);
        Error::new(format!("`{}` cannot be written", folder.join(NAME).display()))
            .caused_by(&error)
            .hint("the folder must be there and yours to write in, such as /var/lib/prometheus/node-exporter")
    })
}

fn fresh(path: &Path, text: &str) -> io::Result<()> {
    // A file of a process of this number that was killed.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.write_all(text.as_bytes())
}

/// Writes it now and then. What fails once, as on a full disk, is said, and tried again.
pub(super) fn every(
    every: Duration,
    folder: &Path,
    policy: Option<&Path>,
) -> impl AsyncFnOnce(AskedToEnd) -> Result<()> {
    async move |mut end: AskedToEnd| {
        let mut said = None;
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                () = end.wait() => return Ok(()),
                _ = ticks.tick() => {}
            }
            let done = here().and_then(|here| gather::lenient(&here, policy));
            let wrong = match done {
                Ok((text, mistake)) => write(folder, &text).err().map(|error| error.to_string()).or(mistake),
                Err(error) => Some(error.to_string()),
            };
            if let Some(wrong) = wrong.as_ref().filter(|wrong| said.as_ref() != Some(*wrong)) {
                to_stderr(&format!("{wrong}\n"));
            }
            said = wrong;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_replaced_whole_and_all_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(format!(".{NAME}.{}", std::process::id())), "left by one that was killed")
            .unwrap();
        for text in ["a 1\n", "a 2\n"] {
            write(folder.path(), text).unwrap();
            assert_eq!(fs::read_to_string(folder.path().join(NAME)).unwrap(), text);
        }
        let mode = fs::metadata(folder.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
        let error = write(&folder.path().join("none"), "").unwrap_err();
        assert!(error.to_string().contains("/none/govern.prom` cannot be written"), "{error}");
    }
}
