//! Going on: with a run that was stopped, and with a session that nobody governed.

use crate::ENDLESS;
use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::world::World;

#[test]
fn a_stopped_run_goes_on_in_its_thread() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(
        Select::root(),
        [Reply::exec("true"), Reply::exec(ENDLESS), Reply::exec("true"), Reply::message("all is done")],
    );
    let flags = ["--budget", "0.05usd", "--at-limit", "stop"];
    let stopped = world.run_governed(&flags, &["codex", "exec", "do it"]).expect_code(124);
    let done = world.govern(&["resume", &stopped.id(), "--extend", "1usd"]).expect_code(0);
    assert!(done.out().contains("all is done"), "{done}");
    world.expect_no_survivors();
    let served = world.server.served();
    assert_eq!(served.len(), 4);
    assert!(served.iter().all(|request| request.thread == served[0].thread), "{served:?}");
    // Both runs together have spent what was served, no response twice.
    let report = ledger::report(&world, &["--by", "thread"]);
    assert_eq!(report["totals"]["responses"], 4, "{report}");
    assert_eq!(ledger::nanos(report["totals"]["cost_usd"].as_str().unwrap()), 4 * ledger::USUAL_COST, "{report}");
}

#[test]
fn without_more_budget_a_stopped_run_does_not_go_on() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(ENDLESS)]);
    let flags = ["--budget", "0.05usd", "--at-limit", "stop"];
    let stopped = world.run_governed(&flags, &["codex", "exec", "do it"]).expect_code(124);
    world.govern(&["resume", &stopped.id()]).expect_code(123);
    assert_eq!(world.server.requests().len(), 2);
}

#[test]
fn history_that_a_run_inherits_is_not_its_spend() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true")]);
    world.run("codex", &["exec", "begin"]).expect_code(0);
    let before = world.server.served();
    assert_eq!(before.len(), 2);
    for command in ["resume", "fork"] {
        let served = world.server.served().len();
        let end = world.run_governed(&[], &["codex", "exec", command, &before[0].thread, "go on"]).expect_code(0);
        let new = &world.server.served()[served..];
        assert!(!new.is_empty(), "{command}");
        ledger::expect_exactly(&world, &end.id(), new);
    }
}
