//! Where the real Codex is, installed once for all tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::skip::{leave_out, skip};

/// A version of Codex that the tests know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub &'static str);

/// Writes usage records and asks before each request, compactions included. [`INSTEAD`] puts another in its place.
pub const CURRENT: Version = Version("0.171.0");
/// Asks before each request that is not a compaction's, and names none of them.
pub const PREVIOUS: Version = Version("0.169.0");
/// Writes one `token_count` a response, after its tools have run.
pub const OLD: Version = Version("0.135.0");
/// Writes each `token_count` twice, and has no hooks.
pub const OLDER: Version = Version("0.118.0");

/// The version that runs in the place of [`CURRENT`]: `tests/all --codex VERSION` sets it.
const INSTEAD: &str = "GOVERN_TEST_CODEX_VERSION";

/// Set by `tests/all --without-codex`: tests that need the real Codex are skipped, whether it is there or not.
const WITHOUT: &str = "GOVERN_TEST_WITHOUT_CODEX";

/// The `codex` of this version. Installs it at the first call on this machine. `None` where that is not possible:
/// then the test that asked has said so and must return; in CI it fails, unless nobody wanted a Codex.
pub fn real(version: Version) -> Option<PathBuf> {
    if std::env::var_os(WITHOUT).is_some() {
        leave_out("it needs the real Codex");
        return None;
    }
    // One process installs one version at a time; the script guards against other processes.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let instead = std::env::var(INSTEAD).ok().filter(|_| version == CURRENT);
    let wanted = instead.as_deref().unwrap_or(version.0);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/install-codex");
    let said = Command::new(script).arg(wanted).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let why = match said {
        Ok(said) if said.status.success() => {
            return Some(PathBuf::from(String::from_utf8_lossy(&said.stdout).trim()));
        }
        Ok(said) => format!("tests/install-codex {wanted} ended with {}", said.status),
        Err(error) => format!("tests/install-codex: {error}"),
    };
    skip(&format!("no real Codex {wanted}: {why}"));
    None
}
