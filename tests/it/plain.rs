//! With no limit at all: nothing is different but that somebody has counted.

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select, Usage};
use crate::support::ledger;
use crate::support::world::{MODEL, World};

#[test]
fn the_ledger_has_every_response_that_was_served_and_the_table_shows_them() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(
        Select::root(),
        [
            Reply::exec("echo one"),
            Reply::exec("echo two").usage(Usage {
                input: 20_000,
                cached: 12_345,
                cache_write: 3_210,
                output: 777,
                reasoning: 222,
            }),
            Reply::message("all is done"),
        ],
    );
    let end = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(0).expect_said(MODEL);
    assert!(end.finished.out().contains("all is done"), "{}", end.finished);
    assert_eq!(world.server.served().len(), 3);
    ledger::expect_all_served(&world, &end.id());
    end.expect_outcome("ended");
}

#[test]
fn long_requests_cost_more_as_a_whole() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let long = Usage::new(300_000, 100_000, 1_000);
    world.server.always(Select::root(), Reply::message("read it all").usage(long));
    let end = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(0);
    let report = ledger::report(&world, &["--run", &end.id()]);
    // 200,000 × $4 + 100,000 × $0.20 + 1,000 × $15 a million.
    assert_eq!(ledger::nanos(report["totals"]["cost_usd"].as_str().unwrap()), 835_000_000, "{report}");
}

#[test]
fn an_exit_code_is_the_childs_own() {
    let world = World::without_codex();
    for code in [0, 1, 7, 124, 255] {
        let command = format!("exit {code}");
        world.run_governed(&[], &["sh", "-c", &command]).expect_code(code).expect_outcome("ended");
    }
    world.run_governed(&[], &["sh", "-c", "kill -TERM $$"]).expect_code(128 + 15);
}

#[test]
fn a_failing_codex_fails_the_same_way() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::any(), Reply::refuse(400));
    world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(1);
}

#[test]
fn stdin_and_stdout_pass_byte_for_byte() {
    let world = World::without_codex();
    let mut running = world.start_with_stdin("govern", &["run", "--", "sh", "-c", r"printf '\000\377\033[1m'; cat"]);
    running.write("first\nsecond, without an end");
    let done = running.finish().expect_code(0);
    assert_eq!(done.stdout, b"\x00\xff\x1b[1mfirst\nsecond, without an end");
}

#[test]
fn a_prompt_on_stdin_reaches_codex() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let mut running = world.start_with_stdin("govern", &["run", "--", "codex", "exec", "-"]);
    running.write("the-prompt-that-was-piped");
    running.finish().expect_code(0);
    assert!(world.server.requests()[0].body.contains("the-prompt-that-was-piped"));
}

#[test]
fn json_events_are_those_of_codex_alone() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("echo one"), Reply::message("done")]);
    let command = ["codex", "exec", "--json", "do it"];
    let kinds = |stdout: &str| -> Vec<String> {
        let lines = stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.map(|event| format!("{} {}", event["type"], event["item"]["type"])).collect()
    };
    let bare = world.run(command[0], &command[1..]).expect_code(0);
    let governed = world.run_governed(&[], &command).expect_code(0);
    assert_eq!(kinds(&governed.finished.out()), kinds(&bare.out()));
}

#[test]
fn spend_belongs_where_flags_and_environment_say() {
    let Some(mut world) = World::with_codex(CURRENT) else { return };
    world.set_env("GOVERN_TEAM", "web");
    let flags = ["--agent", "fixer", "--client", "acme", "--task", "ABC-1", "--label", "tier=gold"];
    let end = world.run_governed(&flags, &["codex", "exec", "do it"]).expect_code(0);
    let report =
        ledger::report(&world, &["--run", &end.id(), "--by", "agent,team,client,task,project,user,label:tier"]);
    let row = &report["rows"][0];
    let expected = [("agent", "fixer"), ("team", "web"), ("client", "acme"), ("task", "ABC-1"), ("project", "work")];
    for (key, value) in expected.into_iter().chain([("user", "tester@example.com"), ("label:tier", "gold")]) {
        assert_eq!(row[key], value, "{key}: {report}");
    }
}

#[test]
fn a_ci_job_gets_its_summary_and_outputs() {
    let Some(mut world) = World::with_codex(CURRENT) else { return };
    let (summary, output) = (world.path("summary.md"), world.path("output.txt"));
    world.set_env("GITHUB_STEP_SUMMARY", &summary.display().to_string());
    world.set_env("GITHUB_OUTPUT", &output.display().to_string());
    world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(0);
    let summary = std::fs::read_to_string(summary).unwrap();
    assert!(summary.contains('|') && summary.contains(MODEL), "{summary}");
    let output = std::fs::read_to_string(output).unwrap();
    assert!(output.contains("0.0212"), "{output}");
}
