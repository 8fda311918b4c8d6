//! What an agent can do to its governor, its gate and its record: it does not answer for itself however it hides, and its
//! gate is asked of the govern that started it, whatever stands in its place.

use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::skip;
use crate::support::world::World;

/// Hides all that is above it, as anybody may.
const HIDDEN: &str = "unshare -Urpf --mount-proc";

/// This machine lets a user make namespaces.
fn can_hide() -> bool {
    let mut words = HIDDEN.split(' ');
    match Command::new(words.next().unwrap()).args(words).arg("true").output() {
        Ok(done) if done.status.success() => true,
        Ok(done) => {
            skip::refused_by_kernel(&format!("{HIDDEN}: {}", String::from_utf8_lossy(&done.stderr).trim()));
            false
        }
        Err(error) => {
            skip::skip(&format!("{HIDDEN}: {error}"));
            false
        }
    }
}

/// What a command says from inside an agent, with its code.
fn from_inside(world: &World, command: &str) -> String {
    let kept = format!("{{ {command}; }} > said 2>&1; echo code $? >> said");
    world.start_governed(&["--quiet"], &["sh", "-c", &kept]).finish_among_others().expect_code(0);
    std::fs::read_to_string(world.path("work/said")).unwrap()
}

#[test]
fn what_only_a_person_may_do_is_refused_where_it_cannot_be_seen_who_called() {
    if !can_hide() {
        return;
    }
    let world = World::without_codex();
    world.govern(&["hooks", "install", "--yes"]);
    let before = std::fs::read_to_string(world.path("codex/config.toml")).unwrap();
    assert!(before.contains("hook --installed"), "{before}");
    for hidden in
        [HIDDEN, &format!("{HIDDEN} setsid -w env -i PATH=\"$PATH\" HOME=\"$HOME\" CODEX_HOME=\"$CODEX_HOME\"")]
    {
        for (verb, refused) in [
            ("hooks remove --yes", "hooks are not changed from inside an agent"),
            ("hooks install --yes", "hooks are not changed from inside an agent"),
            ("prices update prices.json", "prices are not changed from inside an agent"),
            ("resume r1 --extend 5usd", "an agent cannot let a run go on"),
        ] {
            let said = from_inside(&world, &format!("{hidden} govern {verb}"));
            assert!(said.contains(refused), "{hidden} {verb}: {said}");
        }
    }
    assert_eq!(std::fs::read_to_string(world.path("codex/config.toml")).unwrap(), before);
    world.govern(&["hooks", "remove", "--yes"]).expect_code(0);
    assert!(!std::fs::read_to_string(world.path("codex/config.toml")).unwrap().contains("hook --installed"));
}

#[test]
fn no_answer_is_taken_from_an_agent_in_a_namespace_of_its_own() {
    if !can_hide() {
        return;
    }
    let Some(world) = World::with_codex(CURRENT) else { return };
    world
        .policy("[[gate]]\nname = \"no\"\ntool = \"Bash\"\nmatch = [\"touch asked*\"]\ndo = \"ask\"\nwait = \"30m\"\n");
    world.server.script(Select::root(), [Reply::exec("touch asked"), Reply::message("done")]);
    let held = world.start_governed(&[], &["codex", "exec", "do it"]);
    let deadline = Instant::now() + LONG;
    let id = loop {
        let done = world.govern(&["approvals", "--format", "json"]).expect_code(0);
        let report: Value = serde_json::from_slice(&done.stdout).unwrap();
        if let Some(row) = report["rows"].as_array().and_then(|rows| rows.first()) {
            break row["id"].to_string().trim_matches('"').to_owned();
        }
        assert!(Instant::now() < deadline, "nobody was asked");
    };
    let said = from_inside(&world, &format!("{HIDDEN} govern approve {id}"));
    assert!(said.contains("agents do not decide about agents"), "{said}");
    world.govern(&["deny", &id]).expect_code(0);
    held.finish().expect_code(0);
    assert!(!world.path("work/asked").exists());
}

#[test]
fn a_hook_asks_nobody_but_the_govern_above_it() {
    let world = World::without_codex();
    // Whoever this is would let everything pass.
    let socket = world.path("other.sock");
    let _listens = UnixListener::bind(&socket).unwrap();
    world
        .write("work/input", r#"{"session_id":"s","hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{}}"#);
    let hook = format!("govern hook pre-tool-use {} < input", socket.display());
    let said = from_inside(&world, &hook);
    assert!(said.contains("is not the govern that started this agent") && !said.contains("code 0"), "{said}");
    // Nor does one that no agent has started, to somebody who is no govern.
    let done = world.run("sh", &["-c", &hook]);
    assert_ne!(done.code(), 0, "{done}");
}

#[test]
fn a_program_in_the_place_of_govern_opens_no_gate() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy("[[gate]]\nname = \"no\"\ntool = \"Bash\"\nmatch = [\"touch forbidden*\"]\ndo = \"deny\"\n");
    // A govern of this test's own, which its agent may replace.
    let own = world.path("own/govern");
    std::fs::create_dir_all(own.parent().unwrap()).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_govern"), &own).unwrap();
    std::fs::remove_file(world.path("bin/govern")).unwrap();
    std::os::unix::fs::symlink(&own, world.path("bin/govern")).unwrap();
    let own = own.display();
    let replace = format!(
        "mv {own} {own}.real && printf '%s\\n' '#!/bin/sh' \
         'case $2 in pre-tool-use) cat >/dev/null;; *) exec {own}.real \"$@\";; esac' > {own} && chmod +x {own}"
    );
    let tools = [Reply::exec(&replace), Reply::exec("touch forbidden"), Reply::message("done")];
    world.server.script(Select::root(), tools);
    let end = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(0);
    assert!(world.path("own/govern.real").exists(), "{}", end.finished);
    assert!(!world.path("work/forbidden").exists(), "{}", end.finished);
    assert_eq!(ledger::events(&world, "tool_called").len(), 2);
}
