//! What the money bought: commits that the real Codex makes, and what becomes of them.

use serde_json::Value;

use crate::support::codex::CURRENT;
use crate::support::fake_openai::FakeOpenAi;
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
fn a_run_that_was_refused_takes_nothing_from_its_neighbours() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let commit = Reply::exec("echo one > one.txt && git add one.txt && git commit -qm one");
    world.server.script(Select::root(), [commit, Reply::message("done")]);
    let end = world.run_governed(&[], CODEX).expect_code(0);
    world.run_governed(&["--budget", "1usd"], &["codex", "exec", "-m", "no-such-model", "do it"]).expect_code(123);
    let found = results(&world, &["--run", &end.id(), "--by", "task"]);
    assert_eq!(found["commits"], 1, "{found}");
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

/// What GitHub says of a commit's pull requests.
fn pulls(status: u16, body: &str) -> FakeOpenAi {
    let body = body.to_owned();
    FakeOpenAi::start(move |_| (status, Vec::new(), body.clone()))
}

#[test]
fn pull_requests_are_asked_of_github_where_that_is_wanted_and_nowhere_else() {
    let Some(mut world) = World::with_codex(CURRENT) else { return };
    world.server.script(
        Select::root(),
        [Reply::exec("echo a > a.txt && git add . && git commit -qm work"), Reply::message("done")],
    );
    world.run_governed(&[], CODEX).expect_code(0);
    let asked = ["--pull-requests"];
    let github = pulls(
        200,
        r#"[{"number":7,"state":"closed","merged_at":"2026-01-01T00:00:00Z","base":{"repo":{"full_name":"acme/shop"}}},
            {"number":8,"state":"open","merged_at":null,"base":{"repo":{"full_name":"acme/shop"}}}]"#,
    );
    world.set_env("GITHUB_API_URL", &github.url("/api/v3"));
    let found = results(&world, &asked);
    assert_eq!(found["unknown"]["pull_requests"], "no remote of its repository is on github.com", "{found}");
    assert_eq!(found["pull_requests"], Value::Null);
    git(&world, &["remote", "add", "origin", "git@github.com:acme/shop.git"]);
    assert!(results(&world, &[]).get("pull_requests").is_none(), "nobody asked");
    assert_eq!(github.asked("/").len(), 0);
    let file = world.path("token").display().to_string();
    world.write("token", "ghp_not-a-token\n");
    let with_file = ["report", "--results", "--pull-requests", "--github-token-file", &file];
    world.govern(&with_file).expect_code(125).expect_said("can be read by others");
    world.run("chmod", &["600", &file]).expect_code(0);
    let page = world.govern(&with_file).expect_code(0).out();
    assert!(page.contains("Pull requests: 2: 1 merged, 1 open, 0 closed; $0.0424 for each that was merged."), "{page}");
    let head = world.run("git", &["rev-parse", "HEAD"]).out();
    let question = &github.asked("/api/v3/repos/acme/shop/commits/")[0];
    assert_eq!((question.method.as_str(), question.authorization.as_str()), ("GET", "Bearer ghp_not-a-token"));
    assert!(question.path.ends_with(&format!("{}/pulls?per_page=100", head.trim())), "{question:?}");
    let found = results(&world, &asked);
    assert_eq!((&found["pull_requests"], &found["merged_pull_requests"]), (&2.into(), &1.into()), "{found}");
    assert_eq!(github.asked("/").last().unwrap().authorization, "", "no token is known");
    for (status, body, said) in [
        (401, "{}", "GitHub does not take this token (401)"),
        (403, "{}", "may not read acme/shop (403)"),
        (404, "{}", "GitHub shows acme/shop to nobody without a token (404): set GH_TOKEN"),
        (429, "{}", "asked too often (429)"),
        (500, "{}", "GitHub answered 500"),
        (200, "{", "GitHub's answer cannot be read"),
    ] {
        let github = pulls(status, body);
        world.set_env("GITHUB_API_URL", &github.url(""));
        let why = results(&world, &asked)["unknown"]["pull_requests"].to_string();
        assert!(why.contains(said), "{status}: {why}");
    }
    let unpushed = pulls(422, r#"{"message":"No commit found"}"#);
    world.set_env("GITHUB_API_URL", &unpushed.url(""));
    let found = results(&world, &asked);
    assert_eq!(
        (&found["pull_requests"], &found["unknown"]["usd_per_merged_pull_request"]),
        (&0.into(), &"no pull request was merged".into())
    );
    world.set_env("GITHUB_API_URL", "http://api.github.com");
    world.govern(&["report", "--results", "--pull-requests"]).expect_code(125).expect_said("is not one of TLS");
}
