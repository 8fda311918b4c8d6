//! What could not be observed is never shown as nothing: at any end, in any form.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::world::{GovernedEnd, World};

const LIMIT: &[&str] = &["--budget", "1usd", "--at-limit", "stop"];

/// A world whose `codex` works until the file `seen` is there, or until it is ended, and shows nothing of it: a shell by
/// that name, which executes the script `exec`.
fn hidden() -> World {
    let world = World::without_codex();
    let shell = std::fs::canonicalize("/bin/sh").unwrap().display().to_string();
    // By a program of its own: while another test forks, a file that this one writes cannot be executed.
    world.run("cp", &[&shell, &world.path("bin/codex").display().to_string()]).expect_code(0);
    world.write("work/exec", "touch begun; until [ -e seen ]; do sleep 0.05; done\n:\n");
    world
}

fn json(world: &World, args: &[&str]) -> Value {
    let done = world.govern(args).expect_code(0);
    serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done}"))
}

/// Runs it until govern has looked at it.
fn ends(world: &World, flags: &[&str], by_govern: Option<Signal>) -> GovernedEnd {
    let _ = std::fs::remove_file(world.path("work/seen"));
    let governed = world.start_governed(flags, &["sh", "-c", "codex exec hi; true"]);
    // It is looked for within the first seconds.
    std::thread::sleep(Duration::from_secs(8));
    match by_govern {
        None => world.write("work/seen", ""),
        Some(signal) => governed.running.signal(signal),
    }
    governed.finish()
}

#[test]
fn what_was_not_seen_is_told_of_however_the_run_ends_and_is_no_zero_in_its_json() {
    let world = hidden();
    for by_govern in [None, Some(Signal::SIGTERM)] {
        let end = ends(&world, LIMIT, by_govern).expect_said("no session file of it was seen");
        end.finished.expect_not_said("0 % used");
        let (totals, budget) = (&end.summary["totals"], &end.summary["budgets"][0]);
        assert_eq!((&totals["unobserved"], &totals["cost_usd"]), (&true.into(), &Value::Null), "{}", end.summary);
        assert_eq!((&budget["unobserved"], &budget["spent"]), (&true.into(), &Value::Null), "{}", end.summary);
        assert_eq!((&budget["left"], &budget["used_permille"]), (&Value::Null, &Value::Null), "{}", end.summary);
    }
}

#[test]
fn what_was_not_seen_is_no_zero_in_reports_budgets_and_outputs() {
    let mut world = hidden();
    let (summary, output) = (world.path("summary.md"), world.path("output.txt"));
    world.set_env("GITHUB_STEP_SUMMARY", &summary.display().to_string());
    world.set_env("GITHUB_OUTPUT", &output.display().to_string());
    let budget = |name: &str, more: &str| format!("[[budget]]\nname = \"{name}\"\nlimit = \"9 usd\"\n{more}\n");
    world.policy(&format!(
        "{}{}",
        budget("each run", "per = \"run\""),
        budget("month", "per = \"agent\"\nwindow = \"month\"")
    ));
    ends(&world, &["--agent", "fixer"], None).expect_code(0);

    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    assert!(
        read(&output).contains("\ncost_usd=\n") && read(&output).contains("\nunobserved=true\n"),
        "{}",
        read(&output)
    );
    assert!(read(&summary).contains("not known") && !read(&summary).contains("0 %"), "{}", read(&summary));
    for args in [&["report", "--last", "--format", "json"][..], &["report", "--format", "json", "--by", "agent"]] {
        let report = json(&world, args);
        for of in [&report["totals"], &report["rows"][0]] {
            assert_eq!((&of["unobserved"], &of["cost_usd"]), (&true.into(), &Value::Null), "{args:?}: {report}");
        }
        assert_eq!(report["rows"][0]["agent"], "fixer", "{args:?}: {report}");
    }
    let table = world.govern(&["report", "--by", "agent"]).expect_code(0).out();
    assert!(table.contains("unseen") && !table.contains("$0.00"), "{table}");
    let budgets = json(&world, &["budget", "--format", "json"]);
    for name in ["each run", "month"] {
        let row = budgets["rows"].as_array().unwrap().iter().find(|row| row["budget"] == name);
        let row = row.unwrap_or_else(|| panic!("no `{name}`: {budgets}"));
        assert_eq!((&row["unobserved"], &row["spent"]), (&true.into(), &Value::Null), "{row}");
    }
    let table = world.govern(&["budget"]).expect_code(0).out();
    assert!(table.contains("unseen") && !table.contains("$0.00"), "{table}");
}

#[test]
fn an_agent_of_a_fleet_that_was_not_seen_has_spent_what_is_not_known_and_the_others_what_they_did() {
    let world = hidden();
    let text = "[[agent]]\nname = \"hidden\"\ncommand = [\"sh\", \"-c\", \"codex exec hi; true\"]\n\
                [[agent]]\nname = \"plain\"\ncommand = [\"true\"]\n";
    let fleet = world.start_fleet(&[], text);
    std::thread::sleep(Duration::from_secs(8));
    world.write("work/seen", "");
    let end = fleet.finish().expect_code(0);
    let of = |agent: &str| end.summary["agents"].as_array().unwrap().iter().find(|one| one["agent"] == agent).unwrap();
    assert_eq!((&of("hidden")["unobserved"], &of("hidden")["cost_usd"]), (&true.into(), &Value::Null));
    assert_eq!((&of("plain")["unobserved"], &of("plain")["cost_usd"]), (&false.into(), &"0.00".into()));
    assert_eq!(of("hidden")["spent"], Value::Null);
    assert_eq!(end.summary["totals"]["unobserved"], true);
    // What is known to be nothing stands there as nothing.
    end.finished.expect_said("+?");
}

#[test]
fn a_run_that_was_refused_has_spent_nothing() {
    let world = World::without_codex();
    world.write("bin/codex", "#!/bin/sh\n");
    std::fs::set_permissions(world.path("bin/codex"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let end = world.run_governed(LIMIT, &["codex", "cloud", "exec", "x"]).expect_code(123);
    assert_eq!(end.summary["totals"]["unobserved"], false, "{}", end.summary);
    assert_eq!(end.summary["totals"]["cost_usd"], "0.00", "{}", end.summary);
}
