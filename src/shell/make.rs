//! Pure. What `make` is told on its command line: rules, and settings that are commands.

use super::options::values_of;
use super::start::{Reader, Stdin, is, is_stdin};
use super::word::{Piece, Word};

impl Reader {
    pub(super) fn make(&mut self, arguments: &[Word], stdin: &Stdin, depth: usize) {
        for (at, word) in arguments.iter().enumerate() {
            let rules = ["--eval", "-E"].iter().flat_map(|option| values_of(arguments, at, option)).next();
            if rules.is_some() && word.shown().starts_with('-') {
                self.unreadable("rules on the command line of `make` cannot be read");
            }
            let file = ["-f", "--file", "--makefile"].iter().flat_map(|option| values_of(arguments, at, option)).next();
            let is_door = |file: &Word| file.text().is_some_and(|path| path != "-" && is_stdin(&path));
            let may_be_stdin = |file: &Word| is(file, "-") || file.text().is_none();
            if file.is_some_and(|file| is_door(&file) || (may_be_stdin(&file) && *stdin != Stdin::Inherited)) {
                self.unreadable("what `make` reads cannot be read");
            }
            let equals = word.pieces.iter().position(|piece| *piece == Piece::Character('='));
            let Some(equals) = equals.filter(|_| !word.shown().starts_with('-')) else { continue };
            let value = word.part(word.pieces.get(equals + 1..));
            let computes = |text: &str| text.contains(['$', '`']) || word.shown().contains("!=");
            match value.text() {
                Some(text) if computes(&text) => self.unreadable("a setting of `make` that it computes cannot be read"),
                Some(text) => self.carried_text(&text, depth),
                None => {}
            }
        }
    }
}
