//! Sub-agents: threads of their own, spend of the same run.

use crate::PAID;
use crate::support::codex::{CURRENT, OLD};
use crate::support::fake_responses::{Gate, Reply, Select, USUAL, Usage, spawn_agent};
use crate::support::ledger;
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
    let stopped = Gate::new();
    let four = ["two", "three", "four"].into_iter().map(spawn_agent).fold(Reply::spawn_agent("one"), Reply::and);
    world.server.script(Select::root(), [four, Reply::exec(PAID)]);
    world.server.always(Select::subagent(), Reply::message("done").held_at(&stopped));
    // $0.0212 is spent, and as much may come of the root: two more fit, whoever is first. On a busy machine the third may
    // have begun before any of them asks: then none does.
    let flags = ["--budget", "0.09usd", "--at-limit", "stop"];
    let governed = world.start_governed(&flags, &["codex", "exec", "-m", UNKNOWN, "do it"]);
    governed.running.wait_for_stderr("the next request would pass the limit");
    stopped.open();
    let end = governed.finish().expect_code(124).expect_outcome("stopped");
    let requests = world.server.requests();
    assert!(requests.len() <= 3, "{requests:?}");
    let counted: u64 = ledger::spend_in_ledger(&world, &end.id()).values().map(|spent| spent.responses).sum();
    assert_eq!(counted, u64::try_from(requests.len()).unwrap());
}

#[test]
fn the_second_of_one_sub_agents_is_refused_and_asks_nothing() {
    for version in [CURRENT, OLD] {
        let Some(world) = World::with_codex(version) else { return };
        let counted = Gate::new();
        world.server.script(
            Select::root(),
            [Reply::spawn_agent("one"), Reply::spawn_agent("two"), Reply::message("done").held_at(&counted)],
        );
        world.server.script(Select::subagent(), [Reply::message("counted").opens(&counted)]);
        let command = ["codex", "exec", "-m", UNKNOWN, "do it"];
        let end = world.run_governed(&["--budget", "1 sub-agent"], &command).expect_code(0);
        let end = end.expect_said("1 of 1 sub-agent");
        let served = world.server.served();
        assert_eq!(served.iter().filter(|request| request.is_subagent()).count(), 1, "{version:?}: {served:?}");
        assert_eq!(ledger::spend_in_ledger(&world, &end.id()).len(), 2, "{version:?}");
        world.govern(&["audit", "verify"]).expect_code(0);
    }
}

#[test]
fn none_where_none_may_be_started() {
    for limit in ["0 sub-agents", "0 deep"] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.server.script(Select::root(), [Reply::spawn_agent("one"), Reply::message("done")]);
        world.server.always(Select::subagent(), Reply::message("counted"));
        let command = ["codex", "exec", "-m", UNKNOWN, "do it"];
        world.run_governed(&["--budget", limit], &command).expect_code(0);
        assert!(world.server.served().iter().all(|request| !request.is_subagent()), "{limit}");
    }
}

#[test]
fn a_limit_on_sub_agents_is_refused_where_nobody_counts_them() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let flags = ["--budget", "3 sub-agents"];
    world.run_governed(&flags, &["sh", "-c", "codex exec 'do it'"]).expect_code(123).expect_said("sub-agents");
    assert_eq!(world.server.requests().len(), 0);
}
