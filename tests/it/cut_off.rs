//! What was under way when its turn or its Codex ended was perhaps served: that is told, whether hooks tell of it or a
//! session file alone, as behind a script.

use nix::sys::signal::Signal;

use crate::support::codex::{CURRENT, OLD, OLDER, PREVIOUS};
use crate::support::fake_responses::{Gate, Reply, Select};
use crate::support::ledger;
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

/// Who asks next is told of what a killed govern left; nothing of it is in a sum.
#[track_caller]
fn expect_told_of_the_dead(world: &World, what: &str) {
    let told = "1 request was cut off: perhaps served, never logged";
    let shown = world.govern(&["report", "--last"]).expect_code(0).out();
    assert!(shown.contains(told) && shown.contains("could not be observed"), "{what}: {shown}");
    let report = ledger::report(world, &["--last"]);
    assert_eq!(
        (&report["totals"]["responses"], &report["totals"]["unobserved"]),
        (&1.into(), &true.into()),
        "{report}"
    );
    assert!(report["decisions"].to_string().contains(told), "{what}: {report}");
    let all = ledger::report(world, &["--by", "project"]);
    assert_eq!(all["totals"]["unobserved"], true, "{what}: {all}");
    let budgets = world.govern(&["budget", "--format", "json"]).expect_code(0).out();
    assert!(budgets.contains("\"unobserved\": true"), "{what}: {budgets}");
}

#[test]
fn an_answer_under_way_when_govern_is_killed_is_told_by_whoever_comes_next() {
    for (version, command) in [(CURRENT, DIRECT), (CURRENT, IN_A_SCRIPT), (OLDER, DIRECT)] {
        let Some(world) = World::with_codex(version) else { continue };
        world.policy("[[budget]]\nname = \"day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"9 usd\"\n");
        let (what, never) = (format!("{version:?} {command:?}"), Gate::new());
        world.server.script(Select::root(), [Reply::exec("true"), Reply::message("late").held_midway_at(&never)]);
        let governed = world.start_governed(&[], command);
        world.server.wait_for_requests(2, LONG).unwrap();
        if version == OLDER {
            // Its session file alone tells of the request, once it is read.
            let begun = std::time::Instant::now();
            while ["usage", "under_way"].map(|table| ledger::rows(&world, table)) != [1, 1] {
                assert!(begun.elapsed() < LONG, "its file is read: {}", governed.running.stderr());
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        governed.running.signal(Signal::SIGKILL);
        world.wait_for_no_survivors(LONG);
        governed.finish_among_others();
        expect_told_of_the_dead(&world, &what);
        let run = ledger::report(&world, &["--last"])["run"].as_str().unwrap().to_owned();
        if command == DIRECT {
            world.server.script(Select::root(), [Reply::message("all is done")]);
            let json = world.path("resumed.json").display().to_string();
            let done = world.govern(&["resume", &run, "--json", &json]).expect_code(0);
            assert!(done.stderr.contains("was killed with govern: 1 request was cut off"), "{what}: {done}");
            let summary: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
            let told = (&summary["in_flight"]["requests"], &summary["totals"]["unobserved"]);
            assert_eq!(told, (&1.into(), &true.into()), "{what}: {summary}");
            assert_eq!(ledger::events(&world, "cut_off").len(), 1, "{what}");
            world.govern(&["audit", "verify"]).expect_code(0);
        }
    }
}

#[test]
fn an_answer_under_way_when_the_govern_of_a_fleet_is_killed_is_told_by_whoever_comes_next() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let never = Gate::new();
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("late").held_midway_at(&never)]);
    let fleet = world.start_fleet(&[], "[[agent]]\nname = \"one\"\nprompt = \"do it\"\n");
    world.server.wait_for_requests(2, LONG).unwrap();
    fleet.running.signal(Signal::SIGKILL);
    world.wait_for_no_survivors(LONG);
    fleet.finish_among_others();
    let report = ledger::report(&world, &["--last"]);
    assert_eq!(report["totals"]["unobserved"], true, "{report}");
    world.server.script(Select::root(), [Reply::message("all is done")]);
    let done = world.govern(&["resume", report["run"].as_str().unwrap()]).expect_code(0);
    assert!(done.stderr.contains("agent `one` was killed with govern: 1 request was cut off"), "{done}");
    assert_eq!(ledger::report(&world, &["--last"])["totals"]["unobserved"], true, "{done}");
}

#[test]
fn a_govern_that_is_killed_between_its_requests_leaves_nothing_to_tell() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("touch started; sleep 600")]);
    let governed = world.start_governed(&[], DIRECT);
    let begun = std::time::Instant::now();
    while !world.path("work/started").exists() {
        assert!(begun.elapsed() < LONG, "the tool runs");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    governed.running.signal(Signal::SIGKILL);
    world.wait_for_no_survivors(LONG);
    governed.finish_among_others();
    let report = ledger::report(&world, &["--last"]);
    assert_eq!(
        (&report["totals"]["responses"], &report["totals"]["unobserved"]),
        (&1.into(), &false.into()),
        "{report}"
    );
}
