//! Limits: no request is started that would pass one, and what runs then is ended.

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Fate, Gate, Reply, Select, Usage};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::{UNKNOWN, World};
use crate::{ENDLESS, PAID};

#[test]
fn a_run_is_stopped_before_the_request_that_would_pass_its_budget() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    // $0.0212 each: two fit into $0.05, a third would not.
    world.server.script(Select::root(), [Reply::exec("echo one > made.txt"), Reply::exec(PAID)]);
    let end = world.run_governed(&["--budget", "0.05usd", "--at-limit", "stop"], &["codex", "exec", "do it"]);
    let end = end.expect_code(124).expect_outcome("stopped");
    assert_eq!(world.server.requests().len(), 2);
    ledger::expect_all_served(&world, &end.id());
    // The hand-off: what changed, what it cost, how to go on.
    let resume = format!("govern resume {}", end.id());
    end.expect_said("made.txt").expect_said("$0.0424").expect_said(&resume);
}

#[test]
fn each_unit_binds() {
    // A response is 8,500 uncached and 10,500 tokens in all: two fit, a third would not.
    for budget in ["20k tok", "25ktok", "30k all tok"] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(PAID)]);
        let end = world.run_governed(&["--budget", budget, "--at-limit", "stop"], &["codex", "exec", "do it"]);
        end.expect_code(124);
        assert_eq!(world.server.requests().len(), 2, "{budget}");
    }
}

#[test]
fn a_number_of_responses_is_reached_and_not_passed() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::exec(PAID)]);
    let end = world.run_governed(&["--budget", "3responses", "--at-limit", "stop"], &["codex", "exec", "do it"]);
    end.expect_code(124);
    assert_eq!(world.server.requests().len(), 3);
}

#[test]
fn the_strictest_of_several_budgets_ends_the_run() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(PAID)]);
    world.policy(
        "[[budget]]\nname = \"wide\"\nper = \"run\"\nlimit = \"9 usd\"\nsteps = [{ at = \"100%\", do = \"kill\" }]\n\
         [[budget]]\nname = \"tight\"\nper = \"agent\"\nlimit = \"0.05 usd\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    let end = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(124).expect_said("tight");
    assert_eq!(end.summary["outcome"]["rule"], "tight", "{}", end.summary);
    assert_eq!(world.server.requests().len(), 2);
}

#[test]
fn a_warning_is_said_and_stops_nothing() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("done")]);
    world.policy(
        "[[budget]]\nname = \"heads up\"\nper = \"run\"\nlimit = \"0.1 usd\"\nsteps = [{ at = \"20%\", do = \"warn\" }]\n",
    );
    let end = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(0).expect_said("heads up");
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn observing_decides_and_does_nothing() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("done")]);
    let flags = ["--observe", "--budget", "0.05usd", "--at-limit", "kill"];
    let end = world.run_governed(&flags, &["codex", "exec", "do it"]).expect_code(0).expect_said("would");
    assert_eq!(world.server.requests().len(), 3);
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn a_kill_leaves_no_process_whatever_session_it_is_in() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    // A tool in a session of its own, one that forked twice, and one that will not hear of SIGINT and SIGTERM.
    let tools = "setsid sleep 600 & (setsid sleep 600 &) ; \
                 setsid sh -c \"trap '' INT TERM; while :; do sleep 600; done\" & sleep 600";
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(tools)]);
    let end = world.run_governed(&["--budget", "0.05usd", "--at-limit", "kill"], &["codex", "exec", "do it"]);
    let end = end.expect_code(124).expect_outcome("killed");
    assert_eq!(world.server.requests().len(), 2);
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn a_kill_does_not_wait_for_an_answer_under_way() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let (never, root_asks_again) = (Gate::new(), Gate::new());
    let small = Usage::new(1_000, 0, 100);
    let first = Reply::spawn_agent("spend").usage(small);
    world.server.script(Select::root(), [first, Reply::message("late").held_at(&never)]);
    world.server.script(Select::subagent(), [Reply::exec(ENDLESS).held_at(&root_asks_again)]);
    // The first answer is 1,100 tokens, and the second, which nobody foretold, 10,500.
    let flags = ["--budget", "10k all tok", "--at-limit", "kill"];
    let governed = world.start_governed(&flags, &["codex", "exec", "-m", UNKNOWN, "do it"]);
    world.server.wait_for_requests(3, LONG).unwrap();
    root_asks_again.open();
    let end = governed.finish().expect_code(124).expect_outcome("killed");
    let requests = world.server.requests();
    assert_eq!(requests.iter().filter(|request| request.fate == Fate::Served).count(), 2, "{requests:?}");
    assert_eq!(requests.iter().filter(|request| request.fate == Fate::Gone).count(), 1, "{requests:?}");
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn a_wider_budget_counts_what_earlier_runs_spent() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[budget]]\nname = \"day\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"0.06 usd\"\n\
         steps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    let command = ["codex", "exec", "do it"];
    for _ in 0..2 {
        world.run_governed(&["--team", "web"], &command).expect_code(0);
    }
    // What is left is less than the first request of such a run was seen to take.
    world.run_governed(&["--team", "web"], &command).expect_code(123).expect_said("day").expect_outcome("refused");
    assert_eq!(world.server.requests().len(), 2);
    // Another team has nothing to do with it.
    world.run_governed(&["--team", "ops"], &command).expect_code(0);
}
