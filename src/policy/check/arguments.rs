//! `args` and `not_args` of a `[[gate]]`: patterns on arguments, each alone or several that stand together.

use toml::Spanned;
use toml::de::DeValue;

use crate::policy::command::{ArgumentPattern, ArgumentSet};
use crate::policy::mistake::Notes;
use crate::policy::table::{Placed, Table, Text, as_text, wrong_type};

use super::{pattern, regular};

/// Nobody writes more by hand.
const MOST_ITEMS: usize = 100;

fn example(key: &str) -> &'static str {
    if key == "args" { "[\"-f\", \"--force*\"]" } else { "[\"--dry-run\", \"-n\"]" }
}

/// The sets of arguments, if the key is there; an empty list could never be met.
pub(super) fn check(table: &Table<'_>, key: &'static str, notes: &mut Notes) -> Option<Placed<Vec<ArgumentSet>>> {
    let Placed { value: items, span } = table.one_or_more(key, MOST_ITEMS, notes)?;
    if items.is_empty() {
        let hint = format!("write `{key} = {}`, or leave it out", example(key));
        notes.refuse(&span, format!("`{key}` is empty"), hint);
    }
    let sets = items.into_iter().filter_map(|item| set(item, key, notes)).collect();
    Some(Placed { value: sets, span })
}

/// One argument, or a list of arguments that stand together.
fn set(item: &Spanned<DeValue<'_>>, key: &str, notes: &mut Notes) -> Option<ArgumentSet> {
    let members: Vec<&Spanned<DeValue<'_>>> = match item.get_ref() {
        DeValue::Array(members) if members.is_empty() => {
            let hint = "write the arguments that stand together, such as `[\"-r\", \"-f\"]`";
            notes.refuse(&item.span(), format!("a list in `{key}` is empty"), hint);
            return None;
        }
        DeValue::Array(members) => members.iter().collect(),
        _ => vec![item],
    };
    let mut patterns = Vec::new();
    for member in members {
        match as_text(member) {
            Some(text) => patterns.extend(argument(&text, key, notes)),
            None => wrong_type(key, member, "a list of texts, or of lists of texts", example(key), notes),
        }
    }
    (!patterns.is_empty()).then_some(ArgumentSet(patterns))
}

fn argument(text: &Text<'_>, key: &str, notes: &mut Notes) -> Option<ArgumentPattern> {
    let written = pattern::bounded(text, notes)?;
    let words: Vec<&str> = written.split_whitespace().collect();
    match words.as_slice() {
        [] => {
            notes.refuse(
                &text.span,
                "the pattern is empty",
                format!("write one argument, such as in `{key} = {}`", example(key)),
            );
            None
        }
        [_] => {
            if let Some(what) = regular::in_command(written) {
                regular::warn(text, what, notes);
            } else if words == ["*"] {
                notes.warn(
                    &text.span,
                    "`*` is any argument at all",
                    format!("leave `{key}` out, or name the arguments"),
                );
            }
            Some(ArgumentPattern::new(written))
        }
        several => {
            let list = several.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
            let message = format!("`{written}` is more than one argument, and each is compared by itself");
            notes.refuse(&text.span, message, format!("write `[{list}]` in the list for those that stand together"));
            None
        }
    }
}
