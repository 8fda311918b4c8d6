//! A person switches model or tier on Codex's own screen to one that the policy does not allow: nothing is asked until it is
//! switched back.

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::tmux::Terminal;
use crate::support::world::World;

/// The model that is configured; none but the standard tier.
const MODEL: &str = "[models]\nallow = [\"gpt-6.1*\"]\n";
const TIER: &str = "[models]\nservice_tiers = [\"standard\"]\n";

/// One that is not, as Codex lists it.
const LUNA: &str = "GPT-6-Luna";

/// The one that is configured, as Codex lists it.
const SOL: &str = "GPT-6.1-Sol";

/// A world whose Codex trusts the folder, so that its screen begins at once.
fn world(policy: &str) -> Option<World> {
    let world = World::with_codex(CURRENT)?;
    world.configure_codex(&format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", world.work().display()));
    world.policy(policy);
    world.server.always(Select::root(), Reply::message("one word"));
    Some(world)
}

/// What the person's thread asked for.
fn asked(world: &World) -> usize {
    world.server.requests().iter().filter(|request| request.source.as_deref() == Some("user")).count()
}

fn say(terminal: &Terminal<'_>, text: &str) {
    terminal.type_text(text);
    terminal.wait_for(&format!("› {text}"));
    terminal.press("Enter");
}

/// Goes down the list on the screen to this entry, wherever it stands: entries have several lines, and lists scroll.
#[track_caller]
fn choose(terminal: &Terminal<'_>, entry: &str) {
    let chosen = |screen: &str| screen.lines().rfind(|line| line.trim_start().starts_with('›')).map(str::to_owned);
    let mut at = chosen(&terminal.wait_until("an entry is chosen", |screen| chosen(screen).is_some())).unwrap();
    for _ in 0..50 {
        if at.contains(entry) {
            return;
        }
        terminal.press("Down");
        let moved = terminal.wait_until("another is chosen", |screen| chosen(screen).is_some_and(|line| line != at));
        at = chosen(&moved).unwrap();
    }
    panic!("no `{entry}` in the list:\n{}", terminal.screen());
}

/// Codex's screen, with one turn behind it where `after_a_turn`.
fn begin<'w>(world: &'w World, after_a_turn: bool) -> Option<Terminal<'w>> {
    let terminal = Terminal::open(world)?;
    terminal.run_then_tell_code("govern run -- codex");
    terminal.wait_for("for shortcuts");
    if after_a_turn {
        say(&terminal, "first");
        terminal.wait_for("one word");
    }
    Some(terminal)
}

/// The next prompt is refused with the reason, on Codex's own screen, and nothing is asked for it.
#[track_caller]
fn expect_refused(world: &World, terminal: &Terminal<'_>, asked_before: usize, what: &str) {
    say(terminal, "next");
    terminal.wait_until("it is refused with the reason", |screen| screen.replace(['\n', '│'], " ").contains(what));
    assert_eq!(asked(world), asked_before);
}

/// What was undone is forgotten: the same screen goes on.
#[track_caller]
fn expect_goes_on(world: &World, terminal: &Terminal<'_>, asked_before: usize) {
    say(terminal, "and now");
    terminal.wait_until("it is answered", |_| asked(world) == asked_before + 1);
}

/// Picks a model in Codex's own list.
#[track_caller]
fn pick(terminal: &Terminal<'_>, label: &str, slug: &str) {
    say(terminal, "/model");
    terminal.wait_for("Select Model");
    choose(terminal, label);
    terminal.press("Enter");
    terminal.wait_for("Select Reasoning Level");
    terminal.press("Enter");
    terminal.wait_for(&format!("Model changed to {slug}"));
}

#[test]
fn after_a_switch_to_a_model_that_is_not_allowed_nothing_is_asked_until_it_is_switched_back() {
    for after_a_turn in [false, true] {
        let Some(world) = world(MODEL) else { return };
        let Some(terminal) = begin(&world, after_a_turn) else { return };
        pick(&terminal, LUNA, "gpt-6-luna");
        expect_refused(&world, &terminal, after_a_turn.into(), "`gpt-6-luna` is not among the models");
        pick(&terminal, SOL, crate::support::world::MODEL);
        expect_goes_on(&world, &terminal, after_a_turn.into());
    }
}

#[test]
fn after_a_switch_to_a_tier_that_is_not_allowed_nothing_is_asked_until_it_is_switched_back() {
    for after_a_turn in [false, true] {
        let Some(world) = world(TIER) else { return };
        let Some(terminal) = begin(&world, after_a_turn) else { return };
        say(&terminal, "/fast");
        terminal.wait_for("Service tier set to priority");
        expect_refused(&world, &terminal, after_a_turn.into(), "service tier `fast` is not one");
        say(&terminal, "/fast");
        terminal.wait_until("it is off", |screen| screen.matches("Service tier").count() >= 2);
        expect_goes_on(&world, &terminal, after_a_turn.into());
    }
}
