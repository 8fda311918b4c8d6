//! The question who holds the other end of a connection, for kernels that do not tell it themselves (before 6.5).

use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};
use nix::sys::stat::fstat;

/// A process has the other end of this connection open.
pub(super) fn is_held_by(stream: BorrowedFd<'_>, pid: i32) -> bool {
    let Some(other) = number_of(stream).and_then(other_end) else { return false };
    let name = format!("socket:[{other}]");
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    open.filter_map(|link| fs::read_link(link.path()).ok()).any(|found| found.as_os_str() == name.as_str())
}

fn number_of(stream: BorrowedFd<'_>) -> Option<u32> {
    u32::try_from(fstat(stream).ok()?.st_ino).ok()
}

/// `SOCK_DIAG_BY_FAMILY` of `linux/sock_diag.h`.
const BY_FAMILY: u16 = 20;
/// `UDIAG_SHOW_PEER` of `linux/unix_diag.h`.
const SHOW_PEER: u32 = 4;
/// `UNIX_DIAG_PEER`, likewise.
const PEER: u16 = 2;
/// Of a netlink message's header and of the answer's fixed part, in bytes.
const HEADER: usize = 16;

/// The number of the socket that this one is connected to; `None` where the kernel does not tell.
fn other_end(number: u32) -> Option<u32> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let asking = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkSockDiag).ok()?;
    send(asking.as_fd().as_raw_fd(), &question(number), MsgFlags::empty()).ok()?;
    let mut answer = [0; 512];
    // The answer is there once the question was taken.
    let length = recv(asking.as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT).ok()?;
    peer_in(answer.get(..length)?)
}

/// `nlmsghdr` and `unix_diag_req`: of this socket, whatever its state, the peer.
fn question(number: u32) -> Vec<u8> {
    let mut message = Vec::with_capacity(40);
    message.extend(40_u32.to_ne_bytes());
    message.extend(BY_FAMILY.to_ne_bytes());
    // NLM_F_REQUEST
    message.extend(1_u16.to_ne_bytes());
    message.extend([0; 8]);
    message.extend([1, 0, 0, 0]);
    message.extend(u32::MAX.to_ne_bytes());
    message.extend(number.to_ne_bytes());
    message.extend(SHOW_PEER.to_ne_bytes());
    // No cookie.
    message.extend([u8::MAX; 8]);
    message
}

/// The attribute that names the peer, behind `nlmsghdr` and `unix_diag_msg`.
fn peer_in(answer: &[u8]) -> Option<u32> {
    let u16_at = |at: usize| Some(u16::from_ne_bytes(answer.get(at..at.checked_add(2)?)?.try_into().ok()?));
    if u16_at(4)? != BY_FAMILY {
        return None;
    }
    let mut at = HEADER * 2;
    loop {
        let (length, kind) = (usize::from(u16_at(at)?), u16_at(at.checked_add(2)?)?);
        let value = at.checked_add(4)?;
        if kind == PEER {
            return Some(u32::from_ne_bytes(answer.get(value..value.checked_add(4)?)?.try_into().ok()?));
        }
        at = at.checked_add(length.max(4).next_multiple_of(4))?;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_other_end_is_held_by_who_has_it_open_and_by_nobody_once_it_is_closed() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let own = std::process::id().cast_signed();
        assert_eq!(other_end(number_of(ours.as_fd()).unwrap()), number_of(theirs.as_fd()));
        assert!(is_held_by(ours.as_fd(), own));
        assert!(!is_held_by(ours.as_fd(), i32::MAX));
        drop(theirs);
        assert!(!is_held_by(ours.as_fd(), own));
    }

    #[test]
    fn what_is_no_answer_names_no_peer() {
        let error = [36_u32.to_ne_bytes(), 2_u32.to_ne_bytes()].concat();
        for bytes in [&[][..], &error, &[0; 31], &[0; 64]] {
            assert_eq!(peer_in(bytes), None, "{bytes:?}");
        }
    }
}
