//! `examples/agents-sdk`: a program of the OpenAI Agents SDK starts governed agents and reads what came of them.

use std::path::Path;

use serde_json::{Value, json};

use crate::PAID;
use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select, Usage};
use crate::support::ledger::report;
use crate::support::python;
use crate::support::world::{CHEAPER, World};

/// The model of the lead, whom govern does not meter.
const LEAD: &str = "gpt-6-luna";

/// What the example's policy calls `standard`.
const STANDARD: &str = "gpt-6.2-sol";

fn delegates(agent: &str, task: &str, tier: &str) -> Value {
    let arguments = json!({"agent": agent, "task": task, "tier": tier}).to_string();
    json!({"type": "function_call", "name": "delegate", "arguments": arguments})
}

#[test]
fn the_lead_reads_answers_costs_stops_and_refusals() {
    let (Some(world), Some(python)) = (World::with_codex(CURRENT), python::with_agents_sdk()) else { return };
    let mut world = world;
    world.set_env("OPENAI_BASE_URL", &world.server.base_url());
    world.set_env("OPENAI_API_KEY", "not-a-key");
    let server = &world.server;
    let lead = Select::any().model(LEAD);
    let all = Reply::item(delegates("docs", "fix the typos", "cheap"))
        .and(delegates("tests", "fix the tests", "standard"))
        .and(delegates("design", "think about it", "frontier"));
    server.script(lead, [all, Reply::message("The typos are fixed; the tests are not.")]);
    server.script(Select::root().model(CHEAPER), [Reply::message("three typos fixed")]);
    let half = Reply::exec("true").usage(Usage::new(0, 0, 6_000));
    server.script(Select::root().model(STANDARD), [half.clone(), half, Reply::exec(PAID)]);

    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/agents-sdk/team.py");
    let program = program.display().to_string();
    let end = world.run(&python, &[&program, "--budget", "0.15usd", "Fix the tests and the typos."]).expect_code(0);
    let out = end.out();
    assert!(out.contains("The typos are fixed; the tests are not."), "{end}");
    let row = |agent: &str| {
        let line = out.lines().find(|line| line.starts_with(agent)).unwrap_or_default();
        line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let requests = world.server.requests();
    let models = |model: &str| requests.iter().filter(|request| request.model == model).count();
    assert_eq!((models(LEAD), models(CHEAPER)), (2, 1), "{end}");
    assert_eq!(row("docs"), ["ended", "0", "$0.0106"], "{end}");
    assert_eq!(row("tests"), ["stopped", "124", "$0.1200"], "{end}");
    assert_eq!(row("design"), ["refused", "123", "$0.0000"], "{end}");
    // What the lead was told stands in its second request.
    let told = &requests.iter().rfind(|request| request.model == LEAD).unwrap().body;
    for text in ["three typos fixed", "--budget 0.15usd", "govern resume", "there is no tier `frontier`"] {
        assert!(told.contains(text), "{text}: {told}");
    }
}

#[test]
fn under_a_gateway_the_lead_is_metered_too_and_its_agents_are_runs_of_their_own() {
    let (Some(world), Some(python)) = (World::with_codex(CURRENT), python::with_agents_sdk()) else { return };
    let mut world = world;
    world.set_env("OPENAI_BASE_URL", &world.server.base_url());
    world.set_env("OPENAI_API_KEY", "not-a-key");
    let server = &world.server;
    let lead = Select::any().model(LEAD);
    let usage = Usage::new(1_000, 0, 100);
    let delegate = Reply::item(delegates("docs", "fix the typos", "cheap")).usage(usage);
    server.script(lead, [delegate, Reply::message("The typos are fixed.").usage(usage)]);
    server.script(Select::root().model(CHEAPER), [Reply::message("three typos fixed")]);
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/agents-sdk/team.py");
    let program = program.display().to_string();
    let flags = ["--gateway", "--agent", "team", "--budget", "9usd"];
    let end = world.run_governed(&flags, &[&python, &program, "--budget", "0.15usd", "Fix the typos."]).expect_code(0);
    assert!(end.finished.out().contains("The typos are fixed."), "{}", end.finished);
    let report = report(&world, &["--by", "agent,model,source"]);
    let rows = report["rows"].as_array().unwrap();
    let row =
        |agent: &str| rows.iter().find(|row| row["agent"] == agent).unwrap_or_else(|| panic!("{agent}: {report}"));
    assert_eq!((&row("lead")["responses"], &row("lead")["source"]), (&json!(2), &json!("gateway")), "{report}");
    assert_eq!((&row("lead")["model"], &row("lead")["output_tokens"]), (&json!(LEAD), &json!(200)), "{report}");
    assert_eq!(row("docs")["responses"], 1, "{report}");
    assert_eq!(report["totals"]["responses"], 3, "{report}");
}
