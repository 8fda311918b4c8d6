//! What a shell command would run, as far as that can be known without running it.
//!
//! The text is read by a grammar of bash ([`syntax`]). Every simple command in it is found, wherever it stands, its
//! quotes taken away ([`word`]), and followed into what it starts itself ([`program`]): `bash -lc '…'`, `sudo`, `xargs`.
//! What only the shell will know (variables, substitutions, patterns) is kept as a gap. What cannot be read at all is
//! one gap, with the reason.
//!
//! This is a seat-belt. What a command reads from files (scripts, make targets, packages' own scripts) is not followed;
//! `tests/it/slips.rs` lists what is caught and what is not.

mod builtins;
mod data;
mod environment;
mod expand;
mod forms;
mod git;
mod grammar;
mod inside;
mod interpreter;
mod language;
mod launch;
mod make;
mod options;
mod program;
pub mod quick;
mod reader;
mod start;
mod syntax;
mod tasks;
#[cfg(test)]
mod tests;
mod unknown;
mod values;
mod variables;
mod word;

use reader::Reader;
pub use word::Piece;
use word::Word;

/// How much of a command a person is shown.
const MOST_SHOWN: usize = 120;

/// What a tool is told to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandLine<'a> {
    /// For a shell to read.
    Text(&'a str),
    /// A program and its arguments, read by no shell.
    Words(&'a [String]),
}

/// All that a command line would run.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    commands: Vec<Command>,
    doubts: Vec<String>,
}

/// One command of a [`Reading`].
#[derive(Clone, Debug)]
pub struct Command {
    shown: String,
    forms: Vec<Vec<Piece>>,
    arguments: Vec<Vec<Piece>>,
    unreadable: Option<String>,
    only_starts: bool,
    is_carried: bool,
}

impl Command {
    fn new(words: &[Word], forms: Vec<Vec<Piece>>, only_starts: bool, is_carried: bool) -> Self {
        let mut shown = String::new();
        for word in words.iter().take(MOST_SHOWN) {
            if !shown.is_empty() {
                shown.push(' ');
            }
            shown.push_str(&word.shown());
        }
        if let Some((end, _)) = shown.char_indices().nth(MOST_SHOWN) {
            shown.truncate(end);
            shown.push('…');
        }
        let arguments = words.iter().skip(1).map(|word| word.pieces.clone()).collect();
        Self { shown, forms, arguments, unreadable: None, only_starts, is_carried }
    }

    fn of_nothing_known(why: String) -> Self {
        Self {
            shown: "…".to_owned(),
            forms: vec![vec![Piece::Unknown]],
            arguments: vec![vec![Piece::Unknown]],
            unreadable: Some(why),
            only_starts: false,
            is_carried: false,
        }
    }

    /// For a person, cut where it is long; `…` stands for what is not known.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// As written and as its own options allow it to be written otherwise, each a whole command.
    pub fn forms(&self) -> impl Iterator<Item = &[Piece]> {
        self.forms.iter().map(Vec::as_slice)
    }

    /// Its words behind the program's name, one by one.
    pub fn arguments(&self) -> impl Iterator<Item = &[Piece]> + Clone {
        self.arguments.iter().map(Vec::as_slice)
    }

    /// Why nothing is known of it.
    pub fn unreadable(&self) -> Option<&str> {
        self.unreadable.as_deref()
    }

    /// It only starts another command, which is in the reading too: `env`, `bash -c`.
    pub fn only_starts(&self) -> bool {
        self.only_starts
    }

    /// Words of a program that is not known here, which may start them as a command.
    pub fn is_carried(&self) -> bool {
        self.is_carried
    }

    /// Every word of it is known.
    pub fn is_known(&self) -> bool {
        self.unreadable.is_none() && self.forms.iter().flatten().all(|piece| matches!(piece, Piece::Character(_)))
    }
}

impl Reading {
    /// Reads a command line. Never fails: what cannot be read is a command that may be anything.
    pub fn of(line: CommandLine<'_>) -> Self {
        let reader = Reader::default();
        match line {
            CommandLine::Text(text) => reader.read_text(text),
            CommandLine::Words(words) => reader.read_words(words.iter().map(|word| Word::of(word)).collect()),
        }
    }

    /// All commands that it would or may run.
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// What makes it uncertain what the commands do, although each can be read.
    pub fn doubts(&self) -> &[String] {
        &self.doubts
    }

    /// One of its commands is this program for certain, whatever its arguments are.
    pub fn runs(&self, program: &str) -> bool {
        let begins = |form: &Vec<Piece>| {
            let mut pieces = form.iter();
            program.chars().all(|c| pieces.next() == Some(&Piece::Character(c)))
                && matches!(pieces.next(), None | Some(Piece::Character(' ') | Piece::Unknown))
        };
        self.commands.iter().any(|command| command.forms.iter().any(begins))
    }
}
