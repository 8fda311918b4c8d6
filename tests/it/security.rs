//! What SECURITY.md and the table of tries promise: the recipes do what they say, each try names the test that makes it,
//! names give no orders and hold no secrets, and nobody in a run's place is told an answer.

use std::path::Path;

use govern::ledger::Ledger;
use govern::model::{BudgetKey, BudgetName, Unit};

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::skip::leave_out;
use crate::support::world::World;

const SECURITY: &str = include_str!("../../SECURITY.md");
const TRIES: &str = include_str!("../../docs/tries.md");

/// The page's recipes, a command each.
fn recipes() -> Vec<String> {
    let blocks = SECURITY.split("```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.map(|block| block.replace("\\\n", " ")).collect()
}

/// All text of the project's Rust files below these folders.
fn rust(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn each_try_of_an_agent_names_a_test_that_makes_it_or_says_that_it_was_made_by_hand() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    ["src", "tests"].iter().for_each(|folder| rust(&root.join(folder), &mut code));
    let table = TRIES.split("## What an agent does to its governor").nth(1).unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 25, "{}", rows.len());
    let mut by_hand = 0;
    for row in rows {
        let by = row.trim_end_matches('|').rsplit('|').next().unwrap().trim();
        if by == "by hand" {
            by_hand += 1;
            continue;
        }
        let tests: Vec<&str> = by.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test: {row}");
        for test in tests {
            assert!(code.contains(&format!("fn {test}(")), "no test is called `{test}`: {row}");
        }
    }
    assert!(by_hand < 6, "{by_hand} are made by hand");
}

/// An agent that spoils its ledger and its policy, looks for its governor, orders it to stop, and asks on.
const SPOILS: &str = "for f in $GOVERN_HOME/ledger.db ~/.config/govern/policy.toml; do echo spoilt >> $f; done; \
                      cat /proc/[0-9]*/comm | grep -c '^govern$' > seen; govern stop --all; true";

#[test]
fn the_recipes_that_need_no_other_user_keep_their_limit_and_what_lies_outside() {
    let [sandbox, bubblewrap, user, machine] = &recipes()[..] else { panic!("{:?}", recipes()) };
    // What needs another user, or changes the machine, is tried by hand.
    assert!(user.contains("sudo -u agent") && machine.contains("--system"), "{user} {machine}");
    for recipe in [sandbox, bubblewrap] {
        if recipe.contains("bwrap") && !crate::namespace::can_unshare("bwrap", &["--dev-bind", "/", "/"]) {
            return;
        }
        let Some(mut world) = World::with_codex(CURRENT) else { return };
        let home = world.path("home").display().to_string();
        std::fs::create_dir_all(world.path("home/project")).unwrap();
        std::fs::create_dir_all(world.path("home/.config/govern")).unwrap();
        std::fs::rename(world.path("codex"), world.path("home/.codex")).unwrap();
        world.set_env("CODEX_HOME", &format!("{home}/.codex"));
        world.server.always(Select::root(), Reply::exec(SPOILS));
        let command = format!("cd ~/project && {recipe}").replace("5usd", "'2 responses' --at-limit kill");
        let command =
            command.replace("~/", &format!("{home}/")).replace("codex exec", "codex exec --skip-git-repo-check");
        let done = world.run("sh", &["-c", &command]);
        if done.stderr.contains("Refusing to create helper binaries under temporary dir") && !recipe.contains("bwrap") {
            leave_out("Codex has no sandbox where its home lies below /tmp");
            continue;
        }
        assert_eq!(done.code(), 124, "{command}: {done}");
        assert_eq!(world.server.requests().len(), 2, "{command}: {done}");
        assert!(!world.path("home/.config/govern/policy.toml").exists(), "{command}: {done}");
        let seen = std::fs::read_to_string(world.path("home/project/seen"));
        assert_eq!(seen.ok().as_deref(), Some("0\n"), "{command}: {done}");
        assert!(ledger::events(&world, "braked").is_empty(), "{command}: {done}");
        world.govern(&["audit", "verify"]).expect_code(0);
    }
}

#[test]
fn a_secret_in_a_name_is_kept_nowhere() {
    let world = World::without_codex();
    let key = format!("ghp_{}", "0123456789abcdefghijABCDEFGHIJ012345");
    let label = format!("ticket={key}");
    let flags =
        ["--label", &label, "--team", &key, "--agent", &key, "--client", &key, "--project", &key, "--task", &key];
    let said = world.run_governed(&flags, &["true"]).expect_code(0);
    assert!(!said.finished.stderr.contains(&key), "{}", said.finished);
    let reported = world.govern(&["report", "--by", "run,team,agent", "--format", "json"]).expect_code(0);
    assert!(!reported.out().contains(&key), "{reported}");
    for entry in std::fs::read_dir(world.path("govern")).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        let holds = bytes.windows(key.len()).any(|window| window == key.as_bytes());
        assert!(!holds, "{}", entry.path().display());
    }
}

#[test]
fn a_name_is_no_order_to_a_ci_or_a_terminal() {
    let mut world = World::without_codex();
    let summary = world.path("summary.md");
    world.set_env("GITHUB_ACTIONS", "true");
    world.set_env("GITHUB_STEP_SUMMARY", &summary.display().to_string());
    for name in ["::error::broken", "a\u{9b}31m", "a\n::error::broken", "%0A::set-output name=x::y"] {
        let end = world.run("govern", &["run", "--agent", name, "--team", name, "--", "sh", "-c", "exit 3"]);
        let mut said = format!("{}\n{}", end.out(), end.stderr);
        said.push_str(&std::fs::read_to_string(&summary).unwrap_or_default());
        for line in said.lines() {
            let order = line.trim_start();
            let own = order.starts_with("::error title=govern") || order.starts_with("::notice title=govern");
            assert!(own || !order.starts_with("::"), "{name:?}: {line:?}");
            assert!(!line.contains('\u{9b}') && !line.contains("::error::broken"), "{name:?}: {line:?}");
        }
    }
}

#[test]
fn a_limit_that_an_agent_lifts_by_hand_in_its_live_run_binds_and_is_told() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::root(), Reply::exec("touch asked; while [ ! -e lifted ]; do sleep 0.02; done"));
    let governed =
        world.start_governed(&["--budget", "2 responses", "--at-limit", "stop"], &["codex", "exec", "do it"]);
    world.server.wait_for_requests(1, crate::support::process::LONG).unwrap();
    // As a govern itself would write it, with the link that belongs to it.
    let mut forger = Ledger::open(&world.path("govern")).unwrap();
    let run = ledger::events(&world, "run_started")[0]["run"].as_str().unwrap().to_owned();
    let budget = BudgetName::new("--budget 2 responses");
    let key = BudgetKey { budget, scope: format!("run={run}"), window_start: None, unit: Unit::Responses };
    forger.turn(chrono::Utc::now(), |turn| turn.budgets().extend(&key, 20, "ann (cli)", None, None)).unwrap();
    drop(forger);
    world.write("work/lifted", "");
    governed.finish().expect_code(124);
    assert_eq!(world.server.requests().len(), 2);
    let verified = world.govern(&["audit", "verify"]);
    assert!(
        verified.code() == 1 && verified.out().contains("no run has written that it lifted this limit"),
        "{verified}"
    );
}
