//! A short talk with another program, line by line, in bounded time and bytes.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::clock;

/// How long a program has to end by itself once its input is closed.
const LEAVE: Duration = Duration::from_secs(2);

/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(10);

/// Starts a program, writes to it, and hands what it writes to `hear`, line by line, until that has heard enough. Then the
/// program is ended, with all that it started in its own group. Blocks.
///
/// # Errors
/// Where it cannot be started, ends first, does not answer `within` that time or in so many bytes.
#[expect(clippy::disallowed_methods, reason = "the one place that speaks with a program")]
pub fn converse<T>(
    program: &Path,
    arguments: &[&OsStr],
    say: &[u8],
    (within, most): (Duration, u64),
    mut hear: impl FnMut(&str) -> Option<T>,
) -> io::Result<T> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn()?;
    let deadline = clock::monotonic() + within;
    let lines = lines_of(&mut child, most);
    let mut stdin = child.stdin.take();
    // It is shorter than what a pipe holds. Who does not read it, does not answer.
    let _unheard = stdin.as_mut().map(|stdin| stdin.write_all(say));
    let heard = loop {
        match lines.recv_timeout(deadline.saturating_duration_since(clock::monotonic())) {
            Ok(line) => {
                if let Some(heard) = hear(&line) {
                    break Ok(heard);
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                break Err(io::Error::new(io::ErrorKind::TimedOut, "it did not answer in time"));
            }
            Err(RecvTimeoutError::Disconnected) => break Err(io::Error::other("it ended without an answer")),
        }
    };
    drop(stdin);
    leave(&mut child)?;
    heard
}

fn lines_of(child: &mut Child, most: u64) -> mpsc::Receiver<String> {
    let (send, lines) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut read = BufReader::new(stdout.take(most));
            let mut line = Vec::new();
            while read.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
                line.clear();
            }
        });
    }
    lines
}

/// Lets it end, or ends it.
#[expect(clippy::disallowed_methods, reason = "govern's own child, in a group of its own")]
fn leave(child: &mut Child) -> io::Result<()> {
    let deadline = clock::monotonic() + LEAVE;
    while child.try_wait()?.is_none() {
        if clock::monotonic() >= deadline {
            if let Ok(group) = i32::try_from(child.id()) {
                let _gone = killpg(Pid::from_raw(group), Signal::SIGKILL);
            }
            child.wait()?;
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(script: &str, within: Duration, most: u64) -> io::Result<String> {
        let arguments = [OsStr::new("-c"), OsStr::new(script)];
        converse(Path::new("/bin/sh"), &arguments, b"hello\n", (within, most), |line| {
            line.strip_prefix("answer ").map(|said| said.trim().to_owned())
        })
    }

    #[test]
    fn it_answers_or_does_not_and_is_ended_either_way() {
        let long = Duration::from_secs(60);
        assert_eq!(talk("read x; echo noise; echo answer $x; exec sleep 600", long, 1_000).unwrap(), "hello");
        assert!(talk("read x; exit 3", long, 1_000).unwrap_err().to_string().contains("without an answer"));
        let late = talk("sleep 600 & sleep 600", Duration::from_millis(50), 1_000).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        assert!(talk("while :; do echo noise; done", long, 1_000).is_err(), "it is read no further");
        let missing = converse(Path::new("/nowhere"), &[], b"", (long, 1), |_| Some(()));
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
