//! The gate in Codex's own screen: trusted without a question, held in sight, and withdrawn by Esc.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::process::LONG;
use crate::support::tmux::Terminal;
use crate::support::world::World;

/// A world whose Codex trusts the folder, so that its screen begins at once.
fn world() -> Option<World> {
    let world = World::with_codex(CURRENT)?;
    world.configure_codex(&format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", world.work().display()));
    Some(world)
}

fn of_user(world: &World) -> usize {
    // A title is asked for on the side, in a thread that has no hooks.
    world.server.requests().iter().filter(|request| request.source.as_deref() == Some("user")).count()
}

fn begin<'w>(world: &'w World, flags: &str) -> Option<Terminal<'w>> {
    let terminal = Terminal::open(world)?;
    terminal.run_then_tell_code(&format!("govern run {flags} -- codex"));
    // No dialog stands before the screen's own words.
    terminal.wait_for("for shortcuts");
    Some(terminal)
}

fn prompt(terminal: &Terminal<'_>, text: &str) {
    terminal.type_text(text);
    terminal.wait_for(&format!("› {text}"));
    terminal.press("Enter");
}

fn quit(terminal: &Terminal<'_>) -> (i32, String) {
    prompt(terminal, "/quit");
    terminal.wait_for_code()
}

#[test]
fn codex_itself_says_that_govern_s_hooks_and_no_others_are_trusted() {
    let Some(world) = world() else { return };
    world.write(
        "work/.codex/hooks.json",
        r#"{"hooks":{"PreToolUse":[{"hooks":[{"type":"command","command":"theirs"}]}]}}"#,
    );
    let his = "hooks.PreToolUse=[{hooks=[{type=\"command\",command=\"mine\"}]}]";
    let mut server = world.command("govern", &["run", "--budget", "9usd", "--", "codex", "app-server", "-c", his]);
    let mut server = server.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = server.stdin.take().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let mut ask = |request: Value| {
        writeln!(stdin, "{request}").unwrap();
        let id = request.get("id").cloned();
        id.map(|id| {
            let answers = lines.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
            answers.into_iter().find(|answer| answer["id"] == id).unwrap()
        })
    };
    ask(json!({"id": 1, "method": "initialize", "params": {"clientInfo": {"name": "test", "version": "1"}}}));
    ask(json!({"method": "initialized"}));
    let listed = ask(json!({"id": 2, "method": "hooks/list", "params": {"cwds": [world.work()]}})).unwrap();
    drop(stdin);
    server.wait().unwrap();
    let hooks = listed["result"]["data"][0]["hooks"].as_array().unwrap_or_else(|| panic!("{listed}")).clone();
    let of = |hook: &Value, key: &str| hook[key].as_str().unwrap_or_default().to_owned();
    let (own, others): (Vec<_>, Vec<_>) =
        hooks.iter().partition(|hook| of(hook, "command").contains("govern'; \"$g\" hook "));
    let mut events: Vec<String> = own.iter().map(|hook| of(hook, "eventName")).collect();
    events.sort();
    let asked = ["postModelRequest", "preCompact", "preModelRequest", "preToolUse", "sessionStart", "stop"];
    assert!(asked.iter().all(|event| events.contains(&(*event).to_owned())), "{events:?}");
    assert!(events.iter().zip(events.iter().skip(1)).all(|(one, next)| one != next), "each once: {events:?}");
    assert!(own.iter().all(|hook| of(hook, "trustStatus") == "trusted"), "{own:#?}");
    assert!(others.iter().any(|hook| of(hook, "command") == "mine"), "{others:#?}");
    assert!(others.iter().all(|hook| of(hook, "trustStatus") == "untrusted"), "{others:#?}");
    world.wait_for_no_survivors(LONG);
}

#[test]
fn a_hold_a_warning_and_an_answer_are_seen_in_codexs_own_screen() {
    let Some(world) = world() else { return };
    world.policy(
        "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
         steps = [{ at = \"30%\", do = \"warn\" }, { at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }]\n",
    );
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("all is done")]);
    let Some(terminal) = begin(&world, "") else { return };
    prompt(&terminal, "do it");
    let screen = terminal.wait_for("govern: held");
    let joined = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(joined.contains("warn: $0.0212 of $0.05 (purse): 30% reached"), "{screen}");
    assert!(joined.contains("Hook · govern: ") && joined.contains("govern approve 1"), "{screen}");
    assert_eq!(of_user(&world), 2);
    world.govern(&["approve", "1", "--extend", "1usd"]).expect_code(0);
    terminal.wait_for("all is done");
    let (code, screen) = quit(&terminal);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("total"), "{screen}");
    terminal.expect_nothing_left();
}

#[test]
fn esc_withdraws_the_question_and_the_next_prompt_asks_again() {
    let Some(world) = world() else { return };
    world.server.always(Select::root(), Reply::message("one word"));
    // The first answer leaves no room for a second.
    let Some(terminal) = begin(&world, "--budget 0.03usd --at-limit ask") else { return };
    prompt(&terminal, "first");
    terminal.wait_for("one word");
    prompt(&terminal, "second");
    terminal.wait_for("govern: held");
    world.wait_until_at_gate();
    terminal.press("Escape");
    terminal.wait_for("Conversation interrupted");
    let deadline = std::time::Instant::now() + LONG;
    while !world.govern(&["approvals", "--all", "--format", "json"]).out().contains("withdrawn") {
        assert!(std::time::Instant::now() < deadline, "{}", world.govern(&["approvals"]));
    }
    assert!(world.hooks().is_empty(), "{:?}", world.hooks());
    prompt(&terminal, "third");
    let screen = terminal.wait_for("govern approve 2");
    assert_eq!(of_user(&world), 1, "{screen}");
    world.wait_until_at_gate();
    world.govern(&["approve", "2", "--extend", "1usd"]).expect_code(0);
    world
        .server
        .wait_until("the answer", LONG, |requests| {
            requests.iter().filter(|request| request.source.as_deref() == Some("user")).count() == 2
        })
        .unwrap();
    let (code, screen) = quit(&terminal);
    assert_eq!(code, 0, "{screen}");
    terminal.expect_nothing_left();
}
