//! Mistakes as a person reads them: file, line, caret and hint.

use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str};

use super::masked::masked;
use super::mistake::{LayerText, Mistake, Severity, Span};

/// Beyond, a number says it better.
const MOST_SHOWN: usize = 50;

/// The rest of a line is cut off.
const MOST_OF_A_LINE: usize = 4_096;

/// All mistakes in their order, a blank line between them, with a line break at the end; empty if
/// there are none. `colour` is for terminals.
pub fn render(mistakes: &[Mistake], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut shown: Vec<String> =
        mistakes.iter().take(MOST_SHOWN).map(|mistake| format!("{}\n", one(mistake, &renderer))).collect();
    if let Some(more @ 1..) = mistakes.len().checked_sub(MOST_SHOWN) {
        shown.push(format!("… and {more} more\n"));
    }
    shown.join("\n")
}

fn one(mistake: &Mistake, renderer: &Renderer) -> String {
    let level = match mistake.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(normalize_untrusted_str(&mistake.message));
    let mut group = Group::with_title(title).element(snippet(&mistake.file, &mistake.span, None));
    if let Some(also) = &mistake.also {
        group = group.element(snippet(&also.file, &also.span, Some(also.label)));
    }
    let hint = Level::HELP.with_name("hint").message(normalize_untrusted_str(&mistake.hint));
    // The renderer leaves these controls alone, by which some terminals take orders as by the escape character.
    renderer.render(&[group.element(hint)]).replace(|c| matches!(c, '\u{80}'..='\u{9f}'), "\u{fffd}")
}

/// The first line of the place, with a caret below it.
fn snippet(
    file: &LayerText,
    span: &Span,
    label: Option<&'static str>,
) -> Snippet<'static, annotate_snippets::Annotation<'static>> {
    let text = file.text.as_str();
    let start = floor(text, span.start);
    let line_start = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let line_number = text.get(..line_start).map_or(0, |before| before.matches('\n').count()) + 1;
    let rest = text.get(line_start..).unwrap_or_default();
    let line = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
    // A secret that stands in the file stands on no screen and in no log.
    let hidden = masked(text);
    let line = hidden.get(line_start..line_start + line.len()).unwrap_or_default();
    let line = line.get(..floor(line, MOST_OF_A_LINE)).unwrap_or_default().to_owned();
    let from = (start - line_start).min(line.len());
    let to = floor(text, span.end).saturating_sub(line_start).clamp(from, line.len());
    let mut annotation = AnnotationKind::Primary.span(from..to);
    if let Some(label) = label {
        annotation = AnnotationKind::Context.span(from..to).label(label);
    }
    let path = normalize_untrusted_str(&file.name());
    Snippet::source(line).line_start(line_number).path(Path::new(&path).display().to_string()).annotation(annotation)
}

/// The nearest position at or before this one that does not cut a character.
fn floor(text: &str, position: usize) -> usize {
    text.floor_char_boundary(position)
}
