//! A policy as it is written: what of its text is TOML, and the places where it is none.

use std::borrow::Cow;

use toml::de::{DeTable, Error};

use super::masked::masked;
use super::mistake::{Also, Notes, Span};
use super::not_toml::{DUPLICATE, Words, first_place, in_words};

/// A policy is read by people: more than this is none.
const MOST_BYTES: usize = 1 << 20;

/// Of so many keys that are written twice the first place is told, too.
const MOST_FIRST_PLACES: usize = 10;

/// Reports what is no TOML, and gives the text without the sections that could not be read, all else
/// in its place: so the mistakes of the other sections can be told at the same time.
pub(crate) fn readable<'t>(text: &'t str, notes: &mut Notes) -> Cow<'t, str> {
    if text.len() > MOST_BYTES {
        notes.partial = true;
        let kind = notes.kind();
        notes.refuse(&(0..0), format!("the {kind} is larger than 1 MiB"), "none needs to be: is this the right file?");
        return Cow::Borrowed("");
    }
    let errors = DeTable::parse_recoverable(text).1;
    if errors.is_empty() {
        return Cow::Borrowed(text);
    }
    notes.partial = true;
    let broken = broken_sections(text);
    if broken.is_empty() {
        // Each section is TOML by itself: they contradict one another, such as by a table given twice.
        report(text, 0, &errors, notes);
        return Cow::Borrowed(text);
    }
    for (section, errors) in &broken {
        report(text, section.start, errors, notes);
    }
    let readable = blanked(text, broken.iter().map(|(section, _)| section));
    report(&readable, 0, &DeTable::parse_recoverable(&readable).1, notes);
    Cow::Owned(readable)
}

/// The sections that cannot be read by themselves, with the reasons.
fn broken_sections(text: &str) -> Vec<(Span, Vec<Error>)> {
    let errors = |section: &Span| text.get(section.clone()).map(|part| DeTable::parse_recoverable(part).1);
    sections(text)
        .into_iter()
        .filter_map(|section| errors(&section).filter(|errors| !errors.is_empty()).map(|errors| (section, errors)))
        .collect()
}

/// What stands between one `[table]` or `[[list]]` line and the next.
fn sections(text: &str) -> Vec<Span> {
    let mut starts = vec![0];
    let mut position = 0;
    for line in text.split_inclusive('\n') {
        if position > 0 && is_header(line) {
            starts.push(position);
        }
        position += line.len();
    }
    let ends: Vec<usize> = starts.iter().copied().skip(1).chain([text.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| start..end).collect()
}

/// Lines of a list of texts, such as `["a", "b"]`, are told from headers by what no key holds.
fn is_header(line: &str) -> bool {
    let line = line.split('#').next().unwrap_or_default().trim_end();
    let inner = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.is_some_and(|inner| {
        inner.contains(char::is_alphanumeric)
            && !inner.contains([',', '{', '}', '='])
            && inner.starts_with('[') == inner.ends_with(']')
    })
}

/// The line that holds this position.
fn line_of(text: &str, position: usize) -> &str {
    let start = text.get(..position).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default()
}

/// The text with these sections made blank: what is left keeps its place.
fn blanked<'s>(text: &str, sections: impl Iterator<Item = &'s Span>) -> String {
    let mut result = String::with_capacity(text.len());
    for section in sections {
        result.push_str(text.get(result.len()..section.start).unwrap_or_default());
        let bytes = text.get(section.clone()).unwrap_or_default().bytes();
        result.extend(bytes.map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
    }
    result.push_str(text.get(result.len()..).unwrap_or_default());
    result
}

/// Reports at most one error a line, and none that may only follow from an earlier one.
fn report(text: &str, offset: usize, errors: &[Error], notes: &mut Notes) {
    let mut errors: Vec<_> = errors.iter().map(|error| (error.span().unwrap_or(0..0), error.message())).collect();
    errors.sort_by_key(|(span, _)| (span.start, span.end));
    let shown = masked(text);
    let (mut line_end, mut told) = (0, 0);
    for (span, message) in errors {
        let span = span.start.saturating_add(offset)..span.end.saturating_add(offset);
        if span.start >= line_end {
            line_end =
                text.get(span.start..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| span.start + at) + 1;
            // Each look for a first place reads the text again.
            let first = (message == DUPLICATE && told < MOST_FIRST_PLACES).then(|| first_place(text, &span)).flatten();
            let also = first.map(|span| Also { file: notes.text(), span, label: "first written here" });
            // What is quoted in words may be a secret, too.
            let Words { message, hint } = in_words(&shown, &span, message);
            notes.refuse_beside(&span, message, hint, also);
            told += 1;
        }
        // The rest of a table that is written twice contradicts the first, too.
        if message == DUPLICATE && is_header(line_of(text, span.start)) {
            let rest = text.get(span.start..).unwrap_or_default();
            let next = rest
                .match_indices('\n')
                .map(|(at, _)| at + 1)
                .find(|at| rest.get(*at..).and_then(|rest| rest.lines().next()).is_some_and(is_header));
            line_end = next.map_or(text.len(), |at| span.start + at);
        }
        // What is left open swallows the lines below, which then look wrong for no fault of theirs.
        if ["array", "inline table", "comma", "unclosed", "multi-line"].iter().any(|word| message.contains(word)) {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::mistake::{LayerText, Mistake};
    use super::super::rule::Layer;
    use super::*;

    fn read(text: &str) -> (String, Vec<Mistake>) {
        let file = Arc::new(LayerText { layer: Layer::User, path: None, text: text.to_owned() });
        let mut notes = Notes::new(file);
        let readable = readable(text, &mut notes).into_owned();
        (readable, notes.into_found())
    }

    #[test]
    fn a_broken_section_is_left_out_and_the_others_are_kept_in_their_place() {
        let text = "version = 1\n[models]\nladder = [\"a\",\n[ledger]\nfresh = \"warn\"\n";
        let (readable, found) = read(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].line_and_column().0, 3, "not where the next section begins");
        assert!(readable.starts_with("version = 1\n"));
        assert_eq!(readable.find("[ledger]"), text.find("[ledger]"));
        assert!(!readable.contains("ladder"));
    }

    #[test]
    fn several_slips_of_one_section_are_told_together() {
        let (_, found) = read("version = 1\nmode = observe\ntimezone = \nfoo == 3\n");
        let lines: Vec<_> = found.iter().map(|mistake| mistake.line_and_column().0).collect();
        assert_eq!(lines, [2, 3, 4], "{found:#?}");
    }

    #[test]
    fn sections_that_contradict_one_another_are_told() {
        let (_, found) = read("[models]\nladder = []\n[models]\nallow = []\n");
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn hostile_nesting_and_size_are_refused_not_followed() {
        let deep = ["a.".repeat(200_000) + "b = 1", format!("a = {}", "[".repeat(400_000)), "a={".repeat(200_000)];
        for text in deep {
            assert!(!read(&text).1.is_empty());
        }
        assert_eq!(read(&" ".repeat(MOST_BYTES + 1)).1.len(), 1);
    }
}
