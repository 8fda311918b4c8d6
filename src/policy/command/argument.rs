//! Patterns on a command's arguments, wherever they stand: arguments are a set.

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

    /// Each of them surely is among these arguments: as it is written, before a `--`, and not right behind an option, whose
    /// value it may be. None is taken back (`--no-dry-run`, `--dry-run false`).
    pub(super) fn surely_matches<'a>(&self, arguments: impl Iterator<Item = &'a [Piece]>) -> bool {
        let text = |argument: &[Piece]| argument.iter().map(|piece| piece.character()).collect::<Option<String>>();
        let Some(words) = arguments.map(text).collect::<Option<Vec<String>>>() else { return false };
        let words: Vec<&str> = words.iter().map(String::as_str).take_while(|word| *word != "--").collect();
        let before = std::iter::once("").chain(words.iter().copied());
        let after = words.iter().copied().skip(1).chain([""]);
        let is_by_itself = |(before, after): (&str, &str)| {
            (!before.starts_with('-') || before.contains('=')) && !["false", "no", "off", "0", "none"].contains(&after)
        };
        let around = words.iter().zip(before.zip(after));
        let by_itself: Vec<&str> = around.filter(|(_, around)| is_by_itself(*around)).map(|(word, _)| *word).collect();
        self.0.iter().all(|pattern| by_itself.iter().any(|word| pattern.is(word)) && !pattern.is_taken_back(&words))
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

    /// It is this word, as it is written.
    fn is(&self, word: &str) -> bool {
        self.whole.may_match(&word.chars().map(Piece::Character).collect::<Vec<_>>())
    }

    /// Another word may say the opposite: the option with another value, or with `no`, each also shortened, as programs take
    /// them (`--no-dry`, `--dry-run=false`). The last one counts for most.
    fn is_taken_back(&self, words: &[&str]) -> bool {
        let Some(name) = self.long.as_deref().and_then(|long| long.split('=').next()?.strip_prefix("--")) else {
            return false;
        };
        let (yes, no) = (format!("--{name}"), format!("--no-{name}"));
        words.iter().filter(|word| !self.is(word)).any(|word| {
            let said = word.split('=').next().unwrap_or_default();
            said.len() > "--".len() && (yes.starts_with(said) || no.starts_with(said))
        })
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
    fn what_is_let_past_for_an_argument_surely_has_it() {
        let met = |set: &[&str], line: &str| {
            let set = ArgumentSet(set.iter().map(|text| ArgumentPattern::new(text)).collect());
            set.surely_matches(Reading::of(CommandLine::Text(line)).commands()[0].arguments())
        };
        for (line, expected) in [
            ("git push --dry-run", true),
            ("git push origin main --dry-run", true),
            ("git push --dry-run --force origin", true),
            ("git push --push-option=x --dry-run", true),
            ("git push --push-option --dry-run", false),
            ("git push -- --dry-run", false),
            ("git push --dry-run --no-dry-run", false),
            ("git push --dry-run --no-dry origin HEAD", false),
            ("git push --dry-run --no-d origin HEAD", false),
            ("npm publish --dry-run --dry-run=false", false),
            ("npm publish --dry-run --dry false", false),
            ("npm publish --dry-run --dry-ru=false", false),
            ("git push --dry-run --no-verify", true),
            ("npm publish --dry-run false", false),
            ("npm publish --dry-run ./x", true),
            ("git push --dry", false),
            ("git push --dry-run=false", false),
            ("git push \"--dry-run\"", true),
            ("git push $x", false),
            ("git push --dry-run $x", false),
        ] {
            assert_eq!(met(&["--dry-run"], line), expected, "{line}");
        }
        assert!(met(&["--dry-run=client"], "kubectl apply -f x --dry-run=client"));
        assert!(!met(&["--dry-run=client"], "kubectl apply -f x --dry-run=client --dry-run=none"));
        assert!(met(&["-n"], "git push -n") && !met(&["-n"], "git push -on"));
        assert!(met(&["-n", "origin"], "git push origin -n") && !met(&["-n", "origin"], "git push -n"));
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
