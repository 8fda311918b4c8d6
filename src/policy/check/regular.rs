//! Regular expressions that were written where globs are read: one rule for every pattern of a policy.

use crate::policy::mistake::Notes;
use crate::policy::table::Text;

/// What of a pattern on commands stands for something in a regular expression alone.
pub(super) fn in_command(pattern: &str) -> Option<&'static str> {
    let dotted = || {
        let before = |at: usize| pattern.get(..at).and_then(|before| before.chars().next_back());
        pattern
            .match_indices(".*")
            .any(|(at, _)| before(at).is_none_or(|c| c.is_alphanumeric() || c == ')' || c == ' '))
    };
    anywhere(pattern).or_else(|| dotted().then_some("."))
}

/// The same of a pattern on paths: a dot before a star is that of a file's ending.
pub(super) fn in_path(pattern: &str) -> Option<&'static str> {
    anywhere(pattern)
}

/// The same of a pattern on names, models, branches, folders and remotes, in which dots stand before versions.
pub(super) fn in_value(pattern: &str) -> Option<&'static str> {
    let repeated = [")*", ".+", ")+", "]+"].into_iter().any(|sign| pattern.contains(sign));
    let dotted = pattern == ".*" || [").*", "].*", "/.*/"].into_iter().any(|sign| pattern.contains(sign));
    // In braces a glob has commas.
    let either = pattern.split('|').nth(1).is_some() && !pattern.starts_with('|') && !pattern.ends_with('|');
    match anywhere(pattern) {
        None if either => Some("|"),
        None if repeated && pattern.contains('+') => Some("+"),
        None if repeated || dotted => Some("."),
        found => found,
    }
}

fn anywhere(pattern: &str) -> Option<&'static str> {
    let has_class = ["\\s", "\\d", "\\w", "\\b", "\\S", "\\."].into_iter().find(|class| pattern.contains(class));
    let grouped = pattern.contains('(') && pattern.contains('|') && pattern.contains(')');
    if pattern.starts_with('^') {
        Some("^")
    } else if pattern.ends_with('$') {
        Some("$")
    } else if has_class.is_some() {
        has_class
    } else {
        grouped.then_some("|")
    }
}

/// Says so, and what to write instead.
pub(super) fn warn(text: &Text<'_>, what: &str, notes: &mut Notes) {
    let message = format!("`{}` is read as a glob, in which `{what}` stands for itself", text.value);
    notes.warn(&text.span, message, format!("no regular expressions: {}", as_glob(text.value)));
}

fn as_glob(written: &str) -> String {
    let plain = written.trim_start_matches('^').trim_end_matches('$');
    let plain = ["\\s+", "\\s*", "\\s"].into_iter().fold(plain.to_owned(), |plain, space| plain.replace(space, " "));
    let plain = plain.replace(".*", "*").replace("\\b", "").replace("\\.", ".");
    let plain = plain.replace(".+", "*");
    let ways: Vec<&str> = plain.trim_matches(['(', ')']).split('|').collect();
    match ways.as_slice() {
        [_, _, ..] if !ways.iter().any(|way| way.is_empty() || way.contains(['\\', '(', ')', '[', '+', ','])) => {
            let list: Vec<String> = ways.iter().map(|way| format!("`{way}`")).collect();
            format!("write one pattern for each: {}", list.join(", "))
        }
        _ if plain.contains(['\\', '(', '|', '[', '+']) => {
            "`*` stands for anything, `?` for one character; write one pattern for each".to_owned()
        }
        _ => {
            let open = if plain.ends_with('*') || written.ends_with('$') { "" } else { "*" };
            format!("write `{plain}{open}`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_glob_has_is_told_and_what_one_may_have_is_not() {
        for (pattern, what) in [
            ("^gpt-6.*", Some("^")),
            ("foo|bar", Some("|")),
            ("(foo|bar)", Some("|")),
            ("/home/.*$", Some("$")),
            ("[a-z]+", Some("+")),
            (".*", Some(".")),
            ("web-\\d", Some("\\d")),
            ("gpt-6.*", None),
            ("release/1.*", None),
            ("c++", None),
            ("*", None),
            ("{foo,bar}*", None),
            ("[abc]*", None),
            ("github.com/acme/*", None),
        ] {
            assert_eq!(in_value(pattern), what, "{pattern}");
        }
    }

    #[test]
    fn the_glob_that_was_meant_is_named_where_there_is_one() {
        for (written, glob) in [
            ("^gpt-6.*", "write `gpt-6*`"),
            ("^gpt-6", "write `gpt-6*`"),
            ("/home/.*$", "write `/home/*`"),
            ("^release/.+$", "write `release/*`"),
            ("foo|bar", "write one pattern for each: `foo`, `bar`"),
            ("^(foo|bar)$", "write one pattern for each: `foo`, `bar`"),
        ] {
            assert_eq!(as_glob(written), glob, "{written}");
        }
    }
}
