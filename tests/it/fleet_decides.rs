//! What the governor chooses near an allotment, of each kind, with its reason in the ledger and on the screen.

use serde_json::{Value, json};

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Request, Select, Usage};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::{CHEAPER, GovernedEnd, MODEL, World};

/// A limit that is divided by what agents expect, with these steps on each part.
fn divided(limit: &str, steps: &str) -> String {
    format!(
        "[budget]\nname = \"pie\"\nlimit = \"{limit}\"\nsteps = [{{ at = \"100%\", do = \"stop\" }}]\n\
         [budget.allot]\nby = \"expected\"\nsteps = [{steps}]\n"
    )
}

/// An agent whose Codex does what it is told. Its answers are $0.0212 each.
fn agent(name: &str, spend: &str, more: &str) -> String {
    format!("[[agent]]\nname = \"{name}\"\nprompt = \"{name}-prompt\"\nexpect = {{ spend = \"{spend}\" }}\n{more}\n")
}

fn script(world: &World, name: &str, replies: impl IntoIterator<Item = Reply>) {
    world.server.script(Select::root().containing(&format!("{name}-prompt")), replies);
}

fn of(world: &World, name: &str) -> Vec<Request> {
    let prompt = format!("{name}-prompt");
    world.server.served().into_iter().filter(|request| request.body.contains(&prompt)).collect()
}

/// A patch that adds these files.
fn adds(files: &[&str]) -> Reply {
    let patch: String = files.iter().map(|file| format!("*** Add File: {file}\n+new\n")).collect();
    Reply::exec(&format!("apply_patch <<'EOF'\n*** Begin Patch\n{patch}*** End Patch\nEOF\n"))
}

/// What was chosen for an agent, oldest first: `extend`, `go_on` or a verb, and why.
fn chosen(world: &World, agent: &str) -> Vec<(String, String)> {
    let decided = ledger::events(world, "decided").into_iter().filter(|event| event["agent"] == agent);
    let chosen = decided.map(|event| event["chosen"].clone()).filter(Value::is_object);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let word = |chosen: &Value| text(if chosen["what"] == "act" { &chosen["verb"] } else { &chosen["what"] });
    chosen.map(|chosen| (word(&chosen), text(&chosen["rationale"]))).collect()
}

/// The choices for an agent are these, and each reason stands on the screen; the last one is given back.
#[track_caller]
fn expect_chosen(world: &World, end: &GovernedEnd, agent: &str, words: &[&str]) -> String {
    let chosen = chosen(world, agent);
    let found: Vec<&str> = chosen.iter().map(|(word, _)| word.as_str()).collect();
    assert_eq!(found, words, "{chosen:?}\n{}", end.finished);
    for (_, rationale) in &chosen {
        assert!(end.finished.stderr.contains(rationale.as_str()), "`{rationale}` is not on\n{}", end.finished);
    }
    chosen.last().map(|(_, rationale)| rationale.clone()).unwrap_or_default()
}

#[track_caller]
fn expect_parts(rationale: &str, parts: &[&str]) {
    for part in parts {
        assert!(rationale.contains(part), "no `{part}` in `{rationale}`");
    }
}

#[track_caller]
fn expect_result(end: &GovernedEnd, agent: &str, result: &str) {
    let mut agents = end.summary["agents"].as_array().unwrap().iter();
    assert_eq!(agents.find(|one| one["agent"] == agent).unwrap()["result"], result, "{}", end.finished);
}

#[test]
fn who_changes_files_is_given_more_than_who_does_not() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    script(&world, "busy", (0..7).map(|number| adds(&[&format!("{number}-a"), &format!("{number}-b")])));
    script(&world, "idle", (0..7).map(|_| Reply::exec("true")));
    let text = [
        divided("1 usd", "{ at = \"100%\", do = \"decide\", may = [\"extend\", \"stop\"] }"),
        // A folder of its own: nobody else's files are its.
        agent("busy", "0.05 usd", "worktree = \"busy\""),
        agent("idle", "0.05 usd", ""),
        agent("after", "0.05 usd", "needs = [\"busy\"]"),
    ];
    let end = world.start_fleet(&[], &text.concat()).finish().expect_code(124);
    let last = expect_chosen(&world, &end, "busy", &["extend"; 6]);
    expect_parts(&last, &["extended by $0.", " from the pool: ", " files changed in the last 5 minutes"]);
    expect_parts(&last, &["1 agent waits for this one"]);
    // As much again as it was allotted, and no more.
    let last = expect_chosen(&world, &end, "idle", &["extend", "extend", "stop"]);
    expect_parts(
        &last,
        &["no file was changed so far", "it was given $0.0350 beside the $0.05 allotted (more only with progress)"],
    );
    assert_eq!((of(&world, "busy").len(), of(&world, "idle").len()), (8, 4));
    expect_result(&end, "busy", "done");
    expect_result(&end, "idle", "stopped");
    ledger::expect_exactly(&world, &end.id(), &world.server.served());
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn who_cannot_be_given_enough_goes_on_with_a_cheaper_model() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(&format!("[models]\nladder = [\"{MODEL}\", \"{CHEAPER}\"]\n"));
    script(&world, "one", [Reply::exec("true"), Reply::exec("true")]);
    let steps =
        "{ at = \"100%\", do = \"decide\", may = [\"extend\", \"route\", \"stop\"], max_extend = \"0.001 usd\" }";
    let text = [divided("1 usd", steps), agent("one", "0.06 usd", "")];
    let end = world.start_fleet(&[], &text.concat()).finish().expect_code(0);
    let why = expect_chosen(&world, &end, "one", &["route"]);
    expect_parts(
        &why,
        &["routed to gpt-6.1-terra: ", "is the most that may be given at once", "50% less for the same tokens"],
    );
    let models: Vec<String> = of(&world, "one").into_iter().map(|request| request.model).collect();
    assert_eq!(models, [MODEL, MODEL, CHEAPER]);
    ledger::expect_exactly(&world, &end.id(), &world.server.served());
}

#[test]
fn whose_requests_grow_uncached_is_slowed_down() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let grown = |times: u64| Reply::exec("true").usage(Usage::new(times * 2_000, 0, 100));
    script(&world, "one", [grown(1), grown(2), grown(8), grown(8), grown(8)]);
    let steps = "{ at = \"5%\", do = \"decide\", may = [\"extend\", \"throttle\"], to = \"1 responses/s\" }, \
                 { at = \"100%\", do = \"stop\" }";
    let text = [divided("1 usd", steps), agent("one", "0.8 usd", "")];
    let end = world.start_fleet(&[], &text.concat()).finish().expect_code(0);
    let why = expect_chosen(&world, &end, "one", &["throttle"]);
    expect_parts(&why, &["throttled: ", "a request reads 16k tok, at first 2k tok, 0% of it cached"]);
    let times: Vec<_> = of(&world, "one").iter().map(|request| request.at).collect();
    let gap = times.windows(2).skip(3).map(|pair| pair[1] - pair[0]).min().unwrap();
    assert!(gap >= std::time::Duration::from_millis(950), "{times:?}");
}

#[test]
fn who_is_stuck_is_told_so_below_its_limit_and_asked_about_at_it() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    script(&world, "one", [(); 9].map(|()| Reply::exec("exit 7")));
    let steps = "{ at = \"40%\", do = \"decide\", may = [\"extend\", \"steer\"], say = \"Read the error first.\" }, \
                 { at = \"100%\", do = \"decide\", may = [\"extend\", \"ask\"], wait = \"30m\", else = \"stop\" }";
    let text = [divided("1 usd", steps), agent("one", "0.2 usd", "")];
    let fleet = world.start_fleet(&[], &text.concat());
    fleet.running.wait_for_stderr("govern approve 1");
    assert_eq!(world.server.wait_for_served(9, LONG).unwrap().len(), 9);
    world.govern(&["approve", "1", "--extend", "0.5usd"]).expect_code(0);
    let end = fleet.finish().expect_code(0);
    let last = expect_chosen(&world, &end, "one", &["steer", "ask"]);
    expect_parts(&last, &["a person is asked: `exit 7` failed 8 times in a row", "stay in the pool"]);
    let heard = world.server.requests().iter().filter(|request| request.body.contains("Read the error first.")).count();
    assert!(heard >= 1);
    // What a person allows comes out of the pool, too.
    let given: Vec<Value> = ledger::events(&world, "pooled").into_iter().map(|event| event["amount"].clone()).collect();
    assert_eq!(given[0], json!(500_000_000), "{given:?}");
}

#[test]
fn where_the_pool_is_empty_an_agent_ends_as_the_policy_lets_it() {
    // Where nobody could be given anything the whole is spent, too: the severer of both comes.
    for (whole, verb, result) in [("ask", "stop", "stopped"), ("stop", "kill", "killed")] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.policy("[approvals]\nwait_for_nobody = true\n");
        script(&world, "one", [adds(&["a"]), Reply::exec("true")]);
        let steps = format!("{{ at = \"100%\", do = \"decide\", may = [\"extend\", \"{verb}\"] }}");
        let budget = divided("0.1 usd", &steps).replace("do = \"stop\"", &format!("do = \"{whole}\""));
        let text = [budget, agent("one", "0.05 usd", ""), agent("two", "0.05 usd", "needs = [\"one\"]")];
        let end = world.start_fleet(&[], &text.concat()).finish().expect_code(124);
        let why = expect_chosen(&world, &end, "one", &[verb]);
        expect_parts(&why, &[result, "1 file changed in the last 5 minutes", "the pool is empty", "1 agent waits"]);
        expect_result(&end, "one", result);
        expect_result(&end, "two", "skipped");
        assert_eq!(world.server.requests().len(), 2);
        ledger::expect_exactly(&world, &end.id(), &world.server.served());
    }
}
