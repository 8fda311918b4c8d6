//! The other verbs, on a ledger that the real Codex has filled.

use serde_json::Value;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::world::{MODEL, World};

fn json(world: &World, args: &[&str], code: i32) -> Value {
    let done = world.govern(args).expect_code(code);
    serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}\n{done}"))
}

#[test]
fn a_run_can_be_looked_at_from_all_sides() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[budget]]\nname = \"month\"\nper = \"team\"\nwindow = \"month\"\nlimit = \"0.02 usd\"\n\
         steps = [{ at = \"100%\", do = \"warn\" }]\n",
    );
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("done")]);
    let end = world.run_governed(&["--agent", "fixer", "--team", "web"], &["codex", "exec", "do it"]).expect_code(0);

    let table = world.govern(&["report", "--last"]).expect_code(0).out();
    assert!(table.contains("fixer") && table.contains("$0.0424"), "{table}");
    let csv =
        world.govern(&["report", "--run", &end.id(), "--by", "agent,model", "--format", "csv"]).expect_code(0).out();
    assert!(csv.starts_with("agent,model,responses,input_tokens"), "{csv}");
    assert!(csv.contains(&format!("fixer,{MODEL},2,20000,4000,0,1000,200,21000,0.0424")), "{csv}");
    let markdown = world.govern(&["report", "--last", "--format", "markdown"]).expect_code(0).out();
    assert!(markdown.contains("| "), "{markdown}");
    for by in ["agent", "thread", "team", "project", "client", "user", "model", "day"] {
        let report = json(&world, &["report", "--last", "--by", by, "--format", "json"], 0);
        assert_eq!(report["totals"]["cost_usd"], "0.0424", "{by}: {report}");
        assert!(report["rows"][0].get(by).is_some(), "{by}: {report}");
    }

    world.govern(&["budget", "--check"]).expect_code(3);
    let budgets = world.govern(&["budget"]).expect_code(0).out();
    assert!(budgets.contains("month") && budgets.contains("$0.0424"), "{budgets}");
    assert!(json(&world, &["budget", "--format", "json"], 0)["rows"].is_array());

    world.govern(&["audit", "verify"]).expect_code(0);
    let head = world.govern(&["audit", "head"]).expect_code(0).out();
    assert!(head.split(|c: char| !c.is_ascii_hexdigit()).any(|word| word.len() == 64), "{head}");
    let today = world.govern(&[]).expect_code(0).out();
    assert!(today.contains("0.04"), "{today}");
    assert!(world.govern(&["approvals"]).expect_code(0).stderr.is_empty());
}

#[test]
fn an_empty_ledger_is_no_error() {
    let world = World::without_codex();
    for args in [&[][..], &["report"], &["budget"], &["approvals"]] {
        world.govern(args).expect_code(0);
    }
    // A ledger that is gone must not look intact.
    for args in [["audit", "verify"], ["audit", "head"]] {
        world.govern(&args).expect_code(125);
    }
    world.govern(&["report", "--run", "nosuchrun1"]).expect_code(125).expect_said("nosuchrun1");
    world.govern(&["approve", "7"]).expect_code(125).expect_said("7");
    world.govern(&["resume", "nosuchrun1"]).expect_code(125).expect_said("nosuchrun1");
}

#[test]
fn a_ledger_that_was_changed_by_hand_is_told() {
    let world = World::without_codex();
    world.run_governed(&[], &["true"]).expect_code(0);
    world.govern(&["audit", "verify"]).expect_code(0);
    let ledger = rusqlite::Connection::open(world.path("govern/ledger.db")).unwrap();
    ledger.execute_batch("PRAGMA writable_schema = OFF;").unwrap();
    let triggers: Vec<String> = ledger
        .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .flatten()
        .collect();
    for trigger in triggers {
        ledger.execute_batch(&format!("DROP TRIGGER \"{trigger}\"")).unwrap();
    }
    let changed =
        ledger.execute("UPDATE events SET data = replace(data, '\"at\":\"20', '\"at\":\"19') WHERE seq = 1", []);
    assert_eq!(changed.unwrap(), 1);
    drop(ledger);
    world.govern(&["audit", "verify"]).expect_code(1);
}

#[test]
fn ledger_files_are_the_users_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::without_codex();
    world.run_governed(&[], &["true"]).expect_code(0);
    let mode = |path: &str| std::fs::metadata(world.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("govern"), mode("govern/ledger.db")), (0o700, 0o600));
}

#[test]
fn the_policy_that_init_writes_is_accepted() {
    let world = World::without_codex();
    world.govern(&["init"]).expect_code(0);
    let written = world.path("work/govern.toml");
    assert!(written.exists());
    world.govern(&["policy", "check", &written.display().to_string()]).expect_code(0);
    // What is there is not overwritten.
    let again = world.govern(&["init"]);
    assert_ne!(again.code(), 0, "{again}");
}

#[test]
fn prices_tell_their_date_and_what_a_model_costs() {
    let world = World::without_codex();
    assert!(world.govern(&["prices"]).expect_code(0).out().contains(MODEL));
    assert!(world.govern(&["prices", "show", MODEL]).expect_code(0).out().contains("10"));
    world.govern(&["prices", "check"]).expect_code(0);
}

#[test]
fn doctor_says_what_is_installed_and_what_it_can_do() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    // Such as `codex-cli 0.171.0`.
    let version = world.run("codex", &["--version"]).expect_code(0).out();
    let version = version.split_whitespace().last().unwrap();
    let said = world.govern(&["doctor"]).out();
    assert!(said.contains(version) && said.contains("ledger"), "{said}");
}

#[test]
fn help_and_completions_know_the_verbs() {
    let world = World::without_codex();
    let help = world.govern(&["--help"]).expect_code(0).out();
    for verb in ["run", "report", "budget", "approvals", "approve", "deny", "resume", "policy", "prices", "audit"] {
        assert!(help.contains(verb), "{verb}: {help}");
    }
    assert!(world.govern(&["--version"]).expect_code(0).out().starts_with("govern "));
    for shell in ["bash", "zsh", "fish"] {
        assert!(world.govern(&["completions", shell]).expect_code(0).out().contains("approvals"), "{shell}");
    }
}

#[test]
fn doctor_knows_a_limit_on_sub_agents_for_a_rule() {
    let world = World::without_codex();
    let doctor = || world.govern(&["doctor"]).out();
    assert!(doctor().contains("no budget applies here"));
    world.policy("[[budget]]\nname = \"flat\"\nper = \"run\"\nlimit = \"3 deep\"\n");
    let said = doctor();
    assert!(said.contains("1 budget in 1 file") && !said.contains("no budget"), "{said}");
    world.policy("[[gate]]\nname = \"g\"\ntool = \"Bash\"\ndo = \"deny\"\n");
    let said = doctor();
    assert!(said.contains("no budget, 1 gate in 1 file") && !said.contains("nothing is stopped"), "{said}");
}
