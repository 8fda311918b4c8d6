//! What `govern prune` removes, and that the ledger says so.

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::world::World;

#[test]
fn what_agents_wrote_is_removed_once_it_is_old_and_the_ledger_says_so() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let file = |output: &str| {
        format!("version = 1\n{output}[[agent]]\nname = \"a\"\ncommand = [\"codex\", \"exec\", \"do it\"]\n")
    };
    world.server.always(Select::root(), Reply::message("all is done"));
    for (name, output) in [("kept.toml", ""), ("not.toml", "output = \"none\"\n")] {
        world.write(&format!("work/{name}"), &file(output));
        world.govern(&["fleet", name]).expect_code(0);
    }
    let prune = |words: &[&str]| world.govern(&[&["prune", "--older"], words].concat()).expect_code(0).out();
    assert_eq!(prune(&["1d"]), "Nothing is as old as that.\n");
    // A second must have passed since it was over.
    let deadline = std::time::Instant::now() + crate::support::process::LONG;
    while !prune(&["1s", "--dry-run"]).contains("Would remove 2 files of 1 run") {
        assert!(std::time::Instant::now() < deadline, "one of the two has left its files");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(prune(&["1s"]).contains("Removed 2 files of 1 run"));
    assert_eq!(prune(&["1s"]), "Nothing is as old as that.\n");
    world.govern(&["audit", "verify"]).expect_code(0);
    let trail = world.govern(&["audit"]).expect_code(0).out();
    assert!(trail.contains("pruned") && trail.contains("2 files ("), "{trail}");
}
