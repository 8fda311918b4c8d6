//! A person at a terminal: a tmux of the test's own, with keys and a screen.

use std::process::Command;
use std::time::{Duration, Instant};

use super::process::LONG;
use super::world::World;

/// A session in a server of its own, ended on drop.
pub struct Terminal<'w> {
    world: &'w World,
    socket: String,
}

impl<'w> Terminal<'w> {
    /// Opens a shell in the world's working folder; `None`, said loudly, where there is no tmux.
    pub fn open(world: &'w World) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "no tmux in CI");
            eprintln!("SKIPPED: {}: no tmux", std::thread::current().name().unwrap_or("a test"));
            return None;
        }
        let terminal = Self { world, socket: world.path("tmux.socket").display().to_string() };
        // A plain prompt, whatever the user's shell says.
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "160", "-y", "48", "env PS1='ready> ' sh -i"]);
        terminal.wait_for("ready>");
        Some(terminal)
    }

    fn tmux(&self, args: &[&str]) -> String {
        let mut all = vec!["-S", &self.socket];
        all.extend(args);
        let done = self.world.command("tmux", &all).env("TERM", "xterm-256color").output().unwrap();
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

    /// What the screen shows.
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until the screen shows this text.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + LONG;
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(Instant::now() < deadline, "`{text}` did not appear:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let _ = self.world.command("tmux", &["-S", &self.socket, "kill-server"]).output();
    }
}
