//! Asking a person: the agent is held until there is an answer, or the deadline decides.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::PAID;
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
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(PAID)]);
    world.run_governed(&["--budget", "0.05usd"], CODEX).expect_code(124).expect_outcome("stopped");
    assert_eq!(world.server.requests().len(), 2);
}

#[test]
fn where_nobody_can_be_asked_a_written_question_gets_its_else_at_once_and_says_why() {
    let steps = "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
         steps = [{ at = \"100%\", do = \"ask\", wait = \"8h\", else = \"kill\" }]\n";
    for (ci, why) in [(false, "there is no terminal"), (true, "`CI` is set")] {
        let Some(mut world) = World::with_codex(CURRENT) else { return };
        if ci {
            world.set_env("CI", "true");
        }
        world.policy_for_nobody(steps);
        world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true")]);
        let end = world.run_governed(&[], CODEX).expect_code(124).expect_outcome("killed");
        end.expect_said(&format!("nobody can be asked, since {why}: what would be asked gets its `else` at once"));
        assert_eq!(approvals(&world).len(), 0);
    }
}

#[test]
fn a_question_that_was_typed_for_this_run_waits_for_somebody_all_the_same() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    script(&world);
    world.write("work/go", "");
    let governed = world.start_governed(&["--budget", "0.05usd", "--at-limit", "ask"], CODEX);
    let id = question(&world);
    world.govern(&["approve", &id, "--extend", "1usd"]).expect_code(0).expect_said("extended by $1.00");
    governed.finish().expect_code(0);
}

#[test]
fn a_yes_before_the_limit_goes_on_to_the_next_step_and_lifts_nothing() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    // $0.0212 each: the first is past a tenth, the fifth would pass the limit.
    world.policy(
        "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.1 usd\"\n\
         steps = [{ at = \"10%\", do = \"ask\", wait = \"30m\" }, { at = \"100%\", do = \"stop\" }]\n",
    );
    world.server.script(Select::root(), (0..6).map(|_| Reply::exec("true")));
    let governed = world.start_governed(&[], CODEX);
    let id = question(&world);
    world.govern(&["approve", &id]).expect_code(0).expect_said("next step: agent `codex` goes on");
    let end = governed.finish().expect_code(124).expect_outcome("stopped");
    assert_eq!(world.server.served().len(), 4);
    ledger::expect_all_served(&world, &end.id());
    let rows = approvals(&world);
    assert_eq!(rows.len(), 1, "{rows:?}");
    let said = ["state", "about", "answer"].map(|key| rows[0][key].as_str().unwrap_or_default());
    assert_eq!(said, ["approved", "step", "next_step"]);
    assert!(rows[0]["extended"].is_null());
    let waits = world.govern(&["approvals", "--format", "json"]).expect_code(0).out();
    assert!(waits.contains("\"rows\": []"), "what is answered is among `--all` only: {waits}");
}

#[test]
fn a_run_that_begins_past_a_question_before_the_limit_is_held_with_it_and_not_refused() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[budget]]\nname = \"month\"\nper = \"everything\"\nwindow = \"month\"\nlimit = \"1 usd\"\n\
         steps = [{ at = \"2%\", do = \"ask\", wait = \"30m\" }, { at = \"100%\", do = \"stop\" }]\n",
    );
    world.server.script(Select::root(), [Reply::message("one"), Reply::message("two"), Reply::message("three")]);
    world.run_governed(&[], CODEX).expect_code(0);
    let governed = world.start_governed(&[], CODEX);
    let id = question(&world);
    assert_eq!(world.server.requests().len(), 1);
    world.govern(&["approve", &id]).expect_code(0).expect_said("next step");
    governed.finish().expect_code(0);
    // It was answered for all runs that share the month.
    world.run_governed(&[], CODEX).expect_code(0);
    assert_eq!((world.server.served().len(), approvals(&world).len()), (3, 1));
}

#[test]
fn a_run_that_begins_past_a_question_that_nobody_can_be_asked_gets_its_else() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy_for_nobody(
        "[[budget]]\nname = \"month\"\nper = \"everything\"\nwindow = \"month\"\nlimit = \"1 usd\"\n\
         steps = [{ at = \"2%\", do = \"ask\", else = \"stop\" }]\n",
    );
    world.server.script(Select::root(), [Reply::message("one")]);
    world.run_governed(&[], CODEX).expect_code(0);
    world.run_governed(&[], CODEX).expect_code(123).expect_said("nobody can be asked, since there is no terminal");
    assert_eq!(world.server.requests().len(), 1);
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

#[test]
fn who_is_no_approver_answers_nothing() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let me = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
    world.policy_for_nobody(
        "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
         steps = [{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }]\n\
         [approvals]\nwait_for_nobody = true\napprovers = [\"somebody-else\"]\n",
    );
    script(&world);
    let governed = world.start_governed(&[], CODEX);
    let id = question(&world);
    for answer in [&["approve", id.as_str(), "--extend", "1usd"][..], &["approve", &id], &["deny", &id]] {
        let refused = world.govern(answer);
        assert_ne!(refused.code(), 0, "{answer:?}: {refused}");
        assert!(refused.stderr.contains(&format!("`{me}` is not among the approvers")), "{answer:?}: {refused}");
        expect_state(&world, &id, "pending");
    }
    world.write("work/go", "");
    world.wait_until_at_gate();
    assert_eq!(world.server.requests().len(), 2);
    world.govern(&["stop", "--all"]).expect_code(0);
    governed.finish().expect_code(124);
    expect_state(&world, &id, "withdrawn");
}

#[test]
fn who_waits_for_the_answer_to_another_runs_question_is_decided_with_it() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let budget = |wait: &str, more: &str| {
        format!(
            "[[budget]]\nname = \"shared\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"0.05 usd\"\n{more}\
             steps = [{{ at = \"100%\", do = \"ask\", wait = \"{wait}\", else = \"stop\" }}]\n"
        )
    };
    world.policy(&budget("30m", "overridable = true\n"));
    world.server.always(Select::any(), Reply::exec("true"));
    let first = world.start_governed(&["--team", "web"], CODEX);
    let id = question(&world);
    // By its own rule the second one would wait for two days.
    world.write("work/govern.toml", &format!("version = 1\n{}", budget("2d", "")));
    let second = world.start_governed(&["--team", "web"], CODEX);
    let waits_too =
        || approvals(&world).iter().any(|row| row["other_runs"].as_array().is_some_and(|runs| runs.len() == 1));
    let deadline = Instant::now() + LONG;
    while !waits_too() {
        assert!(Instant::now() < deadline, "{:?}", approvals(&world));
        std::thread::sleep(Duration::from_millis(20));
    }
    let shown = world.govern(&["approvals"]).expect_code(0);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("waits for the same answer"), "{shown}");
    // Its asker is killed: the question waits for the other one, and is answered there.
    first.running.signal(nix::sys::signal::Signal::SIGKILL);
    first.finish_among_others();
    assert_eq!(approvals(&world).iter().filter(|row| row["state"] == "pending").count(), 1);
    world.govern(&["deny", &id]).expect_code(0);
    second.finish_among_others().expect_code(124).expect_outcome("stopped");
    world.wait_for_no_survivors(LONG);
}

#[test]
fn a_question_that_nobody_answers_in_time_is_over_for_all_who_wait() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let budget = |wait: &str, more: &str| {
        format!(
            "[[budget]]\nname = \"shared\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"0.05 usd\"\n{more}\
             steps = [{{ at = \"100%\", do = \"ask\", wait = \"{wait}\", else = \"stop\" }}]\n"
        )
    };
    world.policy(&budget("20s", "overridable = true\n"));
    world.server.always(Select::any(), Reply::exec("true"));
    let first = world.start_governed(&["--team", "web"], CODEX);
    question(&world);
    world.write("work/govern.toml", &format!("version = 1\n{}", budget("2d", "")));
    let second = world.start_governed(&["--team", "web"], CODEX);
    let deadline = Instant::now() + LONG;
    while !approvals(&world).iter().any(|row| row["other_runs"].as_array().is_some_and(|runs| runs.len() == 1)) {
        assert!(Instant::now() < deadline, "{:?}", approvals(&world));
        std::thread::sleep(Duration::from_millis(20));
    }
    first.finish_among_others().expect_code(124);
    second.finish_among_others().expect_code(124).expect_outcome("stopped");
    world.wait_for_no_survivors(LONG);
}
