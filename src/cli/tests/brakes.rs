//! How a paused run is shown, and which runs the brake is meant for.

use super::*;
use crate::cli::brake::{self, BrakeArgs};
use crate::model::Brake;

fn braked(world: &World, at: &str, brake: Brake, by: &str, reason: Option<&str>) {
    let mut ledger = Ledger::open(&world.ledger_folder()).unwrap();
    let kind = EventKind::Braked { brake, by: by.to_owned(), reason: reason.map(str::to_owned) };
    let event = Event { run: "k4a1c00n2b".into(), ..sample::event(at, kind) };
    ledger.turn(event.at, |turn| turn.append(&event).map(drop)).unwrap();
}

fn overview(world: &World) -> String {
    world.ask(|out, here| overview::run(out, here)).1
}

fn approvals(world: &World, words: &[&str]) -> String {
    world.ask(|out, here| approvals::run(&parsed::<ApprovalsArgs>(words), out, here)).1
}

fn brake(world: &World, words: &[&str]) -> (Result<Exit>, String) {
    world.ask(|out, here| brake::run(Brake::Pause, (&parsed::<BrakeArgs>(words), None), out, here))
}

#[test]
fn a_paused_run_is_shown_until_somebody_lets_it_go_on() {
    let world = busy();
    braked(&world, "2026-11-22T14:12:00Z", Brake::Pause, "ann (cli)", Some("lunch"));
    braked(&world, "2026-11-22T14:15:00Z", Brake::Pause, "bob (cli)", None);
    let shown = overview(&world);
    assert!(shown.contains("k4a1c00n2b  by ann (cli): “lunch”, 8 min ago"), "{shown}");
    insta::assert_snapshot!(approvals(&world, &[]));
    let json: serde_json::Value = serde_json::from_str(&approvals(&world, &["--format", "json"])).unwrap();
    let paused = serde_json::json!([
        { "run": "k4a1c00n2b", "by": "ann (cli)", "reason": "lunch", "since": "2026-11-22T14:12:00Z" }
    ]);
    assert_eq!(json["paused"], paused);
    braked(&world, "2026-11-22T14:16:00Z", Brake::Continue, "bob (cli)", None);
    assert!(!overview(&world).contains("Paused"));
    braked(&world, "2026-11-22T14:17:00Z", Brake::Pause, "bob (cli)", None);
    assert!(overview(&world).contains("by bob (cli), 3 min ago"));
}

#[test]
fn the_brake_is_for_runs_that_live_and_an_unknown_one_is_an_error() {
    let world = World::new();
    assert_eq!(brake(&world, &["--all"]), (Ok(Exit::Success), "Nothing runs here.\n".to_owned()));
    assert_eq!(brake(&world, &["k3"]).0.unwrap_err().message(), "there is no run `k3`");

    let world = busy();
    // One that is over, one that nobody knows, and an ambiguous beginning of which one lives.
    assert_eq!(brake(&world, &["k3f9"]).0.unwrap_err().message(), "run `k3f9x27m1a` is over");
    assert_eq!(brake(&world, &["x"]).0.unwrap_err().message(), "there is no run `x`");
    assert_eq!(brake(&world, &[""]).0.unwrap_err().message(), "there is no run ``");
    let (exit, text) = brake(&world, &["--team", "infra"]);
    let error = exit.unwrap_err();
    assert_eq!((error.message(), text.as_str()), ("no run of team `infra` runs here, and nothing was done", ""));
    assert!(error.to_string().contains("hint: what runs: "), "{error}");
    // Its govern lives, but does not listen: it is named, and nothing else is done.
    for words in [["k"].as_slice(), &["k4a1c00n2b", "k4"], &["--all"]] {
        assert_eq!(brake(&world, words), (Ok(Exit::Failed), String::new()), "{words:?}");
    }
}
