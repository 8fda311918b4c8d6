//! Names in a program's text.

/// Every name in a text, and what stands right before it.
pub(super) fn names(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let start = at + rest.find(is_part)?;
        let from = text.get(start..)?;
        let end = start + from.find(|c: char| !is_part(c)).unwrap_or(from.len());
        at = end;
        Some((text.get(..start)?, text.get(start..end)?))
    })
}

/// The first of these names that a text has.
pub(super) fn first_of(text: &str, denied: &[&str]) -> Option<String> {
    names(text).find(|(_, name)| denied.contains(name)).map(|(_, name)| named(name))
}

/// The first of these texts that a text has, blanks left out.
pub(super) fn contains(text: &str, denied: &[&str]) -> Option<String> {
    let tight: String = text.chars().filter(|c| !matches!(c, ' ' | '\t')).collect();
    denied.iter().find(|part| tight.contains(**part)).map(|part| named(part))
}

/// For a person.
pub(super) fn named(name: &str) -> String {
    format!("`{name}`")
}

/// The text of a string that stands at the beginning, and nothing that would have to be computed.
pub(super) fn literal(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"' | '`'))?;
    let inner = text.get(1..)?;
    let end = inner.find(quote)?;
    let literal = inner.get(..end)?;
    let follows = inner.get(end + 1..)?.trim_start();
    let is_whole = follows.is_empty() || follows.starts_with([')', ',', ';', '\n', '}', ']']);
    (is_whole && !literal.contains(['\\', '$', '{'])).then_some(literal)
}
