//! If govern itself is killed, its agent does not go on alone.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::process::LONG;
use crate::support::world::World;

fn killed_while_a_tool_runs(command: &[&str]) {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.write("work/Makefile", "all:\n\tcodex exec 'do it'\n");
    let tool = "(setsid sleep 600 &) ; touch started; sleep 600";
    world.server.script(Select::root(), [Reply::exec(tool)]);
    let governed = world.start_governed(&["--budget", "5usd"], command);
    let deadline = Instant::now() + LONG;
    while !world.path("work/started").exists() {
        assert!(Instant::now() < deadline, "the tool was not started: {}", governed.running.stderr());
        std::thread::sleep(Duration::from_millis(5));
    }
    governed.running.signal(Signal::SIGKILL);
    world.wait_for_no_survivors(LONG);
    assert_eq!(world.server.requests().len(), 1);
    let end = governed.finish_among_others().expect_said("error: govern ended before its agents");
    assert_eq!(end.finished.code(), 137);
    // The ledger is whole, and says that a run was never sealed.
    world.govern(&["audit", "verify"]).expect_code(4);
}

#[test]
fn the_agent_ends_with_govern_behind_the_node_launcher() {
    killed_while_a_tool_runs(&["codex", "exec", "do it"]);
}

#[test]
fn the_agent_ends_with_govern_behind_make() {
    killed_while_a_tool_runs(&["make", "--silent"]);
}

#[test]
fn the_agent_ends_with_govern_behind_a_shell() {
    killed_while_a_tool_runs(&["bash", "-c", "codex exec 'do it'; true"]);
}

#[test]
fn a_held_agent_ends_with_govern_too() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.03 usd\"\n\
         steps = [{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }]\n",
    );
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("all is done")]);
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    governed.running.wait_for_stderr("is held until");
    world.wait_until_at_gate();
    governed.running.signal(Signal::SIGKILL);
    world.wait_for_no_survivors(LONG);
    assert_eq!(world.server.requests().len(), 1);
    // What is printed later goes on with it: the limit that it waited at is in the way.
    let shown = world.govern(&["report", "--last"]).expect_code(0).out();
    let printed = shown
        .lines()
        .find_map(|line| line.trim().strip_prefix("govern ").filter(|line| line.starts_with("resume ")))
        .unwrap_or_else(|| panic!("{shown}"));
    assert!(printed.contains("--extend"), "{shown}");
    let gone = world.govern(&["approve", "1"]).expect_code(125);
    assert!(gone.stderr.contains(&format!("hint: `govern {printed}` resumes it")), "{gone}");
    let done = world.govern(&printed.split(' ').collect::<Vec<_>>()).expect_code(0);
    assert!(done.out().contains("all is done"), "{done}");
}

#[test]
fn a_codex_spends_nothing_while_govern_is_stopped() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    // Below a script no hook holds it: govern's signals do, and it has just stopped whoever sends them.
    world.write_script(
        "work/agent",
        "#!/bin/sh\ngovern=$(awk '/^PPid/ { print $2 }' /proc/$PPID/status)\n\
         kill -STOP $govern\ncodex exec 'do it'\nkill -CONT $govern\nwait\n",
    );
    world.take_hooks_away();
    world.server.always(Select::root(), Reply::exec("sleep 0.1"));
    let governed = world.start_governed(&["--budget", "3 responses", "--at-limit", "kill"], &["./agent"]);
    governed.running.wait_for_stderr("govern: stopped by a signal, and so are its agents");
    assert!(world.agent_states().iter().all(|(_, state)| *state == 'T'), "{:?}", world.agent_states());
    let before = world.server.requests().len();
    governed.running.signal(Signal::SIGCONT);
    let end = governed.finish().expect_code(124).expect_said("govern was stopped by a signal or a debugger");
    assert!(before <= 3 && world.server.served().len() <= 4, "{before}, {}", world.server.served().len());
    assert!(end.finished.stderr.contains("its agents stood still, too"));
}
