//! Pure. Patterns on a command's arguments, wherever they stand: arguments are a set.

use std::fmt;

use super::CommandPattern;
use crate::shell::Piece;

/// Arguments that a command has all of, in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentSet(pub Vec<ArgumentPattern>);

/// A pattern on one argument. `-f` is also in `-uf`; `--force` is also `--force=x`, and `--forc`, as programs take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentPattern {
    whole: CommandPattern,
    /// The letter of an option that may stand among others.
    letter: Option<char>,
    /// A long option, as far as it is written out.
    long: Option<String>,
}

impl ArgumentSet {
    /// For all that is known, each of them is among these arguments.
    pub(super) fn may_match<'a>(&self, arguments: impl Iterator<Item = &'a [Piece]> + Clone) -> bool {
        self.0.iter().all(|pattern| arguments.clone().any(|argument| pattern.may_match(argument)))
    }
}

impl ArgumentPattern {
    /// Reads a pattern.
    pub fn new(text: &str) -> Self {
        let mut letters = text.strip_prefix('-').unwrap_or_default().chars();
        let letter = letters.next().filter(|c| c.is_ascii_alphanumeric() && letters.next().is_none());
        let long = text.strip_prefix("--").filter(|name| !name.is_empty());
        let written_out = |name: &str| name.split(['*', '?']).next().map(|name| format!("--{name}"));
        Self { whole: CommandPattern::new(text), letter, long: long.and_then(written_out) }
    }

    fn may_match(&self, argument: &[Piece]) -> bool {
        let before_value = argument.split(|piece| *piece == Piece::Character('=')).next().unwrap_or_default();
        self.whole.may_match(argument)
            || self.letter.is_some_and(|letter| is_among(letter, before_value))
            || self.long.as_deref().is_some_and(|long| self.is_long(long, before_value))
    }

    /// A long option with its value, or shortened.
    fn is_long(&self, long: &str, name: &[Piece]) -> bool {
        let text: Option<String> = name.iter().map(|piece| piece.character()).collect();
        match text {
            // Two letters at least: less would be many options.
            Some(text) => self.whole.may_match(name) || (text.len() > "--x".len() && long.starts_with(&text)),
            None => self.whole.may_match(name),
        }
    }
}

/// `-uf` has the letter `f`; so may one of which a part is not known.
fn is_among(letter: char, word: &[Piece]) -> bool {
    let [Piece::Character('-'), letters @ ..] = word else { return false };
    letters.first() != Some(&Piece::Character('-'))
        && letters.iter().any(|piece| piece.character().is_none_or(|known| known == letter))
}

impl fmt::Display for ArgumentSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pattern) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" and ")?;
            }
            pattern.whole.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::{CommandLine, Reading};

    fn met(set: &[&str], line: &str) -> bool {
        let set = ArgumentSet(set.iter().map(|text| ArgumentPattern::new(text)).collect());
        let reading = Reading::of(CommandLine::Text(line));
        set.may_match(reading.commands()[0].arguments())
    }

    #[test]
    fn an_argument_is_found_wherever_it_stands_and_however_it_is_written() {
        for (pattern, line, expected) in [
            ("-f", "git push origin main -f", true),
            ("-f", "git push -uf origin", true),
            ("-f", "git push -u origin", false),
            ("-f", "git push --follow-tags", false),
            ("-f", "git push origin f", false),
            ("-f", "git push -x=f", false),
            ("-f", "git push $x", true),
            ("-f", "git push -$x", true),
            ("-f", "git push origin x$y", false),
            ("--force", "git push --force", true),
            ("--force", "git push --forc", true),
            ("--force", "git push --f", false),
            ("--force", "git push --force=x", true),
            ("--force", "git push --force-with-lease", false),
            ("--force*", "git push --force-with-lease", true),
            ("--delete", "git push origin --delete main", true),
            ("--delete", "git push --dry-run", false),
            ("+*", "git push origin +main", true),
            ("+*", "git push origin main", false),
            (":*", "git push origin :main", true),
            (":*", "git push origin main:main", false),
            ("/", "rm -rf /", true),
            ("/", "rm -rf /tmp", false),
        ] {
            assert_eq!(met(&[pattern], line), expected, "{pattern} in {line}");
        }
    }

    #[test]
    fn a_set_is_met_by_all_of_its_arguments_in_any_order() {
        for (line, expected) in
            [("rm -rf x", true), ("rm -fr x", true), ("rm x -f -r", true), ("rm -r x", false), ("rm -f", false)]
        {
            assert_eq!(met(&["-r", "-f"], line), expected, "{line}");
        }
    }
}
