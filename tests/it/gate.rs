//! The gate: what Codex is about to ask or run waits for govern, and where govern fails nothing is asked or run.

use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::support::codex::{CURRENT, OLD, OLDER};
use crate::support::fake_responses::{Gate, Reply, Select, Usage};
use crate::support::ledger::{self, events};
use crate::support::process::{Finished, LONG};
use crate::support::world::{CHEAPER, MODEL, UNKNOWN, World};
use crate::{ENDLESS, PAID};

const CODEX: &[&str] = &["codex", "exec", "do it"];

/// A ninth of what an answer usually takes: it foretells little.
const SMALL: Usage = Usage::new(1_000, 0, 100);

/// $0.05, of which two responses leave no room for a third: then a person is asked.
fn asking(world: &World) {
    world.policy(
        "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
         steps = [{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }]\n",
    );
}

fn kill(pid: i32) {
    signal::kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

fn parent_of(pid: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap()
}

#[track_caller]
fn wait_until(what: &str, is: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is() {
        assert!(Instant::now() < deadline, "not within {LONG:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until a person is asked, and the next request waits at the gate; gives its hook.
#[track_caller]
fn holding(world: &World) -> i32 {
    wait_until("a person is asked", || !events(world, "asked").is_empty());
    world.wait_until_at_gate();
    world.hooks().iter().find(|(_, line)| line.contains("pre-model-request")).unwrap().0
}

#[test]
fn at_the_limit_the_next_request_waits_and_the_agent_lives() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    asking(&world);
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("all is done")]);
    let governed = world.start_governed(&[], CODEX);
    holding(&world);
    assert!(world.agent_states().iter().all(|(_, state)| *state != 'T'), "{:?}", world.agent_states());
    assert_eq!(world.server.requests().len(), 2);
    world.govern(&["approve", "1", "--extend", "1usd"]).expect_code(0);
    let end = governed.finish().expect_code(0);
    assert_eq!(world.server.served().len(), 3);
    ledger::expect_all_served(&world, &end.id());
    assert_eq!(events(&world, "gated").last().unwrap()["reach"], "requests");
}

#[test]
fn every_tool_call_is_written_down_without_its_secrets() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let command = "curl -u bob:hunter2 http://127.0.0.1:9/ ; true";
    world.server.script(Select::root(), [Reply::exec(command), Reply::message("all is done")]);
    world.run_governed(&[], CODEX).expect_code(0);
    let calls = events(&world, "tool_called");
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0]["tool"], "Bash");
    assert_eq!(calls[0]["verdict"], "allowed");
    assert_eq!(calls[0]["input"].as_str().unwrap().len(), 64);
    assert!(calls[0]["short"].as_str().unwrap().starts_with("curl -u bob:<redacted>"), "{calls:?}");
    assert_eq!(ledger::nanos(calls[0]["cost"].as_str().unwrap_or("0.0212")), ledger::USUAL_COST);
}

#[test]
fn while_anything_of_an_agent_is_held_all_its_threads_wait() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let (of_root, sub_asks_again) = (Gate::new(), Gate::new());
    world.policy(
        "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"11k all tok\"\n\
         steps = [{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }]\n",
    );
    let first = Reply::spawn_agent("spend").usage(SMALL);
    world.server.script(Select::root(), [first, Reply::exec("true").held_at(&of_root), Reply::message("late")]);
    world.server.script(Select::subagent(), [Reply::exec("true").held_at(&sub_asks_again), Reply::message("late")]);
    let governed = world.start_governed(&[], &["codex", "exec", "-m", UNKNOWN, "do it"]);
    world.server.wait_for_requests(3, LONG).unwrap();
    of_root.open();
    holding(&world);
    sub_asks_again.open();
    // Both threads come to the gate, and neither gets past it.
    wait_until("both threads are at the gate", || world.hooks().len() == 2);
    let before = world.server.requests().len();
    world.govern(&["deny", "1"]).expect_code(0);
    let end = governed.finish().expect_code(124).expect_outcome("stopped");
    assert_eq!(world.server.requests().len(), before);
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn a_compaction_waits_too_and_is_no_breach_when_it_is_let_through() {
    for lets in [false, true] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.policy(
            "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.03 usd\"\n\
             steps = [{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }]\n",
        );
        let replies = [Reply::exec("true"), Reply::message("a summary"), Reply::message("all is done")];
        world.server.script(Select::root(), replies);
        // One answer is more than Codex takes along.
        let command = ["codex", "exec", "-c", "model_auto_compact_token_limit=8000", "do it"];
        let governed = world.start_governed(&[], &command);
        wait_until("the compaction waits", || world.hooks().iter().any(|(_, line)| line.contains("pre-compact")));
        let asked = world.server.requests().len();
        if lets {
            world.govern(&["approve", "1", "--extend", "1usd"]).expect_code(0);
            let end = governed.finish().expect_code(0);
            assert!(world.server.requests().len() > asked);
            ledger::expect_all_served(&world, &end.id());
        } else {
            wait_until("a person is asked", || !events(&world, "asked").is_empty());
            world.govern(&["deny", "1"]).expect_code(0);
            governed.finish().expect_code(124);
            assert_eq!(world.server.requests().len(), asked);
        }
    }
}

#[test]
fn a_stop_that_a_compaction_s_answer_reaches_ends_the_run() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    // Two answers fit, the compaction's is the second: its session begins anew before the next request.
    let replies = [Reply::exec("true"), Reply::message("a summary"), Reply::message("all is done")];
    world.server.script(Select::root(), replies);
    let command = ["codex", "exec", "-c", "model_auto_compact_token_limit=8000", "do it"];
    let end = world.run_governed(&["--budget", "2 responses", "--at-limit", "stop"], &command);
    let end = end.expect_code(124).expect_outcome("stopped");
    assert_eq!(world.server.requests().len(), 2);
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn a_stop_lets_the_tool_that_was_paid_for_end() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("sleep 1; echo whole > made.txt")]);
    let end = world.run_governed(&["--budget", "0.05usd", "--at-limit", "stop"], CODEX);
    let end = end.expect_code(124).expect_outcome("stopped").expect_said("what is under way may end first");
    assert_eq!(std::fs::read_to_string(world.path("work/made.txt")).unwrap(), "whole\n");
    assert_eq!(world.server.requests().len(), 2);
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn a_tool_that_does_not_end_holds_up_a_stop_until_a_person_wants_another() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(ENDLESS)]);
    let governed = world.start_governed(&["--budget", "0.05usd", "--at-limit", "stop"], CODEX);
    governed.running.wait_for_stderr("to end it now: govern stop");
    let stopped = world.govern(&["stop", "--all"]).expect_code(0);
    assert!(stopped.out().contains("is being stopped"), "{stopped}");
    governed.finish().expect_code(124).expect_outcome("stopped");
    assert_eq!(world.server.requests().len(), 2);
}

#[test]
fn a_stop_lets_the_answer_under_way_come_in() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let (answer, of_sub) = (Gate::new(), Gate::new());
    let first = Reply::spawn_agent("spend").usage(SMALL);
    world.server.script(Select::root(), [first, Reply::exec(PAID).held_at(&answer)]);
    world.server.script(Select::subagent(), [Reply::exec(PAID).held_at(&of_sub)]);
    let flags = ["--budget", "10k all tok", "--at-limit", "stop"];
    let governed = world.start_governed(&flags, &["codex", "exec", "-m", UNKNOWN, "do it"]);
    // The sub-agent's answer, dearer than any before, is all there is, and the root's is still to come.
    world.server.wait_for_requests(3, LONG).unwrap();
    of_sub.open();
    wait_until("it is decided", || !events(&world, "decided").is_empty());
    answer.open();
    let end = governed.finish().expect_code(124).expect_outcome("stopped");
    assert_eq!(world.server.served().len(), 3);
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn a_route_happens_at_the_gate_and_loses_no_tool() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(&format!(
        "[models]\nladder = [\"{MODEL}\", \"{CHEAPER}\"]\n\
         [[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.1 usd\"\nsteps = [{{ at = \"20%\", do = \"route\" }}]\n"
    ));
    world.server.script(Select::root().model(MODEL), [Reply::exec("sleep 1; echo whole > made.txt")]);
    world.server.script(Select::root().model(CHEAPER), [Reply::message("all is done")]);
    let end = world.run_governed(&[], CODEX).expect_code(0);
    assert_eq!(std::fs::read_to_string(world.path("work/made.txt")).unwrap(), "whole\n");
    assert_eq!(world.server.requests().len(), 2);
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn a_model_that_is_not_allowed_is_not_asked() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(&format!("[models]\nallow = [\"{CHEAPER}\"]\n"));
    world.run_governed(&[], CODEX).expect_code(124).expect_said(MODEL);
    assert_eq!(world.server.requests().len(), 0);
}

#[test]
fn flags_that_take_the_gate_away_are_refused_under_a_limit() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    for flags in [["--disable", "hooks"], ["-c", "features.hooks=false"], ["-c", "hooks=1"]] {
        let command = ["codex", "exec", flags[0], flags[1], "do it"];
        world.run_governed(&["--budget", "1usd"], &command).expect_code(123).expect_said("hooks");
    }
    assert_eq!(world.server.requests().len(), 0);
    world.run_governed(&[], &["codex", "exec", "--disable", "hooks", "do it"]).expect_code(0);
}

#[test]
fn flags_and_files_that_would_take_it_away_do_not() {
    let his = "hooks.PreToolUse=[{hooks=[{type=\"command\",command=\"touch his\"}]}]";
    for command in [
        &["codex", "exec", "-c", "hooks={}", "-c", "hooks.state={}", "do it"][..],
        &["codex", "exec", "do it", "-c", his, "-c", "hooks.PreModelRequest=[]"],
    ] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.configure_codex("[features]\nhooks = false\n");
        asking(&world);
        world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("late")]);
        let governed = world.start_governed(&[], command);
        holding(&world);
        world.govern(&["deny", "1"]).expect_code(0);
        governed.finish().expect_code(124);
        assert_eq!(world.server.requests().len(), 2);
    }
}

#[test]
fn a_hook_that_is_killed_lets_nothing_past() {
    for whom in ["the hook", "its shell", "both"] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        asking(&world);
        world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("late")]);
        let governed = world.start_governed(&[], CODEX);
        let hook = holding(&world);
        let shell = parent_of(hook);
        match whom {
            "the hook" => kill(hook),
            "its shell" => kill(shell),
            _ => {
                kill(shell);
                kill(hook);
            }
        }
        let end = governed.finish().expect_code(124).expect_outcome("stopped").expect_said("gate");
        assert_eq!(world.server.requests().len(), 2, "{whom}");
        ledger::expect_all_served(&world, &end.id());
    }
}

#[test]
fn a_supervisor_that_is_killed_takes_its_agent_along() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    asking(&world);
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("late")]);
    let governed = world.start_governed(&[], CODEX);
    holding(&world);
    kill(governed.running.pid());
    world.wait_for_no_survivors(LONG);
    assert_eq!(world.server.requests().len(), 2);
}

/// Where the one run listens.
fn socket_of(world: &World) -> std::path::PathBuf {
    let mut files = std::fs::read_dir(world.path("govern/run")).unwrap().flatten().map(|entry| entry.path());
    files.find(|path| path.extension().is_some_and(|end| end == "sock")).unwrap()
}

#[test]
fn where_the_hook_cannot_reach_its_supervisor_nothing_runs_or_is_asked() {
    // Somebody else's answers at the place of the socket; the first takes the place and does not listen.
    for (what, answer) in [
        ("no socket", None),
        ("nobody listens", Some("")),
        ("no answer", Some("s.listen()\nwhile True: s.accept()[0].close()")),
        (
            "no sense",
            Some("s.listen()\nwhile True:\n c = s.accept()[0]; c.recv(65536); c.sendall(b'nonsense\\n'); c.close()"),
        ),
    ] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        let answered = Gate::new();
        world.server.script(Select::root(), [Reply::exec("touch ran").held_at(&answered), Reply::message("late")]);
        let governed = world.start_governed(&["--budget", "9usd"], CODEX);
        world.server.wait_for_requests(1, LONG).unwrap();
        let socket = socket_of(&world);
        std::fs::remove_file(&socket).unwrap();
        let stranger = answer.map(|answer| {
            let script = format!(
                "import socket; s = socket.socket(1); s.bind('{}'); print('here', flush=True)\n{answer}",
                socket.display()
            );
            let stranger = world.start("python3", &["-c", &script]);
            stranger.wait_for_stdout("here");
            stranger
        });
        answered.open();
        let end = governed.finish_among_others();
        drop(stranger);
        end.expect_code(124).expect_said("the gate failed");
        assert!(!world.path("work/ran").exists(), "{what}");
        assert_eq!(world.server.requests().len(), 1, "{what}");
    }
}

#[test]
fn a_supervisor_that_stands_still_keeps_everything_waiting() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let answered = Gate::new();
    world.server.script(Select::root(), [Reply::exec("touch ran").held_at(&answered), Reply::message("all is done")]);
    let governed = world.start_governed(&["--budget", "9usd"], CODEX);
    world.server.wait_for_requests(1, LONG).unwrap();
    governed.running.signal_with_guard(Signal::SIGSTOP);
    answered.open();
    // Codex 0.169 has its answer told before the tool asks, 0.171 beside it.
    let at_gate = |line: &str| line.contains("pre-tool-use") || line.contains("post-model-request");
    wait_until("the answer or its tool is at the gate", || world.hooks().iter().any(|(_, line)| at_gate(line)));
    assert!(!world.path("work/ran").exists());
    governed.running.signal_with_guard(Signal::SIGCONT);
    governed.finish().expect_code(0);
    assert!(world.path("work/ran").exists());
}

#[test]
fn what_takes_the_place_of_a_govern_that_runs_is_not_called() {
    let programs =
        [None, Some("#!/bin/sh\nkill -SEGV $$\n"), Some("#!/bin/sh\nkill -KILL $$\n"), Some("#!/bin/sh\nexit 0\n")];
    for program in programs {
        let Some(world) = World::with_codex(CURRENT) else { return };
        let end = with_another_govern(&world, &["--budget", "9usd"], program);
        assert!(world.path("work/ran").exists(), "{end}");
        end.expect_code(0).expect_not_said("the gate failed");
        assert_eq!(world.server.requests().len(), 3);
    }
}

/// Runs a copy of govern, whose place another program takes (or none) before the first tool.
fn with_another_govern(world: &World, flags: &[&str], program: Option<&str>) -> Finished {
    let answered = Gate::new();
    std::fs::hard_link(env!("CARGO_BIN_EXE_govern"), world.path("bin/mine")).unwrap();
    let replies = [Reply::exec("touch ran").held_at(&answered), Reply::exec("true"), Reply::message("all is done")];
    world.server.script(Select::root(), replies);
    let mut args = vec!["run"];
    args.extend(flags);
    args.extend(["--", "codex", "exec", "do it"]);
    let governed = world.start("mine", &args);
    world.server.wait_for_requests(1, LONG).unwrap();
    std::fs::remove_file(world.path("bin/mine")).unwrap();
    if let Some(program) = program {
        world.write("bin/mine", program);
        world.run("chmod", &["+x", &world.path("bin/mine").display().to_string()]).expect_code(0);
    }
    answered.open();
    governed.finish()
}

#[test]
fn without_a_limit_a_hook_that_fails_stops_nothing() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let answered = Gate::new();
    let replies = [Reply::exec("touch ran").held_at(&answered), Reply::exec("true"), Reply::message("all is done")];
    world.server.script(Select::root(), replies);
    let governed = world.start_governed(&[], CODEX);
    world.server.wait_for_requests(1, LONG).unwrap();
    std::fs::remove_file(socket_of(&world)).unwrap();
    answered.open();
    governed.finish().expect_code(0);
    assert!(world.path("work/ran").exists());
    assert_eq!(world.server.requests().len(), 3);
}

#[test]
fn an_older_codex_is_held_as_far_as_its_hooks_reach() {
    for (version, reach) in [(OLD, Some("tools")), (OLDER, None)] {
        let Some(world) = World::with_codex(version) else { return };
        world.server.script(Select::root(), [Reply::exec("true"), Reply::message("all is done")]);
        world.run_governed(&["--budget", "9usd"], CODEX).expect_code(0);
        let gated = events(&world, "gated");
        assert_eq!(gated.last().map(|event| event["reach"].as_str().unwrap().to_owned()).as_deref(), reach);
    }
}

/// A gate on what leaves the machine, and one more on a file.
fn gated(world: &World, verb: &str) {
    world.policy(&format!(
        "[[gate]]\nname = \"leaves\"\ntool = \"Bash\"\nmatch = [\"git push*\", \"touch *\"]\n{verb}\n"
    ));
}

#[test]
fn a_tool_that_a_gate_denies_does_not_run_and_the_model_reads_why() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    gated(&world, "do = \"deny\"");
    world.server.script(Select::root(), [Reply::exec("env A=1 touch ran"), Reply::message("all is done")]);
    let end = world.run_governed(&[], CODEX).expect_code(0).expect_said("deny: `leaves`");
    assert!(!ran(&world));
    let requests = world.server.requests();
    assert!(requests[1].body.contains("govern: `leaves`"), "{}", requests[1].body);
    let calls = events(&world, "tool_called");
    assert_eq!((calls[0]["verdict"].as_str(), calls[0]["rule"].as_str()), (Some("denied"), Some("leaves")));
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn a_tool_that_is_asked_about_waits_with_all_requests_and_runs_when_it_is_allowed() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    gated(&world, "do = \"ask\"\nwait = \"30m\"");
    world.server.script(Select::root(), [Reply::exec("touch ran"), Reply::message("all is done")]);
    let governed = world.start_governed(&[], CODEX);
    governed.running.wait_for_stderr("govern approve 1");
    wait_until("the tool is at the gate", || world.hooks().iter().any(|(_, line)| line.contains("pre-tool-use")));
    assert!(!ran(&world) && world.server.requests().len() == 1);
    let approvals = world.govern(&["approvals"]).out();
    assert!(approvals.contains("touch ran") && approvals.contains("leaves"), "{approvals}");
    world.govern(&["approve", "1"]).expect_code(0);
    governed.finish().expect_code(0);
    assert!(ran(&world));
    let calls = events(&world, "tool_called");
    assert_eq!(calls[0]["verdict"], "allowed");
    assert!(calls[0]["by"].as_str().unwrap().ends_with("(cli)"), "{calls:?}");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_refusal_is_read_by_the_model_and_the_agent_goes_on() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    gated(&world, "do = \"ask\"\nwait = \"30m\"");
    world.server.script(Select::root(), [Reply::exec("touch ran"), Reply::message("all is done")]);
    let governed = world.start_governed(&[], CODEX);
    governed.running.wait_for_stderr("govern approve 1");
    world.govern(&["deny", "1", "--reason", "not on a Friday"]).expect_code(0);
    governed.finish().expect_code(0);
    assert!(!ran(&world));
    assert!(world.server.requests()[1].body.contains("not on a Friday"));
}

#[test]
fn when_nobody_answers_about_a_tool_the_gate_decides() {
    for (otherwise, code) in [("deny", 0), ("stop", 124), ("kill", 124)] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        gated(&world, &format!("do = \"ask\"\nwait = \"1s\"\nelse = \"{otherwise}\""));
        world.server.script(Select::root(), [Reply::exec("touch ran"), Reply::message("all is done")]);
        world.run_governed(&[], CODEX).expect_code(code).expect_said("in time");
        assert!(!ran(&world), "{otherwise}");
    }
}

#[test]
fn observing_gates_note_and_hold_nothing() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    gated(&world, "do = \"deny\"");
    world.server.script(Select::root(), [Reply::exec("touch ran"), Reply::message("all is done")]);
    world.run_governed(&["--observe"], CODEX).expect_code(0).expect_said("would deny: `leaves`");
    assert!(ran(&world));
}

fn ran(world: &World) -> bool {
    world.path("work/ran").exists()
}

#[test]
fn a_review_asks_first_too() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.write("work/README.md", "# Changed\n");
    let verdict =
        r#"{"findings":[],"overall_correctness":"ok","overall_explanation":"fine","overall_confidence_score":1}"#;
    world.server.always(Select::any(), Reply::message(verdict));
    let review = ["codex", "exec", "review", "--uncommitted"];
    let end = world.run_governed(&["--budget", "9usd"], &review).expect_code(0).expect_said("limits active");
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn behind_a_shell_a_gate_holds_only_where_hooks_are_installed_and_else_the_run_says_so() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy("[[gate]]\nname = \"no marks\"\ntool = \"Bash\"\nmatch = [\"touch*\"]\ndo = \"deny\"\n");
    world.server.script(Select::root(), [Reply::exec("touch marked"), Reply::message("done")]);
    let behind_a_shell = ["sh", "-c", "codex exec 'do it'; true"];
    let end = world.run_governed(&[], &behind_a_shell).expect_code(0);
    end.expect_said("the policy's gates hold nothing here: no tool was seen to ask first");
    assert!(world.path("work/marked").exists());

    std::fs::remove_file(world.path("work/marked")).unwrap();
    world.govern(&["hooks", "install", "--yes"]).expect_code(0);
    world.server.script(Select::root(), [Reply::exec("touch marked"), Reply::message("done")]);
    world.run_governed(&[], &behind_a_shell).expect_code(0);
    assert!(!world.path("work/marked").exists());
}
