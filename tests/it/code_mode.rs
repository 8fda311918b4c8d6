//! Models in code mode run their tools from a JavaScript cell: each inner tool asks at the gate, and a held one holds the
//! agent, although the cell would hand control back to the model meanwhile.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::codex::{CURRENT, OLD};
use crate::support::fake_responses::{Gate, Reply, Select};
use crate::support::ledger::{self, events};
use crate::support::process::LONG;
use crate::support::world::{CHEAPER, World};

/// Of the catalogue: its tools run from cells.
const IN_CODE_MODE: &str = "gpt-6.1-sol";
/// Of the catalogue, too: its tools are called one by one.
const PLAIN: &str = "gpt-5.5";

/// After how long a cell hands control back to the model, in milliseconds; 30,000 if it does not say.
const YIELDS: u32 = 2_000;

/// A cell that runs these commands one after the other.
fn cell(commands: &[&str]) -> Reply {
    let calls = commands.iter().map(|command| format!("await tools.exec_command({});\n", json!({"cmd": command})));
    let script = format!("// @exec: {{\"yield_time_ms\": {YIELDS}}}\n{}", calls.collect::<String>());
    Reply::item(json!({"type": "custom_tool_call", "call_id": "cell_1", "name": "exec", "input": script}))
}

fn gated(world: &World) {
    world.policy("[[gate]]\nname = \"leaves\"\nmatch = [\"git push*\"]\ndo = \"ask\"\nwait = \"30m\"\n");
}

#[track_caller]
fn wait_until(what: &str, is: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is() {
        assert!(Instant::now() < deadline, "not within {LONG:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn waits(world: &World, event: &str) -> bool {
    world.hooks().iter().any(|(_, line)| line.contains(event))
}

fn calls(world: &World) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let called = events(world, "tool_called");
    called.iter().map(|event| (text(&event["short"]), text(&event["verdict"]))).collect()
}

const PUSH: &str = "git push || touch pushed";

#[test]
fn each_tool_of_a_cell_asks_and_a_held_one_holds_the_model_too() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    gated(&world);
    let pushed = Gate::new();
    world.server.script(Select::root(), [cell(&[PUSH, "touch last"]), Reply::message("all is done").held_at(&pushed)]);
    let governed = world.start_governed(&[], &["codex", "exec", "-m", IN_CODE_MODE, "do it"]);
    // The cell has handed control back, and the model would be asked again.
    wait_until("a request waits beside the tool", || {
        waits(&world, "pre-model-request") && waits(&world, "pre-tool-use")
    });
    assert_eq!(world.server.requests().len(), 1);
    assert!(!world.path("work/pushed").exists());
    world.govern(&["approve", "1"]).expect_code(0);
    wait_until("the rest of the cell ran", || world.path("work/last").exists());
    pushed.open();
    let end = governed.finish().expect_code(0);
    assert!(world.path("work/pushed").exists());
    let allowed = [PUSH, "touch last"].map(|command| (command.to_owned(), "allowed".to_owned()));
    assert_eq!(calls(&world), allowed);
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn a_tool_of_a_cell_that_is_refused_does_not_run_and_the_cell_is_told() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    gated(&world);
    world.server.script(Select::root(), [cell(&["touch first", PUSH]), Reply::message("all is done")]);
    let governed = world.start_governed(&[], &["codex", "exec", "-m", IN_CODE_MODE, "do it"]);
    wait_until("the tool waits", || waits(&world, "pre-tool-use"));
    governed.running.wait_for_stderr("govern approve 1");
    world.govern(&["deny", "1", "--reason", "not on a Friday"]).expect_code(0);
    governed.finish().expect_code(0);
    assert!(world.path("work/first").exists() && !world.path("work/pushed").exists());
    let refused = calls(&world).into_iter().map(|(_, verdict)| verdict).collect::<Vec<_>>();
    assert_eq!(refused, ["allowed", "denied"]);
}

#[test]
fn of_calls_side_by_side_those_that_fit_run_to_their_end_before_a_stop() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let commands = (1..6).map(|nth| {
        let call = json!({"cmd": format!("sleep 1; touch made-{nth}"), "yield_time_ms": 30_000});
        format!("tools.exec_command({call}),\n")
    });
    let script = format!("await Promise.allSettled([{}]);\n", commands.collect::<String>());
    let cell = json!({"type": "custom_tool_call", "call_id": "cell_1", "name": "exec", "input": script});
    let replies = [Reply::item(cell), Reply::exec("touch last"), Reply::message("all is done")];
    world.server.script(Select::root(), replies);
    let flags = ["--budget", "3 tool calls", "--at-limit", "stop"];
    let end = world.run_governed(&flags, &["codex", "exec", "-m", IN_CODE_MODE, "do it"]);
    let id = end.id();
    end.expect_code(124).expect_outcome("stopped").expect_said("the next call would pass the limit");
    assert_eq!(calls(&world).len(), 3, "the others count nowhere");
    let made = (1..6).filter(|nth| world.path(&format!("work/made-{nth}")).exists()).count();
    assert_eq!((made, world.server.requests().len()), (3, 1));
    world.govern(&["audit", "verify"]).expect_code(0);
    // What was refused takes nothing of what a person adds.
    world.govern(&["resume", &id, "--extend", "1 tool calls"]).expect_code(0);
    assert!(world.path("work/last").exists());
}

#[test]
fn a_model_without_code_mode_waits_for_its_tool_by_itself() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    gated(&world);
    world.server.script(Select::root(), [Reply::exec(PUSH), Reply::message("all is done")]);
    let governed = world.start_governed(&[], &["codex", "exec", "-m", PLAIN, "do it"]);
    governed.running.wait_for_stderr("govern approve 1");
    wait_until("the tool waits", || waits(&world, "pre-tool-use"));
    assert_eq!((world.server.requests().len(), world.hooks().len()), (1, 1));
    world.govern(&["approve", "1"]).expect_code(0);
    governed.finish().expect_code(0);
    assert!(world.path("work/pushed").exists());
}

#[test]
fn where_requests_do_not_ask_the_tree_stands_still_while_a_tool_of_a_cell_is_asked_about() {
    for answer in ["approve", "deny"] {
        let Some(world) = World::with_codex(OLD) else { return };
        gated(&world);
        world.server.script(Select::root(), [cell(&[PUSH]), Reply::message("all is done")]);
        // Its tools ask, its requests do not; its catalogue has no model in code mode yet.
        let command = ["codex", "exec", "--enable", "code_mode", "--enable", "code_mode_only", "-m", PLAIN, "do it"];
        let governed = world.start_governed(&[], &command);
        governed.running.wait_for_stderr("govern approve 1");
        assert!(world.agent_states().iter().all(|(_, state)| *state == 'T'), "{:?}", world.agent_states());
        // By now the cell would have handed control back.
        std::thread::sleep(Duration::from_millis(u64::from(YIELDS) + 500));
        assert_eq!(world.server.requests().len(), 1);
        world.govern(&[answer, "1"]).expect_code(0);
        governed.finish().expect_code(0);
        assert_eq!(world.path("work/pushed").exists(), answer == "approve");
        assert_eq!(world.server.requests().len(), 2);
        world.govern(&["audit", "verify"]).expect_code(0);
    }
}

#[test]
fn what_is_typed_into_a_program_asks_nothing_so_that_what_opens_a_prompt_is_caught() {
    let typed = json!("import os; os.system('touch typed'); exit()\n");
    // A name that says nothing is the hole that the README speaks of.
    for (program, past) in [("bash", false), ("python3", false), ("python3 -i", false), ("./prompt", true)] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.write_script("work/prompt", "#!/bin/sh\nexec python3 -i\n");
        world.policy("[[gate]]\nname = \"typed\"\nmatch = [\"touch *\"]\ndo = \"deny\"\n");
        let start = json!({"cmd": program, "tty": true, "yield_time_ms": 500});
        let script = format!(
            "const one = await tools.exec_command({start});\n\
             await tools.write_stdin({{session_id: one.session_id, chars: {typed}, yield_time_ms: 5000}});\n"
        );
        let cell = json!({"type": "custom_tool_call", "call_id": "cell_1", "name": "exec", "input": script});
        world.server.script(Select::root(), [Reply::item(cell), Reply::message("all is done")]);
        world.run_governed(&[], &["codex", "exec", "-m", IN_CODE_MODE, "do it"]).expect_code(0);
        let verdict = if past { "allowed" } else { "denied" };
        assert_eq!(calls(&world), [(program.to_owned(), verdict.to_owned())]);
        assert_eq!(world.path("work/typed").exists(), past, "{program}");
    }
}

#[test]
fn a_codex_in_code_mode_heeds_the_first_signal_of_a_stop() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [cell(&["touch first"]), Reply::message("all is done")]);
    let command = ["codex", "exec", "-m", IN_CODE_MODE, "do it"];
    let end = world.run_governed(&["--budget", "1 responses", "--at-limit", "stop"], &command);
    end.expect_code(124).expect_outcome("stopped");
    assert!(world.path("work/first").exists(), "the cell was paid for");
    // 143 would be that of a second signal, after the grace of the first: its host of cells stood still.
    let ended = events(&world, "agent_ended");
    assert_eq!(ended.iter().map(|event| event["code"].clone()).collect::<Vec<_>>(), [json!(1)], "{ended:?}");
}

#[test]
fn a_codex_in_code_mode_heeds_the_first_signal_of_a_route() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(&format!(
        "[models]\nladder = [\"{IN_CODE_MODE}\", \"{CHEAPER}\"]\n[[budget]]\nname = \"purse\"\nper = \"run\"\n\
         limit = \"10 responses\"\nsteps = [{{ at = \"10%\", do = \"route\" }}]\n"
    ));
    world.server.script(Select::root().model(IN_CODE_MODE), [cell(&["touch first"]), cell(&["touch second"])]);
    world.server.script(Select::root().model(CHEAPER), [Reply::message("all is done")]);
    let end = world.run_governed(&[], &["codex", "exec", "-m", IN_CODE_MODE, "do it"]).expect_code(0);
    drop(end.expect_said(CHEAPER));
    let signals = events(&world, "signalled");
    assert!(signals.is_empty(), "{signals:?}");
}
