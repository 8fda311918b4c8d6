//! Signals to govern are messages, not its end; the guard is deaf.

use govern::process::{Order, Report};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::stand_in::{Govern, Told};

crate::tests![
    a_signal_to_govern_is_told_with_its_sender,
    a_forwarded_signal_reaches_the_first_process_only,
    the_guard_is_deaf,
    the_guard_has_its_own_name,
];

const ALL: [Signal; 6] =
    [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];

fn a_signal_to_govern_is_told_with_its_sender() {
    let mut govern = Govern::start();
    for sent in ALL {
        kill(Pid::from_raw(govern.child.id().cast_signed()), sent).unwrap();
        let (signal, from_terminal, sender) = govern.hear(|told| match told {
            Told::Signal { signal, from_terminal, sender } => Some((signal, from_terminal, sender)),
            _ => None,
        });
        assert_eq!((signal, from_terminal), (sent as i32, false));
        assert_eq!(sender, Some(std::process::id().cast_signed()));
    }
}

fn a_forwarded_signal_reaches_the_first_process_only() {
    let mut govern = Govern::start();
    govern.sh("sh -c 'trap \"echo > wrong; exit\" USR1; sleep 1000 & echo > ready.below; wait' &\n\
         trap 'echo > right' USR1; sleep 1000 & echo > ready; while :; do wait; done");
    govern.text_in("ready");
    govern.text_in("ready.below");
    govern.order(Order::Forward { agent: "a".into(), signal: Signal::SIGUSR1 as i32 });
    govern.text_in("right");
    assert!(!govern.path("wrong").exists());
    govern.order(Order::Forward { agent: "nobody".into(), signal: Signal::SIGUSR1 as i32 });
    govern.report(|report| if let Report::Forwarded { delivered: false, .. } = report { Some(()) } else { None });
}

fn the_guard_is_deaf() {
    let mut govern = Govern::start();
    for signal in ALL {
        kill(Pid::from_raw(govern.guard.pid), signal).unwrap();
    }
    govern.sh("exit 0");
}

fn the_guard_has_its_own_name() {
    let mut govern = Govern::start();
    govern.sh("exit 0");
    let name = std::fs::read_to_string(format!("/proc/{}/comm", govern.guard.pid)).unwrap();
    assert_eq!(name, "govern-guard\n");
}
