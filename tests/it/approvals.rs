//! Answers to questions at a gate: what they hold for, how often one is asked, and what is said beside the question.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::PAID;
use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::tmux::Terminal;
use crate::support::world::World;

const CODEX: &[&str] = &["codex", "exec", "do it"];

const GATE: &str = "[[gate]]\nname = \"leaves\"\nmatch = [\"git push*\"]\ndo = \"ask\"\nwait = \"30m\"\n";

/// A gate on pushes.
fn gate(world: &World) {
    world.policy(GATE);
}

/// The same, and a limit that two answers leave no room under.
fn gate_and_limit(world: &World) {
    let budget = "name = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n";
    world.policy(&format!("{GATE}[[budget]]\n{budget}"));
}

/// There is no repository to push to: the command fails, and it ran.
const PUSH: &str = "git push || echo pushed >> tried";

fn pushed(world: &World) -> usize {
    std::fs::read_to_string(world.path("work/tried")).map_or(0, |text| text.lines().count())
}

fn questions(world: &World) -> Vec<Value> {
    let done = world.govern(&["approvals", "--all", "--format", "json"]).expect_code(0);
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    report["rows"].as_array().unwrap().clone()
}

/// Waits for a question that is pending.
#[track_caller]
fn asked(world: &World) -> Value {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(row) = questions(world).into_iter().find(|row| row["state"] == "pending") {
            return row;
        }
        assert!(Instant::now() < deadline, "nobody was asked");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn without_a_number_the_questions_and_runs_that_may_be_meant_are_named() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    for verb in ["approve", "deny"] {
        world.govern(&[verb]).expect_code(2).expect_said("nothing waits for an answer");
    }
    world.govern(&["resume"]).expect_code(2).expect_said("no run was recorded yet");
    gate_and_limit(&world);
    world.server.script(Select::root(), [PUSH, PAID, PAID].map(Reply::exec));
    let governed = world.start_governed(&[], CODEX);
    asked(&world);
    for verb in ["approve", "deny"] {
        let said = format!("`govern {verb} 1`: codex: ");
        world.govern(&[verb]).expect_code(2).expect_said(&said).expect_said("git push");
    }
    world.govern(&["approve", "1"]).expect_code(0);
    let id = governed.finish().expect_code(124).id();
    world.govern(&["resume"]).expect_code(2).expect_said(&format!("`govern resume {id}")).expect_said("codex exec");
}

#[test]
fn what_was_let_run_again_is_remembered_when_the_run_goes_on() {
    for (flags, again) in [(&["--run"][..], true), (&["--for", "1h"], true), (&[], false)] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        gate_and_limit(&world);
        let replies = [PUSH, PAID, PUSH].map(Reply::exec);
        world.server.script(Select::root(), replies.into_iter().chain([Reply::message("all is done")]));
        let governed = world.start_governed(&[], CODEX);
        asked(&world);
        world.govern(&[&["approve", "1"], flags].concat()).expect_code(0);
        let stopped = governed.finish().expect_code(124);
        assert_eq!(pushed(&world), 1);
        let id = stopped.id();
        let resumed = world.start("govern", &["resume", &id, "--extend", "1usd"]);
        if !again {
            assert_eq!(asked(&world)["id"], 2, "{flags:?}");
            assert_eq!(pushed(&world), 1);
            world.govern(&["approve", "2"]).expect_code(0);
        }
        resumed.finish().expect_code(0);
        // What the agent had spent before it was stopped counts in what it had spent when it was asked.
        for (question, answers) in questions(&world).iter().zip([1, 3]) {
            assert_eq!(ledger::nanos(question["cost_usd"].as_str().unwrap()), answers * ledger::USUAL_COST);
        }
        assert_eq!((pushed(&world), questions(&world).len()), (2, if again { 1 } else { 2 }), "{flags:?}");
        world.govern(&["audit", "verify"]).expect_code(0);
    }
}

#[test]
fn who_may_answer_is_named_wherever_the_command_is() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let me = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
    let approvals = format!("[approvals]\nwait_for_nobody = true\napprovers = [\"{me}\", \"nobody\"]\n");
    world.policy_for_nobody(&format!("{GATE}{approvals}"));
    world.server.script(Select::root(), [Reply::exec(PUSH), Reply::message("all is done")]);
    let governed = world.start_governed(&[], CODEX);
    assert_eq!(asked(&world)["approvers"], json!([me, "nobody"]));
    governed.running.wait_for_stderr(&format!("is held until {me} or nobody answers: govern approve 1"));
    for verb in [&["status"][..], &["approvals"], &[]] {
        let shown = world.govern(verb).out();
        assert!(shown.contains(&format!("{me} or nobody may:\n    govern approve 1")), "{verb:?}: {shown}");
    }
    let paused = world.govern(&["pause", "--all"]);
    assert!(paused.to_string().contains(&format!("waits for an answer of {me} or nobody, too")), "{paused}");
    world.govern(&["continue", "--all"]).expect_code(0);
    world.govern(&["approve", "1"]).expect_code(0);
    governed.finish().expect_code(0);
}

#[test]
fn equal_calls_that_wait_together_are_one_question() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    gate(&world);
    let call = json!({
        "type": "function_call", "name": "exec_command",
        "arguments": json!({"cmd": PUSH, "yield_time_ms": 60_000}).to_string(),
    });
    world.server.script(Select::root(), [Reply::exec(PUSH).and(call), Reply::message("all is done")]);
    let governed = world.start_governed(&[], CODEX);
    asked(&world);
    let deadline = Instant::now() + LONG;
    while world.hooks().len() < 2 {
        assert!(Instant::now() < deadline, "{:?}", world.hooks());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(questions(&world).len(), 1);
    assert_eq!(ledger::nanos(questions(&world)[0]["cost_usd"].as_str().unwrap()), ledger::USUAL_COST);
    world.govern(&["approve", "1"]).expect_code(0);
    governed.finish().expect_code(0);
    assert_eq!((pushed(&world), questions(&world).len()), (2, 1));
}

#[test]
fn at_govern_s_own_prompt_a_tool_is_let_run_once_again_or_for_a_time() {
    for (answer, questions_in_all) in [("o", 2), ("r", 1), ("f 20m", 1)] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        gate(&world);
        let replies = [Reply::exec(PUSH), Reply::exec(PUSH)];
        world.server.script(Select::root(), replies.into_iter().chain([Reply::message("all is done")]));
        let Some(terminal) = Terminal::open(&world) else { return };
        terminal.run_then_tell_code("govern run --budget 1usd -- codex exec 'do it'");
        let screen = terminal.wait_for("also: govern approve 1");
        let joined = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(joined.contains("agent `codex`, $0.0212 so far, is held"), "{screen}");
        terminal.run(answer);
        if questions_in_all > 1 {
            terminal.wait_for("also: govern approve 2");
            terminal.run("s");
        }
        let (code, screen) = terminal.wait_for_code();
        assert_eq!(code, 0, "{answer}: {screen}");
        assert_eq!((questions(&world).len(), pushed(&world)), (questions_in_all, 3 - questions_in_all), "{screen}");
    }
}

#[test]
fn the_policy_for_whoever_is_responsible_asks_refuses_and_says_what_history_cannot_tell() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/gated.toml");
    world.policy("[approvals]\nwait_for_nobody = true\n");
    let commands = ["git push --force || touch forced", "git push --dry-run; touch dry", "git push || touch asked"];
    let replies = commands.map(Reply::exec).into_iter().chain([Reply::message("all is done")]);
    world.server.script(Select::root(), replies);
    let governed = world.start_governed(&["--policy", policy], CODEX);
    assert_eq!(asked(&world)["rule"], "nothing leaves the machine unasked");
    let made = |name: &str| world.path("work").join(name).exists();
    assert_eq!((made("forced"), made("dry"), made("asked")), (false, true, false));
    world.govern(&["deny", "1"]).expect_code(0);
    governed.finish().expect_code(0).expect_said("deny: `what others have is not overwritten`");
    assert!(!made("asked"));
    let tried = world.govern(&["policy", "try", policy]).expect_code(0).out();
    assert!(tried.contains("Gates are not tried") && tried.contains("Limits in tool calls are not tried"), "{tried}");
    let tried = world.govern(&["policy", "try", policy, "--format", "json"]).expect_code(0);
    let tried: Value = serde_json::from_slice(&tried.stdout).unwrap();
    assert_eq!(tried["not_tried"], json!(["gates", "tool_calls", "throttles"]));
}
