//! What the money bought: commits that the real Codex makes, and what becomes of them.

use serde_json::Value;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::world::World;

const CODEX: &[&str] = &["codex", "exec", "do it"];

fn results(world: &World, flags: &[&str]) -> Value {
    let report = ledger::report(world, &[&["--results"], flags].concat());
    assert_eq!(report["rows"].as_array().unwrap().len(), 1, "{report}");
    report["rows"][0]["results"].clone()
}

fn git(world: &World, arguments: &[&str]) {
    world.run("git", arguments).expect_code(0);
}

#[test]
fn what_codex_commits_in_its_turn_is_the_runs_and_is_followed() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    git(&world, &["checkout", "--quiet", "-b", "topic"]);
    let commit = "mkdir -p tests && printf 'a\\nb\\n' > code.txt && printf 'c\\n' > tests/one.txt && git add . && git commit -qm work";
    world.server.script(
        Select::root(),
        [Reply::exec(commit), Reply::exec("false # pytest"), Reply::exec("pytest --version"), Reply::message("done")],
    );
    let end = world.run_governed(&["--task", "T-1"], CODEX).expect_code(0);
    let links = ledger::links(&world, "committed");
    assert_eq!(links.len(), 1, "{links:?}");
    let recorded = &links[0]["committed"];
    assert_eq!(recorded["run"], end.id());
    assert_eq!(recorded["commits"].as_array().unwrap().len(), 1, "{recorded}");
    assert_eq!(recorded["commits"][0]["id"], recorded["to"]);
    let found = results(&world, &["--by", "task"]);
    assert_eq!((&found["commits"], &found["lines_added"], &found["lines_removed"]), (&1.into(), &3.into(), &0.into()));
    assert_eq!(found["lines_by_kind"]["test"]["added"], 1);
    assert_eq!(found["merged_changes"], 0);
    assert_eq!(found["lines_kept"]["1d"], Value::Null);
    assert_eq!(found["unknown"]["lines_kept.1d"], "younger than 1 day");
    assert_eq!(found["unknown"]["abandoned_usd"], "younger than 30 days");
    assert_eq!(found["tests_run"], 1, "{found}");
    git(&world, &["checkout", "--quiet", "main"]);
    git(&world, &["merge", "--quiet", "--no-ff", "--no-edit", "topic"]);
    let found = results(&world, &["--last"]);
    assert_eq!((&found["merged_changes"], &found["abandoned_usd"]), (&1.into(), &"0.00".into()));
    assert!(found["usd_per_merged_change"].is_string(), "{found}");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn what_was_there_is_nobodys_and_where_nothing_is_committed_that_is_known() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::any(), Reply::message("done"));
    world.run_governed(&[], CODEX).expect_code(0);
    let found = results(&world, &[]);
    assert_eq!((&found["commits"], &found["abandoned_usd"]), (&0.into(), &"0.00".into()), "{found}");
    assert_eq!(found["unknown"]["usd_per_merged_change"], "nothing was merged");
}

#[test]
fn agents_of_a_fleet_in_one_tree_commit_for_their_run() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let commit =
        |name: &str| Reply::exec(&format!("echo {name} > {name}.txt && git add {name}.txt && git commit -qm {name}"));
    for name in ["one", "two"] {
        let select = || Select::root().containing(&format!("{name}-prompt"));
        world.server.script(select(), [commit(name), Reply::message("done")]);
    }
    let text = "[[agent]]\nname = \"one\"\nprompt = \"one-prompt\"\n[[agent]]\nname = \"two\"\nprompt = \"two-prompt\"\nneeds = [\"one\"]\n";
    world.start_fleet(&[], text).finish().expect_code(0);
    let report = ledger::report(&world, &["--results", "--by", "agent"]);
    for row in report["rows"].as_array().unwrap() {
        assert_eq!(row["results"]["commits"], Value::Null, "{row}");
        assert_eq!(row["results"]["unknown"]["commits"], "several agents worked in one work tree");
    }
    assert_eq!(report["totals"]["results"]["commits"], 2, "{report}");
    assert_eq!(results(&world, &["--by", "run"])["commits"], 2);
}

#[test]
fn what_a_codex_committed_that_nobody_governed_is_read_from_the_log_of_its_tree() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(
        Select::root(),
        [Reply::exec("echo a > a.txt && git add . && git commit -qm work"), Reply::message("done")],
    );
    world.run("codex", CODEX.get(1..).unwrap()).expect_code(0);
    world.govern(&["import"]).expect_code(0);
    let found = results(&world, &["--by", "project"]);
    assert_eq!((&found["commits"], &found["lines_added"]), (&1.into(), &1.into()), "{found}");
    assert_eq!(found["merged_changes"], 1, "{found}");
}
