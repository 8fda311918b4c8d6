//! A fault of govern's own while it has the whole screen: what is told of it is read, and the terminal is as it was.

use std::io::Read as _;

use govern::ui::top::Screen;

use crate::support::tmux::Terminal;
use crate::support::world::World;

/// By this word this binary takes the screen, and fails at the first key.
pub(crate) const FAILS: &str = "fails-on-a-full-screen";

/// Does so.
pub(crate) fn fail() -> ! {
    let _screen = Screen::open(false).unwrap();
    let mut key = [0; 1];
    let _pressed = std::io::stdin().read(&mut key);
    panic!("a fault of govern's own");
}

pub(crate) fn a_fault_gives_the_terminal_back() {
    let world = World::without_codex();
    let Some(terminal) = Terminal::open(&world) else { return };
    terminal.run_then_tell_code(&format!("{} {FAILS}", std::env::current_exe().unwrap().display()));
    terminal.wait_until("nothing but its own screen", |_| terminal.is_full_screen());
    terminal.type_text("x");
    let (code, screen) = terminal.wait_for_code();
    assert_eq!((code, terminal.is_full_screen()), (101, false), "{screen}");
    assert!(screen.contains("a fault of govern's own"), "{screen}");
    let (_, modes) = terminal.run_to_end("stty -a");
    let set = |mode: &str| modes.split_whitespace().any(|word| word == mode);
    assert!(["icanon", "echo", "isig"].into_iter().all(set), "{modes}");
}
