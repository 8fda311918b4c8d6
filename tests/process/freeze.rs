//! A frozen agent does nothing, and goes on as if nothing had been.

use govern::model::ProcessIdentity;
use govern::process::{Order, Process, Report, State, Status, descendants};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::stand_in::{Govern, until};

crate::tests![
    a_frozen_tree_is_stopped_to_the_last_process,
    a_fork_bomb_does_not_outrun_the_freeze,
    only_what_was_frozen_is_thawed,
    who_is_continued_by_somebody_else_is_frozen_again,
    a_signal_to_a_frozen_agent_waits_for_its_thaw,
];

fn freeze(govern: &mut Govern) -> (u32, u32) {
    govern.order(Order::Freeze { agent: "a".into() });
    govern.report(|report| match report {
        Report::Frozen { processes, unsettled, .. } => Some((processes, unsettled)),
        _ => None,
    })
}

fn living(govern: &Govern) -> Vec<Process> {
    descendants(govern.guard.pid).into_iter().filter(|process| !process.is_dead()).collect()
}

fn thaw(govern: &mut Govern) -> u32 {
    govern.order(Order::Thaw { agent: "a".into() });
    govern.report(|report| if let Report::Thawed { processes, .. } = report { Some(processes) } else { None })
}

fn state(process: ProcessIdentity) -> State {
    descendants(nix::unistd::getpid().as_raw()).iter().find(|p| p.identity == process).expect("it lives").state
}

/// Clock ticks that a process has used.
fn ticks(process: ProcessIdentity) -> u64 {
    let line = std::fs::read_to_string(format!("/proc/{}/stat", process.pid)).unwrap();
    let after_name = line.rsplit(')').next().unwrap();
    after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

fn a_frozen_tree_is_stopped_to_the_last_process() {
    let mut govern = Govern::start();
    let busy = "while :; do :; done";
    let root = govern.sh(&format!(
        "(setsid sh -c 'sh -c \"{busy}\" & echo $! > far; echo $$ > orphan; wait' &); {busy} & echo $! > busy; wait"
    ));
    let (busy, far, orphan) = (govern.pid_in("busy"), govern.pid_in("far"), govern.pid_in("orphan"));
    until("it is busy", || if ticks(far) > 2 && living(&govern).len() == 4 { Some(()) } else { None });
    for _ in 0..2 {
        assert_eq!(freeze(&mut govern), (4, 0));
    }
    let used: Vec<u64> = [root, busy, far, orphan].map(ticks).to_vec();
    for process in descendants(govern.guard.pid) {
        assert_eq!(process.state, State::Stopped);
        assert!(process.still);
    }
    assert_eq!(used, [root, busy, far, orphan].map(ticks));
    assert_eq!(thaw(&mut govern), 4);
    until("it is busy again", || if ticks(far) > used[2] { Some(()) } else { None });
}

fn a_fork_bomb_does_not_outrun_the_freeze() {
    let mut govern = Govern::start();
    // Each generation starts the next in a session of its own and dies: always an orphan, never the same.
    govern.executable("hare", "#!/bin/sh\necho $$ > hare.pid\nsetsid ./hare &\n");
    govern.sh("./hare; exec sleep 1000");
    govern.text_in("hare.pid");
    for _ in 0..20 {
        let (_, unsettled) = freeze(&mut govern);
        assert_eq!(unsettled, 0);
        let frozen = living(&govern);
        assert!(frozen.iter().all(|process| process.still), "{frozen:?}");
        assert_eq!(frozen, living(&govern));
        thaw(&mut govern);
    }
    govern.order(Order::End { agent: "a".into(), how: govern::process::How::KillNow });
    let survivors =
        govern.report(|report| if let Report::Ended { survivors, .. } = report { Some(survivors) } else { None });
    assert_eq!((survivors, living(&govern)), (0, Vec::new()));
}

fn only_what_was_frozen_is_thawed() {
    let mut govern = Govern::start();
    govern.sh("sh -c 'echo $$ > other; kill -STOP $$' & wait");
    let other = govern.pid_in("other");
    until("it has stopped itself", || if state(other) == State::Stopped { Some(()) } else { None });
    freeze(&mut govern);
    thaw(&mut govern);
    assert_eq!(state(other), State::Stopped);
}

fn who_is_continued_by_somebody_else_is_frozen_again() {
    let mut govern = Govern::start();
    let root = govern.sh("sleep 1000 & wait");
    freeze(&mut govern);
    for continued in [root.pid, govern.guard.pid] {
        // As `fg` does to the whole group.
        kill(Pid::from_raw(root.pid), Signal::SIGCONT).unwrap();
        kill(Pid::from_raw(continued), Signal::SIGCONT).unwrap();
        until("it is stopped again", || if state(root) == State::Stopped { Some(()) } else { None });
    }
    thaw(&mut govern);
    assert_ne!(state(root), State::Stopped);
}

fn a_signal_to_a_frozen_agent_waits_for_its_thaw() {
    let mut govern = Govern::start();
    let root = govern.sh("exec sleep 1000");
    freeze(&mut govern);
    govern.order(Order::Forward { agent: "a".into(), signal: Signal::SIGTERM as i32 });
    let delivered =
        govern.report(|report| if let Report::Forwarded { delivered, .. } = report { Some(delivered) } else { None });
    assert!(delivered);
    assert_eq!(state(root), State::Stopped);
    thaw(&mut govern);
    let status =
        govern.report(|report| if let Report::RootExited { status, .. } = report { Some(status) } else { None });
    assert_eq!(status, Status::Signalled(15));
}
