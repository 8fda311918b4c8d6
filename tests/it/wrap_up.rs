//! Agents that are told to commit and sum up before they are stopped.

use crate::support::codex::{CURRENT, OLDER, PREVIOUS};
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger::{self, USUAL_COST};
use crate::support::process::LONG;
use crate::support::world::World;

const CODEX: &[&str] = &["codex", "exec", "do it"];

const SAID: &str = "Commit what works now";

/// Two usual answers, and no third one.
const LIMIT: i64 = 50_000_000;

fn policy(world: &World, wrap_up: &str) {
    world.policy(&format!(
        "[[budget]]\nname = \"purse\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"0.05 usd\"\n\
         steps = [{{ at = \"100%\", do = \"stop\", wrap_up = \"{wrap_up}\" }}]\n"
    ));
}

/// How often the text stands in each request, in order.
fn heard(world: &World) -> Vec<usize> {
    world.server.requests().iter().map(|request| request.body.matches(SAID).count()).collect()
}

fn served(world: &World) -> i64 {
    i64::try_from(world.server.served().len()).unwrap() * USUAL_COST
}

#[test]
fn the_agent_is_told_spends_no_more_than_it_may_and_is_stopped() {
    for version in [CURRENT, PREVIOUS] {
        let Some(world) = World::with_codex(version) else { return };
        policy(&world, "0.05 usd");
        world.server.always(Select::root(), Reply::exec("true"));
        let end = world.run_governed(&[], CODEX).expect_code(124).expect_outcome("stopped").expect_said("wrap up: ");
        assert_eq!(heard(&world), [0, 0, 1, 1], "{version:?}: {}", end.finished);
        assert!(served(&world) > LIMIT && served(&world) <= 2 * LIMIT, "{version:?}");
        ledger::expect_all_served(&world, &end.id());
    }
}

#[test]
fn an_agent_that_sums_up_ends_by_itself() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    policy(&world, "0.05 usd");
    let commit = "echo a > a.txt && git add . && git commit -qm 'what works'";
    world.server.script(
        Select::root(),
        [Reply::exec("true"), Reply::exec("true"), Reply::exec(commit), Reply::message("a.txt is done, b.txt is not")],
    );
    world.run_governed(&[], CODEX).expect_code(0).expect_said("wrap up: ");
    assert_eq!(world.run("git", &["log", "-1", "--format=%s"]).out(), "what works\n");
}

#[test]
fn one_that_cannot_be_told_or_for_which_it_is_too_little_is_stopped_at_the_limit() {
    for (version, wrap_up, why) in
        [(OLDER, "0.05 usd", "its Codex was not seen to call"), (CURRENT, "0.01 usd", "would hold no other request")]
    {
        let Some(world) = World::with_codex(version) else { return };
        policy(&world, wrap_up);
        world.server.always(Select::root(), Reply::exec("true"));
        let end = world.run_governed(&[], CODEX).expect_code(124);
        assert!(end.finished.stderr.contains(why), "{version:?}: {}", end.finished);
        assert!(served(&world) <= LIMIT + if version == OLDER { USUAL_COST } else { 0 }, "{version:?}");
        assert!(heard(&world).iter().all(|times| *times == 0));
    }
}

#[test]
fn installed_hooks_tell_it_from_hook_to_hook() {
    for version in [CURRENT, PREVIOUS] {
        let Some(world) = World::with_codex(version) else { return };
        world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        policy(&world, "0.05 usd");
        world.server.always(Select::root(), Reply::exec("true"));
        let done = world.run("codex", &["exec", "do it"]);
        assert_eq!(done.code(), 1, "{version:?}: {done}");
        let heard = heard(&world);
        assert_eq!(heard.len(), 4, "{version:?}: {heard:?} {done}");
        // A hook of 0.171 for a tool may be there before the one that tells of its answer: then the next tool's tells.
        assert!(heard[..2] == [0, 0] && heard[3] >= 1, "{version:?}: {heard:?} {done}");
        assert!(served(&world) > LIMIT && served(&world) <= 2 * LIMIT, "{version:?}");
        world.wait_for_no_survivors(LONG);
        world.govern(&["audit", "verify"]).expect_code(0);
    }
}
