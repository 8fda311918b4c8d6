//! `govern top`: the account on a full screen, in a real terminal, over the real Codex.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::tmux::Terminal;
use crate::support::world::{World, command_line};

const CODEX: &[&str] = &["codex", "exec", "do it"];

/// A tool that says that it runs, and ends when the test says so.
fn waits_for(name: &str) -> Reply {
    Reply::exec(&format!("touch {name}-begun; while [ ! -e {name} ]; do sleep 0.05; done"))
}

fn open<'w>(world: &'w World, lines: u16) -> Option<Terminal<'w>> {
    let terminal = Terminal::open_sized(world, 100)?;
    terminal.resize(100, lines);
    terminal.run_then_tell_code("govern top");
    terminal.wait_for("q quit");
    Some(terminal)
}

/// What an agent has spent, as its line on the screen says.
fn spent(screen: &str, agent: &str) -> Option<String> {
    let line = screen.lines().find(|line| line.contains(agent) && line.contains('$'))?;
    line.split_whitespace().find(|word| word.starts_with('$')).map(str::to_owned)
}

#[test]
fn a_run_appears_its_spend_moves_and_it_goes_again() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [waits_for("one"), waits_for("two"), Reply::message("done")]);
    let Some(terminal) = open(&world, 24) else { return };
    terminal.wait_for("Nothing runs here.");
    assert!(terminal.is_full_screen());
    let governed = world.start_governed(&["--agent", "builder", "--team", "web"], CODEX);
    let screen =
        terminal.wait_until("its first answer", |screen| spent(screen, "builder").is_some_and(|s| s != "$0.00"));
    let first = spent(&screen, "builder").unwrap();
    assert!(screen.contains("1 run, 1 agent") && screen.contains("web"), "{screen}");
    world.write("work/one", "");
    terminal.wait_until("its second answer", |screen| spent(screen, "builder").is_some_and(|s| s != first));
    terminal.press("Enter");
    let closer = terminal.wait_until("a closer look", |screen| screen.contains("Spend of the last 30 min"));
    assert!(closer.contains("codex exec") && closer.contains("Sessions"), "{closer}");
    terminal.resize(80, 30);
    terminal.wait_for("What it did, the last first");
    terminal.press("Escape");
    world.write("work/two", "");
    governed.finish_among_others().expect_code(0);
    terminal.wait_for("Nothing runs here.");
    terminal.type_text("q");
    let (code, screen) = terminal.wait_for_code();
    assert_eq!((code, terminal.is_full_screen()), (0, false), "{screen}");
}

#[test]
fn at_any_size_all_lines_fit_and_the_agent_is_there() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [waits_for("one"), Reply::message("done")]);
    let Some(terminal) = open(&world, 24) else { return };
    let governed = world.start_governed(&["--agent", "builder", "--team", "web"], CODEX);
    terminal.wait_until("its first answer", |screen| spent(screen, "builder").is_some());
    for (columns, lines) in [(80, 24), (200, 50), (60, 12), (120, 30)] {
        terminal.resize(columns, lines);
        let fits = |screen: &str| {
            let rows: Vec<&str> = screen.lines().collect();
            let is_keys = |row: &&str| ["q quit", "k stop"].iter().any(|keys| row.contains(keys));
            // The keys stand on the last line of the screen, wherever that is by now.
            rows.iter().rposition(is_keys) == Some(usize::from(lines) - 1)
                && rows.iter().all(|row| row.chars().count() <= usize::from(columns))
                && spent(screen, "builder").is_some()
        };
        terminal.wait_until(&format!("a whole screen of {columns} x {lines}"), fits);
    }
    world.write("work/one", "");
    governed.finish_among_others().expect_code(0);
}

#[test]
fn a_question_is_answered_there() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[gate]]\nname = \"asks\"\ntool = \"Bash\"\nmatch = [\"date*\"]\ndo = \"ask\"\nwait = \"1h\"\nelse = \"deny\"\n",
    );
    world.server.script(Select::root(), [Reply::exec("date"), Reply::message("done")]);
    let Some(terminal) = open(&world, 30) else { return };
    let governed = world.start_governed(&["--agent", "builder"], CODEX);
    terminal.wait_for("1 question waits");
    terminal.type_text("a");
    terminal.wait_for("question 1: agent `builder`");
    terminal.type_text("y");
    terminal.wait_for("Enter does it");
    terminal.type_text("it is harmless");
    terminal.press("Enter");
    governed.finish_among_others().expect_code(0);
    terminal.wait_for("Nothing waits for an answer.");
    let all = world.govern(&["approvals", "--all"]).out();
    assert!(all.contains("approved") && all.contains("it is harmless"), "{all}");
}

#[test]
fn pause_and_continue_are_done_and_stop_asks_first() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [waits_for("one"), Reply::message("done")]);
    let Some(terminal) = open(&world, 24) else { return };
    let governed = world.start_governed(&["--agent", "builder"], CODEX);
    terminal.wait_for("working");
    terminal.type_text("p");
    terminal.wait_for("is paused");
    terminal.wait_until("the state", |screen| screen.lines().any(|l| l.contains("builder") && l.contains("paused")));
    terminal.type_text("c");
    terminal.wait_for("goes on");
    terminal.type_text("k");
    terminal.wait_for("y does it");
    terminal.type_text("n");
    terminal.wait_for("not done");
    assert!(!world.agent_states().is_empty(), "it runs still");
    terminal.type_text("k");
    terminal.wait_for("y does it");
    terminal.type_text("y");
    world.write("work/one", "");
    governed.finish_among_others().expect_code(124);
    terminal.wait_for("Nothing runs here.");
}

#[test]
fn whoever_ends_it_finds_the_terminal_as_it_was() {
    let world = World::without_codex();
    for (signal, lines) in [(Signal::SIGTERM, 24), (Signal::SIGHUP, 12), (Signal::SIGQUIT, 24)] {
        let Some(terminal) = open(&world, lines) else { return };
        assert!(terminal.is_full_screen());
        let is_top = |pid: &i32| command_line(*pid).contains("top");
        let top = terminal.others().into_iter().find(is_top).unwrap();
        kill(Pid::from_raw(top), signal).unwrap();
        let (code, screen) = terminal.wait_for_code();
        assert_eq!((code, terminal.is_full_screen()), (0, false), "{signal}: {screen}");
        let (_, modes) = terminal.run_to_end("stty -a");
        let set = |mode: &str| modes.split_whitespace().any(|word| word == mode);
        assert!(["icanon", "echo", "isig"].into_iter().all(set), "{modes}");
    }
}

#[test]
fn without_a_terminal_it_is_refused_and_one_frame_is_plain_text() {
    let world = World::without_codex();
    world.govern(&["top"]).expect_code(2).expect_said("`govern top --once` prints one frame");
    let once = world.govern(&["top", "--once"]).expect_code(0).out();
    assert!(once.contains("nothing runs") && once.contains("Nothing runs here."), "{once}");
    assert!(!once.contains('\u{1b}'), "{once:?}");
}

#[test]
fn a_name_cannot_drive_the_terminal() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [waits_for("one"), Reply::message("done")]);
    let Some(terminal) = open(&world, 24) else { return };
    let hostile = "a\u{1b}[2Jb\u{9b}31m";
    let governed = world.start_governed(&["--agent", hostile, "--team", "t\u{1b}]0;owned\u{7}"], CODEX);
    let screen = terminal.wait_for("b\u{fffd}31m");
    assert!(screen.contains("govern") && screen.contains("q quit"), "{screen}");
    let once = world.govern(&["top", "--once"]).out();
    assert!(!once.contains(|c: char| c.is_control() && c != '\n'), "{once:?}");
    world.write("work/one", "");
    governed.finish_among_others().expect_code(0);
}
