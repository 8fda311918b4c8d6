//! Lines at the bottom of a terminal that are drawn again in place, below whatever else is said.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The lines as they are shown. Who draws says how often: nothing here wakes by itself.
#[derive(Debug)]
pub struct Board {
    target: fn() -> ProgressDrawTarget,
    bar: Option<ProgressBar>,
    shown: Vec<String>,
}

/// Nothing that is drawn may be left out, so the target never decides when.
const AT_ONCE: u8 = u8::MAX;

impl Board {
    /// On standard error; `None` where that is no terminal that can move its cursor.
    pub fn on_stderr() -> Option<Self> {
        Self::on(std::io::stderr().is_terminal(), || ProgressDrawTarget::stderr_with_hz(AT_ONCE))
    }

    /// The same on standard output.
    pub fn on_stdout() -> Option<Self> {
        Self::on(std::io::stdout().is_terminal(), || ProgressDrawTarget::stdout_with_hz(AT_ONCE))
    }

    fn on(terminal: bool, target: fn() -> ProgressDrawTarget) -> Option<Self> {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        (terminal && !dumb).then_some(Self { target, bar: None, shown: Vec::new() })
    }

    /// Shows these lines in the place of those before. Nothing is written where they are the same.
    pub fn draw(&mut self, lines: Vec<String>) {
        if self.bar.is_some() && self.shown == lines {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, (self.target)());
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_message(lines.join("\n"));
        self.shown = lines;
    }

    /// Says a line above; false where nothing is drawn.
    pub fn say(&self, line: &str) -> bool {
        let Some(bar) = &self.bar else { return false };
        bar.println(line);
        true
    }

    /// Somebody else writes to the same terminal meanwhile.
    pub fn around<T>(&self, act: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(act),
            None => act(),
        }
    }

    /// Takes the lines away, until they are drawn again.
    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
