//! Standard error while an agent runs: `govern: …`, one whole line at a time.

use std::io::Write;

use super::Layout;
use super::board::Board;
use super::layout::{paint, wrapped};
use crate::report::page::Tone;
use crate::report::text::printable;

/// When notices are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Showing {
    /// At once.
    Live,
    /// When the agent's full-screen program has ended: until then they would tear its picture.
    AtEnd,
    /// Never: `--quiet`.
    Never,
}

/// Says things to the person while the agent has the terminal.
#[derive(Debug)]
pub struct Notices<W = std::io::Stderr> {
    out: W,
    look: Layout,
    showing: Showing,
    kept: Vec<(String, Tone)>,
    board: Option<Board>,
    /// Standard error is a screen, as wide as `look` says.
    on_screen: bool,
}

/// As wide as what a notice begins with.
const INDENT: &str = "        ";

/// More would be scrolled past unread; the ledger has them all.
const MOST_KEPT: usize = 200;

impl<W: Write> Notices<W> {
    /// Writes to `out`, which is standard error save in tests.
    pub fn new(out: W, look: Layout, showing: Showing) -> Self {
        Self { out, look, showing, kept: Vec::new(), board: None, on_screen: false }
    }

    /// The same above lines that are drawn in place.
    #[must_use]
    pub fn above(self, board: Option<Board>) -> Self {
        Self { board, ..self }
    }

    /// The same on a screen, if it is one: lines that are wider break between words.
    #[must_use]
    pub fn on_screen(self, on_screen: bool) -> Self {
        Self { on_screen, ..self }
    }

    /// Lines can be drawn in place below what is said.
    pub fn has_board(&self) -> bool {
        self.board.is_some()
    }

    /// Draws lines below what is said, in the place of those before.
    pub fn draw(&mut self, lines: Vec<String>) {
        if let Some(board) = &mut self.board {
            board.draw(lines);
        }
    }

    /// Takes those lines away, until they are drawn again.
    pub fn clear(&mut self) {
        if let Some(board) = &mut self.board {
            board.clear();
        }
    }

    /// Somebody else writes to the same terminal meanwhile.
    pub fn around<T>(&self, act: impl FnOnce() -> T) -> T {
        match &self.board {
            Some(board) => board.around(act),
            None => act(),
        }
    }

    /// Says one line. That nobody reads it any more is no reason to stop governing.
    pub fn say(&mut self, text: &str, tone: Tone) {
        match self.showing {
            Showing::Live => self.write(text, tone),
            Showing::AtEnd if self.kept.len() < MOST_KEPT => self.kept.push((text.to_owned(), tone)),
            Showing::AtEnd | Showing::Never => {}
        }
    }

    /// The agent's program has left the terminal: what was kept is said, and further lines at once.
    pub fn release(&mut self) {
        self.clear();
        if self.showing == Showing::AtEnd {
            self.showing = Showing::Live;
            for (text, tone) in std::mem::take(&mut self.kept) {
                self.write(&text, tone);
            }
        }
    }

    /// One write for the whole line, so that it doesn't mix with what the agent writes there.
    fn write(&mut self, text: &str, tone: Tone) {
        let text = printable(text);
        let lead = paint("govern:", tone, Layout { width: 0, ..self.look });
        let broken = || wrapped(&text, self.look.width.saturating_sub(INDENT.len())).join(&format!("\n{INDENT}"));
        if self.board.as_ref().is_some_and(|board| board.say(&format!("{lead} {}", broken()))) {
            return;
        }
        let line = if self.on_screen { format!("{lead} {}\n", broken()) } else { format!("{lead} {text}\n") };
        let _ = self.out.write_all(line.as_bytes()).and_then(|()| self.out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(showing: Showing, work: impl FnOnce(&mut Notices<&mut Vec<u8>>)) -> String {
        let mut out = Vec::new();
        work(&mut Notices::new(&mut out, Layout::plain(80), showing));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_one_line_whatever_is_in_it() {
        let text = said(Showing::Live, |notices| notices.say("half\nway \u{1b}[2J", Tone::Warn));
        assert_eq!(text, "govern: half way \u{fffd}[2J\n");
    }

    #[test]
    fn on_a_screen_a_long_line_breaks_between_words() {
        let mut out = Vec::new();
        let mut notices = Notices::new(&mut out, Layout::plain(24), Showing::Live).on_screen(true);
        notices.say("the next request would pass it", Tone::Warn);
        assert_eq!(String::from_utf8(out).unwrap(), "govern: the next request\n        would pass it\n");
    }

    #[test]
    fn under_a_full_screen_program_lines_wait_for_its_end() {
        let text = said(Showing::AtEnd, |notices| {
            notices.say("first", Tone::Warn);
            notices.say("second", Tone::Warn);
        });
        assert_eq!(text, "");
        let text = said(Showing::AtEnd, |notices| {
            notices.say("first", Tone::Warn);
            notices.release();
            notices.say("second", Tone::Warn);
        });
        assert_eq!(text, "govern: first\ngovern: second\n");
    }

    #[test]
    fn quiet_is_quiet() {
        let text = said(Showing::Never, |notices| {
            notices.say("first", Tone::Warn);
            notices.release();
        });
        assert_eq!(text, "");
    }
}
