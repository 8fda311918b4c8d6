//! Agents that are told what is left of a budget, and agents that are slowed down.

use std::time::Duration;

use serde_json::Value;

use crate::support::codex::{CURRENT, OLD, OLDER, Version};
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger::{self, events};
use crate::support::world::{UNKNOWN, World};

const CODEX: &[&str] = &["codex", "exec", "do it"];

const SAID: &str = "Commit what works.";

/// Past the first answer the agent is told, far from any limit.
fn steering(world: &World) {
    world.policy(&format!(
        "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"1M all tok\"\n\
         steps = [{{ at = \"1%\", do = \"steer\", say = \"{SAID}\" }}, {{ at = \"100%\", do = \"stop\" }}]\n"
    ));
}

/// How often the text stands in each request, in order.
fn heard(world: &World, text: &str) -> Vec<usize> {
    world.server.requests().iter().map(|request| request.body.matches(text).count()).collect()
}

#[test]
fn the_model_reads_once_what_is_left_with_its_next_request() {
    for version in [CURRENT, OLD] {
        let Some(world) = World::with_codex(version) else { return };
        steering(&world);
        let replies = [Reply::exec("true"), Reply::exec("true"), Reply::exec("true"), Reply::message("all is done")];
        world.server.script(Select::root(), replies);
        let end = world.run_governed(&[], CODEX).expect_code(0).expect_said("steer: ");
        let heard = heard(&world, SAID);
        let first = heard.iter().position(|times| *times > 0);
        // Until about 0.150 a response is recorded when its tools have run: the next one's tool is the first to tell.
        assert_eq!(first, Some(if version == CURRENT { 1 } else { 2 }), "{version:?}: {heard:?}");
        assert!(heard.iter().all(|times| *times <= 1), "it stays in the context and is not said again: {heard:?}");
        let told = events(&world, "outcome");
        let told: Vec<&Value> =
            told.iter().filter(|event| event["detail"].as_str().unwrap().contains("told")).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0]["detail"], format!("thread {} was told", world.server.requests()[0].thread));
        ledger::expect_all_served(&world, &end.id());
    }
}

#[test]
fn sub_agents_are_told_too() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    steering(&world);
    world.server.script(Select::root(), [Reply::spawn_agent("spend"), Reply::exec("sleep 3"), Reply::message("done")]);
    world.server.script(Select::subagent(), [Reply::exec("true"), Reply::exec("true"), Reply::message("done")]);
    world.run_governed(&[], &["codex", "exec", "-m", UNKNOWN, "do it"]).expect_code(0);
    let of_sub = world.server.requests().into_iter().filter(|request| request.is_subagent());
    let heard: Vec<usize> = of_sub.map(|request| request.body.matches(SAID).count()).collect();
    assert!(heard.contains(&1) && heard.iter().all(|times| *times <= 1), "{heard:?}");
}

#[test]
fn where_hooks_are_not_called_the_person_is_told_that_the_agent_was_not() {
    let Some(world) = World::with_codex(OLDER) else { return };
    steering(&world);
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("all is done")]);
    world.run_governed(&[], CODEX).expect_code(0).expect_said("could not be told");
    assert!(heard(&world, SAID).iter().all(|times| *times == 0));
}

/// From the first answer on, this many responses in three seconds.
fn throttling(world: &World, rate: &str) {
    world.policy(&format!(
        "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"1M all tok\"\n\
         steps = [{{ at = \"1%\", do = \"throttle\", to = \"{rate}\" }}, {{ at = \"100%\", do = \"stop\" }}]\n"
    ));
}

fn five_answers(version: Version, rate: &str) -> Option<(World, Vec<Duration>, String)> {
    let world = World::with_codex(version)?;
    throttling(&world, rate);
    let replies = [(); 4].map(|()| Reply::exec("true"));
    world.server.script(Select::root(), replies);
    let end = world.run_governed(&[], CODEX).expect_code(0);
    ledger::expect_all_served(&world, &end.id());
    let times = world.server.requests().iter().map(|request| request.at).collect();
    let said = end.finished.stderr.clone();
    Some((world, times, said))
}

#[test]
fn a_throttled_agent_s_requests_keep_to_the_rate() {
    for rate in ["2 responses/3s", "22k all tok/3s"] {
        let Some((_world, times, said)) = five_answers(CURRENT, rate) else { return };
        assert_eq!(times.len(), 5);
        // What goes past the gate is a moment on its way: the later of two may be quicker by that much.
        let window = Duration::from_millis(2_500);
        for (earlier, later) in times.iter().zip(times.iter().skip(2)) {
            assert!(*later - *earlier >= window, "{rate}: three within {:?}: {times:?}", *later - *earlier);
        }
        assert_eq!(said.matches("requests wait their turn").count(), 1, "{said}");
    }
}

#[test]
fn a_codex_that_does_not_ask_before_its_requests_is_only_warned_about() {
    let Some((_world, times, said)) = five_answers(OLD, "1 response/h") else { return };
    assert_eq!(times.len(), 5);
    assert!(said.contains("cannot be slowed down"), "{said}");
}
