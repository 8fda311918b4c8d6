//! The opening of files that others may have put there, to read or to write, so that none of them holds govern up.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

/// How often it is looked whether somebody wants govern to end, while a pipe's other end is waited for, in milliseconds.
const LOOK: u16 = 100;

/// Opens a file to read it. A pipe that nobody writes to is no reason to wait, and no terminal becomes govern's own.
///
/// # Errors
///
/// It cannot be opened.
pub fn open_to_read(path: &Path) -> std::io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)
}

/// Opens a file to add to its end, and makes it where it is missing. A pipe that nobody reads is no reason to wait.
///
/// # Errors
///
/// It cannot be opened, or nobody reads it.
pub fn open_to_append(path: &Path) -> std::io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    OpenOptions::new().append(true).create(true).custom_flags(flags.bits()).open(path)
}

/// Reads to the end, at most so many bytes. A pipe is waited for until its writer has closed it, or somebody wants govern
/// to end: signals that do may be blocked, since an agent is to be started.
///
/// # Errors
///
/// It cannot be read, or a signal came before it was ([`ErrorKind::Interrupted`]).
pub fn read_at_most(file: &File, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let left = most.saturating_sub(bytes.len() as u64);
        match file.take(left).read_to_end(&mut bytes) {
            Ok(_) => return Ok(bytes),
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait_for_bytes(file)?,
            Err(error) => return Err(error),
        }
    }
}

/// After so many looks a reader that takes nothing is taken for none: ten seconds.
const READER: u32 = 100;

/// Makes this the whole text of a file. A pipe that nobody reads is no reason to wait; one whose reader is slow is, for a
/// while.
///
/// # Errors
///
/// It cannot be opened or written, nobody reads it, or its reader takes nothing.
pub fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let opened = OpenOptions::new().write(true).create(true).truncate(true).custom_flags(flags.bits()).open(path);
    let mut file = opened.map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENXIO) => std::io::Error::new(ErrorKind::BrokenPipe, "nobody reads it"),
        _ => error,
    })?;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match file.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait_for_room(&file)?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn wait_for_room(file: &File) -> std::io::Result<()> {
    for _ in 0..READER {
        let mut ready = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
        match poll(&mut ready, PollTimeout::from(LOOK)) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(std::io::Error::new(ErrorKind::TimedOut, "its reader does not read"))
}

fn wait_for_bytes(file: &File) -> std::io::Result<()> {
    loop {
        let mut ready = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, PollTimeout::from(LOOK)) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        if let Some(signal) = wants_the_end(&status) {
            let message = format!("{signal} came before its writer had closed it");
            return Err(std::io::Error::new(ErrorKind::Interrupted, message));
        }
    }
}

/// A signal that would end govern and waits, by `/proc/PID/status`.
fn wants_the_end(status: &str) -> Option<Signal> {
    let waiting = ["SigPnd:", "ShdPnd:"].into_iter().fold(0, |waiting, key| {
        let hex = status.lines().find_map(|line| line.strip_prefix(key));
        waiting | hex.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or_default()
    });
    let ends = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGHUP];
    ends.into_iter().find(|signal| waiting >> (*signal as i32 - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_without_a_writer_is_read_as_empty_at_once() {
        let temp = tempfile::tempdir().unwrap();
        let pipe = temp.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        assert_eq!(read_at_most(&open_to_read(&pipe).unwrap(), 10).unwrap(), b"");
    }

    #[test]
    fn a_pipe_that_nobody_reads_holds_nobody_up_and_one_with_a_reader_gets_it_all() {
        let temp = tempfile::tempdir().unwrap();
        let pipe = temp.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        assert_eq!(write_whole(&pipe, "text").unwrap_err().to_string(), "nobody reads it");
        let reader = open_to_read(&pipe).unwrap();
        let text = "x".repeat(200_000);
        std::thread::scope(|scope| {
            let writes = scope.spawn(|| write_whole(&pipe, &text));
            let mut read = 0;
            while read < text.len() {
                read += read_at_most(&reader, (text.len() - read) as u64).unwrap().len();
            }
            writes.join().unwrap().unwrap();
        });
        let file = temp.path().join("file");
        write_whole(&file, "longer than before").unwrap();
        write_whole(&file, "short").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "short");
    }

    #[test]
    fn no_more_is_read_than_is_asked_for() {
        assert_eq!(read_at_most(&open_to_read(Path::new("/dev/zero")).unwrap(), 10).unwrap(), [0; 10]);
    }

    #[test]
    fn a_blocked_signal_that_waits_is_seen() {
        let status = |thread: &str, process: &str| format!("Name:\tg\nSigPnd:\t{thread}\nShdPnd:\t{process}\n");
        assert_eq!(wants_the_end(&status("0000000000000000", "0000000000004000")), Some(Signal::SIGTERM));
        assert_eq!(wants_the_end(&status("0000000000000002", "0000000000000000")), Some(Signal::SIGINT));
        assert_eq!(wants_the_end(&status("0000000000000000", "0000000000010000")), None, "a child's end is none");
    }
}
