//! All ways to write a command: as it stands, by the program's name alone, and without what stands before a
//! subcommand.

use std::collections::BTreeSet;

use super::program::subcommands;
use super::word::{Piece, Word, joined};

/// Options before a subcommand; more of them nobody writes.
const MOST_OPTIONS: usize = 100;

/// All ways to write a command; `None` if it has too many options to tell.
pub(super) fn forms(words: &[Word], name: Option<&str>) -> Option<Vec<Vec<Piece>>> {
    let Some((first, arguments)) = words.split_first() else { return Some(Vec::new()) };
    let mut file = first.file_name();
    let mut words = words.to_vec();
    // A program that is named in quotes, or by a pattern on files, has no space in its name. Whatever else the pattern
    // names stands behind it.
    let more = if first.is_pattern { vec![Word::unknown()] } else { Vec::new() };
    if !first.splits || first.is_pattern {
        words.iter_mut().take(1).chain([&mut file]).for_each(|word| word.within());
        words.splice(1..1, more.iter().cloned());
    }
    let written = joined(&words);
    let named = |arguments: &[Word]| joined(&[std::slice::from_ref(&file), &more, arguments].concat());
    let mut forms = vec![named(arguments)];
    // A path in quotes is one program, whatever its folders are called.
    let is_one_path = name.is_some() && !first.splits && !first.is_known();
    if !is_one_path && written != forms.concat() {
        forms.push(written);
    }
    for start in starts(name.unwrap_or_default(), arguments)? {
        let form = named(arguments.get(start..).unwrap_or_default());
        if !forms.contains(&form) {
            forms.push(form);
        }
        // `gh release -R o/r create`: options between a subcommand and its own.
        let Some((subcommand, rest)) = arguments.get(start..).and_then(<[Word]>::split_first) else { continue };
        if rest.first().is_some_and(|word| word.shown().starts_with('-')) {
            for inner in starts(name.unwrap_or_default(), rest)? {
                let words = [std::slice::from_ref(subcommand), rest.get(inner..).unwrap_or_default()].concat();
                forms.push(named(&words));
            }
        }
    }
    Some(forms)
}

/// Where the subcommand may stand: where an option may or may not take the next word with it, there are two places.
/// `None` if there are too many options to tell.
pub(super) fn starts(name: &str, arguments: &[Word]) -> Option<BTreeSet<usize>> {
    let subcommands = subcommands(name);
    let mut open = BTreeSet::from([0]);
    let mut found = BTreeSet::new();
    while let Some(start) = open.pop_first() {
        let before = |shown: &String| shown.starts_with('-') || (shown.starts_with('+') && name == "cargo");
        let option = arguments.get(start).map(Word::shown).filter(before);
        let Some(option) = option else {
            found.insert(start.min(arguments.len()));
            continue;
        };
        if start >= MOST_OPTIONS {
            return None;
        }
        let takes_none = option.contains('=')
            || option == "--"
            || option.starts_with('+')
            || subcommands.alone.contains(&option.as_str());
        if !takes_none {
            open.insert(start + 2);
        }
        if takes_none || !subcommands.valued.contains(&option.as_str()) {
            open.insert(start + 1);
        }
    }
    Some(found)
}
