//! Pure. The text of a script: its simple commands by a grammar of bash, and their words.

use tree_sitter::{Node, Parser, Tree};

use super::start::{Reader, Stdin};
use super::word::Word;

/// How deep one construct may stand in another.
const MOST_NESTED: usize = 100;

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

/// One script while it is walked.
pub(super) struct Script<'r, 't> {
    pub(super) reader: &'r mut Reader,
    pub(super) text: &'t str,
    /// How many scripts it stands in.
    pub(super) depth: usize,
}

impl Script<'_, '_> {
    /// Reads all commands below a node. `piped`: they may read what another command writes.
    pub(super) fn walk(&mut self, node: Node<'_>, piped: bool, nested: usize) {
        if nested > MOST_NESTED {
            self.reader.unreadable("it is nested too deeply to be read");
            return;
        }
        match node.kind() {
            "comment" => {}
            "command" => self.command(node, None, piped, Vec::new(), nested),
            "redirected_statement" => self.redirected(node, piped, nested),
            "pipeline" => {
                // After a here-document's first line, the command before the bar is not part of the node.
                let follows = node.parent().is_some_and(|parent| parent.kind() == "heredoc_redirect");
                for (index, child) in named_children(node).into_iter().enumerate() {
                    self.walk(child, piped || follows || index > 0, nested + 1);
                }
            }
            "function_definition" => {
                self.reader.doubt("a function is defined, whose calls are not followed");
                self.walk_children(node, true, nested);
            }
            "declaration_command" | "unset_command" => {
                let words = children(node).into_iter().map(|child| self.word(child)).collect();
                self.walk_children(node, piped, nested);
                self.reader.simple(words, stdin(piped), self.depth);
            }
            "variable_assignment" => {
                self.assignment(node);
                self.walk_children(node, piped, nested);
            }
            _ => self.walk_children(node, piped, nested),
        }
    }

    fn walk_children(&mut self, node: Node<'_>, piped: bool, nested: usize) {
        for child in named_children(node) {
            self.walk(child, piped, nested + 1);
        }
    }

    /// A command or a group of them, and where its input comes from.
    fn redirected(&mut self, node: Node<'_>, piped: bool, nested: usize) {
        let mut given = None;
        let mut more_words = Vec::new();
        let body = node.child_by_field_name("body");
        for child in named_children(node).into_iter().filter(|child| Some(*child) != body) {
            given = self.input(child).or(given);
            more_words.extend(self.words_behind(child));
            self.walk(child, piped, nested + 1);
        }
        match body {
            Some(body) if body.kind() == "command" => self.command(body, given, piped, more_words, nested + 1),
            Some(body) => self.walk(body, piped || given.is_some(), nested + 1),
            None => {}
        }
    }

    fn command(&mut self, node: Node<'_>, mut given: Option<Stdin>, piped: bool, more_words: Vec<Word>, nested: usize) {
        let mut words = Vec::new();
        let mut cursor = node.walk();
        let mut goes_on = cursor.goto_first_child();
        while goes_on {
            let child = cursor.node();
            match cursor.field_name() {
                Some("name" | "argument") => words.push(self.word(child)),
                Some("redirect") => {
                    given = self.input(child).or(given);
                    words.extend(self.words_behind(child));
                }
                _ => {}
            }
            if child.is_named() {
                self.walk(child, piped, nested + 1);
            }
            goes_on = cursor.goto_next_sibling();
        }
        words.extend(more_words);
        if !words.is_empty() {
            self.reader.simple(words, given.unwrap_or_else(|| stdin(piped)), self.depth);
        }
    }

    /// What a redirection gives a command to read, if it is one of input.
    fn input(&self, node: Node<'_>) -> Option<Stdin> {
        match node.kind() {
            "herestring_redirect" => {
                let word = named_children(node).last().map(|word| self.word(*word))?;
                Some(word.text().map_or(Stdin::Unknown, Stdin::Text))
            }
            "heredoc_redirect" => Some(self.heredoc(node)),
            "file_redirect" => self.raw(node).contains('<').then_some(Stdin::Unknown),
            _ => None,
        }
    }

    fn heredoc(&self, node: Node<'_>) -> Stdin {
        let part = |kind: &str| named_children(node).into_iter().find(|child| child.kind() == kind);
        let (Some(start), Some(body)) = (part("heredoc_start"), part("heredoc_body")) else { return Stdin::Unknown };
        let body = self.raw(body);
        let is_literal = self.raw(start).contains(['\'', '"', '\\']);
        if !is_literal && body.contains(['$', '`', '\\']) {
            return Stdin::Unknown;
        }
        if self.raw(node).contains("<<-") {
            return Stdin::Text(body.lines().map(|line| line.trim_start_matches('\t')).collect::<Vec<_>>().join("\n"));
        }
        Stdin::Text(body.to_owned())
    }

    /// The grammar takes what stands behind a redirection for a part of it: `git >log push`.
    fn words_behind(&self, node: Node<'_>) -> Vec<Word> {
        let mut cursor = node.walk();
        match node.kind() {
            "file_redirect" => {
                node.children_by_field_name("destination", &mut cursor).skip(1).map(|word| self.word(word)).collect()
            }
            "heredoc_redirect" => {
                node.children_by_field_name("argument", &mut cursor).map(|word| self.word(word)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn assignment(&mut self, node: Node<'_>) {
        let text = self.text;
        let name = node.child_by_field_name("name").and_then(|name| text.get(name.byte_range())).unwrap_or_default();
        let value = node.child_by_field_name("value").map(|value| self.word(value)).unwrap_or_default();
        self.reader.assignment(name, &value, self.depth);
    }

    fn raw(&self, node: Node<'_>) -> &str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    /// A word as the command will see it.
    fn word(&self, node: Node<'_>) -> Word {
        // What ends within a character, since the grammar has seen letters, is no word that could be told.
        let Some(raw) = self.text.get(node.byte_range()) else { return Word::unknown() };
        let mut word = Word::default();
        let inner = |from: usize| raw.get(from..raw.len().saturating_sub(1)).unwrap_or_default();
        match node.kind() {
            "raw_string" => word.0.extend(Word::of(inner(1)).0),
            "ansi_c_string" => word.push_ansi_c(inner(2)),
            "string" => self.quoted(node, &mut word),
            "command_name" | "translated_string" => {
                word = node.named_child(0).map_or_else(Word::unknown, |child| self.word(child));
            }
            "concatenation" => {
                if is_brace_list(raw) {
                    return Word::unknown();
                }
                self.parts(node, &mut word, Word::push_bare);
            }
            _ if node.named_child_count() == 0 => word.push_bare(raw),
            _ => word = Word::unknown(),
        }
        word
    }

    /// The parts of a word one after another; what the grammar leaves out between them is text.
    fn parts(&self, node: Node<'_>, word: &mut Word, push: fn(&mut Word, &str)) {
        let mut at = node.start_byte();
        for child in children(node) {
            push(word, self.text.get(at..child.start_byte()).unwrap_or_default());
            word.0.extend(self.word(child).0);
            at = child.end_byte();
        }
        push(word, self.text.get(at..node.end_byte()).unwrap_or_default());
    }

    fn quoted(&self, node: Node<'_>, word: &mut Word) {
        let mut at = node.start_byte() + 1;
        let end = node.end_byte().saturating_sub(1);
        for child in children(node).into_iter().filter(|child| child.is_named() && child.kind() != "string_content") {
            word.push_quoted(self.text.get(at..child.start_byte()).unwrap_or_default());
            word.0.extend(Word::unknown().0);
            at = child.end_byte();
        }
        word.push_quoted(self.text.get(at..end).unwrap_or_default());
    }
}

fn stdin(piped: bool) -> Stdin {
    if piped { Stdin::Unknown } else { Stdin::Inherited }
}

/// `{a,b}` and `{1..3}`, quotes or not: the shell makes several words of it.
fn is_brace_list(raw: &str) -> bool {
    raw.contains('{') && (raw.contains(',') || raw.contains(".."))
}

fn named_children(node: Node<'_>) -> Vec<Node<'_>> {
    node.named_children(&mut node.walk()).collect()
}

fn children(node: Node<'_>) -> Vec<Node<'_>> {
    node.children(&mut node.walk()).collect()
}
