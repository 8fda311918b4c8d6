//! Where the programs of an interpreter stand among its options.

use super::super::options::values_of;
use super::super::unknown::is_plain;
use super::super::word::{Piece, Word};
use super::{Language, perl};

/// Where programs stand on a command line.
#[derive(Debug, Default)]
pub(in crate::shell) struct Found {
    /// Each program.
    pub(in crate::shell) programs: Vec<Word>,
    /// Why it is not known where they stand.
    pub(in crate::shell) unknown: Option<String>,
    /// The module that is run instead of a file.
    pub(in crate::shell) module: Option<Word>,
    /// The first argument that is no option.
    pub(in crate::shell) operand: usize,
    /// It only says something of itself: `--version`.
    pub(in crate::shell) says_only: bool,
    /// It waits for what is typed: `-i`.
    pub(in crate::shell) prompts: bool,
}

impl Found {
    /// A script that another program writes is read.
    pub(in crate::shell) fn reads(&mut self, file: &Word) {
        if file.shown().contains("/dev/fd/") {
            self.unknown = Some("the script that another program writes it cannot be read".to_owned());
        }
    }
}

/// The options of an interpreter.
pub(super) struct OptionForms {
    /// Letters whose value is a program.
    pub(super) code: &'static str,
    /// Letters with a value: the rest of their word, or the next one.
    pub(super) valued: &'static str,
    /// Letters whose value, if any, is the rest of their word.
    pub(super) attached: &'static str,
    /// Letters whose value is a module that is loaded.
    pub(super) modules: &'static str,
    /// Letters that stand alone.
    pub(super) flags: &'static str,
    /// Long options whose value is a program.
    pub(super) long_code: &'static [&'static str],
    /// Long options whose value is the next word.
    pub(super) long_valued: &'static [&'static str],
}

/// Where options are those of `getopt`: their letters may stand together.
pub(super) fn by_shape(language: Language, arguments: &[Word], shape: &OptionForms) -> Found {
    let mut found = Found::default();
    let mut at = 0;
    if language == Language::JavaScript && arguments.first().is_some_and(|word| word.shown() == "eval") {
        found.programs.extend(arguments.iter().skip(1).find(|word| !word.shown().starts_with('-')).cloned());
        found.operand = arguments.len();
        return found;
    }
    while let Some(word) = arguments.get(at) {
        let shown = word.shown();
        if shown == "--" || !shown.starts_with('-') || shown == "-" {
            at += usize::from(shown == "--");
            break;
        }
        at += 1;
        if let Some(long) = shown.strip_prefix("--") {
            at = long_option(&mut found, arguments, at, long, shape);
            continue;
        }
        let before = found.programs.len();
        at = letters(&mut found, arguments, at, shape);
        // Behind its program an interpreter takes nothing for its own.
        if found.module.is_some()
            || found.unknown.is_some()
            || (found.programs.len() > before && language == Language::Python)
        {
            break;
        }
    }
    found.operand = at;
    found
}

fn long_option(found: &mut Found, arguments: &[Word], at: usize, long: &str, shape: &OptionForms) -> usize {
    let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
    let next = arguments.get(at).cloned().unwrap_or_else(Word::unknown);
    let is_code = shape.long_code.contains(&name);
    let is_valued = shape.long_valued.contains(&name);
    let given = value.map_or(next, |value| if value.contains('…') { Word::unknown() } else { Word::of(value) });
    if is_code {
        found.programs.push(given);
    } else if is_valued && given.shown().starts_with("data:") {
        found.programs.push(Word::unknown());
    }
    at + usize::from(value.is_none() && (is_code || is_valued))
}

/// One word of letters; gives where the next stands.
fn letters(found: &mut Found, arguments: &[Word], mut at: usize, shape: &OptionForms) -> usize {
    let Some(word) = at.checked_sub(1).and_then(|at| arguments.get(at)) else { return at };
    let shown: Vec<char> = word.shown().chars().collect();
    let mut index = 1;
    while let Some(letter) = shown.get(index) {
        index += 1;
        let rest: Word = word.part(word.pieces.get(index..));
        let has_rest = !rest.pieces.is_empty();
        if shape.code.contains(*letter) {
            // `node -pe`: the program is behind both.
            let goes_on = rest.text().is_some_and(|rest| rest.chars().all(|c| shape.code.contains(c)));
            if has_rest && goes_on {
                continue;
            }
            let next = arguments.get(at).cloned();
            found.programs.extend(if has_rest { Some(rest) } else { next });
            return at + usize::from(!has_rest);
        } else if shape.valued.contains(*letter) {
            return at + usize::from(!has_rest);
        } else if shape.modules.contains(*letter) {
            let module = if has_rest { rest } else { arguments.get(at).cloned().unwrap_or_else(Word::unknown) };
            at += usize::from(!has_rest);
            if shape.code == "c" {
                found.module = Some(module);
            } else {
                found.programs.extend(perl::module(&module));
            }
            return at;
        } else if shape.attached.contains(*letter) {
            // `perl -0777 -ne` and `-lne`: digits belong to it; of `-i` and `-F` all that follows.
            if matches!(letter, 'i' | 'F' | 'x' | 'C' | 'D' | 'V' | 'T' | 'K' | 'W') {
                return at;
            }
            if *letter == 'd' && has_rest {
                found.programs.push(Word::unknown());
                return at;
            }
            while shown.get(index).is_some_and(char::is_ascii_hexdigit)
                && shown.get(index).is_some_and(|c| c.is_ascii_digit())
            {
                index += 1;
            }
        } else if !shape.flags.contains(*letter) {
            found.unknown = Some(format!("what its option `{}` does is not known here", word.shown()));
            return at;
        }
    }
    at
}

/// Programs behind some options; all else is data, or the name of a file.
pub(super) fn by_options(arguments: &[Word], options: &[&str], operands: bool) -> Found {
    let mut found = Found { operand: arguments.len(), ..Found::default() };
    let mut takes_next = false;
    for (at, word) in arguments.iter().enumerate() {
        let shown = word.shown();
        for option in options {
            let values = values_of(arguments, at, option);
            if !values.is_empty() {
                takes_next = true;
                found.programs.extend(values.into_iter().take(1));
            }
        }
        let is_option = shown.starts_with(['-', '+']);
        // `sqlite3 app.db '.shell …'`: what is more than a name.
        let is_more = !is_plain(&shown) || shown.starts_with(['.', '\\']);
        if operands && !is_option && !takes_next && is_more {
            found.programs.push(word.clone());
        }
        takes_next = takes_next && is_option;
    }
    if found.programs.is_empty() {
        let file = |word: &Word| ["-f", "--file", "-init", "-l", "--list"].contains(&word.shown().as_str());
        found.says_only = arguments.iter().any(file);
        found.operand = arguments.iter().position(|word| !word.shown().starts_with('-')).unwrap_or(arguments.len());
    }
    found
}

/// `vim -c COMMAND`, `+COMMAND`, `emacs --eval CODE`.
pub(super) fn editor(arguments: &[Word]) -> Found {
    let mut found =
        by_options(arguments, &["-c", "--cmd", "-S", "--eval", "--execute", "-f", "--funcall", "-l", "--load"], false);
    let is_plus = |word: &&Word| word.pieces.first() == Some(&Piece::Character('+'));
    let plus = arguments.iter().filter(is_plus).map(|word| word.part(word.pieces.get(1..)));
    found.programs.extend(plus);
    found
}

/// A language that is not read: each word may be a program.
pub(super) fn words(arguments: &[Word]) -> Found {
    let is_option = |word: &&Word| {
        let shown = word.shown();
        shown.starts_with('-') && !shown.contains(char::is_whitespace) && is_plain(&shown)
    };
    let programs: Vec<Word> = arguments.iter().filter(|word| !is_option(word)).cloned().collect();
    let is_code = |word: &Word| word.text().is_none_or(|text| text.contains(char::is_whitespace) || !is_plain(&text));
    let operand = arguments.iter().position(|word| !word.shown().starts_with('-')).unwrap_or(arguments.len());
    let behind = arguments.iter().any(|word| {
        let shown = word.shown();
        ["-c", "-e", "-E", "--eval", "--command", "-p", "-Command", "-r"].contains(&shown.as_str())
            || shown.starts_with("--eval=")
    });
    let programs = if behind { programs } else { programs.into_iter().filter(is_code).collect() };
    Found { programs, operand, ..Found::default() }
}
