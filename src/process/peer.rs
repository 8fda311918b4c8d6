//! The look at who has connected: taken when the connection is accepted, since a number may be another process's a
//! moment later.

use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::{PeerCredentials, PeerPidfd};

use super::this_process::{own_identity, own_uid};
use super::tree::{self, Above};
use super::{environment_marks, peer_before_6_5, pidfd};
use crate::model::{Caller, Peer, ProcessIdentity, RunId};

/// How often those above a process are looked at until two looks see the same.
pub(super) const LOOKS: usize = 8;

/// Who is at the other end of this connection; `None` where the kernel does not say.
pub fn peer_of(stream: BorrowedFd<'_>) -> Option<Peer> {
    let credentials = getsockopt(&stream, PeerCredentials).ok()?;
    let (uid, pid) = (credentials.uid(), credentials.pid());
    // 0: it lives in a namespace that is not seen from here.
    let caller = (pid > 0).then(|| caller(stream, pid)).flatten();
    Some(Peer { uid, caller })
}

fn caller(stream: BorrowedFd<'_>, pid: i32) -> Option<Caller> {
    let (process, is_peer) = match getsockopt(&stream, PeerPidfd) {
        Ok(process) => (Some(process), true),
        Err(Errno::ENOPROTOOPT | Errno::EOPNOTSUPP | Errno::ENOSYS) => (pidfd::open(pid), false),
        // It has ended, and its number may be another's.
        Err(_) => return None,
    };
    seen(pid, process.as_ref(), || is_peer || peer_before_6_5::is_held_by(stream, pid))
}

/// What is seen of a process while it is held; nothing if it has ended by the end of that.
fn seen(pid: i32, process: Option<&OwnedFd>, is_peer: impl FnOnce() -> bool) -> Option<Caller> {
    let Above { lineage, governed } = settled(pid)?;
    let proven = is_peer() && process.is_some();
    let ended = process.is_some_and(|process| !pidfd::lives(process));
    (!ended).then_some(Caller { lineage, proven, governed })
}

/// Those above a process, when two looks see the same: one that ends meanwhile leaves its children to another. What an
/// agent of an earlier run has left behind is still an agent's.
pub(super) fn settled(pid: i32) -> Option<Above> {
    let mut last = tree::above(pid);
    for _ in 0..LOOKS {
        let now = tree::above(pid);
        if now == last {
            last.governed = last.governed || environment_marks::any_is_marked(&last.lineage);
            return Some(last).filter(|above| !above.lineage.is_empty());
        }
        last = now;
    }
    None
}

/// It is certain that no agent has started the process, then and now: what cannot be proved counts as started by one.
pub fn is_outside(peer: &Peer) -> bool {
    let Some(caller) = peer.caller.as_ref().filter(|caller| caller.proven && !caller.governed) else { return false };
    let Some(identity) = caller.identity() else { return false };
    settled(identity.pid).is_some_and(|now| !now.governed && now.lineage == caller.lineage)
}

/// Who listens at the other end of this connection is the govern above this process's own guard: an agent may put
/// another in its place. In a namespace of processes of its own a process sees neither: then it is somebody outside of
/// that.
pub fn is_own_supervisor(stream: BorrowedFd<'_>) -> bool {
    let Ok(listens) = getsockopt(&stream, PeerCredentials) else { return false };
    let above = own_identity().and_then(|own| tree::supervisor_above(own.pid));
    listens.uid() == own_uid() && listens.pid() == above.map_or(0, |supervisor| supervisor.pid)
}

/// Who listens at the other end of this connection is the govern of a run, as the ledger names it: this very process, and
/// none of that run's own agents.
pub fn is_supervisor_of(stream: BorrowedFd<'_>, supervisor: ProcessIdentity, run: &RunId) -> bool {
    let Some(pid) = own_listener(stream) else { return false };
    // One in a namespace of processes below this one has another number here, and started when it did.
    let is_it = |seen: &ProcessIdentity| {
        *seen == supervisor
            || (seen.started == supervisor.started && tree::number_inside(seen.pid) == Some(supervisor.pid))
    };
    settled(pid).is_some_and(|now| {
        now.lineage.first().is_some_and(is_it) && !environment_marks::any_is_of(&now.lineage, run.as_str())
    })
}

/// The number, from here, of this user's process that listens at the other end of this connection.
fn own_listener(stream: BorrowedFd<'_>) -> Option<i32> {
    let listens = getsockopt(&stream, PeerCredentials).ok()?;
    (listens.uid() == own_uid() && listens.pid() > 0).then(|| listens.pid())
}

/// Who listens at the other end of this connection is this user's process of this number.
pub fn listens(stream: BorrowedFd<'_>, pid: i32) -> bool {
    getsockopt(&stream, PeerCredentials).is_ok_and(|listens| listens.uid() == own_uid() && listens.pid() == pid)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::{UnixListener, UnixStream};

    use nix::sys::wait::waitpid;
    use nix::unistd::{ForkResult, fork};

    use super::*;

    fn own() -> i32 {
        std::process::id().cast_signed()
    }

    #[test]
    fn who_holds_the_other_end_is_told_with_all_above_it() {
        let temp = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(temp.path().join("s")).unwrap();
        let _client = UnixStream::connect(temp.path().join("s")).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let peer = peer_of(stream.as_fd()).unwrap();
        let caller = peer.caller.clone().unwrap();
        assert_eq!(peer.pid(), Some(own()));
        assert!(caller.proven && caller.descends_from(own()) && caller.lineage.len() > 1);
        assert_eq!(is_outside(&peer), !crate::process::is_agents(own()));
        // One that was somebody else when it connected, by its start or by who started it.
        for at in 0..2 {
            let mut other = caller.clone();
            other.lineage[at].started += 1;
            assert!(!is_outside(&Peer { caller: Some(other), ..peer.clone() }));
        }
        assert!(!is_outside(&Peer { caller: Some(Caller { proven: false, ..caller }), ..peer }));
    }

    #[test]
    fn who_listens_is_held_against_whom_the_ledger_names() {
        let temp = tempfile::tempdir().unwrap();
        let _listener = UnixListener::bind(temp.path().join("s")).unwrap();
        let client = UnixStream::connect(temp.path().join("s")).unwrap();
        let (stream, run) = (client.as_fd(), RunId::new("d208m2p66fcy"));
        let identity = own_identity().unwrap();
        assert!(is_supervisor_of(stream, identity, &run));
        let later = ProcessIdentity { started: identity.started + 1, ..identity };
        let other = tree::identity_of(1).unwrap();
        assert!(!is_supervisor_of(stream, later, &run) && !is_supervisor_of(stream, other, &run));
        assert!(listens(stream, own()) && !listens(stream, 1));
    }

    #[test]
    fn one_that_has_ended_before_it_was_accepted_is_nobody_whoever_has_its_number() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let address = nix::sys::socket::UnixAddr::new(&path).unwrap();
        #[expect(unsafe_code, reason = "the connection must be another process's")]
        // SAFETY: the child makes three system calls and allocates nothing.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => {
                connect_and_end(&address);
            }
            ForkResult::Parent { child } => {
                waitpid(child, None).unwrap();
            }
        }
        let (stream, _) = listener.accept().unwrap();
        let peer = peer_of(stream.as_fd()).unwrap();
        assert_eq!(peer.caller, None);
        assert!(!is_outside(&peer));
    }

    fn connect_and_end(address: &nix::sys::socket::UnixAddr) -> ! {
        use nix::sys::socket::{AddressFamily, SockFlag, SockType, connect, socket};
        use std::os::fd::AsRawFd;
        if let Ok(socket) = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None) {
            let _connected = connect(socket.as_raw_fd(), address);
        }
        #[expect(unsafe_code, reason = "a forked copy must not run the test's own exit")]
        // SAFETY: it only ends this process.
        unsafe {
            nix::libc::_exit(0)
        }
    }

    #[test]
    fn where_the_kernel_tells_only_a_number_it_must_hold_the_other_end_still() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let process = pidfd::open(own());
        let held_by_us = || peer_before_6_5::is_held_by(ours.as_fd(), own());
        assert!(seen(own(), process.as_ref(), held_by_us).unwrap().proven);
        drop(theirs);
        assert!(!seen(own(), process.as_ref(), held_by_us).unwrap().proven);
        assert!(!seen(own(), None, || true).unwrap().proven, "without a descriptor its number may be another's");
    }
}
