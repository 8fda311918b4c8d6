//! History: what Codex recorded with and without govern counts once.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use govern::import::{self, Terms};
use govern::ledger::Ledger;
use govern::model::Attribution;
use govern::policy::rule::Unpriced;
use govern::usage::price::PriceTable;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::codex::{CURRENT, PREVIOUS};
use crate::support::fake_responses::{Gate, Reply, Select};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::World;

/// `govern import --format json`.
fn import(world: &World) -> Value {
    let out = world.govern(&["import", "--format", "json"]).expect_code(0).out();
    serde_json::from_str(&out).unwrap()
}

fn responses(world: &World) -> u64 {
    ledger::report(world, &["--by", "model"])["totals"]["responses"].as_u64().unwrap()
}

#[test]
fn what_was_governed_and_what_was_not_count_once_each() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    // Each select scripts a thread of its own; "go on" comes after the others were said.
    let three = [
        Reply::exec("true"),
        Reply::exec("true"),
        Reply::message("done"),
        Reply::message("more"),
        Reply::message("more"),
    ];
    world.server.script(Select::root().containing("do it alone"), three);
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("done")]);
    let end = world.run_governed(&["--team", "web"], &["codex", "exec", "do it"]).expect_code(0);
    world.run("codex", &["exec", "do it alone"]).expect_code(0);
    let served = world.server.served();
    assert_eq!(served.len(), 5);
    let first = import(&world);
    assert_eq!((&first["responses"], &first["new_responses"]), (&5.into(), &3.into()), "{first}");
    assert_eq!(responses(&world), 5);
    ledger::expect_exactly(&world, &end.id(), &served[..2]);
    let again = import(&world);
    assert_eq!((&again["files"], &again["unchanged_files"]), (&0.into(), &2.into()), "{again}");
    // The session goes on without govern, in its own file, and then with it.
    world.run("codex", &["exec", "resume", "--last", "go on"]).expect_code(0);
    world.run_governed(&[], &["codex", "exec", "resume", "--last", "go on"]).expect_code(0);
    let third = import(&world);
    assert_eq!((&third["files"], &third["new_responses"]), (&1.into(), &1.into()), "{third}");
    assert_eq!(responses(&world), 7);
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn rules_that_came_later_move_what_is_recorded_and_the_audit_holds() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::root(), Reply::message("done"));
    world.run("codex", &["exec", "alone"]).expect_code(0);
    world.run_governed(&[], &["codex", "exec", "plain"]).expect_code(0);
    world.run_governed(&["--team", "said"], &["codex", "exec", "said"]).expect_code(0);
    import(&world);
    let by = |dimension: &str| -> Vec<(String, u64)> {
        let report = ledger::report(&world, &["--by", dimension]);
        let row =
            |row: &Value| (row[dimension].as_str().unwrap_or("none").to_owned(), row["responses"].as_u64().unwrap());
        let mut rows: Vec<_> = report["rows"].as_array().unwrap().iter().map(row).collect();
        rows.sort();
        rows
    };
    let pairs = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
        pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    };
    world.policy("[[attribute]]\nset = { team = \"web\", client = \"acme\" }\n");
    let attribute = |more: &[&str]| -> Value {
        let words = [&["attribute", "--since", "1d", "--format", "json"], more].concat();
        serde_json::from_str(&world.govern(&words).expect_code(0).out()).unwrap()
    };
    let would = attribute(&["--dry-run"]);
    assert_eq!((&would["dry_run"], would["rows"].as_array().unwrap().len()), (&true.into(), 2), "{would}");
    assert_eq!(by("team"), pairs(&[("none", 2), ("said", 1)]));
    let done = attribute(&[]);
    assert_eq!(done["rows"], would["rows"]);
    // What was said of a run stays.
    assert_eq!(by("team"), pairs(&[("said", 1), ("web", 2)]));
    assert_eq!(by("client"), pairs(&[("acme", 3)]));
    world.govern(&["audit", "verify"]).expect_code(0);
    let again = attribute(&[]);
    assert_eq!((again["rows"].as_array().unwrap().len(), &again["unmoved_threads"]), (0, &3.into()), "{again}");
    // Read again, it is not counted a second time, nor elsewhere.
    let words = ["import", "--again", "--format", "json"];
    world.govern(&words).expect_code(0);
    assert_eq!(by("team"), pairs(&[("said", 1), ("web", 2)]));
    let trail = world.govern(&["audit"]).expect_code(0).out();
    assert!(trail.contains("attributed") && trail.contains("to team web, "), "{trail}");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_session_that_a_live_run_governs_is_left_to_it() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let gate = Gate::new();
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("done").held_at(&gate)]);
    let governed = world.start_governed(&["--budget", "5usd"], &["codex", "exec", "do it"]);
    world.server.wait_for_requests(2, LONG).unwrap();
    let during = import(&world);
    assert_eq!(during["governed"].as_array().unwrap().len(), 1, "{during}");
    assert_eq!(during["new_responses"], 0);
    gate.open();
    let end = governed.finish().expect_code(0);
    ledger::expect_exactly(&world, &end.id(), &world.server.served());
    let after = import(&world);
    assert_eq!((&after["files"], &after["new_responses"]), (&1.into(), &0.into()), "{after}");
    assert_eq!(responses(&world), 2);
}

/// An import from where the run's process cannot be seen, such as a container that shares the two homes.
fn import_from_outside(world: &World) -> u64 {
    let terms = Terms {
        prices: PriceTable::embedded(),
        unpriced: &Unpriced::Refuse,
        attribute: &|_| Attribution::default(),
        work: std::sync::Arc::default(),
        again: false,
        alive: &|_| false,
        tell: &mut |_, _| {},
        readers: 1,
    };
    let mut ledger = Ledger::open(&world.path("govern")).unwrap();
    import::import(&mut ledger, &[world.path("codex")], terms).unwrap().new
}

#[test]
fn what_an_import_took_before_its_run_could_tell_of_it_counts_against_the_run() {
    // 0.171 writes a record only once govern's own hook after the request has ended.
    let Some(world) = World::with_codex(PREVIOUS) else { return };
    let answered = Gate::new();
    world.server.script(Select::root(), [Reply::exec("true").held_at(&answered), Reply::message("done")]);
    let flags = ["--budget", "1 responses", "--at-limit", "stop"];
    let governed = world.start_governed(&flags, &["codex", "exec", "do it"]);
    world.server.wait_for_requests(1, LONG).unwrap();
    governed.running.signal_with_guard(Signal::SIGSTOP);
    answered.open();
    let is_recorded = |path: PathBuf| fs::read_to_string(path).unwrap().contains("\"token_usage_record\"");
    let begun = Instant::now();
    while !world.session_files().into_iter().any(is_recorded) {
        assert!(begun.elapsed() < LONG, "the response is recorded");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(import_from_outside(&world), 1);
    governed.running.signal_with_guard(Signal::SIGCONT);
    governed.finish().expect_code(124).expect_said("imported");
    assert_eq!(world.server.served().len(), 1);
    assert_eq!(responses(&world), 1);
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn imports_beside_live_runs_take_nothing_from_them_and_stop_none() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let history = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/rollouts");
    let prompts = ["alpha-prompt", "beta-prompt", "gamma-prompt"];
    for prompt in prompts {
        let tools = (0..6).map(|_| Reply::exec("true")).chain([Reply::message("done")]);
        world.server.script(Select::root().containing(prompt), tools);
    }
    let mut governed =
        prompts.map(|prompt| (prompt, world.start_governed(&["--budget", "5usd"], &["codex", "exec", prompt])));
    let mut of_history = 0;
    while governed.iter_mut().any(|(_, governed)| governed.running.is_running()) {
        for place in [history, &world.path("codex").display().to_string()] {
            let out = world.govern(&["import", "--format", "json", place]).expect_code(0).out();
            of_history += serde_json::from_str::<Value>(&out).unwrap()["new_responses"].as_u64().unwrap();
        }
    }
    let ends = governed.map(|(prompt, governed)| (prompt, governed.finish_among_others().expect_code(0)));
    let served = world.server.served();
    assert_eq!(served.len(), 21);
    for (prompt, end) in ends {
        let own: Vec<_> = served.iter().filter(|request| request.body.contains(prompt)).cloned().collect();
        ledger::expect_exactly(&world, &end.id(), &own);
    }
    assert_eq!(responses(&world), of_history + 21);
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn history_belongs_where_its_sessions_were_started() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::message("done")]);
    world.run("codex", &["exec", "do it"]).expect_code(0);
    world.write(
        "config/govern/policy.toml",
        "version = 1\n[[attribute]]\nfolder = \"*/work\"\nbranch = '(?<task>ma..)'\nset = { team = \"web\", client = \"acme\" }\n",
    );
    import(&world);
    let report = ledger::report(&world, &["--by", "team,client,task,project,branch"]);
    let row = &report["rows"][0];
    let found = ["team", "client", "task", "project", "branch"].map(|key| row[key].as_str().unwrap_or("none"));
    assert_eq!(found, ["web", "acme", "main", "work", "main"], "{report}");
}

#[test]
fn a_place_that_is_no_home_is_named() {
    let world = World::without_codex();
    world
        .govern(&["import", "/nonexistent/codex"])
        .expect_code(125)
        .expect_said("`/nonexistent/codex`")
        .expect_said("hint:");
    assert!(world.govern(&["import"]).expect_code(0).out().contains("No session files"));
}
