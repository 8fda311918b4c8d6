//! The `codex` of a run with a gateway: first in the `PATH` of all that the run starts, it leads the real one there.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::model::RunId;

/// By this variable the script finds the gateway.
pub(super) const CODEX_URL: &str = "GOVERN_GATEWAY";

/// A folder with the script in it; it goes with the run.
pub(super) struct Shim(PathBuf);

impl Shim {
    pub(super) fn write(sockets: &Path, run: &RunId, codex: &Path) -> io::Result<Self> {
        let folder = sockets.join(format!("{run}.bin"));
        // What is still here belongs to a govern that was killed.
        let _gone = fs::remove_dir_all(&folder);
        DirBuilder::new().mode(0o700).create(&folder)?;
        let shim = Self(folder);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o700).open(shim.0.join("codex"))?;
        file.write_all(&script(codex))?;
        Ok(shim)
    }

    /// `PATH` with it before all else.
    pub(super) fn before_all(&self) -> OsString {
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.0.clone()).chain(std::env::split_paths(&rest));
        std::env::join_paths(all).unwrap_or(rest)
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// `exec` takes its own place. What asks no model is left alone.
fn script(codex: &Path) -> Vec<u8> {
    let quoted = |path: &Path| {
        let mut word = vec![b'\''];
        for byte in path.as_os_str().as_bytes() {
            match byte {
                b'\'' => word.extend(b"'\\''"),
                byte => word.push(*byte),
            }
        }
        word.push(b'\'');
        word
    };
    let codex = quoted(codex);
    let mut script = b"#!/bin/sh\n# Leads the Codex of a run to the gateway of govern.\n".to_vec();
    script.extend(b"case \"${1-}\" in --version|-V|--help|-h|help|login|logout|completion) exec ");
    script.extend(&codex);
    script.extend(b" \"$@\" ;; esac\n[ -n \"${GOVERN_GATEWAY-}\" ] || exec ");
    script.extend(&codex);
    script.extend(b" \"$@\"\nexec ");
    script.extend(&codex);
    script.extend(b" -c \"openai_base_url=\\\"$GOVERN_GATEWAY\\\"\" \"$@\"\n");
    script
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::ask;

    #[test]
    fn the_real_one_gets_the_address_before_its_own_words_and_nothing_where_it_asks_no_model() {
        let temp = tempfile::tempdir().unwrap();
        let real = temp.path().join("it's real");
        fs::write(&real, "#!/bin/sh\nprintf '%s|' \"$@\"\n").unwrap();
        fs::set_permissions(&real, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let shim = Shim::write(temp.path(), &RunId::new("r"), &real).unwrap();
        let script = temp.path().join("r.bin/codex");
        let sh = |line: &str| ask(Path::new("/bin/sh"), &["-c", line]).unwrap();
        let script_text = script.display();
        let with = sh(&format!("GOVERN_GATEWAY=http://g/v1 exec '{script_text}' exec 'a b'"));
        assert_eq!(with, "-c|openai_base_url=\"http://g/v1\"|exec|a b|");
        assert_eq!(sh(&format!("GOVERN_GATEWAY=x exec '{script_text}' --version")), "--version|");
        assert_eq!(sh(&format!("unset GOVERN_GATEWAY; exec '{script_text}' exec")), "exec|");
        assert!(shim.before_all().to_string_lossy().starts_with(&*temp.path().join("r.bin:").to_string_lossy()));
        drop(shim);
        assert!(!script.exists(), "it goes with the run");
    }
}
