//! A started command: what it says, how it ends, and that it does end.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// No scenario takes so long, even on a busy machine: what does hangs.
pub const LONG: Duration = Duration::from_secs(60);

/// A running command in a process group of its own, killed on drop.
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Said,
    stderr: Said,
    readers: Vec<JoinHandle<()>>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Finished {
    /// As the system says it.
    pub status: ExitStatus,
    /// Exactly what it wrote.
    pub stdout: Vec<u8>,
    /// What it said.
    pub stderr: String,
}

impl Finished {
    /// The code a shell would show.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or_default())
    }

    /// Its output as text.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Fails with all that was said, unless it ended with this code.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{self}");
        self
    }

    /// Fails unless stderr holds this text.
    #[track_caller]
    pub fn expect_said(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no `{text}` on stderr\n{self}");
        self
    }

    /// Fails if stderr holds this text.
    #[track_caller]
    pub fn expect_not_said(self, text: &str) -> Self {
        assert!(!self.stderr.contains(text), "`{text}` on stderr\n{self}");
        self
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n--- stdout\n{}\n--- stderr\n{}", self.status, self.out(), self.stderr)
    }
}

/// What one stream has said so far.
#[derive(Clone, Default)]
struct Said(Arc<(Mutex<Vec<u8>>, Condvar)>);

impl Said {
    fn listen(&self, mut stream: impl Read + Send + 'static) -> JoinHandle<()> {
        let said = self.clone();
        thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(count @ 1..) = stream.read(&mut bytes) {
                said.0.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&bytes[..count]);
                said.0.1.notify_all();
            }
        })
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    #[track_caller]
    fn wait_for(&self, text: &str, within: Duration) {
        let bytes = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lacks = |bytes: &mut Vec<u8>| !String::from_utf8_lossy(bytes).contains(text);
        let (bytes, late) = self.0.1.wait_timeout_while(bytes, within, lacks).unwrap_or_else(PoisonError::into_inner);
        assert!(!late.timed_out(), "not said within {within:?}: `{text}`; but:\n{}", String::from_utf8_lossy(&bytes));
    }
}

impl Running {
    /// Starts it; stdin is closed unless `stdin_open`.
    pub fn start(mut command: Command, stdin_open: bool) -> Self {
        command.stdin(if stdin_open { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (stdout, stderr) = (Said::default(), Said::default());
        let readers = vec![stdout.listen(child.stdout.take().unwrap()), stderr.listen(child.stderr.take().unwrap())];
        Self { stdin: child.stdin.take(), child, stdout, stderr, readers }
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Types this.
    pub fn write(&mut self, text: &str) {
        self.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Types no more.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        signal::kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Sends a govern and its guard a signal: govern alone stands still no longer than its guard lets it.
    pub fn signal_with_guard(&self, signal: Signal) {
        let children = format!("/proc/{0}/task/{0}/children", self.pid());
        let children = std::fs::read_to_string(children).unwrap();
        let is_guard = |pid: &&str| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            name.trim() == "govern-guard"
        };
        let guard = children.split_whitespace().find(is_guard).unwrap_or_else(|| panic!("no guard in: {children}"));
        // The guard first when they stop, and last when they go on: it finds nothing to do in between.
        let guard = Pid::from_raw(guard.parse().unwrap());
        let govern = Pid::from_raw(self.pid());
        let order = if signal == Signal::SIGCONT { [govern, guard] } else { [guard, govern] };
        order.into_iter().for_each(|pid| signal::kill(pid, signal).unwrap());
    }

    /// Sends its process group a signal, as the terminal does on Ctrl-C.
    pub fn signal_group(&self, signal: Signal) {
        signal::killpg(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// What it has said on stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it has said on stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until stderr holds this text.
    #[track_caller]
    pub fn wait_for_stderr(&self, text: &str) {
        self.stderr.wait_for(text, LONG);
    }

    /// Waits until stdout holds this text.
    #[track_caller]
    pub fn wait_for_stdout(&self, text: &str) {
        self.stdout.wait_for(text, LONG);
    }

    /// Waits until stdout holds this text so many times.
    #[track_caller]
    pub fn wait_for_stdout_times(&self, text: &str, times: usize) {
        let deadline = Instant::now() + LONG;
        while self.stdout().matches(text).count() < times {
            assert!(Instant::now() < deadline, "not said {times} times: `{text}`; but:\n{}", self.stdout());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until it has ended, with its stdin as it is.
    #[track_caller]
    pub fn wait_for_end(&mut self) {
        let deadline = Instant::now() + LONG;
        while self.is_running() {
            assert!(Instant::now() < deadline, "has not ended within {LONG:?}\n{}", self.stderr());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// It has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end and for the end of its output.
    #[track_caller]
    pub fn finish(mut self) -> Finished {
        self.stdin = None;
        let deadline = Instant::now() + LONG;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "has not ended within {LONG:?}\n--- stdout\n{}\n--- stderr\n{}",
                self.stdout.text(),
                self.stderr.text()
            );
            thread::sleep(Duration::from_millis(2));
        };
        // Whoever still holds the pipes has outlived the command: the check for survivors will name it.
        while self.readers.iter().any(|reader| !reader.is_finished()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        Finished { status, stdout: self.stdout.bytes(), stderr: self.stderr.text() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // The group is the command's own, and its leader is not reaped yet: nobody else can have its number.
            let _ = signal::killpg(Pid::from_raw(self.pid()), Signal::SIGKILL);
            let _ = self.child.wait();
        }
    }
}
