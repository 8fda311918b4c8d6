//! Fleets at their limit all at once, fleets that crash, and fleets beside each other.

use std::collections::{BTreeMap, BTreeSet};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde_json::Value;

use crate::ENDLESS;
use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Gate, Reply, Request, Select};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::{GovernedEnd, UNKNOWN, World, command_line};

/// An agent whose Codex does what it is told. Its answers are $0.0212 each.
fn agent(name: &str, spend: &str, more: &str) -> String {
    format!("[[agent]]\nname = \"{name}\"\nprompt = \"{name}-prompt\"\nexpect = {{ spend = \"{spend}\" }}\n{more}\n")
}

/// A hard limit that is divided by what agents expect.
fn divided(limit: &str) -> String {
    format!(
        "[budget]\nname = \"pie\"\nlimit = \"{limit}\"\nsteps = [{{ at = \"100%\", do = \"stop\" }}]\n\
         allot = {{ by = \"expected\", reserve = \"10%\", steps = [\
         {{ at = \"100%\", do = \"decide\", may = [\"extend\", \"stop\"] }}] }}\n"
    )
}

fn result(end: &GovernedEnd, agent: &str) -> (String, u64) {
    let agents = end.summary["agents"].as_array().unwrap_or_else(|| panic!("{}", end.finished));
    let one = agents.iter().find(|one| one["agent"] == agent).unwrap();
    (one["result"].as_str().unwrap().to_owned(), one["attempts"].as_u64().unwrap())
}

fn done(tries: u64) -> (String, u64) {
    ("done".to_owned(), tries)
}

/// A policy whose team may spend this in a month, divided among the agents of each run.
fn month(limit: &str) -> String {
    format!(
        "[[budget]]\nname = \"web\"\nper = \"team\"\nwindow = \"month\"\nlimit = \"{limit}\"\n\
         steps = [{{ at = \"100%\", do = \"stop\" }}]\nallot = {{ by = \"expected\" }}\n"
    )
}

/// What was allotted and given to an agent and did not come back, it has spent, or it has spent more by an answer that
/// nobody could foresee; the pool has the rest of the limit, in nano-dollars.
#[track_caller]
fn expect_conserved(world: &World, run: &str, limit: i64) {
    let of_run = |kind: &str| -> Vec<Value> {
        ledger::events(world, kind).into_iter().filter(|event| event["run"] == run).collect()
    };
    let name = |event: &Value| event["agent"].as_str().unwrap().to_owned();
    let amount = |event: &Value| event["amount"].as_i64().unwrap();
    let mut parts: BTreeMap<String, i64> = BTreeMap::new();
    for event in of_run("allotted") {
        *parts.entry(name(&event)).or_default() += amount(&event);
    }
    let first: i64 = parts.values().sum();
    assert!(of_run("allotted").iter().all(|event| event["pool"].as_i64() == Some(limit - first)), "{parts:?}");
    let moves = of_run("pooled");
    for event in &moves {
        let by = if event["moved"] == "extended" { amount(event) } else { -amount(event) };
        *parts.entry(name(event)).or_default() += by;
        assert!(event["pool"].as_i64().unwrap() >= 0, "{event}");
    }
    let report = ledger::report(world, &["--run", run, "--by", "agent"]);
    let mut spent = 0;
    for (agent, part) in parts {
        let row = report["rows"].as_array().unwrap().iter().find(|row| row["agent"] == agent.as_str());
        let own = row.map_or(0, |row| ledger::nanos(row["cost_usd"].as_str().unwrap()));
        assert!(part <= own, "{agent} kept {part} and spent {own}");
        spent += own;
    }
    assert_eq!(moves.last().unwrap()["pool"].as_i64(), Some(limit - spent), "{report}");
}

#[test]
fn ten_agents_and_their_sub_agents_reach_the_limit_at_once_and_stay_within_it() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy("[prices.gpt-test-unheard-of]\ninput = 2\ncached_input = 0.1\noutput = 10\n");
    // Fourteen threads are answered once, and then all at the same moment ask for more than there is: 28 answers fit.
    let all_are_there = Gate::new();
    let spawns = (0..4).map(|number| format!("agent-{number}-prompt"));
    for prompt in spawns {
        let first = [Reply::spawn_agent("help"), Reply::exec("true").held_at(&all_are_there)];
        world.server.script(Select::root().containing(&prompt), first);
    }
    world.server.script(Select::subagent(), [Reply::exec("true").held_at(&all_are_there)]);
    world.server.script(Select::root(), [Reply::exec("true").held_at(&all_are_there)]);
    world.server.always(Select::any(), Reply::exec("true"));
    let agents: Vec<String> = (0..10)
        .map(|number| agent(&format!("agent-{number}"), "0.05 usd", &format!("model = \"{UNKNOWN}\"")))
        .collect();
    let fleet = world.start_fleet(&[], &(divided("0.6 usd") + &agents.concat()));
    // Ten roots and four sub-agents, and the roots that have spawned.
    world.server.wait_for_requests(18, LONG).unwrap();
    all_are_there.open();
    let end = fleet.finish().expect_code(124).expect_outcome("stopped");
    let served = world.server.served();
    assert_eq!(world.server.requests().len(), served.len(), "none was cut off");
    assert!(served.iter().any(Request::is_subagent));
    // $0.0212 each: 28 are $0.5936.
    assert!((18..=28).contains(&served.len()), "{} served\n{}", served.len(), end.finished);
    expect_conserved(&world, &end.id(), 600_000_000);
    let counted: u64 = ledger::spend_in_ledger(&world, &end.id()).values().map(|spent| spent.responses).sum();
    assert_eq!(counted, u64::try_from(served.len()).unwrap());
    let ended = |what: &str| -> BTreeSet<String> {
        let found = ledger::events(&world, "requested").into_iter().filter(|event| event["what"] == what);
        found.map(|event| event["agent"].as_str().unwrap().to_owned()).collect()
    };
    assert!(ended("hold").is_disjoint(&ended("end at once")), "nobody is held and killed");
    for number in 0..10 {
        assert_eq!(result(&end, &format!("agent-{number}")), ("stopped".to_owned(), 1));
    }
    world.govern(&["audit", "verify"]).expect_code(0);
}

/// Kills the Codex with this prompt from outside.
#[track_caller]
fn kill_codex(world: &World, prompt: &str) {
    let is_codex = |pid: &i32| {
        let line = command_line(*pid);
        line.contains(prompt) && line.contains("exec") && !line.contains("govern fleet")
    };
    let found: Vec<i32> = world.processes().into_iter().filter(is_codex).collect();
    assert!(!found.is_empty(), "no Codex with {prompt}");
    for pid in found {
        // A launcher goes with its child.
        let _gone = signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

#[test]
fn an_agent_whose_codex_is_killed_has_failed_or_is_tried_again_out_of_what_it_has_left() {
    for (retries, code) in [(0, 1), (1, 0)] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.server.script(Select::root().containing("one-prompt"), [Reply::exec("touch there; sleep 600")]);
        let text = [
            divided("0.2 usd"),
            agent("one", "0.1 usd", &format!("retries = {retries}")),
            agent("after", "0.05 usd", "needs = [\"one\"]"),
        ];
        let fleet = world.start_fleet(&[], &text.concat());
        world.server.wait_for_served(1, LONG).unwrap();
        let deadline = std::time::Instant::now() + LONG;
        while !world.path("work/there").exists() {
            assert!(std::time::Instant::now() < deadline, "{}", fleet.running.stderr());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        kill_codex(&world, "one-prompt");
        let end = fleet.finish().expect_code(code).expect_outcome("ended");
        if retries == 0 {
            assert_eq!(result(&end, "one"), ("failed".to_owned(), 1));
            assert_eq!(result(&end, "after"), ("skipped".to_owned(), 0));
        } else {
            assert_eq!((result(&end, "one"), result(&end, "after")), (done(2), done(1)));
        }
        let served = world.server.served();
        ledger::expect_exactly(&world, &end.id(), &served);
        expect_conserved(&world, &end.id(), 200_000_000);
        world.govern(&["audit", "verify"]).expect_code(0);
    }
}

#[test]
fn what_a_killed_fleet_was_promised_is_free_again() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(&month("0.2 usd"));
    world.server.script(Select::root().containing("one-prompt"), [Reply::exec(ENDLESS)]);
    let text = |name: &str| agent(name, "0.17 usd", "team = \"web\"");
    let first = world.start_fleet(&[], &text("one"));
    world.server.wait_for_served(1, LONG).unwrap();
    let spent = || ledger::report(&world, &["--by", "team"])["totals"]["responses"] == 1;
    let deadline = std::time::Instant::now() + LONG;
    while !spent() {
        assert!(std::time::Instant::now() < deadline, "{}", first.running.stderr());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // While it lives nobody else is given it.
    let refused = world.start_fleet(&[], &text("two")).finish_among_others().expect_code(123);
    refused.expect_said("expects $0.17, and $0.03 can be allotted: $0.20 less $0.0212 spent and $0.1488 claimed");
    first.running.signal(Signal::SIGKILL);
    world.wait_for_no_survivors(LONG);
    first.finish_among_others();
    let end = world.start_fleet(&[], &text("two")).finish().expect_code(0);
    assert_eq!(result(&end, "two"), done(1));
    assert_eq!(world.server.served().len(), 2);
}

#[test]
fn two_fleets_at_once_are_not_promised_the_same_money() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(&month("0.3 usd"));
    let open = Gate::new();
    world.server.script(Select::root().containing("one-prompt"), [Reply::message("done").held_at(&open)]);
    world.server.script(Select::root().containing("two-prompt"), [Reply::message("done").held_at(&open)]);
    let text = |name: &str| agent(name, "0.2 usd", "team = \"web\"");
    let both = ["one", "two"].map(|name| world.start_fleet(&[], &text(name)));
    world.server.wait_for_requests(1, LONG).unwrap();
    // Which of them was the first is theirs to say.
    let deadline = std::time::Instant::now() + LONG;
    while !both.iter().any(|fleet| fleet.running.stderr().contains("can be allotted")) {
        assert!(std::time::Instant::now() < deadline, "nobody was refused");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let small = world.start_fleet(&[], &agent("three", "0.1 usd", "team = \"web\""));
    small.finish_among_others().expect_code(0);
    open.open();
    let mut ends: Vec<GovernedEnd> = both.into_iter().map(|fleet| fleet.finish_among_others()).collect();
    world.expect_no_survivors();
    ends.sort_by_key(|end| end.finished.code());
    let codes: Vec<i32> = ends.iter().map(|end| end.finished.code()).collect();
    assert_eq!(codes, [0, 123]);
    let said = "its agent expects $0.20, and $0.10 can be allotted: $0.30 less $0.00 spent and $0.20 claimed by other";
    ends.pop().unwrap().expect_said(said);
}
