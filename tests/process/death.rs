//! Nothing goes on alone: not when govern dies, not when the guard does.

use std::io::Read;
use std::process::{Command, Stdio};

use govern::model::ProcessIdentity;
use govern::process::{Leftovers, Order, Report, alive, is_descendant_of};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::stand_in::{Govern, until, until_dead};

crate::tests![
    nothing_survives_govern,
    nothing_survives_govern_while_it_is_frozen,
    nothing_survives_govern_behind_a_shell_that_left_an_orphan,
    nothing_survives_the_guard,
    nothing_survives_both,
    the_terminal_is_put_back_when_govern_dies,
    a_plain_command_leaves_the_screen_alone_when_govern_dies,
    what_outlives_its_agent_lives_on_only_if_it_is_no_codex,
    govern_ends_after_its_guard,
];

/// A root, a child in its group, and a double-forked grandchild in a session of its own.
const FAMILY: &str = "sleep 1000 & echo $! > child; \
    (setsid sh -c 'sleep 1000 & echo $! > far; echo $$ > orphan; wait' &); wait";

fn family(govern: &mut Govern) -> Vec<ProcessIdentity> {
    let root = govern.sh(FAMILY);
    let family = vec![root, govern.pid_in("child"), govern.pid_in("far"), govern.pid_in("orphan")];
    for process in &family {
        assert!(is_descendant_of(process.pid, govern.guard.pid));
        assert!(is_descendant_of(process.pid, govern.child.id().cast_signed()));
    }
    family
}

fn murder(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

fn nothing_survives_govern() {
    let mut govern = Govern::start();
    let family = family(&mut govern);
    govern.child.kill().unwrap();
    until_dead(&family);
    until_dead(&[govern.guard]);
}

fn nothing_survives_govern_while_it_is_frozen() {
    let mut govern = Govern::start();
    let family = family(&mut govern);
    govern.order(Order::Freeze { agent: "a".into() });
    govern.report(|report| if let Report::Frozen { .. } = report { Some(()) } else { None });
    govern.child.kill().unwrap();
    until_dead(&family);
    until_dead(&[govern.guard]);
}

fn nothing_survives_govern_behind_a_shell_that_left_an_orphan() {
    let mut govern = Govern::start();
    govern.sh("(setsid sh -c 'echo $$ > orphan; exec sleep 1000' &); exit 0");
    let orphan = govern.pid_in("orphan");
    govern.report(|report| if let Report::RootExited { .. } = report { Some(()) } else { None });
    govern.child.kill().unwrap();
    until_dead(&[orphan, govern.guard]);
}

fn nothing_survives_the_guard() {
    let mut govern = Govern::start();
    let family = family(&mut govern);
    murder(govern.guard.pid);
    let killed = govern.report(|report| if let Report::GuardLost { killed } = report { Some(killed) } else { None });
    assert!(killed >= 3, "all but the root, which goes with the guard");
    for process in family {
        assert!(!alive(process));
    }
}

fn nothing_survives_both() {
    let mut govern = Govern::start();
    let root = govern.sh("exec sleep 1000");
    kill(Pid::from_raw(govern.guard.pid), Signal::SIGSTOP).unwrap();
    govern.child.kill().unwrap();
    murder(govern.guard.pid);
    until_dead(&[root, govern.guard]);
}

/// A stand-in below a shell that leads a session with a terminal, and the terminal's other end.
fn in_a_terminal() -> (Govern, std::fs::File) {
    let terminal = nix::pty::openpty(None, None).unwrap();
    let slave = terminal.slave;
    let govern = Govern::start_by(|own, socket| {
        let mut command = Command::new("setsid");
        let script = "\"$0\" be-govern \"$1\" & echo $! > \"$1.pid\"; wait; exec sleep 1000";
        command.args(["--ctty", "/bin/sh", "-c", script]).arg(own).arg(socket);
        command.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(Stdio::inherit());
        command
    });
    (govern, terminal.master.into())
}

fn modes(terminal: &std::fs::File) -> nix::sys::termios::Termios {
    nix::sys::termios::tcgetattr(terminal).unwrap()
}

fn the_terminal_is_put_back_when_govern_dies() {
    let (mut govern, mut screen) = in_a_terminal();
    let before = modes(&screen);
    // A background command of a shell without job control reads nothing by itself.
    let root = govern.sh("stty raw -echo < /dev/tty; echo > raw; exec sleep 1000");
    govern.text_in("raw");
    assert_ne!(modes(&screen), before);
    murder(govern.text_in("socket.pid").trim().parse().unwrap());
    until_dead(&[root, govern.guard]);
    assert_eq!(modes(&screen), before);
    let mut shown = vec![0; 4096];
    let length = screen.read(&mut shown).unwrap();
    let shown = String::from_utf8_lossy(&shown[..length]).into_owned();
    for sequence in ["\x1b[?1049l", "\x1b[?1006l", "\x1b[?2004l", "\x1b[<u", "\x1b[?25h"] {
        assert!(shown.contains(sequence), "{shown:?}");
    }
}

fn a_plain_command_leaves_the_screen_alone_when_govern_dies() {
    let (mut govern, mut screen) = in_a_terminal();
    let root = govern.sh("echo > ready; exec sleep 1000");
    govern.text_in("ready");
    murder(govern.text_in("socket.pid").trim().parse().unwrap());
    until_dead(&[root, govern.guard]);
    nix::fcntl::fcntl(&screen, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK)).unwrap();
    let mut shown = [0; 64];
    assert_eq!(screen.read(&mut shown).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

fn what_outlives_its_agent_lives_on_only_if_it_is_no_codex() {
    let mut govern = Govern::start();
    govern.executable("codex", "#!/bin/sh\nsleep 1000 & echo $! > below; echo $$ > codex.pid; wait\n");
    govern.sh("(setsid sh -c 'echo $$ > daemon; exec sleep 1000' &); (setsid ./codex &); exit 0");
    let (daemon, codex, below) = (govern.pid_in("daemon"), govern.pid_in("codex.pid"), govern.pid_in("below"));
    govern.report(|report| if let Report::RootExited { .. } = report { Some(()) } else { None });
    govern.finish(Leftovers::Leave);
    assert!(alive(daemon));
    assert!(!alive(codex) && !alive(below));
    murder(daemon.pid);
    until_dead(&[daemon]);
}

fn govern_ends_after_its_guard() {
    let mut govern = Govern::start();
    let family = family(&mut govern);
    govern.finish(Leftovers::Kill);
    assert!(!alive(govern.guard));
    for process in family {
        assert!(!alive(process));
    }
    until("it is no zombie either", || {
        if govern::process::identity_of(govern.guard.pid).is_none() { Some(()) } else { None }
    });
}
