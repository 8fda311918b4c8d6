//! The reading of `/proc` for whether a Codex can leave evidence of its work, and whether it may have asked a model.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{SFlag, fstat};
use nix::unistd::{AccessFlags, faccessat, geteuid};

/// Why a process can make no file in a folder, as it is called by that process: the last of `folders` that is there, each
/// of which lies in the one before, decides. `None` if it can, and where that cannot be told from here: its rights
/// may be others than ours.
///
/// Codex goes on without a session file where it cannot make one (0.118 to 0.171).
pub fn cannot_write_in(pid: i32, folders: &[PathBuf]) -> Option<String> {
    let is_ours = fs::metadata(format!("/proc/{pid}")).is_ok_and(|meta| meta.uid() == geteuid().as_raw());
    let mut found = None;
    for folder in folders.iter().rev() {
        let why = match open(pid, folder, OFlag::O_DIRECTORY) {
            Ok(opened) => match may_write(&opened) {
                // Nothing in it is in the way of what is to be made there.
                Ok(()) => break,
                Err(why) if found.is_none() => why,
                // What is there already can be gone through.
                Err(_) => break,
            },
            Err(Errno::ENOENT) => match open(pid, folder, OFlag::O_NOFOLLOW) {
                // A link that leads nowhere is there, and nothing can be made of its name.
                Ok(there) if is_link(&there) => Errno::ENOENT,
                // It was made between the two looks.
                Ok(_) => break,
                Err(_) => continue,
            },
            Err(why) => why,
        };
        found = Some((folder, why));
        // Below what is no folder nothing is one either.
        if why != Errno::ENOTDIR {
            break;
        }
    }
    let (folder, why) = found?;
    let name = folder.display();
    match why {
        Errno::ENOENT => Some(format!("`{name}` leads nowhere")),
        Errno::ENOTDIR => Some(format!("`{name}` is no folder")),
        Errno::EACCES if !is_ours => None,
        Errno::EACCES | Errno::EROFS | Errno::ELOOP => Some(format!("`{name}`: {}", why.desc())),
        // A kernel before 5.6, a process that is gone, and what else tells nothing of the folder.
        _ => None,
    }
}

/// Opens what a process calls `path`, links on the way as it follows them.
fn open(pid: i32, path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
    let (base, below, resolve) = match path.strip_prefix("/") {
        Ok(below) => ("root", below, ResolveFlag::RESOLVE_IN_ROOT),
        Err(_) => ("cwd", path, ResolveFlag::empty()),
    };
    // A process that is gone tells nothing.
    let base = File::open(format!("/proc/{pid}/{base}")).map_err(|_| Errno::ESRCH)?;
    let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
    openat2(base, below, OpenHow::new().flags(flags | OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(resolve))
}

fn is_link(there: &OwnedFd) -> bool {
    fstat(there).is_ok_and(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFLNK)
}

fn may_write(folder: &OwnedFd) -> Result<(), Errno> {
    let wanted = AccessFlags::W_OK | AccessFlags::X_OK;
    faccessat(folder.as_fd(), ".", wanted, AtFlags::AT_EACCESS)
}

/// The process has a connection to somebody, or had one that is being closed: a Codex that has none has asked no model.
pub fn has_connection(pid: i32) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let sockets: HashSet<String> = open
        .flatten()
        .filter_map(|link| fs::read_link(link.path()).ok())
        .filter_map(|name| Some(name.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    // Of the network namespace that it lives in.
    !sockets.is_empty()
        && ["tcp", "tcp6"].iter().any(|kind| {
            let table = fs::read_to_string(format!("/proc/{pid}/net/{kind}")).unwrap_or_default();
            table.lines().filter_map(connected).any(|socket| sockets.contains(socket))
        })
}

/// The number of the socket in a line of `/proc/net/tcp`, if it has reached somebody: neither listens nor only tries.
fn connected(line: &str) -> Option<&str> {
    let mut fields = line.split_whitespace();
    let state = fields.nth(3)?;
    // Established, and the ways to its end.
    let is_connected = matches!(state, "01" | "04" | "05" | "08" | "09" | "0B");
    fields.nth(5).filter(|_| is_connected)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn why(folders: &[PathBuf]) -> Option<String> {
        cannot_write_in(std::process::id().cast_signed(), folders)
    }

    #[test]
    fn a_folder_that_is_made_meanwhile_is_no_link_that_leads_nowhere() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("sessions");
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    fs::create_dir(&folder).unwrap();
                    fs::remove_dir(&folder).unwrap();
                }
            });
            let told: Vec<String> =
                (0..20_000).filter_map(|_| why(&[temp.path().to_owned(), folder.clone()])).take(1).collect();
            done.store(true, Ordering::Relaxed);
            assert!(told.is_empty(), "{told:?}");
        });
    }

    #[test]
    fn a_folder_is_written_in_or_made_and_nothing_else_is() {
        let temp = tempfile::tempdir().unwrap();
        let home = temp.path().to_owned();
        let below = |name: &str| vec![home.clone(), home.join(name), home.join(name).join("2026")];
        fs::create_dir(home.join("there")).unwrap();
        fs::write(home.join("file"), "").unwrap();
        fs::create_dir(home.join("holds")).unwrap();
        fs::write(home.join("holds/2026"), "").unwrap();
        symlink(home.join("nowhere"), home.join("dangling")).unwrap();
        symlink(home.join("there"), home.join("link")).unwrap();
        symlink("round", home.join("round")).unwrap();
        for (name, said) in [
            ("there", None),
            ("not yet", None),
            ("link", None),
            ("file", Some("no folder")),
            ("holds", Some("no folder")),
            ("dangling", Some("leads nowhere")),
            ("round", Some("symbolic links")),
        ] {
            let why = why(&below(name));
            assert_eq!(why.is_some(), said.is_some(), "{name}: {why:?}");
            assert!(why.unwrap_or_default().contains(said.unwrap_or_default()), "{name}");
        }
        // Nothing is there, and a process that is gone.
        assert_eq!(why(&[home.join("a/b")]), None);
        assert_eq!(cannot_write_in(i32::MAX, &below("file")), None);
    }

    #[test]
    fn a_connection_is_told_from_a_socket_that_waits_for_one() {
        let line = |state: &str| format!("  0: 0100007F:1F90 0100007F:A1B2 {state} 00000000:0 00:0 0 1000 0 4711 1 0");
        for (state, is_connected) in [("01", true), ("08", true), ("02", false), ("0A", false), ("07", false)] {
            assert_eq!(connected(&line(state)), is_connected.then_some("4711"), "{state}");
        }
        assert_eq!(connected("  sl  local_address rem_address   st"), None);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(has_connection(std::process::id().cast_signed()));
        assert!(!has_connection(i32::MAX));
    }
}
