//! Codex behind the gateway: wherever it is started, and each of its responses once.

use crate::support::codex::{CURRENT, PREVIOUS, Version};
use crate::support::fake_responses::{Reply, Request, Select};
use crate::support::ledger::{self, report};
use crate::support::process::LONG;
use crate::support::tmux::Terminal;
use crate::support::world::{MODEL, World};

/// A world whose Codex has its own provider, an API key and an address that leads nowhere: only a gateway leads on.
fn world(version: Version) -> Option<World> {
    let world = World::with_codex(version)?;
    world.write(
        "codex/config.toml",
        &format!(
            "model = \"{MODEL}\"\nopenai_base_url = \"http://127.0.0.1:9/v1\"\napproval_policy = \"never\"\n\
             sandbox_mode = \"danger-full-access\"\n[projects.\"{}\"]\ntrust_level = \"trusted\"\n",
            world.work().display()
        ),
    );
    world.write("codex/auth.json", r#"{"auth_mode":"apikey","OPENAI_API_KEY":"sk-not-a-key"}"#);
    world.policy(&format!("[gateway]\nupstream = \"{}\"\n", world.server.base_url()));
    Some(world)
}

#[test]
fn a_codex_anywhere_in_the_tree_asks_through_the_gateway_and_counts_once() {
    let behind = vec!["sh", "-c", "true; codex exec 'do it'; true"];
    let ways = [(CURRENT, vec!["codex", "exec", "do it"]), (CURRENT, behind.clone()), (PREVIOUS, behind)];
    for (version, command) in ways {
        let Some(world) = world(version) else { return };
        world.server.script(Select::root(), [Reply::exec("true"), Reply::message("done")]);
        let end = world.run_governed(&["--gateway", "--budget", "5usd"], &command).expect_code(0);
        assert_eq!(world.server.requests().len(), 2, "{command:?}: {}", end.finished);
        ledger::expect_all_served(&world, &end.id());
        let report = report(&world, &["--run", &end.id(), "--by", "source"]);
        let gateway = report["rows"].as_array().unwrap().iter().any(|row| row["source"] == "gateway");
        assert!(!gateway, "its hooks and its file tell of all of it: {report}");
    }
}

#[test]
fn what_codex_asks_unseen_is_metered_by_the_gateway() {
    let Some(world) = world(CURRENT) else { return };
    let Some(terminal) = Terminal::open(&world) else { return };
    terminal.run_then_tell_code("govern run --gateway --budget 9usd -- codex");
    terminal.wait_for("for shortcuts");
    terminal.type_text("say hello");
    terminal.wait_for("› say hello");
    terminal.press("Enter");
    let is_title = |request: &Request| request.source.as_deref() == Some("thread_title");
    world.server.wait_until("a title, and an answer", LONG, |all| all.iter().any(is_title) && all.len() > 1).unwrap();
    world.server.wait_for_served(2, LONG).unwrap();
    terminal.type_text("/quit");
    terminal.wait_for("› /quit");
    terminal.press("Enter");
    assert_eq!(terminal.wait_for_code().0, 0);
    let served = world.server.served();
    let titles = served.iter().filter(|request| is_title(request)).count();
    let report = report(&world, &["--last", "--by", "source"]);
    let rows = report["rows"].as_array().unwrap();
    let of = |source: &str| -> u64 {
        rows.iter()
            .filter(|row| (row["source"] == "gateway") == (source == "gateway"))
            .filter_map(|row| row["responses"].as_u64())
            .sum()
    };
    assert_eq!((of("gateway"), of("others")), (titles as u64, (served.len() - titles) as u64), "{report}");
}
