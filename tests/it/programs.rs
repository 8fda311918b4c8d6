//! Codex behind other programs, and other programs in front of Codex.

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::process::Running;
use crate::support::world::World;

fn twice(world: &World) {
    world.server.script(Select::root(), [Reply::exec("echo one"), Reply::message("all is done")]);
}

#[test]
fn codex_behind_a_shell_make_and_npm_is_metered() {
    for command in
        [&["bash", "-c", "codex exec 'do it'; true"][..], &["make", "--silent"], &["npm", "run", "--silent", "agent"]]
    {
        let Some(world) = World::with_codex(CURRENT) else { return };
        twice(&world);
        world.write("work/Makefile", "all:\n\tcodex exec 'do it'\n");
        world.write("work/package.json", r#"{"scripts": {"agent": "codex exec 'do it'"}}"#);
        let end = world.run_governed(&[], command).expect_code(0);
        assert!(end.finished.out().contains("all is done"), "{command:?}: {}", end.finished);
        assert_eq!(world.server.served().len(), 2, "{command:?}");
        ledger::expect_all_served(&world, &end.id());
    }
}

#[test]
fn two_codexes_one_after_the_other_are_two_threads_of_one_run() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    twice(&world);
    let end = world.run_governed(&[], &["sh", "-c", "codex exec one && codex exec two"]).expect_code(0);
    assert_eq!(ledger::spend_in_ledger(&world, &end.id()).len(), 2);
    ledger::expect_all_served(&world, &end.id());
}

/// Speaks JSON-RPC with `codex app-server`: one thread, one turn.
fn one_turn(server: &mut Running) {
    server.write(concat!(
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"clientInfo":{"name":"test","version":"1"}}}"#,
        "\n"
    ));
    server.wait_for_stdout(r#""id":1"#);
    server.write("{\"jsonrpc\":\"2.0\",\"method\":\"initialized\"}\n");
    server.write("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"thread/start\",\"params\":{}}\n");
    server.wait_for_stdout("thread/started");
    let said = server.stdout();
    let started = said.lines().find(|line| line.contains("thread/started")).unwrap();
    let started: serde_json::Value = serde_json::from_str(started).unwrap();
    let thread = started["params"]["thread"]["id"].as_str().unwrap();
    let turn = serde_json::json!({
        "jsonrpc": "2.0", "id": 3, "method": "turn/start",
        "params": {"threadId": thread, "input": [{"type": "text", "text": "do it"}]},
    });
    server.write(&format!("{turn}\n"));
    server.wait_for_stdout("turn/completed");
}

#[test]
fn the_app_server_answers_on_stdio_as_without_govern() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    twice(&world);
    let mut bare = world.start_with_stdin("codex", &["app-server"]);
    one_turn(&mut bare);
    let bare = bare.finish();
    assert_eq!(world.server.served().len(), 2);

    let json = world.path("run.json").display().to_string();
    let mut governed = world.start_with_stdin("govern", &["run", "--json", &json, "--", "codex", "app-server"]);
    one_turn(&mut governed);
    let governed = governed.finish().expect_code(bare.code());
    assert!(governed.out().lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{governed}");
    world.expect_no_survivors();
    let summary: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    ledger::expect_exactly(&world, summary["run"].as_str().unwrap(), &world.server.served()[2..]);
}
