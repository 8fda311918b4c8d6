//! Programs of which nothing is known, and those whose words are data.
//!
//! What a program that is not known makes of its words nobody can say. It is taken to run a command where its words
//! name one, and to run code where they hold some: text that is more than words, numbers and paths.

use super::options::values_of;
use super::tasks::{How, Stdin, Tasks, is_stdin};
use super::word::{Piece, Word};

/// A program whose arguments are data, but for the values of some options.
pub(super) fn data(tasks: &mut Tasks, name: &str, arguments: &[Word], options: &[&str]) {
    for at in 0..arguments.len() {
        for value in options.iter().flat_map(|option| values_of(arguments, at, option)) {
            told_to_run(tasks, name, &value);
        }
    }
}

/// The value of an option that is a command.
pub(super) fn told_to_run(tasks: &mut Tasks, name: &str, value: &Word) {
    match value.text() {
        Some(text) => {
            carried_text(tasks, &text);
            tasks.script(text.trim_start_matches("exec=").trim_start_matches(['|', '!']));
        }
        None => tasks.unreadable(format!("what `{name}` is told to run cannot be read")),
    }
}

/// A program that is not known.
pub(super) fn unknown(tasks: &mut Tasks, name: &str, arguments: &[Word], stdin: &Stdin) {
    let words = split(arguments);
    for (index, word) in words.iter().enumerate() {
        if tasks.is_full() {
            return;
        }
        match word.text() {
            Some(text) if !is_plain(&text) => {
                tasks.unreadable(format!("`{name}` is not known here, and what it is given may be code"));
            }
            Some(text) if text.contains([' ', ',', ':', '=']) => carried_text(tasks, &text),
            Some(text) if text.starts_with('-') || text.is_empty() => {}
            None if word.pieces.first() == Some(&Piece::Unknown) => {}
            _ => tasks.command_at(&words, index, stdin, How::Carried),
        }
    }
    match stdin {
        Stdin::Text(text) if !is_plain(text) => {
            tasks.unreadable(format!("`{name}` is not known here, and what it reads may be code"));
        }
        Stdin::Text(text) => carried_text(tasks, text),
        Stdin::Written => tasks.unreadable(format!("`{name}` is not known here, and what it reads may be code")),
        Stdin::Inherited | Stdin::File | Stdin::Unknown | Stdin::Piped => {}
    }
}

/// A text that may be a command for somebody: all its words may begin one.
pub(super) fn carried_text(tasks: &mut Tasks, text: &str) {
    for line in text.split(['\n', ';', '|', '&', '(', ')', '`']) {
        let parts = line.split(|c: char| c.is_whitespace() || ",:=".contains(c));
        let parts =
            parts.map(|word| word.trim_matches(['\'', '"', '!', '[', ']', '{', '}'])).filter(|word| !word.is_empty());
        let words: Vec<Word> = parts.map(Word::of).collect();
        for (index, word) in words.iter().enumerate() {
            if !word.shown().starts_with('-') && !tasks.is_full() {
                tasks.command_at(&words, index, &Stdin::Inherited, How::Carried);
            }
        }
    }
}

/// A file that is run, with its arguments.
pub(super) fn file(tasks: &mut Tasks, path: &str, arguments: &[Word], stdin: &Stdin) {
    if !is_stdin(path) {
        unknown(tasks, path, arguments, stdin);
    }
}

/// `--option=value` as two words; of `!tests/**`, which leaves files out, the pattern.
fn split(arguments: &[Word]) -> Vec<Word> {
    let mut words = Vec::new();
    for word in arguments {
        let equals = word.pieces.iter().position(|piece| *piece == Piece::Character('='));
        match equals.filter(|_| word.pieces.first() == Some(&Piece::Character('-'))) {
            Some(at) => {
                words.push(word.part(word.pieces.get(..at)));
                words.push(word.part(word.pieces.get(at + 1..)));
            }
            None => words.push(left_out(word).unwrap_or_else(|| word.clone())),
        }
    }
    words
}

/// The pattern on files behind a `!`.
fn left_out(word: &Word) -> Option<Word> {
    let text = word.text()?;
    text.strip_prefix('!').filter(|pattern| pattern.contains(['/', '*'])).map(Word::of)
}

/// Words, numbers, paths and patterns on paths: no language can say much with these.
pub(super) fn is_plain(text: &str) -> bool {
    text.chars().all(|c| {
        !c.is_ascii()
            || c.is_ascii_alphanumeric()
            || matches!(
                c,
                ' ' | '_'
                    | '-'
                    | '.'
                    | '/'
                    | ':'
                    | '='
                    | '@'
                    | ','
                    | '%'
                    | '+'
                    | '~'
                    | '^'
                    | '*'
                    | '?'
                    | '#'
                    | '['
                    | ']'
                    | '{'
                    | '}'
            )
    })
}
