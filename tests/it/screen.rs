//! What a person sees of what runs: the bars of a fleet on a terminal, and `govern status` from another one.

use serde_json::Value;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Gate, Reply, Select};
use crate::support::tmux::Terminal;
use crate::support::world::World;

/// Three agents that share out $0.20.
const FLEET: &str = r#"
version = 1
[budget]
limit = "0.2 usd"
allot = { by = "expected", reserve = "10%" }
[[agent]]
name = "plan"
prompt = "plan-prompt"
expect = { spend = "0.05 usd" }
[[agent]]
name = "build"
prompt = "build-prompt"
expect = { spend = "0.1 usd" }
[[agent]]
name = "test"
prompt = "test-prompt"
needs = ["plan"]
"#;

fn status(world: &World) -> Value {
    let said = world.govern(&["status", "--format", "json"]).expect_code(0).out();
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// The line of the screen that begins with this name.
fn line<'s>(screen: &'s str, name: &str) -> &'s str {
    screen.lines().rev().find(|line| line.starts_with(name)).unwrap_or("")
}

#[test]
fn a_fleet_has_a_bar_for_each_agent_and_the_status_tells_the_same_from_elsewhere() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.write("work/fleet.toml", FLEET);
    let (plan, build) = (Gate::new(), Gate::new());
    world.server.script(
        Select::root().containing("plan-prompt"),
        [Reply::exec("true"), Reply::message("planned").held_at(&plan)],
    );
    world.server.script(
        Select::root().containing("build-prompt"),
        [Reply::exec("true"), Reply::message("built").held_at(&build)],
    );
    let Some(terminal) = Terminal::open_sized(&world, 100) else { return };
    terminal.run_then_tell_code("govern fleet fleet.toml");
    let shown = terminal.wait_until("both work", |screen| {
        ["plan", "build"].iter().all(|name| line(screen, name).contains("$0.0212 of"))
    });
    assert!(line(&shown, "plan").contains("working") && line(&shown, "plan").contains("███"), "{shown}");
    assert!(line(&shown, "plan").contains("$0.0212/min") && line(&shown, "plan").contains("gpt-6.1-sol"), "{shown}");
    assert!(line(&shown, "test").contains("waiting"), "{shown}");
    assert!(line(&shown, "all").contains("0 of 3") && line(&shown, "all").contains("$0.0424 of $0.20"), "{shown}");
    assert!(line(&shown, "pool").contains("to give"), "{shown}");

    let status = status(&world);
    let run = &status["runs"][0];
    assert_eq!((&status["schema"], &run["source"]), (&"govern.status/1".into(), &"supervisor".into()), "{status}");
    let agents = run["agents"].as_array().unwrap();
    let told: Vec<(&str, &str)> =
        agents.iter().map(|one| (one["agent"].as_str().unwrap(), one["state"].as_str().unwrap())).collect();
    assert_eq!(told, [("plan", "working"), ("build", "working"), ("test", "waiting")]);
    assert_eq!((&agents[0]["cost_usd"], &agents[0]["limit"]["limit"]), (&"0.0212".into(), &"0.05".into()), "{status}");
    assert_eq!(agents[2]["because"], "needs plan");
    let page = world.govern(&["status"]).expect_code(0).out();
    assert!(page.contains("$0.0212 of $0.05") && page.contains("waiting"), "{page}");
    assert!(world.govern(&[]).expect_code(0).out().contains("2 of 3 at work"));

    plan.open();
    let shown = terminal.wait_until("the plan is done", |screen| line(screen, "plan ").contains("done"));
    assert!(shown.contains("govern: plan: ended well"), "{shown}");
    build.open();
    let (code, screen) = terminal.wait_for_code();
    assert_eq!(code, 0, "{screen}");
    assert!(!screen.contains("██"), "bars are left:\n{screen}");
    assert_eq!(world.govern(&["status"]).expect_code(0).out(), "Nothing runs here.\n");
    terminal.expect_nothing_left();
}
