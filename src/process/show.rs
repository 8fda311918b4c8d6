//! A program that is run for its user to see, governed by nobody.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a program to its end in this folder, without input, its output on the screen; its exit code, unless a signal ended it.
#[expect(clippy::disallowed_methods, reason = "the demonstration shows what govern itself says")]
pub fn show(program: &Path, arguments: &[&str], env: &[(&str, OsString)], folder: &Path) -> io::Result<Option<i32>> {
    let env = env.iter().map(|(name, value)| (name, value));
    Ok(Command::new(program).args(arguments).envs(env).current_dir(folder).stdin(Stdio::null()).status()?.code())
}
