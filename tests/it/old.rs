//! Codexes from before usage records: metered from their token counts, and bound by budgets a response later.

use crate::support::codex::{CURRENT, OLD, OLDER};
use crate::support::fake_responses::{Reply, Select, Usage};
use crate::support::ledger;
use crate::support::world::World;

#[test]
fn token_counts_become_the_responses_that_were_served() {
    for version in [OLD, OLDER] {
        let Some(world) = World::with_codex(version) else { return };
        world.server.script(
            Select::root(),
            [
                Reply::exec("echo one"),
                Reply::exec("echo two").usage(Usage::new(20_000, 9_000, 700)),
                // Equal numbers twice are two responses.
                Reply::exec("echo three").usage(Usage::new(20_000, 9_000, 700)),
                Reply::message("all is done"),
            ],
        );
        let end = world.run_governed(&["--budget", "5usd"], &["codex", "exec", "do it"]).expect_code(0);
        assert_eq!(world.server.served().len(), 4);
        ledger::expect_all_served(&world, &end.id());
    }
}

#[test]
fn a_budget_still_ends_the_run() {
    for version in [OLD, OLDER] {
        let Some(world) = World::with_codex(version) else { return };
        world.server.always(Select::root(), Reply::exec("sleep 1"));
        let flags = ["--budget", "0.05usd", "--at-limit", "stop"];
        let end = world.run_governed(&flags, &["codex", "exec", "do it"]).expect_code(124);
        // These say what a response cost only after its tools have run, when the next one is on its way.
        let served = u64::try_from(world.server.served().len()).unwrap();
        let counted: u64 = ledger::spend_in_ledger(&world, &end.id()).values().map(|spent| spent.responses).sum();
        assert!(counted <= served && served <= counted + 1, "{counted} counted, {served} served");
        assert!(counted <= 3, "{counted}");
    }
}

#[test]
fn an_old_session_that_a_new_codex_goes_on_with_is_counted_from_there() {
    let Some(old) = World::with_codex(OLD) else { return };
    old.run("codex", &["exec", "begin"]).expect_code(0);
    let thread = old.server.requests()[0].thread.clone();
    if !old.use_codex(CURRENT) {
        return;
    }
    old.server.script(Select::root(), [Reply::exec("true")]);
    let end = old.run_governed(&[], &["codex", "exec", "resume", &thread, "go on"]).expect_code(0);
    let served = old.server.served();
    assert_eq!(served.len(), 3);
    ledger::expect_exactly(&old, &end.id(), &served[1..]);
}
