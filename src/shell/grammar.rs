//! The text of a script by a grammar of bash, and other ways to read that text.

use tree_sitter::{Node, Parser, Tree};

/// A script by the grammar; `None` where the grammar does not fit this library.
///
/// The grammar is shown a letter for each byte beyond ASCII, as to a shell they are parts of words like any letter:
/// it takes some of them for blanks, and its own scanner looks others up behind the end of a table (0.25.1), which
/// ends the process.
pub(super) fn parse(text: &str) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_bash::LANGUAGE.into()).ok()?;
    let shown: Vec<u8> = text.bytes().map(|byte| if byte.is_ascii() { byte } else { b'x' }).collect();
    parser.parse(shown, None)
}

pub(super) fn named_children(node: Node<'_>) -> Vec<Node<'_>> {
    node.named_children(&mut node.walk()).collect()
}

pub(super) fn children(node: Node<'_>) -> Vec<Node<'_>> {
    node.children(&mut node.walk()).collect()
}

/// The text with lines joined that a backslash lets go on, comments and single quotes left as they are.
pub(super) fn joined_lines(text: &str) -> String {
    let mut joined = String::new();
    let mut characters = text.chars().peekable();
    let (mut in_comment, mut in_single, mut in_ansi_c) = (false, false, false);
    // Within a substitution, quotes begin anew.
    let mut in_double = vec![false];
    while let Some(c) = characters.next() {
        let begins_word = joined.chars().next_back().is_none_or(|before| " \t\n;&|()`".contains(before));
        let quoted = in_single || in_double.last() == Some(&true);
        match c {
            '\n' => in_comment = false,
            _ if in_comment => {}
            '\\' if in_single && !in_ansi_c => {}
            '\\' if in_single => {
                joined.push(c);
                joined.extend(characters.next());
                continue;
            }
            '\\' if characters.peek() == Some(&'\n') => {
                characters.next();
                continue;
            }
            '\\' => {
                joined.push(c);
                joined.extend(characters.next());
                continue;
            }
            '#' if begins_word && !quoted => in_comment = true,
            '\'' if !quoted || in_single => {
                in_ansi_c = !in_single && joined.ends_with('$');
                in_single = !in_single;
            }
            '"' if !in_single => in_double.iter_mut().next_back().into_iter().for_each(|within| *within = !*within),
            '(' if !in_single && joined.ends_with(['$', '<', '>']) => in_double.push(false),
            ')' if !quoted && in_double.len() > 1 => {
                in_double.pop();
            }
            _ => {}
        }
        joined.push(c);
    }
    joined
}

/// The text as a shell reads it that knows POSIX alone, such as the `sh` of Debian, if bash reads it otherwise: there, `&>`
/// is the end of a command and a redirection, `((` opens two subshells, and `$'` is a dollar and a quote.
pub(super) fn as_posix(text: &str) -> Option<String> {
    let posix = text.replace("$((", "\u{0}").replace("((", "( (").replace('\u{0}', "$((");
    let posix = posix.replace("&>", "& >").replace("$'", "\\$'");
    (posix != text).then_some(posix)
}
