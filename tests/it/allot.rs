//! A budget that is divided: what an agent declared is its part, and near its end the governor decides.

use crate::PAID;
use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::World;

/// Twenty cents for the run; of what is not allotted, the governor may give.
fn divided(steps: &str) -> String {
    format!(
        "[[budget]]\nname = \"pie\"\nper = \"run\"\nlimit = \"0.2 usd\"\nsteps = [{{ at = \"100%\", do = \"stop\" }}]\n\
         [budget.allot]\nby = \"expected\"\nreserve = \"10%\"\n{steps}"
    )
}

#[test]
fn an_agent_is_given_more_from_the_pool_and_goes_on() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    // $0.0212 each: three do not fit into what was declared.
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("done")]);
    world.policy(&divided(""));
    let end = world.run_governed(&["--expect", "0.05usd"], &["codex", "exec", "do it"]).expect_code(0);
    assert_eq!(world.server.requests().len(), 3);
    let end = end.expect_said("from the pool");
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn where_nothing_may_be_given_an_allotment_is_a_limit() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(PAID)]);
    world.policy(&divided("steps = [{ at = \"100%\", do = \"decide\", may = [\"stop\"] }]\n"));
    let end = world.run_governed(&["--expect", "0.05usd"], &["codex", "exec", "do it"]).expect_code(124);
    assert_eq!(world.server.requests().len(), 2);
    let end = end.expect_said("allotted to codex");
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn what_was_declared_and_does_not_fit_is_refused() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(&divided(""));
    let end = world.run_governed(&["--expect", "0.19usd"], &["codex", "exec", "do it"]).expect_code(123);
    end.expect_said("its agent expects $0.19, and $0.18 can be allotted");
    assert_eq!(world.server.requests().len(), 0);
}

#[test]
fn a_look_at_the_work_tree_does_not_outlive_a_run_that_is_refused() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(&divided(""));
    let slow = "#!/bin/sh\nPATH=$(echo \"$PATH\" | sed \"s|${0%/*}||g\")\n\
                case \"$*\" in *' status '*) mkdir \"${0%/*}/looked\" && exec sleep 600;; esac\nexec git \"$@\"\n";
    world.write_script("bin/git", slow);
    // The first look never ends; no process may be left of it.
    world.run_governed(&["--expect", "0.19usd"], &["codex", "exec", "do it"]).expect_code(123);
}

#[test]
fn what_one_fleet_was_allotted_is_taken_from_a_second_ones_month_that_divides_nothing() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(&format!(
        "{}\n[[budget]]\nname = \"month\"\nper = \"everything\"\nwindow = \"month\"\nlimit = \"0.25 usd\"\n\
         steps = [{{ at = \"100%\", do = \"stop\" }}]\n",
        divided("")
    ));
    let tool = "while [ ! -e go ]; do sleep 0.05; done";
    world.server.script(Select::root(), [Reply::exec(tool), Reply::message("done"), Reply::message("done")]);
    let fleet = "[[agent]]\nname = \"one\"\nprompt = \"do it\"\nexpect = { spend = \"0.15 usd\" }\n";
    let first = world.start_fleet(&[], fleet);
    world.server.wait_for_served(1, LONG).unwrap();
    let second = world.start_fleet(&[], fleet).finish_among_others().expect_code(123);
    second.expect_said("month");
    assert_eq!(world.server.requests().len(), 1);
    world.write("work/go", "");
    first.finish().expect_code(0);
    // What it did not spend is free once it is over.
    world.start_fleet(&[], fleet).finish().expect_code(0);
    assert_eq!(world.server.served().len(), 4);
}
