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
    assert!(line(&shown, "plan").contains("/min") && line(&shown, "plan").contains("gpt-6.1-sol"), "{shown}");
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
    let id = screen.split_once("govern run ").and_then(|(_, rest)| rest.split_once(':')).unwrap().0;
    let report = world.govern(&["report", "--run", id]).expect_code(0).out();
    for name in ["plan", "build", "test", "total"] {
        let ended = screen.lines().find(|line| line.starts_with(name) && line.contains('$')).unwrap();
        assert!(report.contains(ended.trim_end()), "{ended}\n{report}");
    }
    // The last one has no allotment.
    assert!(report.contains("got back $0.0652, $0.0212 drawn, $0.0940 left"), "{report}");
    assert_eq!(world.govern(&["status"]).expect_code(0).out(), "Nothing runs here.\n");
    terminal.expect_nothing_left();
}

#[test]
fn a_question_has_the_screen_to_itself_and_the_bars_come_back() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let file = "version = 1\n[budget]\nlimit = \"0.05 usd\"\nsteps = [{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }]\n\
                [[agent]]\nname = \"one\"\nprompt = \"go\"\n[[agent]]\nname = \"two\"\ncommand = [\"bash\", \"-c\", \"sleep 600\"]\n";
    world.write("work/fleet.toml", file);
    let last = Gate::new();
    world
        .server
        .script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("done").held_at(&last)]);
    let Some(terminal) = Terminal::open_sized(&world, 60) else { return };
    terminal.resize(60, 30);
    terminal.run_then_tell_code("NO_COLOR=1 govern fleet fleet.toml");
    let shown = terminal.wait_for("also: govern approve");
    assert_eq!(line(&shown, "all "), "", "bars below the question:\n{shown}");
    assert!(!terminal.coloured_screen().contains("\u{1b}[3"), "colours");
    terminal.run("e 1usd");
    let shown = terminal.wait_until("bars again", |screen| line(screen, "one").contains("working"));
    assert!(line(&shown, "all").contains("of $1.05"), "{shown}");
    last.open();
    terminal.wait_until("one is done", |screen| line(screen, "one").contains("done"));
    terminal.press("C-c");
    let (code, screen) = terminal.wait_for_code();
    assert_eq!(code, 124, "{screen}");
    terminal.expect_nothing_left();
}

#[test]
fn a_fleet_that_is_higher_than_the_window_shows_those_that_work() {
    let world = World::without_codex();
    let agents: Vec<String> = (0..30)
        .map(|n| {
            let needs = if n == 7 { "" } else { "needs = [\"agent-7\"]\n" };
            format!(
                "[[agent]]\nname = \"agent-{n}\"\ncommand = [\"bash\", \"-c\", \"test -e go || sleep 600\"]\n{needs}"
            )
        })
        .collect();
    world.write("work/fleet.toml", &format!("version = 1\n{}", agents.concat()));
    let Some(terminal) = Terminal::open_sized(&world, 40) else { return };
    terminal.resize(40, 12);
    terminal.run_then_tell_code("govern fleet fleet.toml 2>&1");
    let shown = terminal.wait_until("the one that works", |screen| line(screen, "agent-7").contains("working"));
    assert!(line(&shown, "…").contains("waiting") && line(&shown, "all").contains("0 of 30"), "{shown}");
    assert!(shown.lines().count() <= 12, "{shown}");
    terminal.press("C-c");
    assert_eq!(terminal.wait_for_code().0, 124);
}

#[test]
fn what_agents_write_stands_above_the_bars_line_by_line() {
    let world = World::without_codex();
    let says = "for n in 1 2 3; do printf half; sleep 0.1; echo \" and half $n\"; done; touch said; sleep 600";
    let file = format!(
        "version = 1\n[[agent]]\nname = \"a\"\ncommand = [\"bash\", \"-c\", '''{says}''']\n[[agent]]\nname = \"longer\"\ncommand = [\"bash\", \"-c\", \"echo hi; sleep 600\"]\n"
    );
    world.write("work/fleet.toml", &file);
    let Some(terminal) = Terminal::open_sized(&world, 80) else { return };
    terminal.run_then_tell_code("govern fleet --show fleet.toml");
    let shown = terminal.wait_for("a      | half and half 3");
    let all = ["a      | half and half 1", "a      | half and half 2", "a      | half and half 3", "longer | hi"];
    assert!(all.iter().all(|text| shown.lines().any(|line| line == *text)), "{shown}");
    let shown = terminal.wait_until("bars below", |screen| {
        screen.lines().rev().find(|line| !line.is_empty()).is_some_and(|line| line.starts_with("all"))
    });
    assert!(line(&shown, "longer ").contains("working"), "{shown}");
    assert!(terminal.coloured_screen().contains("\u{1b}[36ma      |"), "no colour");
    terminal.press("C-c");
    assert_eq!(terminal.wait_for_code().0, 124);
}

#[test]
fn a_run_whose_govern_is_suspended_is_shown_from_the_ledger() {
    let world = World::without_codex();
    let run = world.start_governed(&["--agent", "me"], &["bash", "-c", "touch begun; sleep 600"]);
    let deadline = std::time::Instant::now() + crate::support::process::LONG;
    while !world.path("work/begun").exists() || status(&world)["runs"][0]["source"] != "supervisor" {
        assert!(std::time::Instant::now() < deadline, "{}", run.running.stderr());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(status(&world)["runs"][0]["agents"][0]["agent"], "me");
    run.running.signal(nix::sys::signal::Signal::SIGSTOP);
    let told = status(&world);
    assert_eq!(told["runs"][0]["source"], "ledger", "{told}");
    assert!(told["runs"][0]["unanswered"].as_str().unwrap().contains("suspended"), "{told}");
    run.running.signal(nix::sys::signal::Signal::SIGCONT);
    assert_eq!(status(&world)["runs"][0]["source"], "supervisor");
    run.running.signal(nix::sys::signal::Signal::SIGTERM);
    run.finish().expect_code(143);
}

#[test]
fn a_codex_under_installed_hooks_is_shown_as_the_ledger_has_it() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.govern(&["hooks", "install", "--yes"]).expect_code(0);
    world.policy(
        "[[budget]]\nname = \"a day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"0.05 usd\"\n\
         steps = [{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }]\n",
    );
    world.server.always(Select::any(), Reply::exec("true"));
    let codex = world.start("codex", &["exec", "do it"]);
    codex.wait_for_stderr("govern: held: ");
    let told = status(&world);
    let (run, agent) = (&told["runs"][0], &told["runs"][0]["agents"][0]);
    assert_eq!((&run["source"], &agent["state"]), (&"hooks".into(), &"held".into()), "{told}");
    assert_eq!((&agent["cost_usd"], &agent["approval"]), (&"0.0424".into(), &1.into()), "{told}");
    world.govern(&["deny", "1"]).expect_code(0);
    assert_eq!(codex.finish().code(), 1);
}
