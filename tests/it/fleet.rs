//! `govern fleet`: several agents in one run, one after another and at once, under one budget.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Gate, Reply, Request, Select};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::{CHEAPER, GovernedEnd, MODEL, World};
use crate::{ENDLESS, PAID};

/// An agent whose Codex does what it is told.
fn agent(name: &str, more: &str) -> String {
    format!("[[agent]]\nname = \"{name}\"\nprompt = \"{name}-prompt\"\n{more}\n")
}

/// An agent that is a shell's script.
fn script(name: &str, script: &str, more: &str) -> String {
    format!("[[agent]]\nname = \"{name}\"\ncommand = [\"bash\", \"-c\", '''{script}''']\n{more}\n")
}

fn of<'a>(end: &'a GovernedEnd, agent: &str) -> &'a Value {
    let agents = end.summary["agents"].as_array().unwrap_or_else(|| panic!("{}\n{}", end.summary, end.finished));
    agents.iter().find(|one| one["agent"] == agent).unwrap()
}

/// `done`, `failed`, …, and how often it was started.
fn result(end: &GovernedEnd, agent: &str) -> (String, u64) {
    let one = of(end, agent);
    (one["result"].as_str().unwrap().to_owned(), one["attempts"].as_u64().unwrap())
}

fn output(world: &World, end: &GovernedEnd, file: &str) -> PathBuf {
    world.path("govern/runs").join(end.id()).join(file)
}

fn asked_with(requests: &[Request], text: &str) -> Vec<Request> {
    requests.iter().filter(|request| request.body.contains(text)).cloned().collect()
}

#[test]
fn each_agent_starts_when_those_that_it_needs_are_done_and_its_spend_is_its_own() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("that is it")]);
    let text = [
        agent("test", "needs = [\"build\"]"),
        agent("build", "needs = [\"plan\"]\nteam = \"web\""),
        agent("plan", "team = \"design\""),
    ];
    let end = world.start_fleet(&[], &text.concat()).finish().expect_code(0).expect_outcome("ended");
    for name in ["plan", "build", "test"] {
        assert_eq!(result(&end, name), ("done".to_owned(), 1));
        assert_eq!(of(&end, name)["responses"], 2);
        let out = output(&world, &end, &format!("{name}.out"));
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "that is it\n");
        assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let served = world.server.served();
    let order: Vec<&str> = served
        .iter()
        .map(|request| {
            ["plan", "build", "test"].into_iter().find(|name| request.body.contains(&format!("{name}-prompt")))
        })
        .map(Option::unwrap)
        .collect();
    assert_eq!(order, ["plan", "plan", "build", "build", "test", "test"]);
    ledger::expect_exactly(&world, &end.id(), &served);
    let report = ledger::report(&world, &["--run", &end.id(), "--by", "agent,team"]);
    for (name, team) in [("plan", "design"), ("build", "web")] {
        let mut rows = report["rows"].as_array().unwrap().iter();
        let row = rows.find(|row| row["agent"] == name).unwrap();
        assert_eq!((&row["team"], &row["responses"]), (&Value::from(team), &Value::from(2)), "{report}");
    }
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn what_fails_is_tried_again_and_what_needs_it_is_skipped() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let text = [
        script("build", "codex exec build-prompt; exit 3", "retries = 1"),
        agent("test", "needs = [\"build\"]"),
        agent("ship", "needs = [\"test\"]"),
        script("flaky", "test -e tried || { touch tried; exit 1; }", "retries = 2"),
    ];
    let end = world.start_fleet(&[], &text.concat()).finish().expect_code(1).expect_outcome("ended");
    let end =
        end.expect_said("build: starts again, attempt 2").expect_said("test: skipped: it needs `build`, which failed");
    let results = ["build", "test", "ship", "flaky"].map(|name| result(&end, name));
    let expected = [("failed", 2), ("skipped", 0), ("skipped", 0), ("done", 2)];
    assert_eq!(results, expected.map(|(result, tries)| (result.to_owned(), tries)));
    assert_eq!((&of(&end, "build")["exit_code"], &of(&end, "build")["responses"]), (&Value::from(3), &Value::from(2)));
    ledger::expect_exactly(&world, &end.id(), &world.server.served());
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn no_more_agents_work_at_once_than_may() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let (both, all) = (Gate::new(), Gate::new());
    world.server.script(Select::root().containing("two-prompt"), [Reply::message("done").held_at(&all)]);
    world.server.script(Select::root(), [Reply::message("done").held_at(&both)]);
    let text = [agent("one", ""), agent("three", ""), agent("two", "priority = 9"), agent("four", "")];
    let fleet = world.start_fleet(&[], &format!("concurrency = 2\n{}", text.concat()));
    let requests = world.server.wait_for_requests(2, LONG).unwrap();
    assert_eq!(asked_with(&requests, "two-prompt").len(), 1, "it matters most");
    both.open();
    // The other place is taken by one after the other.
    world.server.wait_for_served(3, LONG).unwrap();
    all.open();
    let end = fleet.finish().expect_code(0);
    let lines: Vec<&str> = end.finished.stderr.lines().filter(|line| line.starts_with("govern: ")).collect();
    let mut working = 0;
    for line in &lines {
        working += i32::from(line.ends_with(": starts")) - i32::from(line.contains(": ended well"));
        assert!(working <= 2, "{lines:?}");
    }
    let started: Vec<&str> = lines.iter().filter_map(|line| line.strip_suffix(": starts")).collect();
    assert_eq!(started, ["govern: two", "govern: one", "govern: three", "govern: four"]);
}

#[test]
fn one_interrupt_ends_what_works_at_a_safe_point_and_starts_nothing() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec(ENDLESS)]);
    let text = [agent("one", ""), agent("two", ""), agent("after", "needs = [\"one\"]")];
    let fleet = world.start_fleet(&[], &text.concat());
    world.server.wait_for_served(2, LONG).unwrap();
    fleet.running.signal(Signal::SIGINT);
    let end = fleet.finish().expect_code(124).expect_outcome("stopped").expect_said("govern resume d2");
    let results = ["one", "two", "after"].map(|name| result(&end, name));
    assert_eq!(results, [("stopped", 1), ("stopped", 1), ("stopped", 0)].map(|(how, tries)| (how.to_owned(), tries)));
    assert_eq!(world.server.requests().len(), 2);
    ledger::expect_exactly(&world, &end.id(), &world.server.served());
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_second_interrupt_ends_all_now() {
    let world = World::without_codex();
    let deaf = "trap '' INT TERM; touch deaf; while :; do sleep 0.05; done";
    let fleet = world.start_fleet(&[], &script("deaf", deaf, ""));
    let deadline = std::time::Instant::now() + LONG;
    while !world.path("work/deaf").exists() {
        assert!(std::time::Instant::now() < deadline, "{}", fleet.running.stderr());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    fleet.running.signal(Signal::SIGINT);
    fleet.running.wait_for_stderr("once more ends them now");
    fleet.running.signal(Signal::SIGINT);
    let end = fleet.finish().expect_code(124).expect_outcome("killed").expect_said("all agents are ended now");
    assert_eq!(result(&end, "deaf"), ("killed".to_owned(), 1));
}

#[test]
fn agents_end_with_govern_and_a_new_start_is_clean() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root().containing("one-prompt"), [Reply::exec("(setsid sleep 600 &); sleep 600")]);
    world.server.script(Select::root().containing("two-prompt"), [Reply::exec(ENDLESS)]);
    let budget = "[budget]\nlimit = \"5 usd\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n";
    let text = [budget.to_owned(), agent("one", ""), agent("two", ""), agent("after", "needs = [\"one\"]")].concat();
    let fleet = world.start_fleet(&[], &text);
    world.server.wait_for_served(2, LONG).unwrap();
    fleet.running.signal(Signal::SIGKILL);
    world.wait_for_no_survivors(LONG);
    assert_eq!(fleet.finish_among_others().finished.code(), 137);
    assert_eq!(world.server.requests().len(), 2);
    world.govern(&["audit", "verify"]).expect_code(4);
    let again = text.replace("one-prompt", "uno-prompt").replace("two-prompt", "due-prompt");
    let end = world.start_fleet(&[], &again).finish().expect_code(0);
    for name in ["one", "two", "after"] {
        assert_eq!(result(&end, name), ("done".to_owned(), 1));
    }
}

#[test]
fn ten_agents_at_once_stay_within_one_hard_budget() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    // $0.0212 each: fourteen fit.
    let all_are_there = Gate::new();
    world.server.script(Select::root(), [Reply::exec("true").held_at(&all_are_there)]);
    world.server.always(Select::root(), Reply::exec("true"));
    let budget = "[budget]\nlimit = \"0.3 usd\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n".to_owned();
    let agents: Vec<String> = (0..10).map(|number| agent(&format!("agent-{number}"), "")).collect();
    let fleet = world.start_fleet(&[], &(budget + &agents.concat()));
    world.server.wait_for_requests(10, LONG).unwrap();
    all_are_there.open();
    let end = fleet.finish().expect_code(124).expect_outcome("stopped");
    let served = world.server.served();
    // Nobody is stopped before it must be, and the last that go on do not pass the limit.
    assert!((11..=14).contains(&served.len()), "{} served\n{}", served.len(), end.finished);
    assert_eq!(world.server.requests().len(), served.len(), "none was cut off");
    for number in 0..10 {
        assert_eq!(result(&end, &format!("agent-{number}")).0, "stopped");
    }
    ledger::expect_exactly(&world, &end.id(), &served);
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn agents_are_told_who_they_are_and_what_they_write_is_shown_with_their_names() {
    let world = World::without_codex();
    let says = "echo \"$GOVERN_AGENT of $GOVERN_RUN\"; printf oops >&2; read line; tty";
    let end =
        world.start_fleet(&["--show"], &[script("one", says, ""), script("two", "echo hi", "")].concat()).finish();
    let out = end.finished.out();
    assert!(out.contains(&format!("one | one of {}\n", end.id())), "{}", end.finished);
    assert!(out.contains("two | hi\n") && out.contains("one | not a tty\n"), "{}", end.finished);
    assert_eq!(std::fs::read_to_string(output(&world, &end, "one.err")).unwrap(), "oops");
    end.expect_code(1).expect_said("one | oops");
}

#[test]
fn a_worktree_is_made_for_an_agent_and_found_again() {
    let world = World::without_codex();
    let text = script("one", "git branch --show-current; touch mine", "worktree = \"feature/x\"");
    for _ in 0..2 {
        let end = world.start_fleet(&[], &text).finish().expect_code(0);
        assert_eq!(std::fs::read_to_string(output(&world, &end, "one.out")).unwrap(), "feature/x\n");
    }
    assert!(world.path("work.worktrees/feature/x/mine").exists());
    world.run("git", &["-C", "../work.worktrees/feature/x", "checkout", "--quiet", "-b", "other"]).expect_code(0);
    world.start_fleet(&[], &text).finish().expect_code(125).expect_said("is not on branch `feature/x`");
}

#[test]
fn a_plan_starts_nothing_and_what_cannot_start_is_a_failed_agent() {
    let world = World::without_codex();
    let text = [script("one", "touch started", ""), agent("two", "needs = [\"three\"]")].concat()
        + "[[agent]]\nname = \"three\"\ncommand = [\"no-such-program\"]\nretries = 3\n";
    let plan = world.start_fleet(&["--plan"], &text).finish().expect_code(0);
    assert!(
        plan.finished.out().contains("three") && plan.summary["schema"] == "govern.fleet-plan/1",
        "{}",
        plan.finished
    );
    assert!(!world.path("work/started").exists());
    let end = world.start_fleet(&[], &text).finish().expect_code(1).expect_said("`no-such-program` was not found");
    let results = ["one", "two", "three"].map(|name| result(&end, name));
    assert_eq!(results, [("done", 1), ("skipped", 0), ("failed", 1)].map(|(how, tries)| (how.to_owned(), tries)));
}

#[test]
fn in_one_fleet_one_agent_is_asked_about_and_another_goes_on_with_a_cheaper_model() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(&format!("[models]\nladder = [\"{MODEL}\", \"{CHEAPER}\"]\n"));
    world.write(
        "work/rules.toml",
        "version = 1\n[[budget]]\nname = \"asked\"\nper = \"agent\"\nonly = { team = \"asks\" }\nlimit = \"0.03 usd\"\n\
         steps = [{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }]\n\
         [[budget]]\nname = \"routed\"\nper = \"agent\"\nonly = { team = \"routes\" }\nlimit = \"1 usd\"\n\
         steps = [{ at = \"2%\", do = \"route\" }, { at = \"100%\", do = \"stop\" }]\n\
         [approvals]\nwait_for_nobody = true\n",
    );
    let two = || [Reply::exec("true"), Reply::message("that is it")];
    world.server.script(Select::root().containing("ask-prompt"), two());
    world.server.script(Select::root().containing("route-prompt"), two());
    let text =
        [agent("ask", "team = \"asks\""), agent("route", "team = \"routes\""), agent("after", "needs = [\"ask\"]")];
    let fleet = world.start_fleet(&["--policy", "rules.toml"], &text.concat());
    fleet.running.wait_for_stderr("agent `ask` is held until somebody answers: govern approve 1");
    fleet.running.wait_for_stderr("govern: route: ended well");
    world.govern(&["approve", "1", "--extend", "1usd"]).expect_code(0);
    let end = fleet.finish().expect_code(0).expect_said("route: route: ");
    for name in ["ask", "route", "after"] {
        assert_eq!(result(&end, name), ("done".to_owned(), 1));
    }
    let served = world.server.served();
    let models: Vec<String> = asked_with(&served, "route-prompt").into_iter().map(|request| request.model).collect();
    assert_eq!(models, [MODEL, CHEAPER]);
    ledger::expect_exactly(&world, &end.id(), &served);
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_fleet_that_was_stopped_goes_on_with_what_is_not_done() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let server = &world.server;
    server.script(Select::root().containing("build-prompt"), [Reply::exec("true"), Reply::exec(PAID)]);
    server.always(Select::any(), Reply::message("done"));
    let text = [
        "[budget]\nlimit = \"3 responses\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n".to_owned(),
        agent("plan", ""),
        agent("build", "needs = [\"plan\"]"),
        agent("test", "needs = [\"build\"]"),
    ];
    let end = world.start_fleet(&[], &text.concat()).finish().expect_code(124).expect_outcome("stopped");
    let end = end.expect_said("test: skipped: it needs `build`, which was stopped");
    let before = server.served().len();
    let refused = world.govern(&["resume", &end.id()]).expect_code(123);
    assert!(refused.stderr.contains("3 responses of 3 responses"), "{refused}");
    assert_eq!(server.served().len(), before);

    let next = end.summary["outcome"]["resume"].as_str().unwrap().to_owned();
    assert!(next.starts_with(&format!("govern resume {} --extend ", end.id())), "{next}");
    let again = world.govern(&["resume", &end.id(), "--extend", "9 responses"]).expect_code(0);
    let asked = server.served();
    let after = asked.get(before..).unwrap();
    assert!(asked_with(after, "plan-prompt").is_empty(), "it is done\n{again}");
    assert!(!asked_with(after, "Go on with the task").is_empty(), "in its thread\n{again}");
    assert!(!asked_with(after, "test-prompt").is_empty(), "it never started before\n{again}");
    ledger::expect_exactly(&world, &end.id(), &asked);
    let over = world.govern(&["resume", &end.id()]).expect_code(125);
    assert!(over.stderr.contains("all its agents ended well"), "{over}");
    world.govern(&["audit", "verify"]).expect_code(0);
    world.expect_no_survivors();
}

#[test]
fn minutes_end_a_fleet_that_hangs_outside_any_codex() {
    let world = World::without_codex();
    world.policy(
        "[[budget]]\nname = \"time\"\nper = \"run\"\nlimit = \"0.02 minutes\"\n\
         steps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    let hang = "[[agent]]\nname = \"NAME\"\ncommand = [\"sleep\", \"600\"]\n";
    let fleet = hang.replace("NAME", "one") + &hang.replace("NAME", "two");
    let end = world.start_fleet(&[], &fleet).finish().expect_code(124).expect_said("(time)");
    assert_eq!(["one", "two"].map(|name| result(&end, name).0), ["stopped", "stopped"]);
}
