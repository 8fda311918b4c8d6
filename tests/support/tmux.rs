//! A person at a terminal: a tmux of the test's own, with keys and a screen.

use std::cell::Cell;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::process::LONG;
use super::skip::skip;
use super::world::{World, command_line};

/// A session in a server of its own, ended on drop.
pub struct Terminal<'w> {
    world: &'w World,
    socket: String,
    commands: Cell<usize>,
}

impl<'w> Terminal<'w> {
    /// Opens a shell with job control in the world's working folder, 80 columns wide and 50 lines high; `None`, said
    /// loudly, where there is no tmux.
    pub fn open(world: &'w World) -> Option<Self> {
        Self::open_sized(world, 80)
    }

    /// One of another width.
    pub fn open_sized(world: &'w World, columns: u16) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            skip("there is no tmux");
            return None;
        }
        // One that was closed a moment ago may still be on its way out.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let socket = world.path(&format!("tmux-{}.socket", COUNT.fetch_add(1, Ordering::Relaxed)));
        let terminal = Self { world, socket: socket.display().to_string(), commands: Cell::new(0) };
        let width = columns.to_string();
        // A plain prompt and no history, whatever the user's shell says.
        let date = std::env::var("LD_PRELOAD").map(|library| format!("LD_PRELOAD={library}")).unwrap_or_default();
        let shell = format!("env {date} PS1='ready> ' HISTFILE= bash --noprofile --norc -i");
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", "50", &shell]);
        terminal.wait_for("ready>");
        Some(terminal)
    }

    fn tmux(&self, args: &[&str]) -> String {
        let mut all = vec!["-S", &self.socket];
        all.extend(args);
        // On another day that is for what runs in it: its server does not live through it.
        let mut tmux = self.world.command("tmux", &all);
        let done = tmux.env_remove("LD_PRELOAD").env("TERM", "xterm-256color").output().unwrap();
        assert!(done.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// Types text as it is.
    pub fn type_text(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
    }

    /// Presses a key by tmux's name for it, such as `Enter` or `C-c`.
    pub fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// Types a command and runs it.
    pub fn run(&self, command: &str) {
        self.type_text(command);
        self.press("Enter");
    }

    /// Types a command on a clean screen, runs it, and waits until its last line, which says its exit code, has come.
    #[track_caller]
    pub fn run_to_end(&self, command: &str) -> (i32, String) {
        self.run_then_tell_code(command);
        self.wait_for_code()
    }

    /// Types a command on a clean screen and runs it; [`Terminal::wait_for_code`] waits for its end.
    pub fn run_then_tell_code(&self, command: &str) {
        // What is typed does not hold the text that is waited for, and what ran before had another number.
        let number = self.commands.get() + 1;
        self.commands.set(number);
        self.run(&format!("clear; {command}; echo ex''it-code-{number}=$?."));
    }

    /// Waits for the end of what was run, and gives its exit code and the screen up to it.
    #[track_caller]
    pub fn wait_for_code(&self) -> (i32, String) {
        let mark = format!("exit-code-{}=", self.commands.get());
        let screen = self.wait_until("the command's exit code", |screen| {
            screen.split_once(&mark).is_some_and(|(_, code)| code.contains('.'))
        });
        let (before, after) = screen.split_once(&mark).unwrap();
        (after.split('.').next().unwrap().parse().unwrap(), before.to_owned())
    }

    /// What the screen shows.
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// What the screen shows, with the escape sequences for its colours.
    pub fn coloured_screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// What the screen shows, as a page that a browser draws.
    pub fn as_html(&self) -> String {
        // Where the machine has this world is nobody's.
        let shown = self.coloured_screen().replace(&self.world.work().display().to_string(), "/home/ann/shop");
        let shown = html(&shown);
        format!(
            "<!doctype html><meta charset=\"utf-8\"><style>html {{ background: {GROUND} }} \
             pre {{ margin: 12px; font: 14px/17px 'DejaVu Sans Mono', monospace; color: {TEXT} }}</style><pre>{shown}</pre>"
        )
    }

    /// A full-screen program has the screen.
    pub fn is_full_screen(&self) -> bool {
        self.tmux(&["display-message", "-p", "#{alternate_on}"]).trim() == "1"
    }

    /// Makes the window another size.
    pub fn resize(&self, columns: u16, lines: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &lines.to_string()]);
    }

    /// Closes the window, as a person or a broken connection does.
    pub fn close(&self) {
        self.tmux(&["kill-server"]);
    }

    /// The processes of the world besides this terminal and its shell.
    pub fn others(&self) -> Vec<i32> {
        let own = self.tmux(&["display-message", "-p", "#{pid} #{pane_pid}"]);
        let own: Vec<i32> = own.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        self.world.processes().into_iter().filter(|pid| !own.contains(pid)).collect()
    }

    /// Fails unless all that was run is gone soon.
    #[track_caller]
    pub fn expect_nothing_left(&self) {
        let deadline = Instant::now() + LONG;
        loop {
            let left = self.others();
            if left.is_empty() {
                return;
            }
            let left: Vec<String> = left.into_iter().map(command_line).collect();
            assert!(Instant::now() < deadline, "left running: {left:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the screen shows this text.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_until(text, |screen| screen.contains(text))
    }

    /// Waits until the screen is as it should be; `what` names that.
    #[track_caller]
    pub fn wait_until(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + LONG;
        loop {
            let screen = self.screen();
            if is(&screen) {
                return screen;
            }
            assert!(Instant::now() < deadline, "`{what}` did not appear:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let _ = self.world.command("tmux", &["-S", &self.socket, "kill-server"]).output();
    }
}

/// The colours of a terminal, as a picture shows them: ground, text, and the eight by their numbers.
const GROUND: &str = "#1d1f21";
const TEXT: &str = "#d8d8d8";
const COLOURS: [&str; 8] = ["#5c6370", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#ffffff"];

/// How letters look from one sequence to the next.
#[derive(Default)]
struct Manner {
    colour: Option<usize>,
    bold: bool,
    dim: bool,
    reversed: bool,
}

impl Manner {
    fn take(&mut self, code: usize) {
        match code {
            0 => *self = Self::default(),
            1 => self.bold = true,
            2 => self.dim = true,
            7 => self.reversed = true,
            22 => (self.bold, self.dim) = (false, false),
            27 => self.reversed = false,
            30..=37 => self.colour = Some(code - 30),
            90..=97 => self.colour = Some(code - 90),
            39 => self.colour = None,
            _ => {}
        }
    }

    fn style(&self) -> String {
        let colour = self.colour.map_or(TEXT, |number| COLOURS[number]);
        let (ground, text) = if self.reversed { (colour, GROUND) } else { (GROUND, colour) };
        let weight = if self.bold { "bold" } else { "normal" };
        let opacity = if self.dim { "0.65" } else { "1" };
        format!("color:{text};background:{ground};font-weight:{weight};opacity:{opacity}")
    }
}

/// Letters with their colours, as tmux writes them down, in HTML.
fn html(coloured: &str) -> String {
    let mut manner = Manner::default();
    let mut html = String::new();
    for (place, piece) in coloured.split("\u{1b}[").enumerate() {
        let text = match piece.split_once('m') {
            Some((codes, text)) if place > 0 => {
                // No number is 0.
                let codes: Vec<usize> = codes.split(';').map(|code| code.parse().unwrap_or_default()).collect();
                match codes[..] {
                    [38, 5, number] => manner.colour = Some(number % COLOURS.len()),
                    _ => codes.into_iter().for_each(|code| manner.take(code)),
                }
                text
            }
            _ => piece,
        };
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        html.push_str(&format!("<span style=\"{}\">{text}</span>", manner.style()));
    }
    html
}
