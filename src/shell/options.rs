//! Options of programs: which take the next word with them.

use super::word::Word;

/// The options of one program, as `getopt` would read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// Letters that take a value: the rest of their word, or the next.
    pub(super) valued: &'static str,
    /// Letters that stand alone.
    pub(super) flags: &'static str,
    /// Long options whose value is the next word, if it does not stand behind `=`.
    pub(super) long_valued: &'static [&'static str],
    /// Words that stand before the command itself.
    pub(super) operands: usize,
    /// A number may be an option: `nice -5`.
    pub(super) numbers: bool,
}

impl Options {
    pub(super) const NONE: Self = Self { valued: "", flags: "", long_valued: &[], operands: 0, numbers: false };
}

/// Where the command begins behind the options; `None` if one of them is not known. Long ones without a value of
/// their own are taken for flags: `long_valued` names the others.
pub(super) fn operand(arguments: &[Word], options: &Options) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        let shown = word.shown();
        if shown == "--" {
            at += 1;
            break;
        }
        if !shown.starts_with('-') || shown == "-" {
            break;
        }
        let text = word.text().or_else(|| shown.contains('=').then_some(shown))?;
        if let Some(long) = text.strip_prefix("--") {
            at += if long.contains('=') || !options.long_valued.contains(&long) { 1 } else { 2 };
            continue;
        }
        let letters = text.strip_prefix('-').unwrap_or_default();
        if options.numbers && letters.chars().all(|c| c.is_ascii_digit()) {
            at += 1;
            continue;
        }
        at += cluster(letters, options)?;
    }
    Some((at + options.operands).min(arguments.len()))
}

/// How many words `-abc` takes.
fn cluster(letters: &str, options: &Options) -> Option<usize> {
    for (index, letter) in letters.char_indices() {
        if options.valued.contains(letter) {
            let rest = letters.get(index + letter.len_utf8()..).unwrap_or_default();
            return Some(if rest.is_empty() { 2 } else { 1 });
        }
        if !options.flags.contains(letter) {
            return None;
        }
    }
    Some(1)
}

/// The values that a word and the next give an option such as `-I` or `--use-compress-program`, written in any way that
/// `getopt` takes: alone, with its value, in a cluster, or shortened.
pub(super) fn values_of(arguments: &[Word], at: usize, option: &str) -> Vec<Word> {
    let Some(word) = arguments.get(at) else { return Vec::new() };
    let next = || arguments.get(at + 1).cloned().into_iter().collect::<Vec<_>>();
    let shown = word.shown();
    let behind = |from: usize| word.part(word.pieces.get(from..));
    let Some(long) = option.strip_prefix("--") else {
        let Some(letter) = option.strip_prefix('-').filter(|letters| letters.chars().count() == 1) else {
            let attached = shown.strip_prefix(option).is_some_and(|rest| rest.starts_with('='));
            let value = || vec![behind(option.chars().count() + 1)];
            return if shown == option {
                next()
            } else if attached {
                value()
            } else {
                Vec::new()
            };
        };
        let is_cluster = shown.starts_with('-') && !shown.starts_with("--");
        return match shown.find(letter).filter(|_| is_cluster) {
            Some(index) if index + 1 == shown.len() => next(),
            // It may be a letter of another option's value: then the next word is none of its own either.
            Some(_) => {
                let from = word
                    .pieces
                    .iter()
                    .position(|p| *p == super::word::Piece::Character(letter.chars().next().unwrap_or('-')));
                [vec![behind(from.map_or(0, |from| from + 1))], next()].concat()
            }
            None => Vec::new(),
        };
    };
    let Some(given) = shown.strip_prefix("--") else { return Vec::new() };
    match given.split_once('=') {
        Some((name, _)) if name.len() > 1 && long.starts_with(name) => vec![behind(name.len() + 3)],
        None if given.len() > 1 && long.starts_with(given) => next(),
        _ => Vec::new(),
    }
}
