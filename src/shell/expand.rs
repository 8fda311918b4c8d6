//! A word of a script as the command will see it, as far as that is known before the script runs.

use tree_sitter::Node;

use super::grammar::children;
use super::values::Values;
use super::word::Word;

/// A word of a script as the command will see it.
pub(super) fn word(node: Node<'_>, text: &str, values: &Values) -> Word {
    // What ends within a character, since the grammar has seen letters, is no word that could be told.
    let Some(raw) = text.get(node.byte_range()) else { return Word::unknown() };
    let mut found = Word::default();
    let inner = |from: usize| raw.get(from..raw.len().saturating_sub(1)).unwrap_or_default();
    match node.kind() {
        "raw_string" => found = Word::of(inner(1)),
        "ansi_c_string" => found.push_ansi_c(inner(2)),
        "string" => quoted(node, text, values, &mut found),
        "command_name" | "translated_string" => {
            found = node.named_child(0).map_or_else(Word::unknown, |child| word(child, text, values));
        }
        "concatenation" => {
            if is_brace_list(raw) {
                return Word::unknown();
            }
            parts(node, text, values, &mut found);
        }
        "simple_expansion" | "expansion" => found = values.of(raw, false),
        "word" | "number" | "variable_name" => found.push_bare(raw),
        // A substitution of no command.
        "``" => {}
        // The shell puts a name of this kind in its place.
        "process_substitution" => found = Word::of("/dev/fd/63"),
        _ if node.named_child_count() == 0 && !node.is_named() => found.push_bare(raw),
        _ => found = Word::unknown(),
    }
    found
}

/// The parts of a word one after another; what the grammar leaves out between them is text. Of a list of characters in
/// brackets the grammar makes several parts: what follows its beginning is not told.
fn parts(node: Node<'_>, text: &str, values: &Values, found: &mut Word) {
    let mut at = node.start_byte();
    for child in children(node) {
        found.push_bare(text.get(at..child.start_byte()).unwrap_or_default());
        found.extend(&word(child, text, values));
        at = child.end_byte();
        if child.kind() == "word" && text.get(child.byte_range()).is_some_and(opens_bracket) {
            return;
        }
    }
    found.push_bare(text.get(at..node.end_byte()).unwrap_or_default());
}

fn opens_bracket(raw: &str) -> bool {
    raw.replace("\\\\", "").replace("\\[", "").contains('[')
}

fn quoted(node: Node<'_>, text: &str, values: &Values, found: &mut Word) {
    let mut at = node.start_byte() + 1;
    let end = node.end_byte().saturating_sub(1);
    for child in children(node).into_iter().filter(|child| child.is_named() && child.kind() != "string_content") {
        found.push_quoted(text.get(at..child.start_byte()).unwrap_or_default());
        let value = match child.kind() {
            "simple_expansion" | "expansion" => values.of(text.get(child.byte_range()).unwrap_or_default(), true),
            "command_substitution" if tells(text.get(child.byte_range()).unwrap_or_default()) => Word::found(),
            _ => Word::unknown_in_quotes(),
        };
        found.extend(&value);
        at = child.end_byte();
    }
    found.push_quoted(text.get(at..end).unwrap_or_default());
}

/// `$(pwd)`, `$(date +%F)`: a program that says something of the machine or the repository, and of no text.
fn tells(raw: &str) -> bool {
    let inner = raw.strip_prefix("$(").and_then(|raw| raw.strip_suffix(')')).unwrap_or_default();
    let mut words = inner.split_whitespace();
    let program = words.next().unwrap_or_default();
    let tells = matches!(program, "pwd" | "date" | "nproc" | "id" | "hostname" | "uname" | "whoami" | "arch")
        || (program == "git" && matches!(words.next(), Some("rev-parse" | "describe" | "branch")));
    // A format could be any text.
    tells && inner.chars().all(|c| c.is_ascii_alphanumeric() || " _-.+%:/@".contains(c)) && !inner.contains("-d")
}

/// `{a,b}` and `{1..3}`, quotes or not: the shell makes several words of it.
fn is_brace_list(raw: &str) -> bool {
    raw.contains('{') && (raw.contains(',') || raw.contains(".."))
}
