//! A process that outlives the one which starts it: no child of a run, no part of its session.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::error::ProcessError;

/// Starts govern with these arguments and no other environment than this, and waits until it has gone apart
/// ([`go_apart`]). To be called before govern adopts orphans: its own would be one.
pub fn start_apart(program: &Path, arguments: &[&str], env: Vec<(OsString, OsString)>) -> io::Result<()> {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(env).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    #[expect(clippy::disallowed_methods, reason = "the one place that starts what outlives a run")]
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("it ended with {status}"))) }
}

/// Leaves whoever started this process: another one of the same program goes on, in a session of its own, with nothing
/// open that was left open for it. To be called at the start of `main`, before there is another thread.
pub fn go_apart() -> Result<(), ProcessError> {
    nix::unistd::daemon(false, false).map_err(ProcessError::system("go apart"))?;
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")
        .map_err(ProcessError::io("look for open files"))?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in open {
        // The folder's own descriptor is closed by now.
        let _gone = nix::unistd::close(number);
    }
    Ok(())
}

/// A place that one process has at a time, by a lock on a file that ends with it however that ends.
#[derive(Debug)]
pub struct Place {
    file: File,
}

/// Who has the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process.
    pub pid: i32,
    /// What it wrote about itself.
    pub says: String,
}

impl Place {
    /// Takes the place, and says who one is there; else who has it.
    ///
    /// # Errors
    ///
    /// What the system says of the file.
    pub fn take(path: &Path, says: &str) -> io::Result<Result<Self, Holder>> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let whole = lock(libc::F_WRLCK);
        match fcntl(&file, FcntlArg::F_SETLK(&whole)) {
            Ok(_) => {}
            Err(nix::errno::Errno::EACCES | nix::errno::Errno::EAGAIN) => {
                // It may have gone in between: then it is nobody, and the next try has the place.
                return Ok(Err(holder_of(&file)?.unwrap_or(Holder { pid: 0, says: String::new() })));
            }
            Err(errno) => return Err(errno.into()),
        }
        file.set_len(0)?;
        file.write_all(says.as_bytes())?;
        Ok(Ok(Self { file }))
    }

    /// Who has the place now; `None`: nobody.
    ///
    /// # Errors
    ///
    /// What the system says of the file, but for that there is none.
    pub fn holder(path: &Path) -> io::Result<Option<Holder>> {
        match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => holder_of(&file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Leaves it. Dropping does the same.
    pub fn leave(self) {
        drop(self.file);
    }
}

fn holder_of(mut file: &File) -> io::Result<Option<Holder>> {
    let mut found = lock(libc::F_WRLCK);
    fcntl(file, FcntlArg::F_GETLK(&mut found))?;
    if i32::from(found.l_type) == libc::F_UNLCK {
        return Ok(None);
    }
    let mut says = String::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(200).read_to_string(&mut says)?;
    Ok(Some(Holder { pid: found.l_pid, says }))
}

/// Of the whole file. The constants fit, whatever they are.
fn lock(kind: i32) -> libc::flock {
    let short = |constant: i32| i16::try_from(constant).unwrap_or_default();
    libc::flock { l_type: short(kind), l_whence: short(libc::SEEK_SET), l_start: 0, l_len: 0, l_pid: 0 }
}
