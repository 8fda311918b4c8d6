//! Installed hooks in Codex's own screen, which nobody started under govern.

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::tmux::Terminal;
use crate::support::world::World;

fn of_user(world: &World) -> usize {
    world.server.requests().iter().filter(|request| request.source.as_deref() == Some("user")).count()
}

fn prompt(terminal: &Terminal<'_>, text: &str) {
    terminal.type_text(text);
    terminal.wait_for(&format!("› {text}"));
    terminal.press("Enter");
}

#[test]
fn a_person_at_codex_s_own_screen_is_asked_whatever_ci_says() {
    // As it is called by most, the screen hands its work to a server in the background, which has no terminal.
    for command in ["codex --no-daemon", "codex"] {
        let Some(mut world) = World::with_codex(CURRENT) else { return };
        world.set_env("CI", "true");
        world.configure_codex(&format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", world.work().display()));
        world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        world.policy_for_nobody(
            "[[budget]]\nname = \"a day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"0.05 usd\"\n\
         steps = [{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }]\n",
        );
        world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("all is done")]);
        let Some(terminal) = Terminal::open(&world) else { return };
        terminal.run_then_tell_code(command);
        terminal.wait_for("for shortcuts");
        prompt(&terminal, "do it");
        terminal.wait_for("govern: held");
        assert_eq!(of_user(&world), 2);
        world.govern(&["approve", "1", "--extend", "1usd"]).expect_code(0);
        terminal.wait_for("all is done");
        prompt(&terminal, "/quit");
        terminal.wait_for_code();
        // The server outlives its screen.
        if command != "codex" {
            terminal.expect_nothing_left();
        }
    }
}

#[test]
fn a_spent_day_holds_the_next_request_and_blocks_the_next_prompt() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.configure_codex(&format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", world.work().display()));
    world.govern(&["hooks", "install", "--yes"]).expect_code(0);
    world.policy(
        "[[budget]]\nname = \"a day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"0.05 usd\"\n\
         steps = [{ at = \"40%\", do = \"warn\" }, { at = \"100%\", do = \"stop\" }]\n",
    );
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("late")]);
    let Some(terminal) = Terminal::open(&world) else { return };
    terminal.run_then_tell_code("codex --no-daemon");
    // No dialog stands before the screen's own words.
    terminal.wait_for("for shortcuts");
    prompt(&terminal, "do it");
    let screen = terminal.wait_for("govern: held");
    let joined = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(joined.contains("govern: warn: $0.0212 of $0.05 (a day): 40% reached"), "{screen}");
    assert_eq!(of_user(&world), 2);
    terminal.press("Escape");
    terminal.wait_for("interrupted");
    prompt(&terminal, "once more");
    terminal.wait_for("govern: $0.0424");
    assert_eq!(of_user(&world), 2);
    prompt(&terminal, "/quit");
    terminal.wait_for_code();
    terminal.expect_nothing_left();
}
