//! What passes a rule, or bends it: told, decided about, granted before it is needed, and asked for ahead.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::PAID;
use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::process::LONG;
use crate::support::world::World;

const CODEX: &[&str] = &["codex", "exec", "do it"];

/// Two answers of the usual cost fit, a third does not.
const PURSE: &str = "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
                     steps = [{ at = \"100%\", do = \"ask\", wait = \"30m\" }]\n";

fn json(world: &World, args: &[&str]) -> Value {
    let done = world.govern(&[args, &["--format", "json"]].concat()).expect_code(0);
    serde_json::from_slice(&done.stdout).unwrap()
}

#[track_caller]
fn wait_for_question(world: &World) {
    let deadline = Instant::now() + LONG;
    while json(world, &["approvals"])["rows"].as_array().unwrap().is_empty() {
        assert!(Instant::now() < deadline, "nobody was asked");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_lifted_limit_is_an_exception_until_somebody_has_decided_about_it() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(PURSE);
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(PAID), Reply::message("done")]);
    let governed = world.start_governed(&[], CODEX);
    wait_for_question(&world);
    world.govern(&["approve", "1", "--extend", "1usd", "--reason", "nearly done"]).expect_code(0);
    let run = governed.finish().expect_code(0).id();
    let rows = json(&world, &["exceptions"])["rows"].clone();
    let lifted = rows.as_array().unwrap().iter().find(|row| row["kind"] == "extension").unwrap().clone();
    assert_eq!(lifted["id"], "extension-1");
    assert_eq!((&lifted["run"], &lifted["agent"]), (&Value::from(run), &Value::from("codex")));
    assert_eq!((&lifted["amount_usd"], &lifted["reason"]), (&Value::from("1.00"), &Value::from("nearly done")));
    assert_eq!(lifted["state"], "open");
    world.govern(&["exceptions", "accept", "extension-1", "--reason", "fine"]).expect_code(0);
    let open = json(&world, &["exceptions"])["rows"].clone();
    assert!(open.as_array().unwrap().iter().all(|row| row["id"] != "extension-1"), "{open}");
    let all = json(&world, &["exceptions", "--all"])["rows"].clone();
    let decided = all.as_array().unwrap().iter().find(|row| row["id"] == "extension-1").unwrap().clone();
    assert_eq!((&decided["state"], &decided["decided_because"]), (&"accepted".into(), &"fine".into()));
    world.govern(&["audit", "verify"]).expect_code(0);
    world.govern(&["exceptions", "dismiss", "extension-9", "--reason", "x"]).expect_code(125);
}

#[test]
fn what_was_let_past_a_limit_is_written_into_the_policy_that_has_it_after_it_was_shown() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(PURSE);
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(PAID), Reply::message("done")]);
    let governed = world.start_governed(&[], CODEX);
    wait_for_question(&world);
    world.govern(&["approve", "1", "--extend", "1usd"]).expect_code(0);
    governed.finish().expect_code(0);
    let file = world.path("config/govern/policy.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    let grant = ["grant", "--budget", "purse", "--extend", "1usd", "--until", "2199-01-01", "--reason", "the same"];
    world.govern(&grant).expect_code(0);
    // Nobody is asked here: nothing changes, and the change is shown.
    let write = ["exceptions", "write", "extension-1", "--reason", "always so"];
    let shown = world.govern(&write).expect_code(2).out();
    assert!(shown.contains("- limit = \"0.05 usd\"") && shown.contains("+ limit = \"1.05usd\""), "{shown}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
    world.govern(&[&write[..], &["--yes"]].concat()).expect_code(0);
    let after = std::fs::read_to_string(&file).unwrap();
    assert_eq!(after, before.replace("\"0.05 usd\"", "\"1.05usd\""));
    let all = json(&world, &["exceptions", "--all"])["rows"].clone();
    assert!(all.as_array().unwrap().iter().any(|row| row["state"] == "written"), "{all}");
    // What is written, and what that has covered, raises it no more.
    for (id, why) in [("extension-1", "was written into the policy before"), ("grant-1", "was raised since")] {
        world.govern(&["exceptions", "write", id, "--reason", "x", "--yes"]).expect_code(125).expect_said(why);
    }
    world.govern(&["exceptions", "write", "grant-1", "--reason", " ", "--yes"]).expect_code(2);
    world.govern(&["exceptions", "dismiss", "grant-1", "--reason", ""]).expect_code(2);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), after);
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_grant_frees_who_waits_at_the_limit_and_is_shown_with_the_budget_until_it_is_taken_back() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let day = "[[budget]]\nname = \"day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"0.05 usd\"\n\
               steps = [{ at = \"100%\", do = \"ask\", wait = \"30m\" }]\n";
    world.policy(day);
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(PAID), Reply::message("done")]);
    let governed = world.start_governed(&[], CODEX);
    wait_for_question(&world);
    let grant = ["grant", "--budget", "day", "--extend", "1usd", "--until", "2199-01-01", "--reason", "the release"];
    let said = world.govern(&grant).expect_code(0).out();
    assert!(said.starts_with("grant 1: `day` $1.00 more until 2199-01-01 00:00"), "{said}");
    governed.finish().expect_code(0);
    assert_eq!(world.server.requests().len(), 3);
    let row = json(&world, &["budget"])["rows"][0].clone();
    assert_eq!((&row["granted"], &row["limit"]), (&Value::from("1.00"), &Value::from("0.05")), "{row}");
    assert_eq!((&row["grants"][0]["id"], &row["grants"][0]["reason"]), (&1.into(), &"the release".into()));
    world.govern(&["grant", "revoke", "1", "--reason", "it is out"]).expect_code(0);
    assert_eq!(json(&world, &["budget"])["rows"][0]["granted"], "0.00");
    world.govern(&["grant", "revoke", "1"]).expect_code(125);
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn grants_come_to_no_more_than_the_policy_says_and_only_for_a_budget_that_it_has() {
    let world = World::without_codex();
    world.policy_for_nobody(&format!("{PURSE}[approvals]\nmax_grant = \"10 usd\"\n"));
    let grant = |budget: &str, amount: &str, until: &str, more: &[&str]| {
        let base = ["grant", "--budget", budget, "--extend", amount, "--until", until, "--reason", "x"];
        world.govern(&[&base[..], more].concat())
    };
    grant("purse", "6usd", "2199-01-01", &[]).expect_code(0);
    let said = grant("purse", "6usd", "2199-01-01", &[]).expect_code(123).to_string();
    assert!(said.contains("grants of `purse` may come to $10.00 at one time: $6.00 is given"), "{said}");
    grant("purse", "4usd", "2199-01-01", &[]).expect_code(0);
    grant("purze", "1usd", "2199-01-01", &[]).expect_code(2);
    grant("purse", "5 responses", "2199-01-01", &[]).expect_code(2);
    grant("purse", "1usd", "2001-01-01", &[]).expect_code(2);
    grant("purse", "1usd", "2199-01-01", &["--scope", "team=web"]).expect_code(2);
}

#[test]
fn an_agent_asks_ahead_goes_on_meanwhile_and_cannot_grant_or_decide() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(PURSE);
    world.write(
        "work/ask.sh",
        "govern request --extend 1usd --reason 'two more modules' > asked 2>&1; echo code $? >> asked\n\
         govern grant --budget purse --extend 1usd --until 2199-01-01 --reason x > granted 2>&1; echo code $? >> granted\n\
         govern exceptions dismiss extension-1 --reason x > decided 2>&1; echo code $? >> decided\n\
         touch done; while [ ! -e go ]; do sleep 0.05; done\n",
    );
    let command = "sh ask.sh; codex exec 'do it'";
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(PAID), Reply::message("done")]);
    let governed = world.start_governed(&[], &["sh", "-c", command]);
    let deadline = Instant::now() + LONG;
    while !world.path("work/done").exists() {
        assert!(Instant::now() < deadline, "the agent has not asked");
        std::thread::sleep(Duration::from_millis(10));
    }
    let read = |name: &str| std::fs::read_to_string(world.path(&format!("work/{name}"))).unwrap();
    assert!(
        read("asked").contains("question 1 asks for $1.00 more") && read("asked").contains("code 0"),
        "{}",
        read("asked")
    );
    for (name, why) in [("granted", "an agent cannot grant"), ("decided", "an agent cannot decide")] {
        assert!(read(name).contains(why) && read(name).contains("code 125"), "{}", read(name));
    }
    let row = json(&world, &["approvals"])["rows"][0].clone();
    assert_eq!((&row["about"], &row["deadline"]), (&Value::from("ahead"), &Value::Null), "{row}");
    assert!(row["question"].as_str().unwrap().contains("two more modules"), "{row}");
    world.govern(&["approve", "1", "--reason", "go ahead"]).expect_code(0);
    world.write("work/go", "");
    governed.finish().expect_code(0);
    assert_eq!(world.server.requests().len(), 3, "nobody was asked again");
    let rows = json(&world, &["exceptions"])["rows"].clone();
    assert!(
        rows.as_array().unwrap().iter().any(|row| row["id"] == "extension-1" && row["amount_usd"] == "1.00"),
        "{rows}"
    );
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn what_is_no_amount_or_has_no_reason_is_neither_asked_for_nor_granted() {
    let world = World::without_codex();
    let until = ["--budget", "month", "--until", "2199-01-01"];
    for (extend, reason, said) in [
        ("-5usd", "why", "`--extend -5usd` is less than nothing"),
        ("0usd", "why", "`--extend 0usd` must be more than zero"),
        ("5zz", "why", "`--extend 5zz` is not a quantity"),
        ("5usd", " ", "`--reason` is empty"),
    ] {
        let asked = ["--extend", extend, "--reason", reason];
        for call in [[&["request"][..], &asked].concat(), [&["grant"][..], &until, &asked].concat()] {
            world.govern(&call).expect_code(2).expect_said(said);
        }
    }
}
