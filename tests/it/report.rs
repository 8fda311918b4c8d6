//! Reports: of what the real Codex spent just now, and of history.

use serde_json::Value;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger::{self, USUAL_COST};
use crate::support::world::{MODEL, World};

const HISTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/rollouts");

/// Every word of `--by`.
const ALL: [&str; 15] = [
    "run",
    "agent",
    "thread",
    "team",
    "project",
    "client",
    "user",
    "task",
    "model",
    "branch",
    "work",
    "day",
    "week",
    "month",
    "label:tier",
];

/// The values of one column of a CSV without quotes in it.
fn column(csv: &str, name: &str) -> Vec<String> {
    let head: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let place = head.iter().position(|column| *column == name).unwrap_or_else(|| panic!("no {name}: {csv}"));
    csv.lines().skip(1).map(|line| line.split(',').nth(place).unwrap().to_owned()).collect()
}

#[test]
fn a_run_is_reported_by_whatever_it_is_asked_by() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("done")]);
    let flags = ["--team", "web", "--label", "tier=gold"];
    world.run_governed(&flags, &["codex", "exec", "do it"]).expect_code(0);
    for by in ALL {
        let report = ledger::report(&world, &["--by", by]);
        assert_eq!(report["rows"].as_array().unwrap().len(), 1, "{by}: {report}");
        assert_eq!(report["rows"][0]["responses"], 2, "{by}: {report}");
        assert_eq!(report["rows"][0]["share_permille"], 1_000, "{by}: {report}");
    }
    let report = ledger::report(&world, &["--by", "label:tier,day", "--timezone", "Pacific/Kiritimati"]);
    assert_eq!((&report["rows"][0]["label:tier"], &report["timezone"]), (&"gold".into(), &"Pacific/Kiritimati".into()));
    assert_eq!(ledger::report(&world, &["--until", "yesterday"])["rows"], Value::Array(Vec::new()));
    assert_eq!(ledger::report(&world, &["--since", "1h"])["totals"]["responses"], 2);
}

#[test]
fn focus_adds_up_to_the_ledger_and_bills_nobody() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("done")]);
    world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(0);
    let csv = world.govern(&["report", "--last", "--format", "focus"]).expect_code(0).out();
    assert_eq!(column(&csv, "SkuId"), ["input", "cached_input", "output"].map(|kind| format!("{MODEL}/{kind}")));
    let sum = |name: &str| column(&csv, name).iter().map(|usd| ledger::nanos(usd)).sum::<i64>();
    assert_eq!((sum("BilledCost"), sum("ContractedCost"), sum("ListCost")), (0, 2 * USUAL_COST, 2 * USUAL_COST));
    assert_eq!(csv.matches(r#"""project"":""work"""#).count(), 3, "{csv}");
}

#[test]
fn history_is_told_from_what_was_governed() {
    let world = World::without_codex();
    world.govern(&["import", HISTORY]).expect_code(0);
    let json = ledger::report(&world, &["--by", "run,agent,model"]);
    let rows = json["rows"].as_array().unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["run"].is_null() && row["agent"].is_null()), "{json}");
    for by in ALL {
        assert_eq!(ledger::report(&world, &["--by", by])["totals"], json["totals"], "{by}");
    }
    let table = world.govern(&["report", "--by", "run,model"]).expect_code(0).out();
    assert!(table.contains("(imported)") && table.contains("no run and no agent"), "{table}");
    let focus = world.govern(&["report", "--format", "focus"]).expect_code(0).out();
    let tokens: u64 = column(&focus, "ConsumedQuantity").iter().map(|count| count.parse::<u64>().unwrap()).sum();
    assert_eq!(json["totals"]["total_tokens"], tokens);
    let reasons = json["totals"]["inferred_because"].as_object().unwrap().values().map(|count| count.as_u64().unwrap());
    assert_eq!(json["totals"]["inferred_responses"], reasons.sum::<u64>(), "{json}");
}

#[test]
fn what_cannot_be_asked_says_what_to_type() {
    let world = World::without_codex();
    for (args, said) in [
        (["--timezone", "Europe/Berln"].as_slice(), "did you mean `Europe/Berlin`?"),
        (&["--since", "2026-12-01", "--until", "2026-11-01"], "not before"),
        (&["--format", "focus", "--by", "team"], "leave it out"),
        (&["--by", "deeds"], "work"),
        (&["--since", "soon"], "2026-11"),
    ] {
        let args: Vec<&str> = ["report"].iter().chain(args).copied().collect();
        world.govern(&args).expect_code(2).expect_said(said);
    }
}
