//! Signals from outside reach the agent, and govern ends when it does.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Gate, Reply, Select};
use crate::support::ledger;
use crate::support::process::{Finished, LONG};
use crate::support::world::World;

fn wait_for_file(world: &World, name: &str) {
    let deadline = Instant::now() + LONG;
    while !world.path(name).exists() {
        assert!(Instant::now() < deadline, "no {name}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn ctrl_c_ends_codex_as_it_does_without_govern() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("touch started; sleep 600")]);
    let bare = world.start("codex", &["exec", "do it"]);
    wait_for_file(&world, "work/started");
    bare.signal_group(Signal::SIGINT);
    let bare = bare.finish();

    std::fs::remove_file(world.path("work/started")).unwrap();
    let served = world.server.served().len();
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    wait_for_file(&world, "work/started");
    governed.running.signal_group(Signal::SIGINT);
    let end = governed.finish().expect_code(bare.code());
    ledger::expect_exactly(&world, &end.id(), &world.server.served()[served..]);
}

#[test]
fn ctrl_c_while_an_answer_is_under_way_ends_it_too() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let never = Gate::new();
    world.server.always(Select::any(), Reply::message("late").held_midway_at(&never));
    let governed = world.start_governed(&["--budget", "5usd"], &["codex", "exec", "do it"]);
    world.server.wait_for_requests(1, LONG).unwrap();
    governed.running.signal_group(Signal::SIGINT);
    let end = governed.finish();
    assert_ne!(end.finished.code(), 0, "{}", end.finished);
    assert!(world.server.served().is_empty());
}

#[test]
fn a_terminated_govern_takes_its_agent_with_it() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.server.script(Select::root(), [Reply::exec("touch started; sleep 600")]);
        let governed = world.start_governed(&["--budget", "5usd"], &["codex", "exec", "do it"]);
        wait_for_file(&world, "work/started");
        // 0.171 writes the record of a response while its tool runs.
        let is_recorded = |path| std::fs::read_to_string(path).unwrap().contains("\"token_usage_record\"");
        let begun = std::time::Instant::now();
        while !world.session_files().into_iter().any(is_recorded) {
            assert!(begun.elapsed() < crate::support::process::LONG, "the response is recorded");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        governed.running.signal(signal);
        let end = governed.finish();
        assert_ne!(end.finished.code(), 0, "{}", end.finished);
        ledger::expect_all_served(&world, &end.id());
        world.govern(&["audit", "verify"]).expect_code(0);
    }
}

#[test]
fn what_ends_with_the_codexes_of_a_script_that_a_signal_ended_is_not_said_to_live_on() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.server.always(Select::any(), Reply::exec("touch started.$$; sleep 600"));
        let script = ["sh", "-c", "codex exec 'do one' & codex exec 'do two' & wait"];
        let governed = world.start_governed(&["--budget", "5usd"], &script);
        let deadline = Instant::now() + LONG;
        let started = |world: &World| {
            let names = std::fs::read_dir(world.work()).unwrap().flatten().map(|entry| entry.file_name());
            names.filter(|name| name.to_string_lossy().starts_with("started.")).count()
        };
        while started(&world) < 2 {
            assert!(Instant::now() < deadline, "two tools run: {}", governed.running.stderr());
            std::thread::sleep(Duration::from_millis(5));
        }
        governed.running.signal(signal);
        let end = governed.finish();
        assert!(!end.finished.stderr.contains("live on"), "{signal}: {}", end.finished);
    }
}

#[test]
fn what_lives_on_when_a_script_has_ended_is_told_of() {
    let world = World::without_codex();
    let script = ["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 </dev/null & kill -TERM $$"];
    for script in [["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 </dev/null &"], script] {
        let end = world.start_governed(&["--budget", "5usd"], &script).finish_among_others();
        assert!(end.finished.stderr.contains("1 process(es) that the command started live on"), "{}", end.finished);
    }
}

/// `ulimit -f`, in blocks of 1,024 bytes as bash counts them.
fn with_files_of(world: &World, blocks: u32, command: &str) -> Finished {
    world.run("bash", &["-c", &format!("ulimit -f {blocks}; {command}")])
}

#[test]
fn a_limit_on_the_size_of_files_is_told_as_a_full_disk_is_and_ends_an_agent_as_ever() {
    let world = World::without_codex();
    // No ledger can be made; one is there.
    with_files_of(&world, 4, "govern run -- true").expect_code(125).expect_said("error:");
    with_files_of(&world, 4_096, "govern run -- true").expect_code(0);
    with_files_of(&world, 4, "govern run -- true").expect_code(125).expect_said("error:");
    let writes = "govern run --quiet -- dd if=/dev/zero of=large bs=1M count=6";
    assert_eq!(with_files_of(&world, 4_096, writes).code(), 128 + Signal::SIGXFSZ as i32);
    world.expect_no_survivors();
}
