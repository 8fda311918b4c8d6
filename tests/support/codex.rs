//! Where the real Codex is, installed once for all tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// A version of Codex that the tests know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub &'static str);

/// Writes usage records, has all hooks.
pub const CURRENT: Version = Version("0.169.0");
/// Writes one `token_count` a response, after its tools have run.
pub const OLD: Version = Version("0.135.0");
/// Writes each `token_count` twice, and has no hooks.
pub const OLDER: Version = Version("0.118.0");

/// The `codex` of this version. Installs it at the first call on this machine. `None` where that is not possible:
/// then the test that asked has said so and must return; in CI it fails.
pub fn real(version: Version) -> Option<PathBuf> {
    // One process installs one version at a time; the script guards against other processes.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/install-codex");
    let said = Command::new(script).arg(version.0).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let why = match said {
        Ok(said) if said.status.success() => {
            return Some(PathBuf::from(String::from_utf8_lossy(&said.stdout).trim()));
        }
        Ok(said) => format!("tests/install-codex {} ended with {}", version.0, said.status),
        Err(error) => format!("tests/install-codex: {error}"),
    };
    assert!(std::env::var("CI").as_deref() != Ok("true"), "no real Codex in CI: {why}");
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("SKIPPED: {name}: no real Codex {}: {why}", version.0);
    None
}
