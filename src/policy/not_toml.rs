//! What the parser of TOML says, as a writer of policies would say it.

use toml::de::{DeTable, DeValue};

use super::mistake::Span;

/// Quotes that word processors and web pages make of straight ones.
const CURLY: [char; 9] = ['“', '”', '„', '‟', '‘', '’', '‚', '«', '»'];

const FORM: &str = "a line is `key = value`, `[table]`, `[[list]]` or a comment after `#`";

/// What is said of one error of the parser.
pub(super) struct Words {
    /// What is wrong.
    pub(super) message: String,
    /// What to write instead.
    pub(super) hint: String,
}

impl Words {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

/// A key or a table that stands there already.
pub(super) const DUPLICATE: &str = "duplicate key";

/// The error `said` at this place of the text.
pub(super) fn in_words(text: &str, span: &Span, said: &str) -> Words {
    let rest_of_line = text.get(span.start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    if let Some(words) = curly(text, span, said) {
        return words;
    }
    if said == DUPLICATE {
        return twice(text, span);
    }
    if said.contains("escaped value") || said.contains("escape") {
        return escape(text, span);
    }
    if said.starts_with("string values must be quoted") {
        return match text.get(span.clone()).map(str::trim) {
            Some(word) if !word.is_empty() => {
                Words::new(format!("`{word}` is not in quotes"), format!("write `\"{word}\"`"))
            }
            _ if rest_of_line.trim().is_empty() => Words::new("there is no value", "write `key = value` on one line"),
            _ => Words::new("the value is not in quotes", "put texts in double quotes"),
        };
    }
    let hint = match said {
        "recursion limit" => "nothing that is meant is nested so deeply",
        _ if said.contains("unclosed array") => "close the list with `]`",
        _ if said.contains("unclosed inline table") => "close the table with `}`",
        _ if said.contains("string, expected") => "close the text with the quote that it begins with, on the same line",
        _ => FORM,
    };
    Words::new(format!("not TOML: {said}"), hint)
}

/// The line that the place stands in, and where it begins.
fn line<'t>(text: &'t str, span: &Span) -> (usize, &'t str) {
    let start = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    (start, text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default())
}

/// Curly quotes at the place itself, or on the line of a text that is never closed.
fn curly(text: &str, span: &Span, said: &str) -> Option<Words> {
    let at_place = text.get(span.start..).and_then(|rest| rest.chars().next()).filter(|c| CURLY.contains(c));
    let (_, line) = line(text, span);
    let unclosed = said.contains("string, expected") || said.contains("opening quote");
    let found = at_place.or_else(|| line.chars().find(|c| CURLY.contains(c)).filter(|_| unclosed))?;
    let straight: String = line.trim().chars().map(|c| if CURLY.contains(&c) { '"' } else { c }).collect();
    Some(Words::new(format!("`{found}` is a curly quote, which is none in TOML"), format!("write `{straight}`")))
}

/// A backslash in double quotes, as patterns have it.
fn escape(text: &str, span: &Span) -> Words {
    let (start, line) = line(text, span);
    let opened = line.get(..span.start.saturating_sub(start)).and_then(|before| before.rfind('"'));
    let written = opened.and_then(|at| line.get(at + 1..)).and_then(|rest| rest.split('"').next());
    let hint = match written.filter(|written| !written.contains('\'')) {
        Some(written) => format!("write it in single quotes, in which a backslash is one: `'{written}'`"),
        None => "write the text in single quotes, or `\\\\` for one backslash".to_owned(),
    };
    Words::new("in double quotes a backslash begins an escape, and this is none", hint)
}

/// A key or a table that is written twice.
fn twice(text: &str, span: &Span) -> Words {
    let (_, line) = line(text, span);
    if line.trim_start().starts_with('[') {
        let header = line.split('#').next().unwrap_or_default().trim();
        let hint = "write one, with all of it below; where there can be several, such as of `[[budget]]`, each has two brackets";
        return Words::new(format!("`{header}` is written twice"), hint);
    }
    let key = text.get(span.clone()).unwrap_or_default();
    Words::new(format!("`{key}` is written twice"), "each key stands once in its table: leave one out")
}

/// Where the key at this place, which is written twice, stands first.
pub(super) fn first_place(text: &str, span: &Span) -> Option<Span> {
    let tree = DeTable::parse_recoverable(text.get(..span.start)?).0.into_inner();
    last_named(&tree, text.get(span.clone())?.trim_matches(['"', '\'']))
}

/// Where the last key of this name stands. What lies deeper than a table of tables in a policy is not looked at.
fn last_named(tree: &DeTable<'_>, key: &str) -> Option<Span> {
    let mut last: Option<Span> = None;
    let mut open: Vec<(&DeTable<'_>, u8)> = vec![(tree, 0)];
    while let Some((table, depth)) = open.pop() {
        for (name, value) in table.iter() {
            if name.get_ref() == key && last.as_ref().is_none_or(|last| last.start < name.span().start) {
                last = Some(name.span());
            }
            if depth < 8 {
                match value.get_ref() {
                    DeValue::Table(inner) => open.push((inner, depth + 1)),
                    DeValue::Array(items) => {
                        let tables = items.iter().filter_map(|item| item.get_ref().as_table());
                        open.extend(tables.map(|table| (table, depth + 1)));
                    }
                    _ => {}
                }
            }
        }
    }
    last
}
