//! Several at once: in one `CODEX_HOME`, in one ledger, under one budget.

use crate::PAID;
use crate::support::codex::{CURRENT, PREVIOUS};
use crate::support::fake_responses::{Gate, Reply, Request, Select, Usage};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::World;

#[test]
fn neighbours_in_one_codex_home_are_told_apart() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let all_are_there = Gate::new();
    world.server.script(Select::root(), [Reply::exec("true").held_at(&all_are_there), Reply::exec("true")]);
    let governed = ["alpha-prompt", "beta-prompt"]
        .map(|prompt| (prompt, world.start_governed(&["--budget", "5usd"], &["codex", "exec", prompt])));
    let bare = world.start("codex", &["exec", "gamma-prompt"]);
    world.server.wait_for_requests(3, LONG).unwrap();
    all_are_there.open();
    let ends = governed.map(|(prompt, governed)| (prompt, governed.finish_among_others().expect_code(0)));
    bare.finish().expect_code(0);
    world.expect_no_survivors();
    let served = world.server.served();
    assert_eq!(served.len(), 9);
    for (prompt, end) in ends {
        let own: Vec<Request> = served.iter().filter(|request| request.body.contains(prompt)).cloned().collect();
        assert_eq!(own.len(), 3);
        ledger::expect_exactly(&world, &end.id(), &own);
    }
}

#[test]
fn a_run_inside_a_run_takes_nothing_out_of_the_outer_ones_limit() {
    for version in [CURRENT, PREVIOUS] {
        for (command, limit, verb) in [
            ("govern run -- codex exec 'do it'; true", "3 responses", "stop"),
            ("govern run --budget '9 responses' -- codex exec 'do it'; true", "0.06 usd", "kill"),
        ] {
            let Some(world) = World::with_codex(version) else { continue };
            world.server.script(Select::any(), (0..12).map(|_| Reply::exec("sleep 0.3")));
            let flags = ["--budget", limit, "--at-limit", verb];
            let end = world.run_governed(&flags, &["sh", "-c", command]).expect_code(124);
            // The outer one keeps its limit by signals, so that one may be on its way.
            let served = world.server.requests().len();
            assert!(served <= 4, "{version:?} {command}: {served} served: {}", end.finished);
            end.finished.expect_said("they count for the budgets of both");
            assert_eq!(ledger::report(&world, &[])["totals"]["responses"].as_u64(), Some(served as u64));
        }
    }
}

#[test]
fn a_run_inside_a_run_for_another_team_counts_for_the_outer_ones_team_as_well() {
    for version in [CURRENT, PREVIOUS] {
        for inner in ["govern run --team other", "govern run"] {
            let Some(world) = World::with_codex(version) else { continue };
            world.write(
                "work/team.toml",
                "version = 1\n[[budget]]\nname = \"team\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"3 responses\"\n\
                 steps = [{ at = \"100%\", do = \"kill\" }]\n",
            );
            world.server.script(Select::any(), (0..12).map(|_| Reply::exec("sleep 0.3")));
            let script = format!("{inner} -- codex exec 'do it'; true");
            let flags = ["--team", "web", "--policy", "team.toml"];
            world.run_governed(&flags, &["sh", "-c", &script]).expect_code(124);
            // One may be on its way.
            let served = world.server.requests().len();
            assert!(served <= 4, "{version:?} {inner}: {served} served");
        }
    }
}

#[test]
fn sessions_under_installed_hooks_wait_for_each_others_answers_and_never_for_each_other() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.govern(&["hooks", "install", "--yes"]).expect_code(0);
    world.policy(
        "[[budget]]\nname = \"shared\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"9 responses\"\n\
         steps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    world.server.always(Select::root(), Reply::exec("sleep 0.1"));
    let sessions = ["one", "two", "three", "four"].map(|prompt| world.start("codex", &["exec", prompt]));
    for session in sessions {
        assert_eq!(session.finish().code(), 1);
    }
    // Each fits alone: the last one is nobody's to wait for.
    assert_eq!(world.server.served().len(), 9);
    world.wait_for_no_survivors(LONG);
}

#[test]
fn two_runs_cannot_both_take_the_last_of_a_shared_budget() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    // $0.0212 each: four fit.
    world.policy(
        "[[budget]]\nname = \"shared\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"0.1 usd\"\n\
         steps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    let tool = "while [ ! -e go ]; do sleep 0.05; done";
    world
        .server
        .script(Select::root().containing("alpha-prompt"), [Reply::exec("true"), Reply::exec(tool), Reply::exec(PAID)]);
    world.server.script(Select::root().containing("beta-prompt"), [Reply::exec(PAID)]);
    let first = world.start_governed(&["--team", "web"], &["codex", "exec", "alpha-prompt"]);
    world.server.wait_for_served(2, LONG).unwrap();
    let second = world.start_governed(&["--team", "web"], &["codex", "exec", "beta-prompt"]);
    world.server.wait_for_served(3, LONG).unwrap();
    world.write("work/go", "");
    let ends = [second, first].map(|governed| governed.finish_among_others().expect_code(124).expect_said("shared"));
    world.expect_no_survivors();
    let served = world.server.served();
    assert!(served.len() <= 4, "{served:?}");
    for end in ends {
        let of_run = ledger::spend_in_ledger(&world, &end.id());
        let threads: Vec<&String> = of_run.keys().map(|(thread, _)| thread).collect();
        let own: Vec<Request> = served.iter().filter(|request| threads.contains(&&request.thread)).cloned().collect();
        ledger::expect_exactly(&world, &end.id(), &own);
    }
    let report = ledger::report(&world, &["--by", "team"]);
    assert_eq!(report["totals"]["responses"], served.len(), "{report}");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn ten_at_once_write_one_ledger() {
    let world = World::without_codex();
    let running: Vec<_> = (0..10).map(|_| world.start_governed(&["--budget", "1usd"], &["true"])).collect();
    let ids: std::collections::BTreeSet<String> =
        running.into_iter().map(|governed| governed.finish_among_others().expect_code(0).id()).collect();
    assert_eq!(ids.len(), 10);
    world.govern(&["audit", "verify"]).expect_code(0);
    world.expect_no_survivors();
}

#[test]
fn a_run_that_fits_only_beside_less_than_another_has_reserved_waits_for_it_and_goes_on() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[budget]]\nname = \"shared\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"0.07 usd\"\n\
         steps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    // $0.0212 each, and as much is reserved for the third of the first run, which takes next to nothing.
    let asked = Gate::new();
    let cheap = Reply::message("all is done").usage(Usage::new(100, 0, 1)).held_at(&asked);
    world.server.script(Select::root().containing("alpha-prompt"), [Reply::exec("true"), Reply::exec("true"), cheap]);
    world.server.script(Select::root().containing("beta-prompt"), [Reply::message("all is done")]);
    let first = world.start_governed(&["--team", "web"], &["codex", "exec", "alpha-prompt"]);
    world.server.wait_for_requests(3, LONG).unwrap();
    let second = world.start_governed(&["--team", "web"], &["codex", "exec", "beta-prompt"]);
    second.running.wait_for_stderr("waits");
    assert_eq!(world.server.requests().len(), 3, "the second waits");
    asked.open();
    for run in [first, second] {
        run.finish_among_others().expect_code(0).expect_outcome("ended");
    }
    assert_eq!(world.server.served().len(), 4);
}
