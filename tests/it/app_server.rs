//! Threads of an app server, those without a session file above all: metered where hooks tell of them, and under a limit
//! not served where nothing does.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::codex::{CURRENT, OLD, PREVIOUS, Version};
use crate::support::fake_responses::{Gate, Reply, Select};
use crate::support::process::{Finished, LONG, Running};
use crate::support::world::World;

/// Two responses of $0.0212 fit.
const LIMIT: &[&str] = &["--budget", "0.05usd", "--at-limit", "stop"];

const DIRECT: &[&str] = &["codex", "app-server"];
const SCRIPT: &[&str] = &["sh", "-c", "codex app-server; true"];

/// What a client says to a server that govern, or nobody, watches.
struct Client {
    server: Running,
    calls: u32,
    turns: usize,
}

impl Client {
    fn start(world: &World, flags: &[&str], command: &[&str]) -> Self {
        let args = [&["run"], flags, &["--"], command].concat();
        Self::of(world.start_with_stdin("govern", &args))
    }

    fn of(server: Running) -> Self {
        let mut client = Self { server, calls: 0, turns: 0 };
        client.call("initialize", json!({"clientInfo": {"name": "test", "version": "1"}}));
        client
    }

    fn call(&mut self, method: &str, params: Value) -> u32 {
        self.calls += 1;
        let call = json!({"jsonrpc": "2.0", "id": self.calls, "method": method, "params": params});
        self.server.write(&format!("{call}\n"));
        self.calls
    }

    fn thread(&mut self, params: Value) -> String {
        let id = self.call("thread/start", params);
        let is_answer = |line: &&str| line.contains(&format!("\"id\":{id},")) && line.contains("\"result\"");
        self.server.wait_for_stdout(&format!("\"id\":{id},"));
        let said = self.server.stdout();
        let answer: Value = serde_json::from_str(said.lines().find(is_answer).unwrap()).unwrap();
        answer["result"]["thread"]["id"].as_str().unwrap().to_owned()
    }

    /// Starts a turn, and does not wait for what becomes of it.
    fn turn(&mut self, thread: &str) {
        self.call("turn/start", json!({"threadId": thread, "input": [{"type": "text", "text": "do it"}]}));
        self.turns += 1;
    }

    fn whole_turn(&mut self, thread: &str) {
        self.turn(thread);
        self.server.wait_for_stdout_times("\"turn/completed\"", self.turns);
    }

    /// The id of the turn that began last, once the server was asked so often.
    fn begun_turn(&self, world: &World, requests: usize) -> String {
        let deadline = Instant::now() + LONG;
        while world.server.requests().len() < requests {
            assert!(Instant::now() < deadline, "{} requests, not {requests}", world.server.requests().len());
            std::thread::sleep(Duration::from_millis(10));
        }
        let said = self.server.stdout();
        let started = said.lines().rfind(|line| line.contains("\"turn/started\"")).unwrap();
        let started: Value = serde_json::from_str(started).unwrap();
        started["params"]["turn"]["id"].as_str().unwrap().to_owned()
    }

    fn finish(self, world: &World) -> Finished {
        let finished = self.server.finish();
        world.expect_no_survivors();
        finished
    }

    /// Waits for its end while its stdin stays open: somebody else ends it.
    fn ended_by_govern(mut self, world: &World) -> Finished {
        self.server.wait_for_end();
        self.finish(world)
    }
}

fn spends(world: &World) {
    let replies = (0..9).map(|_| Reply::exec("sleep 0.3")).chain([Reply::message("done")]);
    world.server.script(Select::any(), replies);
}

fn responses(world: &World) -> u64 {
    let report = world.govern(&["report", "--format", "json"]).expect_code(0);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    report["totals"]["responses"].as_u64().unwrap()
}

fn install_hooks(world: &World) {
    world.govern(&["hooks", "install", "--yes"]).expect_code(0);
}

#[test]
fn a_server_in_a_script_without_hooks_serves_nothing_under_a_limit() {
    for version in [CURRENT, PREVIOUS, OLD] {
        let Some(world) = World::with_codex(version) else { continue };
        let end = Client::start(&world, LIMIT, SCRIPT).ended_by_govern(&world).expect_code(124);
        assert!(world.server.requests().is_empty(), "{}", version.0);
        end.expect_said("govern hooks install").expect_not_said("% used");
    }
}

#[test]
fn a_server_in_a_script_without_hooks_is_marked_without_a_limit_though_others_of_its_threads_are_seen() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let mut client = Client::start(&world, &[], SCRIPT);
    for ephemeral in [true, false] {
        let thread = client.thread(json!({"ephemeral": ephemeral}));
        client.whole_turn(&thread);
    }
    let end = client.finish(&world).expect_code(0);
    end.expect_said("what a thread without a session file spent cannot be observed");
    assert_eq!((world.server.served().len(), responses(&world)), (2, 1));
}

#[test]
fn threads_without_a_file_are_limited_beside_others_directly_and_in_a_script_with_installed_hooks() {
    for version in [CURRENT, PREVIOUS] {
        for command in [DIRECT, SCRIPT] {
            let Some(world) = World::with_codex(version) else { continue };
            if command == SCRIPT {
                install_hooks(&world);
            }
            spends(&world);
            let mut client = Client::start(&world, LIMIT, command);
            let threads = [true, false].map(|ephemeral| client.thread(json!({"ephemeral": ephemeral})));
            threads.iter().for_each(|thread| client.turn(thread));
            client.ended_by_govern(&world).expect_code(124).expect_said("the next request would pass the limit");
            // Each of the two may ask again: what they would add is kept free.
            let served = world.server.served().len();
            assert!((1..=2).contains(&served), "{}: {command:?}: {served}", version.0);
            assert_eq!(responses(&world), u64::try_from(served).unwrap(), "{}: {command:?}", version.0);
        }
    }
}

#[test]
fn a_client_that_turns_hooks_off_for_a_thread_without_a_file_is_found_by_its_first_tool() {
    for version in [CURRENT, PREVIOUS] {
        for off in [json!({"features.hooks": false}), json!({"hooks.state": {}})] {
            let Some(world) = World::with_codex(version) else { continue };
            // For long enough that a slow machine, too, looks before the next request.
            world.server.always(Select::any(), Reply::exec("sleep 60"));
            let mut client = Client::start(&world, LIMIT, DIRECT);
            let thread = client.thread(json!({"ephemeral": true, "config": off}));
            client.turn(&thread);
            let end = client.ended_by_govern(&world).expect_code(124);
            end.expect_said("neither a session file nor a hook tells of").expect_not_said("% used");
            assert_eq!(world.server.served().len(), 1, "{}: {off}", version.0);
        }
    }
}

#[test]
fn a_thread_that_showed_nothing_at_all_is_not_said_to_have_spent_nothing() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let mut client = Client::start(&world, LIMIT, DIRECT);
    let thread = client.thread(json!({"ephemeral": true, "config": {"features.hooks": false}}));
    client.whole_turn(&thread);
    client.finish(&world).expect_code(0).expect_said("no thread of it was seen").expect_not_said("% used");
}

#[test]
fn a_thread_without_a_file_of_a_codex_that_does_not_ask_ends_with_its_first_turn() {
    let Some(world) = World::with_codex(OLD) else { return };
    install_hooks(&world);
    for command in [DIRECT, SCRIPT] {
        let before = world.server.served().len();
        let mut client = Client::start(&world, LIMIT, command);
        let thread = client.thread(json!({"ephemeral": true}));
        client.turn(&thread);
        let end = client.ended_by_govern(&world).expect_code(124);
        end.expect_said("does not ask before its requests").expect_not_said("% used");
        assert_eq!(world.server.served().len(), before + 1, "{command:?}");
    }
}

#[test]
fn installed_hooks_alone_keep_a_thread_without_a_file_from_its_second_turn_where_nothing_tells_of_it() {
    const BEFORE: Version = OLD;
    let Some(world) = World::with_codex(BEFORE) else { return };
    install_hooks(&world);
    world.policy(
        "[[budget]]\nname = \"a run\"\nper = \"run\"\nlimit = \"1 usd\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    let mut client = Client::of(world.start_with_stdin("codex", &["app-server"]));
    let thread = client.thread(json!({"ephemeral": true}));
    for _ in 0..3 {
        client.whole_turn(&thread);
    }
    client.finish(&world);
    assert_eq!(world.server.served().len(), 1);
}

#[test]
fn a_thread_without_a_file_is_estimated_where_its_client_may_have_chosen_its_tier_and_one_with_a_file_is_not() {
    for version in [CURRENT, PREVIOUS] {
        for (ephemeral, basis, because) in [(true, "estimated", json!({"client": 1})), (false, "observed", json!({}))] {
            let Some(world) = World::with_codex(version) else { continue };
            let mut client = Client::start(&world, &[], DIRECT);
            let thread = client.thread(json!({"ephemeral": ephemeral, "serviceTier": "priority"}));
            client.whole_turn(&thread);
            let end = client.finish(&world).expect_code(0);
            let report = world.govern(&["report", "--last", "--format", "json"]).expect_code(0);
            let report: Value = serde_json::from_slice(&report.stdout).unwrap();
            let totals = &report["totals"];
            assert_eq!(
                (&totals["basis"], &totals["inferred_because"]),
                (&basis.into(), &because),
                "{}: {totals}",
                version.0
            );
            if ephemeral {
                end.expect_said("The price of 1 response is estimated");
            }
        }
    }
}

#[test]
fn what_a_thread_without_a_file_does_not_tell_of_is_said() {
    for version in [CURRENT, PREVIOUS] {
        let Some(world) = World::with_codex(version) else { continue };
        let never = Gate::new();
        let late = Reply::message("late").held_midway_at(&never);
        world.server.script(Select::any(), [Reply::message("done"), Reply::message("a summary"), late]);
        let mut client = Client::start(&world, &[], DIRECT);
        let thread = client.thread(json!({"ephemeral": true}));
        client.whole_turn(&thread);
        client.call("thread/compact/start", json!({"threadId": thread}));
        client.turns += 1;
        client.server.wait_for_stdout_times("\"turn/completed\"", client.turns);
        client.turn(&thread);
        let turn = client.begun_turn(&world, 3);
        client.call("turn/interrupt", json!({"threadId": thread, "turnId": turn}));
        client.server.wait_for_stdout_times("\"turn/completed\"", client.turns);
        client.finish(&world).expect_code(0).expect_said("1 request was cut off");
        let report = world.govern(&["report", "--last", "--format", "json"]).expect_code(0);
        let report: Value = serde_json::from_slice(&report.stdout).unwrap();
        // 0.169 tells of no compaction.
        let tells = version == CURRENT;
        assert_eq!(report["totals"]["unobserved"], !tells, "{}: {report}", version.0);
        assert_eq!(report["totals"]["responses"], 1 + u64::from(tells), "{}: {report}", version.0);
    }
}

#[test]
fn a_client_that_starts_a_shim_sees_its_server_end_with_the_reason() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.govern(&["shim", "bin", "--budget", "0.05usd", "--at-limit", "stop"]).expect_code(0);
    spends(&world);
    let shim = world.work().join("bin/codex").display().to_string();
    let mut client = Client::of(world.start_with_stdin(&shim, &["app-server"]));
    let thread = client.thread(json!({}));
    client.turn(&thread);
    let end = client.ended_by_govern(&world).expect_code(124);
    let last = end.stderr.lines().rfind(|line| !line.is_empty()).unwrap_or_default();
    assert!(last.starts_with("govern run ") && last.contains("the next request would pass the limit"), "{end}");
    assert_eq!(responses(&world), 2);
}
