//! Codexes and sub-agents side by side in one run: all that the limit has room for is served, and not one request more.

use std::time::Duration;

use crate::support::codex::{CURRENT, PREVIOUS};
use crate::support::fake_responses::{Gate, Reply, Select, USUAL, spawn_agent};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::{UNKNOWN, World};

const PRICE: &str = "[prices.gpt-test-unheard-of]\ninput = 2\ncached_input = 0.1\noutput = 10\n";

#[test]
fn codexes_side_by_side_share_a_limit_to_its_last_request() {
    for version in [CURRENT, PREVIOUS] {
        let Some(world) = World::with_codex(version) else { continue };
        world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        world.server.always(Select::any(), Reply::exec("true").before(Duration::from_millis(100)));
        let three = "for one in a b c; do codex exec \"prompt $one\" & done; wait";
        let flags = ["--budget", "7 responses", "--at-limit", "stop"];
        let end = world.run_governed(&flags, &["sh", "-c", three]).expect_code(124).expect_outcome("stopped");
        let served = world.server.requests().len();
        assert_eq!(served, 7, "{version:?}: {}", end.finished);
        let report = ledger::report(&world, &["--run", &end.id()]);
        assert_eq!(report["totals"]["responses"].as_u64(), Some(7), "{version:?}");
    }
}

#[test]
fn one_that_is_killed_is_not_waited_for_whether_it_writes_a_file_or_not() {
    for kind in ["", "--ephemeral"] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        // The first one's answer never comes, and the third request of the second one has no room beside it.
        let never = Gate::new();
        world.server.always(Select::any().containing("prompt a"), Reply::message("never").held_at(&never));
        world.server.always(Select::any().containing("prompt b"), Reply::exec("true"));
        let two = format!(
            "codex exec {kind} 'prompt a' & a=$!; touch begun; codex exec 'prompt b' & b=$!\n\
             while [ ! -e kill ]; do sleep 0.05; done; kill -9 $(pgrep -f 'prompt [a] *$'); wait"
        );
        let flags = ["--budget", "3 responses", "--at-limit", "stop"];
        let governed = world.start_governed(&flags, &["sh", "-c", &two]);
        world.server.wait_for_requests(3, LONG).unwrap();
        world.write("work/kill", "");
        let end = governed.finish().expect_code(124).expect_said("1 request was cut off: perhaps served");
        assert_eq!(world.server.served().len(), 3, "{kind}: {}", end.finished);
    }
}

#[test]
fn a_thread_without_a_file_that_has_ended_holds_up_no_stop() {
    for version in [CURRENT, PREVIOUS] {
        let Some(world) = World::with_codex(version) else { continue };
        world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        world.server.script(Select::any().containing("do it"), [Reply::exec("true"), Reply::message("done")]);
        world.server.always(Select::any().containing("do more"), Reply::exec("true"));
        let both = "codex exec --ephemeral 'do it'; codex exec 'do more'";
        let flags = ["--budget", "4 responses", "--at-limit", "stop"];
        let end = world.run_governed(&flags, &["sh", "-c", both]).expect_code(124).expect_outcome("stopped");
        assert_eq!(world.server.served().len(), 4, "{version:?}: {}", end.finished);
    }
}

/// A root that starts four sub-agents at once and asks on, once they are done as well.
fn family(world: &World) {
    let four = ["two", "three", "four"].into_iter().map(spawn_agent).fold(Reply::spawn_agent("one"), Reply::and);
    world.server.script(Select::root(), [four.usage(USUAL)]);
    world.server.always(Select::root(), Reply::exec("true").before(Duration::from_millis(300)));
    world.server.always(Select::subagent(), Reply::message("done").before(Duration::from_millis(200)));
}

#[test]
fn sub_agents_that_fit_one_after_the_other_are_all_served() {
    for version in [CURRENT, PREVIOUS] {
        let Some(world) = World::with_codex(version) else { continue };
        world.policy(PRICE);
        family(&world);
        let flags = ["--budget", "6 responses", "--at-limit", "stop"];
        let end = world.run_governed(&flags, &["codex", "exec", "-m", UNKNOWN, "do it"]).expect_code(124);
        assert_eq!(world.server.served().len(), 6, "{version:?}: {}", end.finished);
        let counted: u64 = ledger::spend_in_ledger(&world, &end.id()).values().map(|spent| spent.responses).sum();
        assert_eq!(counted, 6, "{version:?}");
    }
}

#[test]
fn under_installed_hooks_too() {
    for version in [CURRENT, PREVIOUS] {
        let Some(world) = World::with_codex(version) else { continue };
        world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        world.policy(&format!(
            "[[budget]]\nname = \"few\"\nper = \"run\"\nlimit = \"6 responses\"\n\
             steps = [{{ at = \"100%\", do = \"stop\" }}]\n{PRICE}"
        ));
        family(&world);
        let done = world.run("codex", &["exec", "-m", UNKNOWN, "do it"]);
        assert_eq!((done.code(), world.server.served().len()), (1, 6), "{version:?}: {done}");
    }
}
