//! What govern orders and the guard reports: length-prefixed JSON over their socket.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::ProcessError;
use crate::exit::Exit;
use crate::model::{AgentName, ProcessIdentity};

/// What govern wants done. [`crate::process::Guard::send`] numbers each; its report carries the number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Starts an agent: [`Report::Launched`] or [`Report::LaunchFailed`]. A name can be used again
    /// once nothing is left of its last command.
    Launch(Launch),
    /// Stops every process of the agent: [`Report::Frozen`]. Any number of times.
    Freeze {
        /// Whose.
        agent: AgentName,
    },
    /// Lets go on what a freeze stopped, and nothing else: [`Report::Thawed`].
    Thaw {
        /// Whose.
        agent: AgentName,
    },
    /// Ends every process of the agent: [`Report::Ended`], one for each such order. A second one
    /// that kills makes haste.
    End {
        /// Whose.
        agent: AgentName,
        /// How gently.
        how: How,
    },
    /// Passes a signal on to the agent's first process only: [`Report::Forwarded`].
    Forward {
        /// Whose.
        agent: AgentName,
        /// The signal's number.
        signal: i32,
    },
    /// There will be no more orders: the guard deals with what is left and exits.
    Finish(Leftovers),
}

/// What to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// Its name. Where a guard keeps several agents, `env` must set `GOVERN_AGENT` to it: that tells whose an
    /// orphan is that was never seen below its agent. An orphan that hides it is nobody's, and ends with the guard.
    pub agent: AgentName,
    /// Program and arguments; the program is looked up in `PATH` as a shell would.
    pub argv: Vec<OsString>,
    /// Changes to govern's own environment; `None` removes.
    pub env: Vec<(OsString, Option<OsString>)>,
    /// Where; `None` is govern's own folder.
    pub cwd: Option<PathBuf>,
    /// What it reads.
    pub stdin: Stdin,
    /// Where it writes.
    pub output: Output,
    /// Whose session it belongs to.
    pub session: TerminalSession,
    /// It is expected to take the whole screen (Codex's TUI): if the guard must end it because
    /// govern died, it leaves the alternate screen too.
    pub full_screen: bool,
}

/// What an agent reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdin {
    /// govern's own. A pipe is given to the first such launch only; later ones read `/dev/null`.
    Inherit,
    /// `/dev/null`.
    Null,
}

/// Where an agent writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// What govern was given itself.
    Inherit,
    /// To the ends of these files, which are made for their owner alone where they are not there.
    Files {
        /// Its standard output.
        out: PathBuf,
        /// Its standard error.
        err: PathBuf,
    },
}

/// Whose session an agent belongs to, and with it: who hears the keys of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TerminalSession {
    /// That of govern, and its process group: it has the terminal as without govern.
    Governs,
    /// One of its own, without a terminal: no key reaches it, and nothing it starts can wait for somebody there.
    Own,
}

/// How an agent is ended. Whichever it is, everything is frozen first, and nothing is left at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    /// KILL to all at once.
    KillNow,
    /// INT to the Codex processes alone, all else staying frozen, so that no tool's end makes a
    /// Codex ask its model again; then TERM to those that are left; then, with every Codex gone,
    /// TERM to the rest (tools clean up after themselves); then KILL. A Codex that turns up
    /// meanwhile is killed at once.
    Graceful {
        /// How long the Codex processes have after INT.
        interrupt: Duration,
        /// How long they have after TERM, and how long the rest has.
        terminate: Duration,
    },
}

/// What happens at [`Order::Finish`] to processes that outlived their agent's command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Leftovers {
    /// They are killed.
    Kill,
    /// They live on, as they would without govern; but for Codexes and what those started,
    /// which are killed: none runs ungoverned.
    Leave,
}

/// What the guard saw or did. `request` is the number of the order that it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// The agent's command was executed.
    Launched {
        /// Answers this order.
        request: u64,
        /// Whose.
        agent: AgentName,
        /// Its first process.
        root: ProcessIdentity,
    },
    /// It could not be.
    LaunchFailed {
        /// Answers this order.
        request: u64,
        /// Whose.
        agent: AgentName,
        /// Why not.
        failure: LaunchFailure,
    },
    /// No process of the agent runs.
    Frozen {
        /// Answers this order.
        request: u64,
        /// Whose.
        agent: AgentName,
        /// How many processes there are.
        processes: u32,
        /// How many could not be seen to have stopped in time (waiting inside the kernel, say).
        unsettled: u32,
    },
    /// What was frozen goes on.
    Thawed {
        /// Answers this order.
        request: u64,
        /// Whose.
        agent: AgentName,
        /// How many processes.
        processes: u32,
    },
    /// The signal was sent, or there was nobody to send it to.
    Forwarded {
        /// Answers this order.
        request: u64,
        /// Whose.
        agent: AgentName,
        /// It was sent.
        delivered: bool,
    },
    /// The order makes no sense now.
    Refused {
        /// Answers this order.
        request: u64,
        /// Whose.
        agent: AgentName,
        /// Why.
        because: Refusal,
    },
    /// The agent's command ended; processes that it started may be left.
    RootExited {
        /// Whose.
        agent: AgentName,
        /// How.
        status: Status,
        /// How many processes of the agent were seen to live on; that there are none, [`Report::Ended`] tells.
        left: u32,
    },
    /// Nothing of the agent is left (once for each launch), or it could not be ended.
    Ended {
        /// The order that ended it; `None`: it ended by itself.
        request: Option<u64>,
        /// Whose.
        agent: AgentName,
        /// How many processes had to be killed.
        killed: u32,
        /// How many did not die even so: they wait inside the kernel. Else 0.
        survivors: u32,
    },
    /// govern itself was stopped, by a signal or a debugger. Its agents stood still as well until it went on.
    StoodStill {
        /// For so long.
        lasted: Duration,
    },
    /// The guard died. govern itself has ended what was left.
    GuardLost {
        /// How many processes it killed.
        killed: u32,
    },
}

/// Why an order was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// No agent of this name was started.
    NoSuchAgent,
    /// Something of this agent's last command still runs.
    StillRunning,
    /// It is being ended.
    Ending,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// By itself, with this code.
    Exited(u8),
    /// By this signal.
    Signalled(u8),
}

impl From<Status> for Exit {
    fn from(status: Status) -> Self {
        match status {
            Status::Exited(code) => Self::Child(code),
            Status::Signalled(signal) => Self::Signalled(signal),
        }
    }
}

/// Why a command could not be executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchFailure {
    /// The kernel's reason.
    pub errno: i32,
    /// What it is about.
    pub what: Missing,
    /// The program or folder, for a person.
    pub name: String,
}

/// What could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Missing {
    /// The program.
    Program,
    /// The working folder.
    Folder,
    /// A file that it is to write to.
    Output,
}

impl LaunchFailure {
    /// As shells do: 127 where there is no such program, 126 where it cannot be executed.
    pub fn exit(&self) -> Exit {
        match self.what {
            Missing::Program if self.errno == nix::libc::ENOENT => Exit::NotFound,
            Missing::Program => Exit::NotExecutable,
            Missing::Folder | Missing::Output => Exit::Failed,
        }
    }

    /// The kernel's reason in words.
    pub fn reason(&self) -> &'static str {
        nix::errno::Errno::from_raw(self.errno).desc()
    }
}

/// An order with its number.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Numbered {
    pub(super) request: u64,
    pub(super) order: Order,
}

/// One message: its length in bytes (u32, little endian), then JSON.
pub(super) fn frame(message: &impl Serialize) -> Result<Vec<u8>, ProcessError> {
    let body = serde_json::to_vec(message).map_err(ProcessError::Garbled)?;
    let length = u32::try_from(body.len()).map_err(|_| ProcessError::GuardGone)?;
    let mut framed = Vec::with_capacity(body.len() + 4);
    framed.extend_from_slice(&length.to_le_bytes());
    framed.extend_from_slice(&body);
    Ok(framed)
}

/// Takes the first whole message off the front of what was read; `None` until there is one.
pub(super) fn unframe<T: DeserializeOwned>(read: &mut Vec<u8>) -> Result<Option<T>, ProcessError> {
    let Some((prefix, rest)) = read.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*prefix) as usize;
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let message = serde_json::from_slice(body).map_err(ProcessError::Garbled);
    read.drain(..length + 4);
    read.shrink_to(4096);
    message.map(Some)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn launch() -> Order {
        Order::Launch(Launch {
            agent: "a".into(),
            argv: vec!["echo".into(), OsString::from_vec(vec![0xff, b'x'])],
            env: vec![("A".into(), Some("b".into())), ("C".into(), None)],
            cwd: Some("/".into()),
            stdin: Stdin::Inherit,
            output: Output::Files { out: "/a.out".into(), err: "/a.err".into() },
            session: TerminalSession::Own,
            full_screen: false,
        })
    }

    #[test]
    fn a_message_survives_any_cut_of_the_stream() {
        let orders = [launch(), Order::Freeze { agent: "a".into() }, Order::Finish(Leftovers::Kill)];
        let bytes: Vec<u8> = orders.iter().flat_map(|order| frame(order).unwrap()).collect();
        for cut in 1..bytes.len() {
            let (mut read, mut seen) = (Vec::new(), Vec::new());
            for part in [&bytes[..cut], &bytes[cut..]] {
                read.extend_from_slice(part);
                while let Some(order) = unframe::<Order>(&mut read).unwrap() {
                    seen.push(order);
                }
            }
            assert_eq!(seen, orders, "cut at {cut}");
            assert!(read.is_empty());
        }
    }

    #[test]
    fn what_is_no_message_is_an_error_and_is_skipped() {
        let mut read = frame(&"no order").unwrap();
        read.extend(frame(&launch()).unwrap());
        assert!(unframe::<Order>(&mut read).is_err());
        assert_eq!(unframe::<Order>(&mut read).unwrap(), Some(launch()));
    }

    #[test]
    fn codes_are_those_of_a_shell() {
        let failure = |errno, what| LaunchFailure { errno, what, name: "x".into() }.exit().code();
        assert_eq!(failure(nix::libc::ENOENT, Missing::Program), 127);
        assert_eq!(failure(nix::libc::EACCES, Missing::Program), 126);
        assert_eq!(failure(nix::libc::ENOEXEC, Missing::Program), 126);
        assert_eq!(failure(nix::libc::ENOENT, Missing::Folder), 125);
        assert_eq!(Exit::from(Status::Exited(7)).code(), 7);
        assert_eq!(Exit::from(Status::Signalled(15)).code(), 143);
    }
}
