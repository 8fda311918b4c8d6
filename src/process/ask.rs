//! Owns short questions to other programs: what they print is the answer.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

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

/// Environment variables that would lead git elsewhere than to the folder it is given.
const OF_GIT: [&str; 5] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_CONFIG_PARAMETERS"];

/// As [`ask`], of a git that must have answered within so much time, and with no more than so many bytes; else it is
/// ended. Blocks.
#[expect(clippy::disallowed_methods, reason = "the one place that runs a program for its answer")]
pub fn ask_git(arguments: &[&str], env: &[(String, String)], within: Duration, most: u64) -> io::Result<Vec<u8>> {
    let mut command = Command::new("git");
    command.args(arguments).envs(env.iter().cloned()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    OF_GIT.iter().for_each(|name| {
        command.env_remove(name);
    });
    let mut child = command.spawn()?;
    let _asked = Asked::note(&child);
    let (send, answer) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = stdout.take(most.saturating_add(1)).read_to_end(&mut bytes);
            // Nobody waits any more where the time was over.
            let _late = send.send(read.map(|_| bytes));
        });
    }
    let too_long = |_| io::Error::new(io::ErrorKind::TimedOut, "git did not answer in time");
    let answer = answer.recv_timeout(within).map_err(too_long).and_then(|read| read);
    let fits = answer.as_ref().is_ok_and(|bytes| u64::try_from(bytes.len()).is_ok_and(|length| length <= most));
    let status = if fits { child.wait()? } else { end(&mut child)? };
    match answer {
        Ok(_) if !fits => Err(io::Error::other("git answered with more than is read")),
        Ok(_) if !status.success() => Err(io::Error::other(format!("`git` ended with {status}"))),
        answer => answer,
    }
}

/// The programs that are being asked: govern's own children, and no agent's.
static ASKED: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// This process answers a question of govern's own.
pub fn is_asked(pid: i32) -> bool {
    ASKED.lock().unwrap_or_else(PoisonError::into_inner).contains(&pid)
}

/// Notes a program for as long as it is asked.
struct Asked(Option<i32>);

impl Asked {
    fn note(child: &Child) -> Self {
        let pid = i32::try_from(child.id()).ok();
        ASKED.lock().unwrap_or_else(PoisonError::into_inner).extend(pid);
        Self(pid)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            ASKED.lock().unwrap_or_else(PoisonError::into_inner).remove(&pid);
        }
    }
}

fn end(child: &mut Child) -> io::Result<std::process::ExitStatus> {
    child.kill()?;
    child.wait()
}
