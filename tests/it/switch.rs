//! A person switches model or tier on Codex's own screen to one that the policy does not allow: nothing more is asked.

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::tmux::Terminal;
use crate::support::world::World;

/// The one that is configured, and none but the standard tier.
const POLICY: &str = "[models]\nallow = [\"gpt-6.1*\"]\nservice_tiers = [\"standard\"]\n";

/// One that is not, as Codex lists it.
const LUNA: &str = "GPT-6-Luna";

/// A world whose Codex trusts the folder, so that its screen begins at once.
fn world() -> Option<World> {
    let world = World::with_codex(CURRENT)?;
    world.configure_codex(&format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", world.work().display()));
    world.policy(POLICY);
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

/// The next prompt is the run's end, and nothing was asked for it.
#[track_caller]
fn expect_refused(world: &World, terminal: &Terminal<'_>, asked_before: usize, what: &str) {
    say(terminal, "next");
    let (code, screen) = terminal.wait_for_code();
    assert_eq!((code, asked(world)), (124, asked_before), "{screen}");
    assert!(screen.contains(what), "{screen}");
    assert!(!screen.contains("under way"), "nothing was sent: {screen}");
    terminal.expect_nothing_left();
}

#[test]
fn after_a_switch_to_a_model_that_is_not_allowed_nothing_is_asked() {
    for after_a_turn in [false, true] {
        let Some(world) = world() else { return };
        let Some(terminal) = begin(&world, after_a_turn) else { return };
        say(&terminal, "/model");
        terminal.wait_for("Select Model");
        // Which place it has in the list is Codex's to say.
        let listed = terminal.wait_for(LUNA);
        let place = |screen: &str, mark: &str| screen.lines().position(|line| line.contains(mark)).unwrap();
        for _ in place(&listed, "(current)")..place(&listed, LUNA) {
            terminal.press("Down");
        }
        terminal
            .wait_until("it is chosen", |screen| screen.lines().any(|line| line.contains('›') && line.contains(LUNA)));
        terminal.press("Enter");
        terminal.wait_for("Select Reasoning Level");
        terminal.press("Enter");
        terminal.wait_for("Model changed to gpt-6-luna");
        expect_refused(&world, &terminal, after_a_turn.into(), "`gpt-6-luna` is not among the models");
    }
}

#[test]
fn after_a_switch_to_a_tier_that_is_not_allowed_nothing_is_asked() {
    for after_a_turn in [false, true] {
        let Some(world) = world() else { return };
        let Some(terminal) = begin(&world, after_a_turn) else { return };
        say(&terminal, "/fast");
        terminal.wait_for("Service tier set to priority");
        expect_refused(&world, &terminal, after_a_turn.into(), "service tier `fast` is not one");
    }
}
