//! What stands in for govern: this test's own binary, told over a socket what to order.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use govern::model::ProcessIdentity;
use govern::process::{self, Guard, Inbox, Launch, Leftovers, Order, Output, Report, Stdin, TerminalSession};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

/// No test waits longer for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Serialize, Deserialize)]
enum Ask {
    Do(Order),
    Finish(Leftovers),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Told {
    Guard(ProcessIdentity),
    Report(Report),
    Signal { signal: i32, from_terminal: bool, sender: Option<i32> },
}

/// Is govern: forks the guard, orders what it is asked, tells what it hears.
pub(crate) fn be_govern(socket: &Path) {
    let handle = Guard::fork().expect("this binary has one thread yet");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut guard = handle.into_async().unwrap();
        let mut inbox = Inbox::open().unwrap();
        let (asks, mut tells) = tokio::net::UnixStream::connect(socket).await.unwrap().into_split();
        let mut asks = tokio::io::BufReader::new(asks).lines();
        let mut told = vec![Told::Guard(guard.identity())];
        loop {
            for told in told.drain(..) {
                let mut line = serde_json::to_vec(&told).unwrap();
                line.push(b'\n');
                tells.write_all(&line).await.unwrap();
            }
            tokio::select! {
                Some(report) = guard.next() => {
                    if matches!(report, Report::Launched { .. }) {
                        process::release_stdin();
                    }
                    told.push(Told::Report(report));
                }
                signal = inbox.next() => {
                    let signal = signal.unwrap();
                    let (from_terminal, sender) = (signal.from_terminal, signal.sender);
                    told.push(Told::Signal { signal: signal.signal, from_terminal, sender });
                }
                ask = asks.next_line() => match ask.unwrap().map(|line| serde_json::from_str(&line).unwrap()) {
                    Some(Ask::Do(order)) => drop(guard.send(order)),
                    Some(Ask::Finish(leftovers)) => {
                        guard.finish(leftovers).await;
                        return;
                    }
                    None => return,
                },
            }
        }
    });
}

/// A stand-in for govern that runs, and the folder that its agents work in.
pub(crate) struct Govern {
    pub(crate) child: Child,
    pub(crate) guard: ProcessIdentity,
    pub(crate) folder: tempfile::TempDir,
    asks: UnixStream,
    tells: BufReader<UnixStream>,
}

impl Govern {
    pub(crate) fn start() -> Self {
        Self::start_by(|own, socket| {
            let mut command = Command::new(own);
            command.arg("be-govern").arg(socket).stdin(Stdio::null());
            command
        })
    }

    /// Starts it with a command that ends up executing this binary with `be-govern SOCKET`.
    pub(crate) fn start_by(command: impl FnOnce(&Path, &Path) -> Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let child = command(&std::env::current_exe().unwrap(), &path).spawn().unwrap();
        let (asks, _) = listener.accept().unwrap();
        asks.set_read_timeout(Some(PATIENCE)).unwrap();
        let tells = BufReader::new(asks.try_clone().unwrap());
        let guard = ProcessIdentity { pid: 0, started: 0 };
        let mut govern = Self { child, guard, folder, asks, tells };
        govern.guard = govern.hear(|told| if let Told::Guard(guard) = told { Some(guard) } else { None });
        govern
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn order(&mut self, order: Order) {
        self.ask(&Ask::Do(order));
    }

    pub(crate) fn finish(&mut self, leftovers: Leftovers) {
        self.ask(&Ask::Finish(leftovers));
        assert!(self.child.wait().unwrap().success());
    }

    fn ask(&mut self, ask: &Ask) {
        let mut line = serde_json::to_vec(ask).unwrap();
        line.push(b'\n');
        self.asks.write_all(&line).unwrap();
    }

    /// Hears until something is what the test waits for.
    pub(crate) fn hear<T>(&mut self, mut wanted: impl FnMut(Told) -> Option<T>) -> T {
        loop {
            let mut line = String::new();
            let read = self.tells.read_line(&mut line).expect("what is waited for is told in time");
            assert!(read > 0, "govern ended before it told what is waited for");
            if let Some(found) = wanted(serde_json::from_str(&line).unwrap()) {
                return found;
            }
        }
    }

    pub(crate) fn report<T>(&mut self, mut wanted: impl FnMut(Report) -> Option<T>) -> T {
        self.hear(|told| if let Told::Report(report) = told { wanted(report) } else { None })
    }

    /// Launches `sh -c SCRIPT` in the test's folder as agent `a`.
    pub(crate) fn sh(&mut self, script: &str) -> ProcessIdentity {
        let launch = self.script("a", script);
        self.launch(launch)
    }

    pub(crate) fn script(&self, agent: &str, script: &str) -> Launch {
        Launch {
            agent: agent.into(),
            argv: ["/bin/sh", "-c", script].map(OsString::from).to_vec(),
            env: vec![("GOVERN_AGENT".into(), Some(agent.into()))],
            cwd: Some(self.folder.path().to_owned()),
            stdin: Stdin::Inherit,
            output: Output::Inherit,
            session: TerminalSession::Governs,
            full_screen: false,
        }
    }

    pub(crate) fn launch(&mut self, launch: Launch) -> ProcessIdentity {
        self.order(Order::Launch(launch));
        self.report(|report| match report {
            Report::Launched { root, .. } => Some(root),
            Report::LaunchFailed { failure, .. } => panic!("{failure:?}"),
            Report::Refused { because, .. } => panic!("{because:?}"),
            _ => None,
        })
    }

    /// Waits until a process has written its number into this file.
    pub(crate) fn pid_in(&self, name: &str) -> ProcessIdentity {
        let pid = self.text_in(name).trim().parse().unwrap();
        process::identity_of(pid).expect("it lives")
    }

    /// Waits until this file holds a whole line.
    pub(crate) fn text_in(&self, name: &str) -> String {
        let path = self.path(name);
        until(&format!("{name} is written"), || std::fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n')))
    }

    /// Puts an executable script into the test's folder.
    pub(crate) fn executable(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.path(name);
        let mut options = std::fs::OpenOptions::new();
        options
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o755)
            .open(&path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        path
    }
}

impl Drop for Govern {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A test that failed leaves nothing behind either: the guard sees to it.
        let _ = probe(|| if process::alive(self.guard) { None } else { Some(()) });
    }
}

/// Asks again and again; for what no message tells, such as a process's state.
pub(crate) fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    probe(ask).unwrap_or_else(|| panic!("waited in vain until {what}"))
}

/// The same, and `None` where it was waited for in vain.
pub(crate) fn probe<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    None
}

pub(crate) fn until_dead(processes: &[ProcessIdentity]) {
    for process in processes {
        until(&format!("{process:?} is dead"), || if process::alive(*process) { None } else { Some(()) });
    }
}
