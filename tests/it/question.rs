//! The question at the terminal is the last thing that stands there, whatever is printed after it was put.

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::tmux::Terminal;
use crate::support::world::World;

/// The end of the question.
const ALSO: &str = "also: govern approve";

/// Nothing but a prompt stands below the question, and it below this text.
fn is_last(screen: &str, after: &str) -> bool {
    let last = screen.lines().rev().find(|line| !line.trim().is_empty()).map(str::trim);
    last == Some("?") && screen.contains(after) && screen.rfind(after) < screen.rfind(ALSO)
}

#[test]
fn it_is_put_again_below_what_a_tool_prints_after_it_and_is_bold() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let tool = "for n in $(seq 30); do echo printed-$n; done; while [ ! -e go ]; do sleep 0.05; done";
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(tool), Reply::message("all is done")]);
    let Some(terminal) = Terminal::open(&world) else { return };
    terminal.run_then_tell_code("govern run --budget 0.05usd --at-limit ask -- codex exec 'do it'");
    terminal.wait_for(ALSO);
    world.write("work/go", "");
    world.wait_until_at_gate();
    terminal.wait_until("the question is last", |screen| is_last(screen, "printed-"));
    let coloured = terminal.coloured_screen();
    let head = coloured.lines().rev().find_map(|line| line.split_once("govern: $")).unwrap().0;
    assert!(head.ends_with("\u{1b}[1m") || head.contains(";1m"), "{coloured}");
    terminal.run("e 2usd");
    let (code, screen) = terminal.wait_for_code();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("all is done"), "{screen}");
    terminal.expect_nothing_left();
}

#[test]
fn of_several_in_a_fleet_one_is_asked_and_the_others_are_listed() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[budget]]\nname = \"each\"\nper = \"agent\"\nlimit = \"0.05 usd\"\n\
         steps = [{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }]\n",
    );
    let file = "version = 1\n[[agent]]\nname = \"one\"\nprompt = \"one-prompt\"\n\
                [[agent]]\nname = \"two\"\nprompt = \"two-prompt\"\n";
    world.write("work/fleet.toml", file);
    for prompt in ["one-prompt", "two-prompt"] {
        let replies = [Reply::exec("true"), Reply::exec("echo printed-late"), Reply::message("done")];
        world.server.script(Select::root().containing(prompt), replies);
    }
    let Some(terminal) = Terminal::open_sized(&world, 160) else { return };
    terminal.run_then_tell_code("govern fleet fleet.toml");
    let listed = "also open: govern approve ";
    let shown = terminal.wait_until("one is asked, the other listed", |screen| is_last(screen, listed));
    let other = shown.lines().rev().find(|line| line.starts_with(listed)).unwrap();
    let (first, second) = if other.contains("`two`") { ("one", "two") } else { ("two", "one") };
    assert!(other.contains(&format!("agent `{second}`: $0.")), "{shown}");
    let asked = shown.lines().rev().find(|line| line.contains("is held")).unwrap();
    assert!(asked.contains(&format!("agent `{first}`")), "{shown}");
    terminal.run("e 1usd");
    let second = format!("agent `{second}`");
    terminal.wait_until("the other is asked", |screen| {
        let last = screen.lines().rev().find(|line| !line.trim().is_empty()).map(str::trim);
        let asked = screen.lines().rev().find(|line| line.contains("is held"));
        last == Some("?") && asked.is_some_and(|line| line.contains(&second))
    });
    terminal.run("e 1usd");
    let (code, screen) = terminal.wait_for_code();
    assert_eq!(code, 0, "{screen}");
    terminal.expect_nothing_left();
}
