//! Who stops govern, or its guard, sets nothing free: agents stand still with the one, and the other is let go on.

use govern::model::ProcessIdentity;
use govern::process::{Order, Report, State, descendants};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::stand_in::{Govern, probe};

crate::tests![
    while_govern_is_stopped_its_agents_stand_still_and_go_on_with_it,
    who_is_frozen_by_an_order_stays_so_when_govern_goes_on,
    what_is_stopped_with_its_guard_begins_anew,
    a_guard_that_is_stopped_obeys_the_next_order,
];

fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// The agents here start nothing while they are looked at: a shell that has just forked by `vfork` waits for a child that is
/// stopped, and stands as still as one that is stopped itself, in another state.
fn state(process: ProcessIdentity) -> Option<State> {
    let found = descendants(nix::unistd::getpid().as_raw());
    found.into_iter().find(|found| found.identity == process).map(|found| found.state)
}

fn until_state(process: ProcessIdentity, stopped: bool) {
    let seen = std::cell::Cell::new(None);
    let what = if stopped { "stands still" } else { "goes on" };
    let found = probe(|| {
        seen.set(state(process));
        seen.get().is_some_and(|state| (state == State::Stopped) == stopped).then_some(())
    });
    let tree = || descendants(nix::unistd::getpid().as_raw());
    assert!(
        found.is_some(),
        "{process:?} was {:?} until the end, not one that {what}, among {:#?}",
        seen.get(),
        tree()
    );
}

fn stood_still(govern: &mut Govern) {
    govern.report(|report| if let Report::StoodStill { .. } = report { Some(()) } else { None });
}

fn while_govern_is_stopped_its_agents_stand_still_and_go_on_with_it() {
    let mut govern = Govern::start();
    let root = govern.sh("(setsid sh -c 'echo $$ > far; exec sleep 1000' &); exec sleep 1000");
    let far = govern.pid_in("far");
    let pid = govern.child.id().cast_signed();
    for _ in 0..2 {
        send(pid, Signal::SIGSTOP);
        [root, far].into_iter().for_each(|process| until_state(process, true));
        send(pid, Signal::SIGCONT);
        stood_still(&mut govern);
        [root, far].into_iter().for_each(|process| until_state(process, false));
    }
}

fn who_is_frozen_by_an_order_stays_so_when_govern_goes_on() {
    let mut govern = Govern::start();
    let endless = "exec sleep 1000";
    let held = govern.sh(endless);
    let other = govern.script("b", endless);
    let other = govern.launch(other);
    govern.order(Order::Freeze { agent: "a".into() });
    govern.report(|report| if let Report::Frozen { .. } = report { Some(()) } else { None });
    let pid = govern.child.id().cast_signed();
    send(pid, Signal::SIGSTOP);
    until_state(other, true);
    send(pid, Signal::SIGCONT);
    until_state(other, false);
    stood_still(&mut govern);
    assert_eq!(state(held), Some(State::Stopped));
    govern.order(Order::Thaw { agent: "a".into() });
    govern.report(|report| if let Report::Thawed { .. } = report { Some(()) } else { None });
    until_state(held, false);
}

fn what_is_stopped_with_its_guard_begins_anew() {
    let mut govern = Govern::start();
    let root = govern.sh("exec sleep 1000");
    // As Ctrl-Z does it, again and again: whoever is stopped first, nothing is left standing.
    let (pid, guard) = (govern.child.id().cast_signed(), govern.guard.pid);
    for _ in 0..20 {
        send(pid, Signal::SIGSTOP);
        send(guard, Signal::SIGSTOP);
        until_state(govern.guard, true);
        send(guard, Signal::SIGCONT);
        send(pid, Signal::SIGCONT);
        until_state(govern.guard, false);
        until_state(root, false);
    }
}

fn a_guard_that_is_stopped_obeys_the_next_order() {
    let mut govern = Govern::start();
    let root = govern.sh("exec sleep 1000");
    send(govern.guard.pid, Signal::SIGSTOP);
    until_state(govern.guard, true);
    govern.order(Order::Freeze { agent: "a".into() });
    govern.report(|report| if let Report::Frozen { .. } = report { Some(()) } else { None });
    assert_eq!(state(root), Some(State::Stopped));
}
