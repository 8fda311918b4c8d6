//! Short questions to other programs: what they print is the answer.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::model::ProcessIdentity;

use super::freeze::signal;
use super::tree::identity_of;

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
pub fn ask_git(arguments: &[&str], env: &[(String, String)], within: Duration, most: u64) -> io::Result<Vec<u8>> {
    let mut command = Command::new("git");
    command.args(arguments).envs(env.iter().cloned()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    OF_GIT.iter().for_each(|name| {
        command.env_remove(name);
    });
    answer_of(&mut command, within, most)
}

/// What a git prints on its piped standard output, within so much time and of no more than so many bytes; else it is ended.
pub(super) fn answer_of(command: &mut Command, within: Duration, most: u64) -> io::Result<Vec<u8>> {
    let (mut child, _asked) = Asked::spawn(command)?;
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
static QUESTIONS: Mutex<Questions> = Mutex::new(Questions { over: false, asked: BTreeMap::new() });

#[derive(Debug)]
struct Questions {
    /// Nothing more is asked: this process ends.
    over: bool,
    asked: BTreeMap<i32, ProcessIdentity>,
}

fn questions() -> MutexGuard<'static, Questions> {
    QUESTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This process answers a question of govern's own.
pub fn is_asked(pid: i32) -> bool {
    questions().asked.contains_key(&pid)
}

/// Ends all that are being asked, and asks nothing more: nobody is left who would hear an answer. Waits for their ends.
pub fn end_questions() {
    let mut questions = questions();
    questions.over = true;
    let ended = std::mem::take(&mut questions.asked).into_values().filter(|asked| signal(*asked, Signal::SIGKILL));
    for asked in ended.collect::<Vec<_>>() {
        // Whoever asked takes its end.
        let how = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        let _taken = waitid(Id::Pid(Pid::from_raw(asked.pid)), how);
    }
}

/// Notes a program for as long as it is asked.
struct Asked(i32);

impl Asked {
    #[expect(clippy::disallowed_methods, reason = "a question to git")]
    fn spawn(command: &mut Command) -> io::Result<(Child, Self)> {
        let mut questions = questions();
        if questions.over {
            return Err(io::Error::other("govern is about to end"));
        }
        let child = command.spawn()?;
        let pid = child.id().cast_signed();
        questions.asked.extend(identity_of(pid).map(|asked| (pid, asked)));
        Ok((child, Self(pid)))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        questions().asked.remove(&self.0);
    }
}

fn end(child: &mut Child) -> io::Result<std::process::ExitStatus> {
    child.kill()?;
    child.wait()
}
