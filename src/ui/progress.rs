//! A bar on standard error, where that is a terminal.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock;

/// What takes less shows no bar.
const PATIENCE: Duration = Duration::from_millis(200);

/// Bytes of how many; nothing at all where nobody watches.
pub struct Bytes {
    bar: Option<ProgressBar>,
    begun: Instant,
}

impl Bytes {
    /// A bar that appears once there was something to wait for.
    pub fn on_stderr(what: &'static str) -> Self {
        let watched = std::io::stderr().is_terminal();
        let bar = watched.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes} of {total_bytes}, {eta} left");
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar.set_message(what);
            bar
        });
        Self { bar, begun: clock::monotonic() }
    }

    /// So much is done.
    pub fn tell(&mut self, done: u64, total: u64) {
        let Some(bar) = &self.bar else { return };
        if clock::monotonic().duration_since(self.begun) < PATIENCE {
            return;
        }
        if bar.length().is_none() {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        bar.set_length(total);
        bar.set_position(done);
    }

    /// Leaves nothing behind.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
