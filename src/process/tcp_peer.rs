//! The look at who has a connection over TCP with this process: the kernel names the user of a socket, and a walk
//! through this machine's processes who holds it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::peer::{is_outside, settled};
use super::this_process::own_uid;
use super::tree::descendants;
use crate::model::{Peer, Visitor};

/// Who is at the other end of a connection between these two addresses, ours first.
///
/// A socket is looked for by both of its ends: another connection of the same port that is over stays in the kernel's
/// table for a minute, and belongs to nobody.
pub fn visitor(ours: SocketAddr, theirs: SocketAddr) -> Visitor {
    if !theirs.ip().to_canonical().is_loopback() {
        return Visitor::Elsewhere;
    }
    let Some(socket) = socket(canonical(theirs), canonical(ours)) else { return Visitor::Unknown };
    let holders = holders(socket.number);
    let standings: Vec<Option<bool>> = holders.iter().map(|pid| settled(*pid).map(|above| above.governed)).collect();
    if standings.contains(&Some(true)) {
        return Visitor::Agent;
    }
    // Whoever holds the socket where it cannot be seen (in a message on its way, behind a main thread that has ended) may be
    // anybody.
    match socket.uid == own_uid() {
        true if standings.is_empty() || standings.contains(&None) => Visitor::Hidden,
        true => Visitor::Own,
        false => Visitor::Unknown,
    }
}

/// Who is at the other end of a connection over a socket in the file system. `proxy`: the user whose processes are asked
/// here for others.
pub fn visitor_of(peer: Option<&Peer>, proxy: Option<u32>) -> Visitor {
    let Some(peer) = peer else { return Visitor::Hidden };
    let is_own = peer.uid == own_uid();
    match &peer.caller {
        Some(caller) if caller.governed => Visitor::Agent,
        _ if is_own && is_outside(peer) => Visitor::Own,
        _ if is_own => Visitor::Hidden,
        // Its user is certain: the kernel has said it. That none of a run's processes has become that user is seen by
        // those above it.
        Some(_) if Some(peer.uid) == proxy => Visitor::Proxy,
        None if Some(peer.uid) == proxy => Visitor::Hidden,
        Some(_) | None => Visitor::Unknown,
    }
}

/// The process at the other end of a connection between these two addresses, ours first, where it is one of those below
/// another.
pub fn holder_below(root: i32, ours: SocketAddr, theirs: SocketAddr) -> Option<i32> {
    let socket = socket(canonical(theirs), canonical(ours)).filter(|socket| socket.uid == own_uid())?;
    let name = format!("socket:[{}]", socket.number);
    // What a process that has begun meanwhile holds, is seen by a second look.
    let look = || descendants(root).into_iter().map(|process| process.identity.pid).find(|pid| holds(*pid, &name));
    look().or_else(look)
}

#[derive(Debug, PartialEq, Eq)]
struct Socket {
    uid: u32,
    number: u64,
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The socket whose own end is `from` and whose other end is `to`.
fn socket(from: SocketAddr, to: SocketAddr) -> Option<Socket> {
    ["tcp", "tcp6"].iter().find_map(|kind| {
        let table = fs::read_to_string(format!("/proc/self/net/{kind}")).ok()?;
        table.lines().find_map(|line| read(line, from, to))
    })
}

/// A line of `/proc/net/tcp`: place, own end, other end, state, queues, timers, retries, user, time-outs, number.
fn read(line: &str, from: SocketAddr, to: SocketAddr) -> Option<Socket> {
    let mut fields = line.split_whitespace();
    let (own, other) = (end(fields.nth(1)?)?, end(fields.next()?)?);
    if (own, other) != (from, to) {
        return None;
    }
    let uid = fields.nth(4)?.parse().ok()?;
    // 0: nobody holds it any more.
    let number = fields.nth(1)?.parse().ok().filter(|number| *number != 0)?;
    Some(Socket { uid, number })
}

/// `0100007F:1CF3`: words of the address as this machine keeps them, and the port.
fn end(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |place: usize| {
        let hex = address.get(place * 8..place * 8 + 8)?;
        Some(u32::from_str_radix(hex, 16).ok()?.to_ne_bytes())
    };
    let ip: IpAddr = match address.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let bytes: Vec<u8> = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip.to_canonical(), port))
}

/// The processes that have the socket open, as far as they may be looked at.
fn holders(number: u64) -> Vec<i32> {
    let name = format!("socket:[{number}]");
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbered.filter(|pid| holds(*pid, &name)).collect()
}

fn holds(pid: i32, name: &str) -> bool {
    let folder = format!("/proc/{pid}/fd");
    // What vanishes while it is looked at is no reason to pass over the rest.
    let open = fs::read_dir(&folder).into_iter().flatten().flatten();
    open.filter_map(|link| fs::read_link(link.path()).ok()).any(|found| found.as_os_str() == name)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::process::is_agents;

    fn pair(address: &str) -> (SocketAddr, SocketAddr, TcpStream, TcpStream) {
        let listener = TcpListener::bind(address).unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, from) = listener.accept().unwrap();
        (ours.local_addr().unwrap(), from, ours, theirs)
    }

    #[test]
    fn this_process_is_known_at_the_other_end_until_it_hangs_up() {
        let own = if is_agents(std::process::id().cast_signed()) { Visitor::Agent } else { Visitor::Own };
        let (ours, from, _ours, theirs) = pair("127.0.0.1:0");
        assert_eq!(visitor(ours, from), own);
        drop(theirs);
        // A process that another test starts has a copy of it until it executes its program.
        let deadline = crate::clock::monotonic() + std::time::Duration::from_secs(10);
        while visitor(ours, from) == Visitor::Hidden && crate::clock::monotonic() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(visitor(ours, from), Visitor::Unknown);
        if let Ok(listener) = TcpListener::bind("[::1]:0") {
            drop(listener);
            let (ours, from, _ours, _theirs) = pair("[::1]:0");
            assert_eq!(visitor(ours, from), own);
        }
    }

    #[test]
    fn over_a_socket_only_the_proxys_user_is_it_and_nothing_that_an_agent_has_started() {
        use crate::model::{Caller, ProcessIdentity};

        let own = own_uid();
        let (proxy, other) = (own + 1, own + 2);
        let caller =
            |governed| Some(Caller { lineage: vec![ProcessIdentity { pid: 1, started: 0 }], proven: true, governed });
        for (uid, caller, named, who) in [
            (proxy, caller(false), Some(proxy), Visitor::Proxy),
            (proxy, caller(false), None, Visitor::Unknown),
            (proxy, caller(true), Some(proxy), Visitor::Agent),
            (proxy, None, Some(proxy), Visitor::Hidden),
            (other, caller(false), Some(proxy), Visitor::Unknown),
            (other, None, Some(proxy), Visitor::Unknown),
            (own, caller(false), Some(proxy), Visitor::Hidden),
            (own, None, Some(proxy), Visitor::Hidden),
            // Whoever runs govern is no proxy of its own, whatever somebody has written.
            (own, caller(false), Some(own), Visitor::Hidden),
        ] {
            assert_eq!(visitor_of(Some(&Peer { uid, caller }), named), who, "{uid} {named:?}");
        }
        assert_eq!(visitor_of(None, Some(proxy)), Visitor::Hidden);
    }

    #[test]
    fn who_comes_from_elsewhere_is_not_looked_for() {
        let ours = "192.0.2.1:7411".parse().unwrap();
        assert_eq!(visitor(ours, "192.0.2.9:40000".parse().unwrap()), Visitor::Elsewhere);
        assert_eq!(visitor(ours, "127.0.0.1:1".parse().unwrap()), Visitor::Unknown);
    }

    #[test]
    fn ends_are_read_as_the_kernel_writes_them() {
        // As a little-endian machine shows them.
        if cfg!(target_endian = "little") {
            assert_eq!(end("0100007F:1CF3"), Some("127.0.0.1:7411".parse().unwrap()));
            assert_eq!(end("00000000000000000000000001000000:1CF3"), Some("[::1]:7411".parse().unwrap()));
            assert_eq!(end("0000000000000000FFFF00000100007F:0001"), Some("127.0.0.1:1".parse().unwrap()));
        }
        for text in ["", ":", "0100007F", "0100007F:", "0100007:1", "zzzzzzzz:1", "0100007F:12345"] {
            assert_eq!(end(text), None, "{text}");
        }
    }
}
