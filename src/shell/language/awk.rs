//! Awk: pipes, `system`, and what is loaded.

use super::super::word::Word;
use super::Found;
use super::names::{first_of, named};

/// The program is the first operand, unless it comes from a file; `-v` and `-F` take a value.
pub(super) fn programs(arguments: &[Word]) -> Found {
    let mut found = Found { operand: arguments.len(), says_only: true, ..Found::default() };
    let mut from_file = false;
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        at += 1;
        let shown = word.shown();
        let value = || arguments.get(at).cloned();
        match shown.as_str() {
            "-v" | "-F" | "--assign" | "--field-separator" => at += 1,
            "-f" | "--file" | "-E" | "--exec" | "-i" | "--include" | "-l" | "--load" => {
                let is_open = value().is_none_or(|file| super::super::tasks::is_stdin(&file.shown()));
                if is_open {
                    found.programs.push(Word::unknown());
                }
                from_file |= matches!(shown.as_str(), "-f" | "--file" | "-E" | "--exec");
                at += 1;
            }
            "-e" | "--source" => {
                found.programs.extend(value());
                from_file = true;
                at += 1;
            }
            "--" => {}
            _ if shown.starts_with("--source=")
                || shown.starts_with("-e")
                || shown.starts_with("-l")
                || shown.starts_with("-i") =>
            {
                found.programs.push(Word::unknown());
            }
            _ if shown.starts_with("-f") => from_file = true,
            _ if shown.starts_with('-') && shown.len() > 1 => {}
            _ => {
                if !from_file {
                    found.programs.push(word.clone());
                }
                break;
            }
        }
    }
    found
}

/// Whether a slash in brackets ends a regular expression is told differently by different kinds of awk: both are tried.
pub(super) fn starts_processes(text: &str) -> Option<String> {
    let found = |brackets_hold: bool| {
        let code = without_texts(text, brackets_hold);
        let pipe = code.replace("||", "").contains('|').then(|| named("|"));
        pipe.or_else(|| first_of(&code, &["system"])).or_else(|| code.contains('@').then(|| named("@")))
    };
    found(false).or_else(|| found(true)).or_else(|| text.contains("/inet").then(|| named("/inet")))
}

/// The program without strings, regular expressions and comments. What may be a division is left: a text too much is
/// asked about, code is never left out.
fn without_texts(text: &str, brackets_hold: bool) -> String {
    let mut code = String::new();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let before = code.trim_end_matches([' ', '\t']).chars().next_back();
        let begins_regex = before.is_none_or(|c| "{(,;!~&|\n}=?:".contains(c));
        match c {
            '"' => {
                skip(&mut characters, '"', false);
                code.push('0');
            }
            '/' if begins_regex => {
                skip(&mut characters, '/', brackets_hold);
                code.push('0');
            }
            '#' => {
                while characters.peek().is_some_and(|c| *c != '\n') {
                    characters.next();
                }
            }
            other => code.push(other),
        }
    }
    code
}

/// Up to the end of a string or a regular expression.
fn skip(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, end: char, brackets_hold: bool) {
    let mut in_brackets = false;
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                characters.next();
            }
            '\n' => return,
            '[' if brackets_hold => in_brackets = true,
            ']' => in_brackets = false,
            c if c == end && !in_brackets => return,
            _ => {}
        }
    }
}
