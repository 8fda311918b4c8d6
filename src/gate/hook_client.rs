//! A hook's end of its supervisor's socket. Nothing here needs a runtime: a hook is on the way of every tool call.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::hook::{HookHeader, HookReply, HookWord};
use super::message::MAX_LINE;
use super::socket::with_short_path;
use crate::codex::HookEvent;

/// A connection to a supervisor, over which one hook is asked about.
#[derive(Debug)]
pub struct HookLine(UnixStream);

impl HookLine {
    /// Connects to who listens at this socket.
    ///
    /// # Errors
    /// What the system says where nobody does.
    pub fn connect(socket: &Path) -> io::Result<Self> {
        with_short_path(socket, |short| UnixStream::connect(short)).map(Self)
    }

    /// The connection itself: the kernel tells whose the other end is.
    pub fn connection(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Asks about a hook.
    ///
    /// # Errors
    /// What the system says where nobody hears it.
    pub fn ask(&mut self, event: HookEvent, input: &[u8]) -> io::Result<()> {
        let header = HookHeader { hook: event.verb().to_owned(), length: input.len() };
        let mut message = serde_json::to_vec(&header).map_err(io::Error::other)?;
        message.push(b'\n');
        message.extend_from_slice(input);
        self.0.write_all(&message)
    }

    /// Readable once there is an answer, or the supervisor is gone.
    pub fn readable(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Reads the answer; `None` if it is none.
    pub fn answer(&self) -> Option<HookReply> {
        let mut line = Vec::new();
        BufReader::new((&self.0).take(MAX_LINE as u64)).read_until(b'\n', &mut line).ok()?;
        line.ends_with(b"\n").then(|| serde_json::from_slice(&line).ok()).flatten()
    }

    /// Tells what became of the hook, and waits until the supervisor has dealt with it.
    pub fn tell(&mut self, word: HookWord) {
        let Ok(mut line) = serde_json::to_vec(&word) else { return };
        line.push(b'\n');
        if self.0.write_all(&line).is_ok() {
            // Nothing is expected but the end.
            let _end = (&self.0).take(MAX_LINE as u64).read_to_end(&mut Vec::new());
        }
    }
}
