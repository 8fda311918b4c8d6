//! What `make` is told on its command line: rules, and settings that are commands.

use super::options::values_of;
use super::tasks::{Stdin, Tasks, is_stdin};
use super::unknown::carried_text;
use super::word::{Piece, Word};

pub(super) fn make(tasks: &mut Tasks, arguments: &[Word], stdin: &Stdin) {
    for (at, word) in arguments.iter().enumerate() {
        let rules = ["--eval", "-E"].iter().flat_map(|option| values_of(arguments, at, option)).next();
        if rules.is_some() && word.shown().starts_with('-') {
            tasks.unreadable("rules on the command line of `make` cannot be read");
        }
        let file = ["-f", "--file", "--makefile"].iter().flat_map(|option| values_of(arguments, at, option)).next();
        let is_door = |file: &Word| file.text().is_some_and(|path| path != "-" && is_stdin(&path));
        let may_be_stdin = |file: &Word| file.is("-") || file.text().is_none();
        if file.is_some_and(|file| is_door(&file) || (may_be_stdin(&file) && *stdin != Stdin::Inherited)) {
            tasks.unreadable("what `make` reads cannot be read");
        }
        let equals = word.pieces.iter().position(|piece| *piece == Piece::Character('='));
        let Some(equals) = equals.filter(|_| !word.shown().starts_with('-')) else { continue };
        let value = word.part(word.pieces.get(equals + 1..));
        let computes = |text: &str| text.contains(['$', '`']) || word.shown().contains("!=");
        match value.text() {
            Some(text) if computes(&text) => tasks.unreadable("a setting of `make` that it computes cannot be read"),
            Some(text) => carried_text(tasks, &text),
            None => {}
        }
    }
}
