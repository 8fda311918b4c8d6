//! Asking a person: the agent is held until there is an answer, or the deadline decides.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::ENDLESS;
use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::World;

const CODEX: &[&str] = &["codex", "exec", "do it"];

/// $0.05, of which two responses leave no room for a third; asked is when it would be passed.
fn asking(world: &World, wait: &str, otherwise: &str) {
    world.policy(&format!(
        "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
         steps = [{{ at = \"100%\", do = \"ask\", wait = \"{wait}\", else = \"{otherwise}\" }}]\n"
    ));
}

/// Two answers, and a tool that ends when the test says so; then the last word.
fn script(world: &World) {
    let tool = "while [ ! -e go ]; do sleep 0.05; done";
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(tool), Reply::message("all is done")]);
}

fn approvals(world: &World) -> Vec<Value> {
    let done = world.govern(&["approvals", "--all", "--format", "json"]).expect_code(0);
    let list: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done}"));
    list["rows"].as_array().unwrap_or_else(|| panic!("no rows: {list}")).clone()
}

/// Waits for a question and gives its number.
#[track_caller]
fn question(world: &World) -> String {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(row) = approvals(world).iter().find(|row| row["state"] == "pending") {
            return row["id"].to_string().trim_matches('"').to_owned();
        }
        assert!(Instant::now() < deadline, "nobody was asked");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn expect_state(world: &World, id: &str, state: &str) {
    let rows = approvals(world);
    let row = rows.iter().find(|row| row["id"].to_string().trim_matches('"') == id);
    assert_eq!(row.unwrap_or_else(|| panic!("no {id}: {rows:?}"))["state"], state);
}

#[test]
fn an_agent_is_held_until_somebody_extends_its_budget() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    asking(&world, "30m", "stop");
    script(&world);
    let governed = world.start_governed(&[], CODEX);
    let id = question(&world);
    // The tool that was paid for ends; what would follow waits.
    world.write("work/go", "");
    world.wait_until_at_gate();
    assert_eq!(world.server.requests().len(), 2);
    world.govern(&["approve", &id, "--extend", "1usd", "--reason", "worth it"]).expect_code(0);
    let end = governed.finish().expect_code(0).expect_outcome("ended").expect_said("worth it");
    assert!(end.finished.out().contains("all is done"), "{}", end.finished);
    assert_eq!(world.server.served().len(), 3);
    ledger::expect_all_served(&world, &end.id());
    expect_state(&world, &id, "approved");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_refusal_stops_it() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    asking(&world, "30m", "stop");
    script(&world);
    let governed = world.start_governed(&[], CODEX);
    let id = question(&world);
    world.govern(&["deny", &id, "--reason", "enough"]).expect_code(0);
    let end = governed.finish().expect_code(124).expect_outcome("stopped").expect_said("enough");
    assert_eq!(world.server.requests().len(), 2);
    ledger::expect_all_served(&world, &end.id());
    expect_state(&world, &id, "denied");
    // An answer is given once.
    let again = world.govern(&["approve", &id]);
    assert_ne!(again.code(), 0, "{again}");
}

#[test]
fn when_nobody_answers_the_policy_does() {
    for (otherwise, outcome) in [("stop", "stopped"), ("kill", "killed")] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        asking(&world, "1s", otherwise);
        script(&world);
        let end = world.run_governed(&[], CODEX).expect_code(124).expect_outcome(outcome);
        assert_eq!(world.server.requests().len(), 2);
        ledger::expect_all_served(&world, &end.id());
        assert_eq!(approvals(&world)[0]["state"], "expired");
    }
}

#[test]
fn where_nobody_can_be_asked_a_plain_budget_stops() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(ENDLESS)]);
    world.run_governed(&["--budget", "0.05usd"], CODEX).expect_code(124).expect_outcome("stopped");
    assert_eq!(world.server.requests().len(), 2);
}

#[test]
fn a_question_is_withdrawn_when_its_agent_ends() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    asking(&world, "30m", "stop");
    script(&world);
    let governed = world.start_governed(&[], CODEX);
    let id = question(&world);
    world.write("work/go", "");
    world.wait_until_at_gate();
    governed.running.signal(nix::sys::signal::Signal::SIGTERM);
    governed.finish();
    expect_state(&world, &id, "withdrawn");
}

#[test]
fn an_agent_may_not_answer_for_its_kind() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    asking(&world, "30m", "stop");
    script(&world);
    let held = world.start_governed(&[], CODEX);
    let id = question(&world);
    let attempt = format!("govern approve {id} --extend 5usd > attempt.txt 2>&1; echo code $? >> attempt.txt");
    let other = world.start_governed(&[], &["sh", "-c", &attempt]);
    other.finish_among_others().expect_code(0);
    let attempt = std::fs::read_to_string(world.path("work/attempt.txt")).unwrap();
    assert!(!attempt.contains("code 0"), "{attempt}");
    expect_state(&world, &id, "pending");
    world.govern(&["deny", &id]).expect_code(0);
    held.finish().expect_code(124);
}
