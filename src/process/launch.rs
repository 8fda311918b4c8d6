//! Starting an agent's command, as if govern were not there.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{AccessFlags, access};

use super::wire::{Launch, LaunchFailure, Missing, Output, Stdin, TerminalSession};

/// Starts the command and returns once it is executed, or says why it was not (the C library's
/// search of `PATH`, and its `/bin/sh` for scripts without an interpreter line, included).
///
/// `mask` is the signal mask that govern itself was started with; ignored signals stay ignored.
pub(super) fn launch(launch: &Launch, mask: SigSet, stdin: Stdio) -> Result<i32, LaunchFailure> {
    let Some((program, arguments)) = launch.argv.split_first() else {
        return Err(LaunchFailure { errno: Errno::ENOENT as i32, what: Missing::Program, name: String::new() });
    };
    if let Some(folder) = &launch.cwd
        && let Err(errno) = access(&folder.join("."), AccessFlags::X_OK)
    {
        return Err(fails(errno as i32, Missing::Folder, folder.as_os_str()));
    }
    let mut command = Command::new(program);
    command.args(arguments).stdin(stdin);
    if let Some(folder) = &launch.cwd {
        command.current_dir(folder);
    }
    if let Output::Files { out, err } = &launch.output {
        command.stdout(append_to(out)?).stderr(append_to(err)?);
    }
    for (name, value) in &launch.env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let (guard, session) = (nix::unistd::getpid(), launch.session);
    // Runs in the child between fork and exec, after the standard library emptied the signal mask
    // and set SIGPIPE back to its default.
    let restore = move || -> std::io::Result<()> {
        mask.thread_set_mask()?;
        super::file_signals::restore_file_limits()?;
        if session == TerminalSession::Own {
            nix::unistd::setsid()?;
        }
        // If guard and govern die at once, the command at least does not live on.
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        if nix::unistd::getppid() == guard { Ok(()) } else { Err(Errno::ESRCH.into()) }
    };
    #[expect(unsafe_code, reason = "the closure makes five system calls and allocates nothing")]
    // SAFETY: the calls are async-signal-safe, and the guard that forks has one thread.
    unsafe {
        command.pre_exec(restore);
    }
    #[expect(clippy::disallowed_methods, reason = "the one place that starts agents")]
    let child = command.spawn().map_err(|error| fails(code(&error), Missing::Program, program))?;
    Ok(child.id().cast_signed())
}

/// What this launch reads; once a pipe was given away it is not there for a second one.
pub(super) fn stdin_of(launch: &Launch) -> Stdio {
    match launch.stdin {
        Stdin::Inherit => Stdio::inherit(),
        Stdin::Null => Stdio::null(),
    }
}

fn append_to(path: &Path) -> Result<File, LaunchFailure> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    file.map_err(|error| fails(code(&error), Missing::Output, path.as_os_str()))
}

fn fails(errno: i32, what: Missing, name: &OsStr) -> LaunchFailure {
    LaunchFailure { errno, what, name: name.to_string_lossy().into() }
}

fn code(error: &std::io::Error) -> i32 {
    // The standard library itself refuses a NUL in an argument, without a number.
    error.raw_os_error().unwrap_or(Errno::EINVAL as i32)
}
