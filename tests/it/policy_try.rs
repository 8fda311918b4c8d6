//! `govern policy try`: what it says a policy would have done is what that policy does.

use serde_json::Value;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::world::{CHEAPER, GovernedEnd, MODEL, World};

/// Each response is $0.0212.
const POLICY: &str = "version = 1\n[models]\nladder = [\"gpt-6.1-sol\", \"gpt-6.1-terra\"]\n\
    [[budget]]\nname = \"ten cents\"\nper = \"run\"\nlimit = \"0.1 usd\"\n";
const WARN_AND_STOP: &str = "steps = [{ at = \"40%\", do = \"warn\" }, { at = \"100%\", do = \"stop\" }]\n";
const ROUTE: &str = "steps = [{ at = \"40%\", do = \"route\" }, { at = \"100%\", do = \"stop\" }]\n";

fn policy(world: &World, name: &str, steps: &str) {
    world.write(&format!("work/{name}"), &format!("{POLICY}{steps}"));
}

fn works(world: &World, model: &str) {
    world
        .server
        .script(Select::root().model(model), (0..4).map(|_| Reply::exec("true")).chain([Reply::message("done")]));
}

fn tried(world: &World, args: &[&str]) -> Value {
    let args = [&["policy", "try", "--format", "json"], args].concat();
    serde_json::from_slice(&world.govern(&args).expect_code(0).stdout).unwrap()
}

/// What was decided about a run, in govern's words while it ran: `warn: $0.0424 of $0.10 (ten cents): 40% reached`.
fn said(end: &GovernedEnd) -> Vec<String> {
    let lines = end.finished.stderr.lines().filter_map(|line| line.strip_prefix("govern: "));
    let verbs = ["warn", "route", "ask", "stop", "kill"];
    let decides = |line: &&str| {
        verbs
            .iter()
            .any(|verb| line.trim_start_matches("would ").strip_prefix(verb).is_some_and(|rest| rest.starts_with(": ")))
    };
    lines.filter(decides).map(str::to_owned).collect()
}

/// The same of a trial's row.
fn decided(row: &Value) -> Vec<String> {
    let steps = row["steps"].as_array().unwrap().iter().filter(|step| step["do"] != "go_on_with");
    steps
        .map(|step| {
            let would = if step["observed_only"] == true { "would " } else { "" };
            format!("{would}{}: {}", step["do"].as_str().unwrap(), step["because"][0].as_str().unwrap())
        })
        .collect()
}

#[test]
fn what_would_have_been_done_is_what_is_done() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    policy(&world, "strict.toml", WARN_AND_STOP);
    let command = ["codex", "exec", "do it"];
    works(&world, MODEL);
    let observed = world.run_governed(&["--observe", "--policy", "strict.toml"], &command).expect_code(0);
    let row = &tried(&world, &["strict.toml"])["rows"][0];
    assert_eq!(row["run"], observed.id().as_str());
    assert_eq!((row["actual_cost_usd"].as_str(), row["would_cost_usd"].as_str()), (Some("0.106"), Some("0.0848")));
    assert_eq!((&row["saved_cost_usd"], &row["end"]), (&"0.0212".into(), &"stopped".into()));
    let live: Vec<String> = said(&observed).iter().map(|line| line.trim_start_matches("would ").to_owned()).collect();
    assert_eq!((decided(row), live.len()), (live, 2));

    // The same work again, and now in earnest.
    works(&world, MODEL);
    let stopped = world.run_governed(&["--policy", "strict.toml"], &command).expect_code(124);
    assert_eq!(stopped.summary["totals"]["cost_usd"], row["would_cost_usd"], "{}", stopped.summary);
    assert_eq!(said(&stopped), decided(row));

    // Its history is cut already: the same policy would have nothing more to stop.
    let trial = tried(&world, &["strict.toml"]);
    let again = trial["rows"].as_array().unwrap().iter().find(|row| row["run"] == stopped.id().as_str()).unwrap();
    assert_eq!((&again["ended_then"], &again["saved_cost_usd"]), (&"stopped".into(), &"0.00".into()));
    assert_eq!(trial["totals"]["actual_cost_usd"], "0.1908");
    assert_eq!(trial["totals"]["would_cost_usd"], "0.1696");
}

#[test]
fn warnings_come_at_the_same_responses() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    policy(&world, "warns.toml", "steps = [{ at = \"20%\", do = \"warn\" }, { at = \"60%\", do = \"warn\" }]\n");
    works(&world, MODEL);
    let end = world.run_governed(&["--policy", "warns.toml"], &["codex", "exec", "do it"]).expect_code(0);
    let trial = tried(&world, &["warns.toml"]);
    assert_eq!((decided(&trial["rows"][0]), said(&end).len()), (said(&end), 2));
    assert_eq!(trial["totals"]["saved_cost_usd"], "0.00");
    let nothing = tried(&world, &[]);
    assert_eq!((&nothing["rows"], &nothing["runs_tried"]), (&Value::Array(Vec::new()), &1.into()));
}

#[test]
fn after_a_route_history_is_counted_at_the_cheaper_model() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    policy(&world, "routes.toml", ROUTE);
    works(&world, MODEL);
    world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(0);
    // Two at $0.0212, three at half of that.
    let row = &tried(&world, &["routes.toml"])["rows"][0];
    assert_eq!((&row["would_cost_usd"], &row["end"]), (&"0.0742".into(), &"routed".into()), "{row}");
    let went_on = row["steps"].as_array().unwrap().iter().find(|step| step["do"] == "go_on_with").unwrap();
    assert_eq!(went_on["to"], CHEAPER);
    // A command that govern cannot start again goes on, with a warning, until its limit.
    works(&world, MODEL);
    let end = world.run_governed(&[], &["sh", "-c", "codex exec 'do it'"]).expect_code(0);
    let trial = tried(&world, &["routes.toml"]);
    let row = trial["rows"].as_array().unwrap().iter().find(|row| row["run"] == end.id().as_str()).unwrap();
    assert_eq!((&row["end"], &row["steps"][0]["do"]), (&"stopped".into(), &"warn".into()), "{row}");
    let approved = tried(&world, &["routes.toml", "--answer", "approve"]);
    let row = approved["rows"].as_array().unwrap().iter().find(|row| row["run"] == end.id().as_str()).unwrap();
    assert_eq!(row["would_cost_usd"], "0.0848", "nothing is asked: {row}");
}

#[test]
fn history_that_was_imported_is_tried_by_family() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    policy(&world, "strict.toml", WARN_AND_STOP);
    works(&world, MODEL);
    world.run("codex", &["exec", "do it"]).expect_code(0);
    world.govern(&["import"]).expect_code(0);
    let trial = tried(&world, &["strict.toml", "--since", "1d"]);
    assert_eq!((&trial["runs_tried"], &trial["runs_imported"]), (&1.into(), &1.into()), "{trial}");
    let row = &trial["rows"][0];
    assert!(row["run"].is_null() && row["imported_thread"].is_string(), "{row}");
    assert_eq!((&row["would_responses"], &row["saved_responses"]), (&4.into(), &1.into()));
    // What a person reads.
    let table = world.govern(&["policy", "try", "strict.toml"]).expect_code(0).out();
    assert!(table.contains("would have saved") && table.contains("imported"), "{table}");
}

#[test]
fn a_policy_with_mistakes_is_not_tried() {
    let world = World::without_codex();
    world.write("work/bad.toml", "version = 1\n[[budget]]\nname = \"x\"\nlimit = \"-1 usd\"\n");
    let done = world.govern(&["policy", "try", "bad.toml"]);
    assert_ne!(done.code(), 0);
    done.expect_said("bad.toml:4");
    world.write("work/good.toml", "version = 1\n");
    world.govern(&["policy", "try", "good.toml"]).expect_code(0);
}
