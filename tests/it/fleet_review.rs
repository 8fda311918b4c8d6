//! The work of an agent of a fleet is checked and reviewed before what needs it starts.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::{GovernedEnd, World};

/// An agent whose Codex does what it is told.
fn agent(name: &str, more: &str) -> String {
    format!("[[agent]]\nname = \"{name}\"\nprompt = \"{name}-prompt\"\n{more}\n")
}

fn of<'a>(end: &'a GovernedEnd, agent: &str) -> &'a Value {
    let agents = end.summary["agents"].as_array().unwrap_or_else(|| panic!("{}\n{}", end.summary, end.finished));
    agents.iter().find(|one| one["agent"] == agent).unwrap()
}

/// Waits for a question that is pending.
#[track_caller]
fn asked(world: &World) -> Value {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(row) = ledger::approvals(world).into_iter().find(|row| row["state"] == "pending") {
            return row;
        }
        assert!(Instant::now() < deadline, "nobody was asked");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn prompted(world: &World, text: &str) -> usize {
    world.server.served().iter().filter(|request| request.body.contains(text)).count()
}

/// Somebody is asked, although nobody sits there.
fn waits(world: &World) {
    world.policy("[approvals]\nwait_for_nobody = true\n");
    for arguments in [&["init", "--quiet"][..], &["add", "."], &["commit", "--quiet", "--allow-empty", "--message=x"]] {
        let own = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
        world.run("git", &[&own[..], arguments].concat()).expect_code(0);
    }
}

const REVIEW: &str = "review = { wait = \"4h\" }";

#[test]
fn what_needs_reviewed_work_starts_after_a_yes() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    waits(&world);
    let work = "printf 'one\\ntwo\\n' > PLAN.md";
    world.server.script(Select::root().containing("plan-prompt"), [Reply::exec(work), Reply::message("planned")]);
    world.server.script(Select::root(), [Reply::message("built")]);
    let text = [agent("plan", &format!("check = \"test -s PLAN.md\"\n{REVIEW}")), agent("build", "needs = [\"plan\"]")];
    let fleet = world.start_fleet(&[], &text.concat());
    let row = asked(&world);
    let question = row["question"].as_str().unwrap();
    assert!(question.starts_with("review: 2 responses, $"), "{question}");
    assert!(question.contains("check `test -s PLAN.md` passed"), "{question}");
    assert!(question.contains("files changed, +") && question.ends_with("build waits for it"), "{question}");
    assert_eq!((&row["about"], &row["agent"]), (&json!("review"), &json!("plan")));
    assert_eq!(prompted(&world, "build-prompt"), 0);
    let status = world.govern(&["status"]).expect_code(0);
    assert!(status.out().contains("held") && status.out().contains("govern approve 1"), "{status}");
    let refused = world.govern(&["approve", "1", "--extend", "1usd"]);
    assert!(refused.code() != 0 && refused.stderr.contains("work that is done"), "{refused}");
    world.govern(&["approve", "1", "--reason", "good"]).expect_code(0).expect_said("what needs agent `plan` starts");
    let end = fleet.finish().expect_code(0).expect_outcome("ended");
    let plan = of(&end, "plan");
    assert_eq!((&plan["result"], &plan["check_passed"]), (&json!("done"), &json!(true)), "{plan}");
    assert!(plan["lines_added"].as_u64().unwrap() >= 2 && plan["reviewed_by"].as_str().unwrap().contains("(cli)"));
    assert_eq!(of(&end, "build")["result"], "done");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_no_starts_nothing_and_resume_has_the_agent_go_on_with_its_work() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    waits(&world);
    world.server.script(Select::root(), [Reply::message("planned"), Reply::message("better"), Reply::message("built")]);
    let text = [agent("plan", REVIEW), agent("build", "needs = [\"plan\"]")];
    let fleet = world.start_fleet(&[], &text.concat());
    asked(&world);
    world.govern(&["deny", "1", "--reason", "too thin"]).expect_code(0).expect_said("does not start");
    let end = fleet.finish().expect_code(124).expect_outcome("stopped");
    let end = end.expect_said("its work was refused by").expect_said("skipped: it needs `plan`, which was stopped");
    assert_eq!(prompted(&world, "build-prompt"), 0);
    // It goes on in its thread, and its work is reviewed anew.
    let again = world.start("govern", &["resume", &end.id()]);
    asked(&world);
    world.govern(&["approve", "2"]).expect_code(0);
    again.finish().expect_code(0);
    assert_eq!(world.server.served().len(), 3);
}

#[test]
fn a_review_outlives_the_run_that_asked_and_the_work_is_not_done_again() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    waits(&world);
    world.server.script(Select::root(), [Reply::message("planned"), Reply::message("built")]);
    let text = [agent("plan", REVIEW), agent("build", "needs = [\"plan\"]")];
    let mut fleet = world.start_fleet(&[], &text.concat());
    let row = asked(&world);
    let id = row["run"].as_str().unwrap().to_owned();
    fleet.running.signal(Signal::SIGKILL);
    fleet.running.wait_for_end();
    let again = world.start("govern", &["resume", &id]);
    let deadline = Instant::now() + LONG;
    while !world.govern(&["status"]).out().contains("held") {
        assert!(Instant::now() < deadline, "it is not asked again");
    }
    assert_eq!(world.server.served().len(), 1, "nothing was done again");
    let number = asked(&world)["id"].to_string();
    world.govern(&["approve", &number]).expect_code(0);
    again.finish().expect_code(0);
    assert_eq!((world.server.served().len(), prompted(&world, "build-prompt")), (2, 1));
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn whoever_the_file_does_not_name_reviews_nothing() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    waits(&world);
    world.server.script(Select::root(), [Reply::message("planned")]);
    let text =
        [agent("plan", "review = { approvers = [\"somebody\"], wait = \"5s\" }"), agent("build", "needs = [\"plan\"]")];
    let fleet = world.start_fleet(&[], &text.concat());
    asked(&world);
    let refused = world.govern(&["approve", "1"]);
    assert!(refused.code() != 0 && refused.stderr.contains("somebody"), "{refused}");
    let end = fleet.finish().expect_code(124);
    end.expect_said("nobody has reviewed its work in time");
}

#[test]
fn a_check_that_fails_is_told_to_its_agent_which_goes_on_in_its_thread() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy("");
    let correct = Reply::exec("touch right");
    world
        .server
        .script(Select::root(), [Reply::message("done"), correct, Reply::message("done now"), Reply::message("built")]);
    let check = "check = \"echo the-check-ran; test -e right || { echo nothing is right >&2; exit 7; }\"\ncheck_fails = \"again\"";
    let text = [agent("plan", check), agent("build", "needs = [\"plan\"]")];
    let end = world.start_fleet(&[], &text.concat()).finish().expect_code(0);
    let end = end.expect_said("failed with code 7").expect_said("goes on with what its check said");
    assert!(prompted(&world, "nothing is right") >= 1, "the agent reads what its check wrote");
    let plan = of(&end, "plan");
    assert_eq!((&plan["result"], &plan["attempts"], &plan["check_passed"]), (&json!("done"), &json!(1), &json!(true)));
    let kept = std::fs::read_to_string(world.path("govern/runs").join(end.id()).join("plan.check")).unwrap();
    assert_eq!(kept.matches("the-check-ran").count(), 2, "{kept}");
    ledger::expect_exactly(&world, &end.id(), &world.server.served());
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_check_that_fails_or_takes_too_long_starts_nothing_that_needs_it() {
    for (check, said, code) in [
        ("check = \"exit 9\"", "check `exit 9` failed with code 9", 9),
        ("check = \"sleep 600\"\ncheck_within = \"1s\"", "check `sleep 600` took too long", 137),
    ] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.policy("");
        world.server.script(Select::root(), [Reply::message("done")]);
        let text = [agent("plan", check), agent("build", "needs = [\"plan\"]")];
        let end = world.start_fleet(&[], &text.concat()).finish().expect_code(1).expect_outcome("ended");
        let end = end.expect_said(said).expect_said("skipped: it needs `plan`, which failed");
        assert_eq!((&of(&end, "plan")["result"], &of(&end, "plan")["exit_code"]), (&json!("failed"), &json!(code)));
        assert_eq!(prompted(&world, "build-prompt"), 0);
        world.expect_no_survivors();
    }
}

#[test]
fn an_interrupt_ends_a_check_with_its_fleet() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy("");
    world.server.script(Select::root(), [Reply::message("done")]);
    let text = [agent("plan", "check = \"touch runs; sleep 600\""), agent("build", "needs = [\"plan\"]")];
    let fleet = world.start_fleet(&[], &text.concat());
    let deadline = Instant::now() + LONG;
    while !world.path("work/runs").exists() {
        assert!(Instant::now() < deadline, "the check does not run");
        std::thread::sleep(Duration::from_millis(10));
    }
    fleet.running.signal(Signal::SIGINT);
    fleet.finish().expect_code(124).expect_outcome("stopped");
    world.expect_no_survivors();
}
