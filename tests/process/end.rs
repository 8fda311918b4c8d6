//! An end leaves nothing, and lets no Codex ask its model again.

use std::time::Duration;

use govern::process::{How, Order, Report, Status, alive, descendants};

use crate::stand_in::{Govern, PATIENCE};

crate::tests![
    a_kill_reaches_sessions_of_their_own_and_orphans,
    a_graceful_end_interrupts_codex_while_its_tool_is_frozen,
    a_codex_that_is_deaf_to_int_gets_term_then_kill,
    a_codex_started_while_the_end_is_under_way_is_killed,
    a_command_without_codex_gets_term_then_kill,
    a_frozen_agent_can_be_ended,
    a_kill_makes_haste_of_a_graceful_end,
    an_end_of_what_is_over_is_over,
];

const AT_ONCE: Duration = Duration::ZERO;

fn end(govern: &mut Govern, how: How) -> u32 {
    govern.order(Order::End { agent: "a".into(), how });
    ended(govern)
}

fn ended(govern: &mut Govern) -> u32 {
    let killed = govern.report(|report| match report {
        Report::Ended { killed, survivors, request, .. } => {
            assert_eq!(survivors, 0);
            assert!(request.is_some());
            Some(killed)
        }
        _ => None,
    });
    assert_eq!(descendants(govern.guard.pid), []);
    killed
}

fn a_kill_reaches_sessions_of_their_own_and_orphans() {
    let mut govern = Govern::start();
    let root = govern.sh(
        "trap '' TERM INT HUP; sleep 1000 & (setsid sh -c 'trap \"\" TERM HUP; sleep 1000 & echo $$ > orphan; wait' &); wait",
    );
    let orphan = govern.pid_in("orphan");
    govern.order(Order::End { agent: "a".into(), how: How::KillNow });
    let status =
        govern.report(|report| if let Report::RootExited { status, .. } = report { Some(status) } else { None });
    assert_eq!(status, Status::Signalled(9));
    assert!(ended(&mut govern) >= 4);
    assert!(!alive(root) && !alive(orphan));
}

fn a_graceful_end_interrupts_codex_while_its_tool_is_frozen() {
    let mut govern = Govern::start();
    govern.executable(
        "codex",
        "#!/bin/sh\n\
         trap 'cut -d\" \" -f3 /proc/$(cat tool.pid)/stat > tool.state; exit 1' INT\n\
         setsid sh -c 'trap \"echo > tidied; exit\" TERM; sleep 1000 & echo $$ > tool.pid; wait' &\n\
         while ! test -s tool.pid; do sleep 0.01; done; echo > ready; while :; do wait; done\n",
    );
    govern.sh("./codex; echo > went-on");
    govern.text_in("ready");
    end(&mut govern, How::Graceful { interrupt: PATIENCE, terminate: PATIENCE });
    assert_eq!(govern.text_in("tool.state"), "T\n", "when Codex was interrupted");
    assert!(govern.path("tidied").exists(), "the tool could tidy up after Codex was gone");
    assert!(!govern.path("went-on").exists(), "the shell before Codex did not go on");
}

fn a_codex_that_is_deaf_to_int_gets_term_then_kill() {
    let mut govern = Govern::start();
    govern.executable(
        "codex",
        "#!/bin/sh\ntrap '' INT; trap 'echo > term; exit 1' TERM\nsleep 1000 & echo > ready; while :; do wait; done\n",
    );
    govern.sh("exec ./codex");
    govern.text_in("ready");
    end(&mut govern, How::Graceful { interrupt: AT_ONCE, terminate: PATIENCE });
    assert!(govern.path("term").exists());

    let mut govern = Govern::start();
    govern.executable("codex", "#!/bin/sh\ntrap '' INT TERM\nsleep 1000 & echo > ready; while :; do wait; done\n");
    govern.sh("exec ./codex");
    govern.text_in("ready");
    assert!(end(&mut govern, How::Graceful { interrupt: AT_ONCE, terminate: AT_ONCE }) >= 1);
}

fn a_codex_started_while_the_end_is_under_way_is_killed() {
    let mut govern = Govern::start();
    govern.executable("codex", "#!/bin/sh\ntrap 'exit 1' INT\nsleep 1000 & echo > $1; while :; do wait; done\n");
    govern.sh("trap '' TERM; ./codex first; ./codex second; ./codex third");
    govern.text_in("first");
    assert!(end(&mut govern, How::Graceful { interrupt: PATIENCE, terminate: PATIENCE }) >= 1);
    assert!(!govern.path("third").exists());
}

fn a_command_without_codex_gets_term_then_kill() {
    let mut govern = Govern::start();
    govern.sh("trap 'echo > tidied; exit 0' TERM; sleep 1000 & echo > ready; wait");
    govern.text_in("ready");
    end(&mut govern, How::Graceful { interrupt: PATIENCE, terminate: PATIENCE });
    assert!(govern.path("tidied").exists());

    govern.sh("trap '' TERM; sleep 1000 & echo > deaf; wait");
    govern.text_in("deaf");
    assert!(end(&mut govern, How::Graceful { interrupt: AT_ONCE, terminate: AT_ONCE }) >= 1);
}

fn a_frozen_agent_can_be_ended() {
    for how in [How::KillNow, How::Graceful { interrupt: PATIENCE, terminate: PATIENCE }] {
        let mut govern = Govern::start();
        govern.executable("codex", "#!/bin/sh\ntrap 'exit 1' INT\nsleep 1000 & echo > ready; while :; do wait; done\n");
        govern.sh("./codex");
        govern.text_in("ready");
        govern.order(Order::Freeze { agent: "a".into() });
        end(&mut govern, how);
    }
}

fn a_kill_makes_haste_of_a_graceful_end() {
    let mut govern = Govern::start();
    govern
        .executable("codex", "#!/bin/sh\ntrap 'echo > heard' INT\nsleep 1000 & echo > ready; while :; do wait; done\n");
    govern.sh("exec ./codex");
    govern.text_in("ready");
    let hour = Duration::from_hours(1);
    govern.order(Order::End { agent: "a".into(), how: How::Graceful { interrupt: hour, terminate: hour } });
    govern.text_in("heard");
    govern.order(Order::End { agent: "a".into(), how: How::KillNow });
    assert!(ended(&mut govern) >= 1);
    ended(&mut govern);
}

fn an_end_of_what_is_over_is_over() {
    let mut govern = Govern::start();
    govern.sh("exit 0");
    govern.report(|report| if let Report::Ended { request: None, .. } = report { Some(()) } else { None });
    assert_eq!(end(&mut govern, How::KillNow), 0);
}
