//! Glob patterns and regular expressions of a policy, bounded in size.

use globset::{Glob, GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};

use crate::policy::command::CommandPattern;
use crate::policy::mistake::Notes;
use crate::policy::table::{Placed, Text};

use super::regular;

/// A pattern is written by hand.
const MOST_CHARACTERS: usize = 500;
/// Compiled, in bytes.
const MOST_COMPILED: usize = 1 << 20;
/// How deep brackets may nest.
const MOST_NESTED: u32 = 50;

const GLOB_HINT: &str = "`*` stands for anything, `?` for one character, `{a,b}` for either, `[abc]` for one of them";

/// One glob; `*` matches `/` too, as in `release/*`.
pub(super) fn glob(text: &Text<'_>, notes: &mut Notes) -> Option<GlobMatcher> {
    no_regular_expression(text, notes);
    built(text, false, notes)
}

/// The same of a git remote, whose host does not tell capital letters from small ones.
pub(super) fn glob_of_remote(text: &Text<'_>, notes: &mut Notes) -> Option<GlobMatcher> {
    no_regular_expression(text, notes);
    built(text, true, notes)
}

fn no_regular_expression(text: &Text<'_>, notes: &mut Notes) {
    if let Some(what) = regular::in_value(text.value) {
        regular::warn(text, what, notes);
    }
}

fn built(text: &Text<'_>, any_case: bool, notes: &mut Notes) -> Option<GlobMatcher> {
    let pattern = bounded(text, notes)?;
    if pattern.is_empty() {
        notes.refuse(&text.span, "the pattern is empty", GLOB_HINT);
        return None;
    }
    let compiled = GlobBuilder::new(pattern).literal_separator(false).case_insensitive(any_case).build();
    let reason = match compiled {
        Ok(glob) if is_bounded(&glob) => return Some(glob.compile_matcher()),
        Ok(_) => "it is too large".to_owned(),
        Err(error) => error.kind().to_string(),
    };
    notes.refuse(&text.span, format!("`{pattern}` is not a pattern: {reason}"), GLOB_HINT);
    None
}

/// A text that is taken as it stands was written as a pattern. `name[bot]` is how GitHub calls its apps.
pub(super) fn is_meant(text: &str) -> bool {
    text.replace("[bot]", "").contains(['*', '?', '[']) || regular::in_value(text).is_some()
}

/// All globs of a list.
pub(super) fn globs(texts: &Placed<Vec<Text<'_>>>, notes: &mut Notes) -> Vec<GlobMatcher> {
    texts.value.iter().filter_map(|text| glob(text, notes)).collect()
}

/// The same where it was looked for slips of another kind already.
pub(super) fn globs_as_written(texts: &Placed<Vec<Text<'_>>>, notes: &mut Notes) -> Vec<GlobMatcher> {
    texts.value.iter().filter_map(|text| built(text, false, notes)).collect()
}

/// A regular expression.
pub(super) fn regex(text: &Text<'_>, notes: &mut Notes) -> Option<Regex> {
    let pattern = bounded(text, notes)?;
    match bounded_regex(pattern) {
        Ok(regex) => Some(regex),
        Err(error) => {
            // The first line and the pattern again are for terminals; the last says what is wrong.
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let hint = "write a regular expression in single quotes, such as '(?<task>[A-Z]+-\\d+)'";
            notes.refuse(&text.span, format!("`{pattern}` is not a regular expression: {reason}"), hint);
            None
        }
    }
}

/// The matcher panics on what is too large for it, so this tries with tighter bounds first.
fn is_bounded(glob: &Glob) -> bool {
    let mut builder = regex::bytes::RegexBuilder::new(glob.regex());
    builder.size_limit(MOST_COMPILED).dfa_size_limit(MOST_COMPILED).nest_limit(MOST_NESTED).build().is_ok()
}

fn bounded_regex(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(MOST_COMPILED).dfa_size_limit(MOST_COMPILED).nest_limit(MOST_NESTED).build()
}

/// All patterns on commands of a list. Each command is compared by itself, its words joined by single spaces.
pub(super) fn commands(texts: &Placed<Vec<Text<'_>>>, notes: &mut Notes) -> Vec<CommandPattern> {
    texts.value.iter().filter_map(|text| command(text, notes)).collect()
}

fn command(text: &Text<'_>, notes: &mut Notes) -> Option<CommandPattern> {
    let written = bounded(text, notes)?;
    if written.trim().is_empty() {
        let hint = "write the words of a command, such as `git push*`";
        notes.refuse(&text.span, "the pattern is empty", hint);
        return None;
    }
    let operators = ["&&", "||", ";", "|"];
    if let Some(operator) = operators.iter().find(|operator| written.split_whitespace().any(|word| word == **operator))
    {
        let message = format!("`{written}` can never match: `{operator}` stands between commands");
        notes.warn(&text.span, message, "each command is compared by itself: write one pattern for each");
    } else if written.contains(['\'', '"']) {
        let message = format!("`{written}` can hardly match: commands are compared without their quotes");
        notes.warn(&text.span, message, "write the words as the command will see them, `*` for what varies");
    } else if let Some((without, hint)) = left_out(written) {
        let message = format!("`{written}` can hardly match: commands are compared {without}");
        notes.warn(&text.span, message, hint);
    }
    Some(CommandPattern::new(written))
}

/// What a pattern names that a command has no more when it is compared, and what to write instead.
fn left_out(written: &str) -> Option<(&'static str, &'static str)> {
    let mut words = written.split_whitespace();
    let assigns = |word: &str| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.starts_with(|c: char| c.is_ascii_digit())
                && !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
    };
    let redirects =
        |word: &str| word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&').starts_with(['<', '>']);
    if words.next().is_some_and(assigns) {
        return Some(("without assignments before them", "begin with the program: `make*` for `CC=gcc make all`"));
    }
    if words.any(redirects) {
        return Some(("without redirections", "leave them out; `*` at the end stands for all other words"));
    }
    // At the end of a word it is a slip of another kind: a regular expression's.
    let names = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '{' | '('));
    let varies = written.contains('`') || written.split('$').skip(1).any(names);
    varies.then_some(("with the values of variables and substitutions", "write `*` for what varies"))
}

pub(super) fn bounded<'t>(text: &Text<'t>, notes: &mut Notes) -> Option<&'t str> {
    if text.value.len() > MOST_CHARACTERS {
        let message = format!("the pattern is longer than {MOST_CHARACTERS} characters");
        notes.refuse(&text.span, message, "write several shorter ones");
        return None;
    }
    Some(text.value)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::policy::mistake::LayerText;
    use crate::policy::rule::Layer;

    fn notes() -> Notes {
        Notes::new(Arc::new(LayerText { layer: Layer::User, path: None, text: String::new() }))
    }

    fn text(value: &str) -> Text<'_> {
        Placed { value, span: 0..0 }
    }

    #[test]
    fn a_star_matches_slashes_too() {
        let glob = glob(&text("release/*"), &mut notes()).unwrap();
        assert!(glob.is_match("release/1.0") && glob.is_match("release/1.0/fix") && !glob.is_match("main"));
    }

    #[test]
    fn patterns_that_would_be_costly_are_refused() {
        for pattern in ["{a,".repeat(100) + "b" + &"}".repeat(100), "a".repeat(501), "[".to_owned(), String::new()] {
            assert!(glob(&text(&pattern), &mut notes()).is_none(), "{pattern}");
        }
        for pattern in ["(".repeat(200) + &")".repeat(200), "a{1000}{1000}".to_owned(), "(".to_owned()] {
            assert!(regex(&text(&pattern), &mut notes()).is_none(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_makes_govern_panic(pattern in "[\\PC{}*?\\[\\]!,\\\\]{0,80}") {
            let _ = glob(&text(&pattern), &mut notes());
            let _ = regex(&text(&pattern), &mut notes());
        }
    }
}
