//! The ground: what the other tests rely on holds for the real Codex without govern.

use crate::support::codex::{CURRENT, OLD, OLDER};
use crate::support::fake_responses::{Fate, Gate, Reply, Select, USUAL, Usage};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::{CHEAPER, MODEL, UNKNOWN, World};

#[test]
fn codex_asks_once_for_each_scripted_answer_and_runs_the_tools() {
    for version in [CURRENT, OLD, OLDER] {
        let Some(world) = World::with_codex(version) else { return };
        world.server.script(Select::root(), [Reply::exec("echo made > made.txt"), Reply::message("all is done")]);
        let done = world.run("codex", &["exec", "do it"]).expect_code(0);
        assert!(done.out().contains("all is done"), "{done}");
        assert_eq!(std::fs::read_to_string(world.path("work/made.txt")).unwrap(), "made\n");
        let requests = world.server.requests();
        assert_eq!(requests.len(), 2, "{version:?}: {requests:?}");
        assert!(requests.iter().all(|request| request.fate == Fate::Served && request.thread == requests[0].thread));
        assert!(!requests[0].thread.is_empty(), "{version:?}");
        assert_eq!(world.session_files().len(), 1);
        world.expect_no_survivors();
    }
}

#[test]
fn a_killed_codex_leaves_its_request_unserved() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let never = Gate::new();
    world.server.script(Select::root(), [Reply::message("too late").held_midway_at(&never)]);
    let running = world.start("codex", &["exec", "do it"]);
    world.server.wait_for_requests(1, LONG).unwrap();
    drop(running);
    world.server.wait_until("the client has gone", LONG, |requests| requests[0].fate == Fate::Gone).unwrap();
}

#[test]
fn a_sub_agent_is_a_thread_of_its_own() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let child_is_done = Gate::new();
    world.server.script(Select::root(), [Reply::spawn_agent("count"), Reply::message("done").held_at(&child_is_done)]);
    world.server.script(Select::subagent(), [Reply::exec("echo one"), Reply::message("counted").opens(&child_is_done)]);
    world.run("codex", &["exec", "-m", UNKNOWN, "do it"]).expect_code(0);
    let served = world.server.served();
    let (children, roots): (Vec<_>, Vec<_>) = served.iter().partition(|request| request.is_subagent());
    assert_eq!(children.len(), 2, "{served:?}");
    // A third one where the child's end comes in while the root's turn is still open.
    assert!((2..=3).contains(&roots.len()), "{served:?}");
    assert!(children.iter().all(|child| child.parent.as_ref() == Some(&roots[0].thread)));
    assert_eq!(world.session_files().len(), 2);
}

#[test]
fn a_session_goes_on_with_another_model_in_the_same_file() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.run("codex", &["exec", "begin"]).expect_code(0);
    let thread = world.server.requests()[0].thread.clone();
    world.run("codex", &["exec", "resume", &thread, "-m", CHEAPER, "go on"]).expect_code(0);
    let requests = world.server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!((requests[1].thread.as_str(), requests[1].model.as_str()), (thread.as_str(), CHEAPER));
    assert_eq!(world.session_files().len(), 1);
}

#[test]
fn a_refused_request_fails_the_run() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::any(), Reply::refuse(400));
    world.run("codex", &["exec", "do it"]).expect_code(1);
    assert!(world.server.served().is_empty());
}
#[test]
fn session_files_hold_what_was_served() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let usage = Usage { input: 20_000, cached: 12_345, cache_write: 3_210, output: 777, reasoning: 222 };
    world.server.script(Select::root(), [Reply::message("done").usage(usage)]);
    world.run("codex", &["exec", "do it"]).expect_code(0);
    let text = std::fs::read_to_string(&world.session_files()[0]).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let records: Vec<_> = lines.filter(|line| line["type"] == "token_usage_record").collect();
    assert_eq!(records.len(), 1);
    let recorded = &records[0]["payload"];
    assert_eq!(recorded["response_id"], world.server.served()[0].response_id);
    let count = |key: &str| recorded["usage"][key].as_u64().unwrap();
    assert_eq!(
        usage,
        Usage {
            input: count("input_tokens"),
            cached: count("cached_input_tokens"),
            cache_write: count("cache_write_input_tokens"),
            output: count("output_tokens"),
            reasoning: count("reasoning_output_tokens"),
        }
    );
}

#[test]
fn the_usual_response_costs_what_the_tests_reckon_with() {
    assert_eq!(ledger::cost(MODEL, USUAL), Some(ledger::USUAL_COST));
}
