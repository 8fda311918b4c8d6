//! What was under way when its turn or its Codex ended was perhaps served: that is told, whether hooks tell of it or a
//! session file alone, as behind a script.

use nix::sys::signal::Signal;

use crate::support::codex::{CURRENT, OLD, OLDER, PREVIOUS};
use crate::support::fake_responses::{Gate, Reply, Select};
use crate::support::process::LONG;
use crate::support::world::{GovernedEnd, World};

const DIRECT: &[&str] = &["codex", "exec", "do it"];
const IN_A_SCRIPT: &[&str] = &["sh", "-c", "codex exec 'do it'; true"];

/// It is told in the run's end, its JSON, its report and so in its ledger; `cut` is how many.
#[track_caller]
fn expect_told(world: &World, end: &GovernedEnd, cut: u64, what: &str) {
    let told = (&end.summary["in_flight"]["requests"], &end.summary["totals"]["responses"]);
    assert_eq!(told, (&cut.into(), &1.into()), "{what}: {}\n{}", end.summary, end.finished);
    let report = world.govern(&["report", "--last"]).expect_code(0).out();
    for said in [&end.finished.stderr, &report] {
        assert_eq!(said.contains("1 request was cut off: perhaps served, never logged"), cut == 1, "{what}: {said}");
    }
}

#[test]
fn an_answer_under_way_when_govern_is_signalled_is_told_of() {
    for (version, command) in [(CURRENT, DIRECT), (CURRENT, IN_A_SCRIPT), (OLD, DIRECT), (OLDER, IN_A_SCRIPT)] {
        // A shell that is told of an interrupt waits for its child; the terminal tells both.
        for (signal, all) in [(Signal::SIGTERM, false), (Signal::SIGHUP, false), (Signal::SIGINT, true)] {
            let Some(world) = World::with_codex(version) else { continue };
            let never = Gate::new();
            world.server.script(Select::root(), [Reply::exec("true"), Reply::message("late").held_midway_at(&never)]);
            let governed = world.start_governed(&[], command);
            world.server.wait_for_requests(2, LONG).unwrap();
            match all {
                true => governed.running.signal_group(signal),
                false => governed.running.signal(signal),
            }
            expect_told(&world, &governed.finish(), 1, &format!("{version:?} {command:?} {signal}"));
        }
    }
}

#[test]
fn an_answer_under_way_when_a_fleet_is_ended_is_told_of() {
    for command in ["\"codex\", \"exec\", \"do it\"", "\"sh\", \"-c\", \"codex exec 'do it'; true\""] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        let never = Gate::new();
        world.server.script(Select::root(), [Reply::exec("true"), Reply::message("late").held_midway_at(&never)]);
        let fleet = world.start_fleet(&[], &format!("[[agent]]\nname = \"one\"\ncommand = [{command}]\n"));
        world.server.wait_for_requests(2, LONG).unwrap();
        fleet.running.signal(Signal::SIGTERM);
        fleet.running.wait_for_stderr("once more ends them now");
        fleet.running.signal(Signal::SIGTERM);
        expect_told(&world, &fleet.finish(), 1, command);
    }
}

#[test]
fn an_answer_that_failed_or_tells_what_no_codex_reads_is_told_of_and_one_that_was_refused_is_not() {
    let replies = [
        ("failed", Reply::message("half").failed(), 1),
        ("in floats", Reply::exec("true").in_floats(), 1),
        ("torn", Reply::message("half").torn(), 1),
        ("too many", Reply::refuse(429), 0),
        ("refused", Reply::refuse(400), 0),
    ];
    for (version, command) in [
        (CURRENT, DIRECT),
        (CURRENT, IN_A_SCRIPT),
        (PREVIOUS, IN_A_SCRIPT),
        (OLD, DIRECT),
        (OLD, IN_A_SCRIPT),
        (OLDER, IN_A_SCRIPT),
    ] {
        for (what, reply, cut) in &replies {
            let Some(world) = World::with_codex(version) else { continue };
            world.server.script(Select::root(), [Reply::exec("true"), reply.clone()]);
            let end = world.run_governed(&[], command);
            expect_told(&world, &end, *cut, &format!("{version:?} {command:?} {what}"));
        }
    }
}

#[test]
fn a_turn_that_ends_well_or_while_a_tool_runs_has_nothing_cut_off() {
    for version in [CURRENT, OLDER] {
        let Some(world) = World::with_codex(version) else { continue };
        world.server.script(Select::root(), [Reply::message("all is done")]);
        let end = world.run_governed(&[], IN_A_SCRIPT).expect_code(0);
        expect_told(&world, &end, 0, "ends well");
    }
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("touch started; sleep 600")]);
    let governed = world.start_governed(&[], IN_A_SCRIPT);
    let begun = std::time::Instant::now();
    while !world.path("work/started").exists() {
        assert!(begun.elapsed() < LONG, "the tool runs");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    governed.running.signal(Signal::SIGTERM);
    expect_told(&world, &governed.finish(), 0, "a tool runs");
}
