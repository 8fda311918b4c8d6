//! Sub-agents: threads of their own, spend of the same run.

use crate::PAID;
use crate::support::codex::{CURRENT, OLD, OLDER, PREVIOUS};
use crate::support::fake_responses::{Gate, Reply, Select, USUAL, Usage, spawn_agent};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::{UNKNOWN, World};

/// Codex offers sub-agents with models that its catalogue does not know: such a one needs a price of the user's.
const PRICE: &str = "[prices.gpt-test-unheard-of]\ninput = 2\ncached_input = 0.1\noutput = 10\n";

fn family(world: &World) -> Gate {
    let child_is_done = Gate::new();
    let small = Usage::new(3_000, 0, 100);
    world.server.script(Select::root(), [Reply::spawn_agent("count"), Reply::message("done").held_at(&child_is_done)]);
    world.server.script(
        Select::subagent(),
        [Reply::exec("true").usage(small), Reply::message("counted").usage(small).opens(&child_is_done)],
    );
    child_is_done
}

#[test]
fn a_family_is_counted_thread_by_thread() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    family(&world);
    let end = world.run_governed(&[], &["codex", "exec", "-m", UNKNOWN, "do it"]).expect_code(0);
    let spend = ledger::spend_in_ledger(&world, &end.id());
    assert_eq!(spend.len(), 2, "{spend:?}");
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn an_unknown_model_is_listed_as_unpriced_and_costs_what_the_user_says() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    family(&world);
    let command = ["codex", "exec", "-m", UNKNOWN, "do it"];
    let end = world.run_governed(&[], &command).expect_code(0).expect_said(UNKNOWN);
    let report = ledger::report(&world, &["--run", &end.id()]);
    assert_eq!(report["unpriced_models"][0], UNKNOWN, "{report}");

    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(PRICE);
    world.server.script(Select::root(), [Reply::message("once more").usage(USUAL)]);
    let end = world.run_governed(&["--budget", "1usd"], &command).expect_code(0);
    let report = ledger::report(&world, &["--run", &end.id()]);
    assert_eq!(ledger::nanos(report["totals"]["cost_usd"].as_str().unwrap()), ledger::USUAL_COST, "{report}");
}

#[test]
fn a_sub_agents_spend_stops_the_whole_family() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::spawn_agent("spend"), Reply::exec(PAID)]);
    world.server.script(Select::subagent(), [Reply::exec("true"), Reply::exec(PAID)]);
    world.policy(PRICE);
    // Four responses are $0.0848; a fifth, or two open ones more, would be too many.
    let flags = ["--budget", "0.09usd", "--at-limit", "stop"];
    let end = world.run_governed(&flags, &["codex", "exec", "-m", UNKNOWN, "do it"]).expect_code(124);
    let served = world.server.served();
    assert!(served.len() <= 4, "{served:?}");
    assert!(served.iter().any(|request| request.is_subagent()), "{served:?}");
    let counted: u64 = ledger::spend_in_ledger(&world, &end.id()).values().map(|spent| spent.responses).sum();
    assert_eq!(counted, u64::try_from(served.len()).unwrap());
}

#[test]
fn sub_agents_that_begin_at_once_do_not_pass_the_limit_together() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(PRICE);
    // Nobody's first answer tells the others what one costs.
    let answered = Gate::new();
    let four = ["two", "three", "four"].into_iter().map(spawn_agent).fold(Reply::spawn_agent("one"), Reply::and);
    world.server.script(Select::root(), [four, Reply::exec(PAID)]);
    world.server.always(Select::subagent(), Reply::message("done").held_at(&answered));
    // $0.0212 is spent: three more fit, whoever is first, and the fourth waits for their answers.
    let flags = ["--budget", "0.09usd", "--at-limit", "stop"];
    let governed = world.start_governed(&flags, &["codex", "exec", "-m", UNKNOWN, "do it"]);
    world.server.wait_for_requests(4, LONG).unwrap();
    answered.open();
    let end = governed.finish().expect_code(124).expect_outcome("stopped");
    let requests = world.server.requests();
    assert_eq!(requests.len(), 4, "{requests:?}");
    let counted: u64 = ledger::spend_in_ledger(&world, &end.id()).values().map(|spent| spent.responses).sum();
    assert_eq!(counted, u64::try_from(requests.len()).unwrap());
}

/// A door that a Codex comes in by: started by govern, met by installed hooks, or one of a fleet whose own budget it is.
#[derive(Clone, Copy, Debug)]
enum Door {
    Run,
    Hooks,
    Fleet,
}

/// Runs a Codex under this one limit, and no other rule; what the two wrote.
fn under(world: &World, limit: &str, door: Door) -> String {
    let budget = format!("name = \"few\"\nper = \"run\"\nlimit = \"{limit}\"\n");
    if !matches!(door, Door::Fleet) {
        world.policy(&format!("[[budget]]\n{budget}"));
    }
    let exec = ["exec", "-m", UNKNOWN, "do it"];
    match door {
        Door::Run => {
            let command: Vec<&str> = std::iter::once("codex").chain(exec).collect();
            world.run_governed(&[], &command).expect_code(0).finished.to_string()
        }
        Door::Hooks => {
            world.govern(&["hooks", "install", "--yes"]).expect_code(0);
            world.run("codex", &exec).expect_code(0).to_string()
        }
        Door::Fleet => {
            let agent = format!("[[agent]]\nname = \"a\"\nprompt = \"do it\"\nmodel = \"{UNKNOWN}\"\n");
            world.start_fleet(&[], &format!("[budget]\n{budget}{agent}")).finish().expect_code(0).finished.to_string()
        }
    }
}

/// What the models of root threads read.
fn roots_read(world: &World) -> String {
    world
        .server
        .requests()
        .iter()
        .filter(|request| !request.is_subagent())
        .map(|request| request.body.clone())
        .collect()
}

#[test]
fn the_second_of_one_sub_agents_is_refused_and_asks_nothing() {
    for (version, door) in
        [(CURRENT, Door::Run), (OLD, Door::Run), (CURRENT, Door::Hooks), (OLD, Door::Hooks), (CURRENT, Door::Fleet)]
    {
        let Some(world) = World::with_codex(version) else { return };
        let counted = Gate::new();
        world.server.script(
            Select::root(),
            [Reply::spawn_agent("one"), Reply::spawn_agent("two"), Reply::message("done").held_at(&counted)],
        );
        world.server.script(Select::subagent(), [Reply::message("counted").opens(&counted)]);
        let said = under(&world, "1 sub-agent", door);
        let served = world.server.served();
        let asked = served.iter().filter(|request| request.is_subagent()).count();
        assert_eq!(asked, 1, "{version:?} {door:?}: {served:?}\n{said}");
        let read = roots_read(&world);
        assert!(read.contains("1 of 1 sub-agent started"), "{version:?} {door:?}: the model reads why");
        // A session without a supervisor is sealed when its Codex tells that it ends, which not each version does.
        let verified = world.govern(&["audit", "verify"]);
        assert!(verified.out().contains("intact"), "{version:?} {door:?}: {verified}");
    }
}

#[test]
fn none_where_none_may_be_started() {
    for (limit, door) in
        [("0 sub-agents", Door::Run), ("0 deep", Door::Run), ("0 sub-agents", Door::Hooks), ("0 deep", Door::Hooks)]
    {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.server.script(Select::root(), [Reply::spawn_agent("one"), Reply::message("done")]);
        world.server.always(Select::subagent(), Reply::message("counted"));
        under(&world, limit, door);
        assert!(world.server.served().iter().all(|request| !request.is_subagent()), "{limit} {door:?}");
        assert!(roots_read(&world).contains("`few`"), "{limit} {door:?}: the model reads why");
    }
}

#[test]
fn a_limit_on_sub_agents_is_refused_where_nobody_counts_them() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let flags = ["--budget", "3 sub-agents"];
    world.run_governed(&flags, &["sh", "-c", "codex exec 'do it'"]).expect_code(123).expect_said("sub-agents");
    assert_eq!(world.server.requests().len(), 0);
}

/// A call of the tool of 0.118 and 0.135 that starts a sub-agent for each row of a file.
fn spawn_on_csv() -> Reply {
    let arguments = serde_json::json!({"csv_path": "rows.csv", "instruction": "do {what}"}).to_string();
    Reply::item(serde_json::json!({"type": "function_call", "name": "spawn_agents_on_csv", "arguments": arguments}))
}

#[test]
fn sub_agents_for_the_rows_of_a_file_are_refused_under_a_limit_on_them() {
    for (limit, door) in [("20 sub-agents", Door::Run), ("3 deep", Door::Run), ("20 sub-agents", Door::Hooks)] {
        let Some(world) = World::with_codex(OLD) else { return };
        world.configure_codex("[features]\nenable_fanout = true\n");
        world.write("work/rows.csv", "id,what\na,one\nb,two\n");
        world.server.script(Select::root(), [spawn_on_csv(), Reply::message("done")]);
        world.server.always(Select::subagent(), Reply::message("counted"));
        under(&world, limit, door);
        assert!(world.server.requests().iter().all(|request| !request.is_subagent()), "{limit} {door:?}");
        let read = roots_read(&world);
        assert!(read.contains(&format!("`few`: at most {limit}")), "{limit} {door:?}: the model reads why");
    }
}

/// A root, its sub-agent, and what that sub-agent wants to start.
fn three_generations(world: &World, all_live: bool) {
    world.configure_codex("[agents]\nmax_depth = 5\n");
    let (child_is_done, grandchild_is_done) = (Gate::new(), Gate::new());
    if !all_live {
        grandchild_is_done.open();
    }
    let small = Usage::new(3_000, 0, 100);
    world.server.script(
        Select::root(),
        [Reply::spawn_agent("the-first-generation"), Reply::message("done").held_at(&child_is_done)],
    );
    let child = Reply::message("that is it").usage(small).held_at(&grandchild_is_done).opens(&child_is_done);
    world.server.script(
        Select::subagent().containing("the-first-generation"),
        [Reply::spawn_agent("the second").usage(small), child],
    );
    world.server.script(Select::subagent(), [Reply::message("so deep").usage(small).opens(&grandchild_is_done)]);
}

fn brief(world: &World) -> String {
    world.server.requests().iter().map(|request| format!("{}\n", request.brief())).collect()
}

/// How many threads of sub-agents asked a model.
fn sub_agents_that_asked(world: &World) -> usize {
    let requests = world.server.requests();
    let threads = requests.iter().filter(|request| request.is_subagent()).map(|request| request.thread.clone());
    threads.collect::<std::collections::BTreeSet<_>>().len()
}

#[test]
fn a_sub_agent_of_a_sub_agent_is_refused_under_one_deep() {
    use Door::{Fleet, Hooks, Run};
    for (version, doors) in [(CURRENT, &[Run, Hooks, Fleet][..]), (PREVIOUS, &[Run, Hooks]), (OLD, &[Run, Hooks])] {
        for door in doors {
            let Some(world) = World::with_codex(version) else { return };
            three_generations(&world, false);
            let said = under(&world, "1 deep", *door);
            assert_eq!(sub_agents_that_asked(&world), 1, "{version:?} {door:?}: {}\n{said}", brief(&world));
            let read: String = world.server.requests().iter().map(|request| request.body.clone()).collect();
            let why = "this sub-agent would stand 2 deep, and the most is 1";
            assert!(read.contains(why), "{version:?} {door:?}: its model reads why");
        }
    }
}

#[test]
fn as_deep_as_the_limit_allows_they_are_started_and_shown() {
    for (version, limit) in [(CURRENT, "3 deep"), (PREVIOUS, "2 deep"), (OLD, "3 deep")] {
        let Some(world) = World::with_codex(version) else { return };
        three_generations(&world, true);
        let said = under(&world, limit, Door::Run);
        assert_eq!(sub_agents_that_asked(&world), 2, "{version:?}: {}\n{said}", brief(&world));
        let stands = format!("`few`: sub-agents stood 2 of {limit}");
        assert!(said.contains(&stands), "{version:?}: {said}");
        let budget = world.govern(&["budget"]).expect_code(0);
        assert!(budget.out().contains(": sub-agents stood 2 of "), "{budget}");
        let json = world.govern(&["budget", "--format", "json"]).expect_code(0);
        let json: serde_json::Value = serde_json::from_str(&json.out()).unwrap();
        assert_eq!(
            (&json["sub_agents"][0]["unit"], &json["sub_agents"][0]["used"]),
            (&"deep".into(), &2.into()),
            "{json}"
        );
    }
}

/// A tool that starts a Codex that is told to do nested work.
fn nested(world: &World, flags: &str) -> Reply {
    let codex = world.path("bin/codex");
    Reply::exec(&format!("{} exec -m {UNKNOWN} {flags} 'nested work' </dev/null", codex.display()))
}

#[test]
fn a_nested_codex_is_not_outside_the_count() {
    let command = ["codex", "exec", "-m", UNKNOWN, "outer work"];
    for version in [CURRENT, PREVIOUS, OLD] {
        let Some(world) = World::with_codex(version) else { return };
        world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        let counted = Gate::new();
        world.server.script(
            Select::root().containing("outer work"),
            [Reply::spawn_agent("one"), nested(&world, "").held_at(&counted), Reply::message("done")],
        );
        world.server.script(Select::root(), [Reply::spawn_agent("two"), Reply::message("done")]);
        world.server.script(Select::subagent(), [Reply::message("counted").opens(&counted)]);
        let end = world.run_governed(&["--budget", "1 sub-agent"], &command).expect_code(0);
        assert_eq!(sub_agents_that_asked(&world), 1, "{version:?}: {}\n{}", brief(&world), end.finished);
        let read: String = world.server.requests().iter().map(|request| request.body.clone()).collect();
        assert!(read.contains("1 of 1 sub-agent started"), "{version:?}: the nested one's model reads why");
        end.expect_said("`--budget 1 sub-agent`: 1 of 1 sub-agent started");
    }
}

#[test]
fn a_nested_codex_that_calls_no_hooks_is_stopped_under_what_they_count() {
    let command = ["codex", "exec", "-m", UNKNOWN, "outer work"];
    let no_hooks = "has no hooks of govern's";
    let silent = "has called none of govern's hooks";
    // Installed, and changed since: Codex runs no hook that it does not trust.
    let changed = |world: &World| {
        let config = std::fs::read_to_string(world.path("codex/config.toml")).unwrap();
        world.write("codex/config.toml", &config.replace("\"sha256:", "\"sha256:0"));
    };
    for (version, limit, installed, flags, why, asked) in [
        (CURRENT, "3 sub-agents", false, "", no_hooks, 0),
        (PREVIOUS, "3 deep", false, "", no_hooks, 0),
        (OLD, "9 tool calls", false, "", no_hooks, 0),
        (CURRENT, "3 deep", true, "--disable hooks", no_hooks, 0),
        (OLD, "3 sub-agents", true, "", no_hooks, 0),
        (CURRENT, "3 sub-agents", true, "", silent, 1),
    ] {
        let Some(world) = World::with_codex(version) else { return };
        if installed {
            world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        }
        if version == OLD && installed {
            changed(&world);
        }
        if why == silent {
            // The folder turns off what stands in the user's file.
            let config = std::fs::read_to_string(world.path("codex/config.toml")).unwrap();
            let trusted = format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", world.work().display());
            world.write("codex/config.toml", &format!("{config}\n{trusted}"));
            world.write("work/.codex/config.toml", "[features]\nhooks = false\n");
        }
        world.server.script(Select::root().containing("outer work"), [nested(&world, flags), Reply::message("done")]);
        world.server.script(Select::root(), [Reply::exec(crate::ENDLESS), Reply::spawn_agent("one")]);
        let flags = ["--budget", limit, "--at-limit", "stop"];
        let end = world.run_governed(&flags, &command).expect_code(124).expect_said(why);
        end.expect_outcome("stopped").expect_said("tool calls and sub-agents cannot be counted");
        let served = world.server.served();
        let of_nested = served.iter().filter(|request| !request.body.contains("outer work")).count();
        assert!(of_nested <= asked, "{version:?} {limit} {why}: {}", brief(&world));
        assert_eq!(sub_agents_that_asked(&world), 0, "{version:?} {limit} {why}");
    }
}

#[test]
fn without_a_limit_that_hooks_count_a_nested_codex_needs_none() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let outer = Select::root().containing("outer work");
    world.server.script(outer, [nested(&world, ""), Reply::message("done")]);
    world.server.script(Select::root(), [Reply::message("nested is done")]);
    let command = ["codex", "exec", "-m", UNKNOWN, "outer work"];
    let end = world.run_governed(&["--budget", "90 responses"], &command).expect_code(0);
    ledger::expect_all_served(&world, &end.id());
    assert_eq!(world.server.served().len(), 3);
}

#[test]
fn where_no_hooks_are_called_a_limit_on_sub_agents_ends_the_agent() {
    let Some(world) = World::with_codex(OLDER) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(crate::ENDLESS)]);
    let flags = ["--budget", "3 sub-agents"];
    let end = world.run_governed(&flags, &["codex", "exec", "do it"]).expect_code(124);
    end.expect_said("tool calls and sub-agents cannot be counted");
}

#[test]
fn sub_agents_are_counted_for_each_run_agent_and_thread() {
    for (per, fit) in [("run", 1), ("agent", 2), ("thread", 2)] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.policy(&format!("[[budget]]\nname = \"few\"\nper = \"{per}\"\nlimit = \"1 sub-agent\"\n"));
        world
            .server
            .script(Select::root(), [Reply::spawn_agent("one"), Reply::spawn_agent("two"), Reply::message("done")]);
        world.server.always(Select::subagent(), Reply::message("counted"));
        // One after the other, each of its own thread.
        let agent = |name: &str, more: &str| {
            format!("[[agent]]\nname = \"{name}\"\nprompt = \"{name}\"\nmodel = \"{UNKNOWN}\"\n{more}")
        };
        let fleet = agent("a", "") + &agent("b", "needs = [\"a\"]\n");
        let end = world.start_fleet(&[], &fleet).finish().expect_code(0);
        let started: std::collections::BTreeSet<String> =
            world.server.served().iter().filter(|request| request.is_subagent()).map(|r| r.thread.clone()).collect();
        assert_eq!(started.len(), fit, "{per}: {}", end.finished);
        assert!(roots_read(&world).contains("1 of 1 sub-agent started"), "{per}: the model reads why");
    }
}
