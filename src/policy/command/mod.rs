//! Pure. What a shell command would run, as far as that can be known without running it.
//!
//! The text is read by a grammar of bash ([`syntax`]). Every simple command in it is found, wherever it stands, its
//! quotes taken away ([`word`]), and followed into what it starts itself ([`program`]): `bash -lc '…'`, `sudo`, `xargs`.
//! What only the shell will know (variables, substitutions, patterns) is kept as a gap, and a pattern matches if
//! *any* way to fill the gaps does. What cannot be read at all is one gap, which every pattern matches.
//!
//! This is a seat-belt. What a command reads from files (scripts, make targets, packages' own scripts) is not followed;
//! `tests/it/slips.rs` lists what is caught and what is not.

mod feed;
mod git;
mod pattern;
mod program;
mod start;
mod syntax;
#[cfg(test)]
mod tests;
mod word;

pub use pattern::CommandPattern;
use word::{Piece, Word};

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
    commands: Vec<Simple>,
    /// What makes it uncertain what the commands do, although each can be read.
    doubts: Vec<String>,
}

/// One command of a [`Reading`].
#[derive(Clone, Debug)]
struct Simple {
    /// For a person, cut where it is long; `…` stands for what is not known.
    shown: String,
    /// As written and as its own options allow it to be written otherwise, each a whole command.
    forms: Vec<Vec<Piece>>,
    /// Why nothing is known of it.
    unreadable: Option<String>,
    /// It only starts another command, which is in the reading too: `env`, `bash -c`.
    only_starts: bool,
}

impl Simple {
    fn new(words: &[Word], forms: Vec<Vec<Piece>>, only_starts: bool) -> Self {
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
        Self { shown, forms, unreadable: None, only_starts }
    }

    /// Nothing is known of it.
    fn unreadable(why: String) -> Self {
        Self { shown: "…".to_owned(), forms: vec![vec![Piece::Unknown]], unreadable: Some(why), only_starts: false }
    }

    fn may_match(&self, pattern: &CommandPattern) -> bool {
        self.forms.iter().any(|form| pattern.may_match(form))
    }

    fn is_known(&self) -> bool {
        self.unreadable.is_none() && self.forms.iter().flatten().all(|piece| *piece != Piece::Unknown)
    }

    fn because(&self, pattern: Option<&CommandPattern>) -> String {
        match (&self.unreadable, pattern) {
            (Some(why), Some(pattern)) => format!("{why}: it may be `{pattern}`"),
            (Some(why), None) => why.clone(),
            (None, Some(pattern)) if self.is_known() => format!("`{}` matches `{pattern}`", self.shown),
            (None, Some(pattern)) => format!("`{}` may be `{pattern}`", self.shown),
            (None, None) => format!("`{}`", self.shown),
        }
    }
}

impl Reading {
    /// Reads a command line. Never fails: what cannot be read is a command that may be anything.
    pub fn of(line: CommandLine<'_>) -> Self {
        let mut reader = start::Reader::default();
        match line {
            CommandLine::Text(text) => reader.script(text, 0),
            CommandLine::Words(words) => {
                let words = words.iter().map(|word| Word::of(word)).collect();
                reader.simple(words, start::Stdin::Inherited, 0);
            }
        }
        reader.into_reading()
    }

    /// Why the command line is one that is meant by `wanted` and not by `except`, for a person; `None` if it is not.
    /// It is meant if *any* of its commands may match a pattern of `wanted` (all do, where that is empty) and no
    /// pattern of `except`. These only count where the whole line is understood.
    pub fn because(&self, wanted: &[CommandPattern], except: &[CommandPattern]) -> Option<String> {
        let is_clear = self.doubts.is_empty() && self.commands.iter().all(Simple::is_known);
        let mut found: Option<(bool, String)> = None;
        for command in &self.commands {
            let pattern = wanted.iter().find(|pattern| command.may_match(pattern));
            let is_meant = if wanted.is_empty() { !command.only_starts } else { pattern.is_some() };
            let is_excepted = is_clear && except.iter().any(|pattern| command.may_match(pattern));
            if is_meant && !is_excepted {
                let known = command.is_known();
                // What is certain says more than what may be.
                if found.as_ref().is_none_or(|(certain, _)| known && !certain) {
                    found = Some((known, command.because(pattern)));
                }
            }
        }
        let doubt = || self.doubts.first().filter(|_| wanted.is_empty()).cloned();
        found.map(|(_, because)| because).or_else(doubt)
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
