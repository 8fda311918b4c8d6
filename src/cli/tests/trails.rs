//! What the trail of the audit and the list of runs show.

use super::*;
use crate::cli::runs::{self, RunsArgs};

fn lines(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn runs(world: &World, width: usize, words: &[&str]) -> String {
    world.ask_at(width, |out, here| runs::run(&parsed::<RunsArgs>(words), out, here)).1
}

#[test]
fn the_trail_is_shown_run_by_run() {
    let world = busy();
    let at = |width: usize| world.ask_at(width, |out, here| audit::run(&parsed::<AuditArgs>(&[]), out, here)).1;
    insta::assert_snapshot!(format!("{}{}\n{}", at(80), "=".repeat(120), at(120)));
}

#[test]
fn the_trail_has_what_is_asked_for() {
    let world = busy();
    for (words, kinds) in [
        (&["--run", "k3", "--matched"][..], &["decided", "run_ended"][..]),
        (&["--since", "2026-11-22", "--until", "2026-11-22T14:00:30Z"], &["run_started"]),
        (&["--who", "nobody"], &[]),
        (&["--tool", "Bash"], &[]),
    ] {
        let (exit, text) = world.audit(&[words, &["--format", "jsonl"]].concat());
        assert_eq!(exit, Ok(Exit::Success));
        let of_runs: Vec<serde_json::Value> =
            lines(&text).into_iter().skip(1).filter(|line| line["chain"] == "run").collect();
        let found: Vec<&str> = of_runs.iter().map(|line| line["type"].as_str().unwrap()).collect();
        assert_eq!(found, kinds, "{words:?}");
    }
    assert_eq!(world.audit(&["--tool", "Bash"]).1, "Nothing of that kind is recorded.\n");
    let (_, csv) = world.audit(&["--run", "k3", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 7, "{csv}");
    assert!(csv.contains(",k3f9x27m1a,2,,response,,t1,gpt-6.1-sol,1.25,"), "{csv}");
}

#[test]
fn each_entry_follows_from_the_one_before() {
    let text = busy().audit(&["--format", "jsonl"]).1;
    let all = lines(&text);
    assert_eq!(all[0]["schema"], "govern.audit-trail/1");
    let entries: Vec<_> =
        all[1..].iter().filter(|line| line["run"] == "k3f9x27m1a" && line["chain"] == "run").collect();
    let mut head = <[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest(b"govern.run/1:k3f9x27m1a"));
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(entry["seq"], index + 1);
        let data = entry["data"].as_str().unwrap();
        head = <sha2::Sha256 as sha2::Digest>::digest([&head[..], data.as_bytes()].concat()).into();
        let hex: String = head.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(entry["hash"], hex);
    }
    assert_eq!(entries.len(), 6);
}

#[test]
fn runs_are_listed_with_how_they_ended_and_what_they_cost() {
    let world = busy();
    let widths = [60, 80, 120].map(|width| runs(&world, width, &[]));
    for (text, width) in widths.iter().zip([60, 80, 120]) {
        assert!(text.lines().all(|line| unicode_width::UnicodeWidthStr::width(line) <= width), "{text}");
    }
    insta::assert_snapshot!(widths.join("\n"));
    let json: serde_json::Value =
        serde_json::from_str(&runs(&world, 80, &["--format", "json", "--limit", "1"])).unwrap();
    assert_eq!((&json["schema"], &json["more"]), (&serde_json::json!("govern.runs/1"), &serde_json::json!(true)));
    let row = &json["rows"][0];
    assert_eq!((&row["outcome"], &row["cost_usd"]), (&serde_json::json!("running"), &serde_json::json!("0.75")));
    assert!(runs(&World::new(), 80, &[]).starts_with("Nothing was recorded yet"));
    assert_eq!(runs(&world, 80, &["--until", "2026-01-01"]), "No run is recorded for that time.\n");
}
