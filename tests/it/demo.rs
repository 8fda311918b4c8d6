//! `govern demo`, with the real Codex and without one.

use crate::support::codex::CURRENT;
use crate::support::world::World;

/// What the demonstration must have come to.
fn expect_shown(said: &str) {
    for part in ["Exit code 124: the policy ended it.", "What the server has counted itself", "gpt-6.1-terra", "intact"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn the_demonstration_plays_with_the_real_codex_and_leaves_nothing() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let done = world.govern(&["demo"]).expect_code(0);
    let said = done.out();
    expect_shown(&said);
    assert!(said.contains("The Codex of this machine"), "{said}");
    assert!(world.server.requests().is_empty(), "it has a server of its own");
    assert!(world.govern(&["runs"]).expect_code(0).out().starts_with("Nothing was recorded yet"));
    world.expect_no_survivors();
}

#[test]
fn without_a_codex_a_stand_in_plays_and_says_so() {
    let world = World::without_codex();
    let done = world.govern(&["demo", "--stand-in", "--keep"]).expect_code(0);
    let said = done.out();
    expect_shown(&said);
    assert!(said.contains("As you asked: A BUILT-IN STAND-IN"), "{said}");
    // It is kept where no later demonstration clears it away, and the line that shows it works.
    let (_, kept) = said.split_once("\nKept: `").unwrap_or_else(|| panic!("{said}"));
    let line =
        kept.lines().find_map(|line| line.trim().strip_prefix("GOVERN_HOME=")).unwrap_or_else(|| panic!("{said}"));
    let shown = world.run("sh", &["-c", &format!("GOVERN_HOME={line}")]).expect_code(0).out();
    assert!(line.contains("/demo-") && shown.contains("demo"), "{shown}");
    world.expect_no_survivors();
}
