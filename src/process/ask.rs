//! Owns short questions to other programs: what they print is the answer.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a program to its end without input. The error of one that failed says what the program said of it.
#[expect(clippy::disallowed_methods, reason = "the program is git, and trusted to end")]
pub fn carry_out(program: &Path, arguments: &[&OsStr]) -> io::Result<()> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it failed");
    Err(io::Error::other(last.trim_start_matches("fatal: ").to_owned()))
}

/// Runs a program to its end without input; what it printed, if it ended well. The program is
/// trusted to end: it is git, or a Codex that is asked for its version.
#[expect(clippy::disallowed_methods, reason = "the one place that runs a program for its answer")]
pub fn ask(program: &Path, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(io::Error::other(format!("`{}` ended with {}", program.display(), output.status)))
    }
}
