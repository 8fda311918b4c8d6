//! Walks through a script: its simple commands, in the order in which they stand, and what it sets and counts.

use tree_sitter::Node;

use super::environment::assignment;
use super::expand::word;
use super::grammar::{children, named_children};
use super::tasks::{Finding, For, How, Stdin, Task, Tasks, is_stdin};
use super::values::Values;
use super::variables::is_certain;
use super::word::Word;

/// How deep one construct may stand in another.
const MOST_NESTED: usize = 100;

/// What a script comes to.
pub(super) fn tasks(root: Node<'_>, text: &str, values: Values) -> Tasks {
    let mut script = Script { text, values, tasks: Tasks::default() };
    script.walk(root, false, 0);
    script.tasks
}

/// One script while it is walked.
struct Script<'t> {
    text: &'t str,
    values: Values,
    tasks: Tasks,
}

impl Script<'_> {
    /// Reads all commands below a node. `piped`: they may read what another command writes.
    fn walk(&mut self, node: Node<'_>, piped: bool, nested: usize) {
        if nested > MOST_NESTED {
            self.tasks.unreadable("it is nested too deeply to be read");
            return;
        }
        match node.kind() {
            "comment" => {}
            "command" => self.command(node, None, piped, Vec::new(), nested),
            "redirected_statement" => self.redirected(node, piped, nested),
            "pipeline" => {
                // After a here-document's first line, the command before the bar is not part of the node.
                let follows = node.parent().is_some_and(|parent| parent.kind() == "heredoc_redirect");
                let mut fed = None;
                for (index, child) in named_children(node).into_iter().enumerate() {
                    let is_fed = piped || follows || index > 0;
                    match fed.take().filter(|_| child.kind() == "command") {
                        Some(writes) => self.piped(child, writes, nested + 1),
                        None => self.walk(child, is_fed, nested + 1),
                    }
                    fed = self.written_by(child).filter(|_| !is_fed);
                }
            }
            "function_definition" => {
                self.tasks.doubt("a function is defined, whose calls are not followed");
                self.walk_children(node, true, nested);
                let name = node.child_by_field_name("name").map(|name| self.raw(name).to_owned());
                for name in name.into_iter().filter(|_| is_certain(node)) {
                    self.tasks.found(Finding::Defines(name));
                }
            }
            "declaration_command" | "unset_command" => {
                let words = children(node).into_iter().map(|child| self.word(child)).collect();
                self.walk_children(node, piped, nested);
                self.tasks.command(words, &stdin(piped), How::Surely);
            }
            "command_substitution" if self.raw(node).starts_with('`') && self.raw(node).contains('\\') => {
                self.in_backquotes(node);
            }
            "variable_assignment" => {
                self.assignment(node);
                self.walk_children(node, piped, nested);
            }
            kind if is_understood(kind) => {
                if kind == "concatenation" && holds_blanks(node, self.text) {
                    self.tasks.unreadable("where its words end cannot be read");
                }
                self.computes(node);
                self.literal(node);
                self.walk_children(node, piped, nested);
            }
            other => self.tasks.unreadable(format!("`{other}` is nothing that is known here of a shell's language")),
        }
    }

    fn walk_children(&mut self, node: Node<'_>, piped: bool, nested: usize) {
        for child in named_children(node) {
            self.walk(child, piped, nested + 1);
        }
    }

    /// A command behind one that writes this.
    fn piped(&mut self, node: Node<'_>, writes: Stdin, nested: usize) {
        let before = std::mem::take(&mut self.tasks);
        self.command(node, Some(Stdin::Piped), true, Vec::new(), nested);
        let tasks = std::mem::replace(&mut self.tasks, before);
        self.tasks.push(Task::Piped { writes, tasks });
    }

    /// Between backquotes a backslash is taken away before the script is read; the grammar does not know that.
    fn in_backquotes(&mut self, node: Node<'_>) {
        let raw = self.raw(node);
        let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
        let mut texts = [String::new(), String::new()];
        let mut characters = inner.chars().peekable();
        while let Some(c) = characters.next() {
            // In double quotes, one before a double quote goes too.
            let next = characters.peek().copied();
            for (in_quotes, text) in texts.iter_mut().enumerate() {
                let goes = matches!(next, Some('$' | '`' | '\\')) || (in_quotes == 1 && next == Some('"'));
                if c != '\\' || !goes {
                    text.push(c);
                }
            }
            if c == '\\' && matches!(next, Some('$' | '`' | '\\' | '"')) {
                texts.iter_mut().for_each(|text| text.extend(next));
                characters.next();
            }
        }
        let [bare, quoted] = texts;
        if bare != quoted && node.parent().is_some_and(|parent| parent.kind() == "string") {
            self.tasks.script(quoted);
        } else {
            self.tasks.script(bare);
        }
    }

    /// Where a shell counts, it takes the values of names for what is to be counted, and runs substitutions in them.
    fn computes(&mut self, node: Node<'_>) {
        let has = |kind: &str| children(node).iter().any(|child| child.kind() == kind);
        match node.kind() {
            "arithmetic_expansion" | "c_style_for_statement" | "subscript" => self.tasks.found(Finding::Counts),
            // Names of elements are counted, too.
            "array" if self.raw(node).contains('[') => self.tasks.found(Finding::Counts),
            "compound_statement" if has("((") => self.tasks.found(Finding::Counts),
            "test_operator" if ["-v", "-R", "-eq", "-ne", "-lt", "-le", "-gt", "-ge"].contains(&self.raw(node)) => {
                self.tasks.found(Finding::Counts);
            }
            "expansion" if has("@") && has("P") => {
                self.tasks.unreadable("a value that is expanded like a prompt cannot be read");
            }
            "expansion" if has(":") || has("!") || has("@") => self.tasks.found(Finding::Counts),
            _ => {}
        }
    }

    /// What stands for itself; a substitution in it is one that the grammar has not taken apart.
    fn literal(&mut self, node: Node<'_>) {
        if node.named_child_count() > 0 {
            return;
        }
        let text = match node.kind() {
            "raw_string" | "ansi_c_string" if has_substitution(self.raw(node)) && is_in_double_quotes(node) => {
                self.tasks.unreadable("a substitution in it cannot be read");
                return;
            }
            "raw_string" | "heredoc_start" | "heredoc_end" => self.raw(node).to_owned(),
            "ansi_c_string" => self.word(node).shown(),
            "heredoc_content" | "heredoc_body" if is_literal_heredoc(node, self.text) => self.raw(node).to_owned(),
            _ => {
                let raw = self.raw(node).to_owned();
                if has_substitution(&raw) {
                    self.tasks.unreadable("a substitution in it cannot be read");
                }
                raw.replace('\\', "")
            }
        };
        self.bears(&text);
        // In a subscript the shell counts with what quotes keep from it elsewhere.
        if self.begins_in_brackets(node) {
            self.tasks.found(Finding::Counts);
            self.bears(&format!("[{text}"));
        }
    }

    fn bears(&mut self, text: &str) {
        let subscript = text.find('[').and_then(|at| text.get(at..)).unwrap_or_default();
        if subscript.contains("$(") || subscript.contains('`') || subscript.contains("${") {
            self.tasks.found(Finding::Bears);
        }
    }

    /// A bracket is open before it in the same word.
    fn begins_in_brackets(&self, node: Node<'_>) -> bool {
        let before = self.text.get(..node.start_byte()).unwrap_or_default();
        let word = before.rsplit(|c: char| c.is_whitespace() || c == ';').next().unwrap_or_default();
        word.rfind('[').is_some_and(|open| word.rfind(']').is_none_or(|close| close < open))
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
        let mut words: Vec<Word> = Vec::new();
        let mut cursor = node.walk();
        let mut goes_on = cursor.goto_first_child();
        while goes_on {
            let child = cursor.node();
            match cursor.field_name() {
                Some("name" | "argument") if self.names_descriptor(child) => {}
                Some("name" | "argument") => {
                    let word = self.word(child);
                    match words.last_mut().filter(|_| self.continues_a_word(child)) {
                        Some(before) => before.extend(&word),
                        None => words.push(word),
                    }
                }
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
            self.tasks.command(words, &given.unwrap_or_else(|| stdin(piped)), How::Surely);
        }
    }

    /// The grammar begins a word of its own at `<(` and behind its `)`, the shell does not: `X=<(a)`, `--rcfile=<(a)`.
    fn continues_a_word(&self, node: Node<'_>) -> bool {
        node.prev_sibling().is_some_and(|before| {
            let is_part = |node: Node<'_>| node.kind() == "process_substitution";
            before.end_byte() == node.start_byte() && (is_part(before) || is_part(node))
        })
    }

    /// `{name}` right before a redirection is a part of it.
    fn names_descriptor(&self, node: Node<'_>) -> bool {
        let name = self.raw(node).strip_prefix('{').and_then(|raw| raw.strip_suffix('}')).unwrap_or_default();
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "_[]".contains(c));
        is_name && self.text.get(node.end_byte()..).is_some_and(|behind| behind.starts_with(['<', '>']))
    }

    /// What `echo` or `cat` hands on, where that is certain.
    fn written_by(&self, node: Node<'_>) -> Option<Stdin> {
        let is_plain = node.kind() == "command" && !self.values.are_dark();
        let parts = named_children(node);
        let has_more =
            parts.iter().any(|part| part.kind().contains("redirect") || part.kind() == "variable_assignment");
        let words: Vec<String> = parts
            .iter()
            .filter(|_| is_plain && !has_more)
            .map(|part| self.word(*part).text())
            .collect::<Option<_>>()?;
        match words.split_first()? {
            (name, words) if name == "echo" => {
                let words = if words.first().is_some_and(|word| word == "-n") { words.get(1..)? } else { words };
                let is_text = !words.first().is_some_and(|word| word.starts_with('-'));
                let is_literal = words.iter().all(|word| !word.contains('\\'));
                (is_text && is_literal).then(|| Stdin::Text(words.join(" ")))
            }
            (name, [file]) if name == "cat" && !file.starts_with('-') && !is_stdin(file) => Some(Stdin::File),
            _ => None,
        }
    }

    /// What a redirection gives a command to read, if it is one of its input.
    fn input(&self, node: Node<'_>) -> Option<Stdin> {
        let is_other = |child: &Node<'_>| child.kind() == "file_descriptor" && self.raw(*child) != "0";
        if named_children(node).iter().any(is_other) {
            return None;
        }
        match node.kind() {
            "herestring_redirect" => {
                let word = named_children(node).last().map(|word| self.word(*word))?;
                Some(word.text().map_or(Stdin::Written, Stdin::Text))
            }
            "heredoc_redirect" => Some(self.heredoc(node)),
            "file_redirect" if self.raw(node).contains('<') => {
                let is_plain = children(node).iter().any(|child| child.kind() == "<");
                let file = node.child_by_field_name("destination").and_then(|file| self.word(file).text());
                let names_file = is_plain && file.is_some_and(|file| !is_stdin(&file));
                Some(if names_file { Stdin::File } else { Stdin::Unknown })
            }
            _ => None,
        }
    }

    fn heredoc(&self, node: Node<'_>) -> Stdin {
        let part = |kind: &str| named_children(node).into_iter().find(|child| child.kind() == kind);
        let (Some(start), Some(body)) = (part("heredoc_start"), part("heredoc_body")) else { return Stdin::Written };
        let body = self.raw(body);
        let is_literal = self.raw(start).contains(['\'', '"', '\\']);
        if !is_literal && body.contains(['$', '`', '\\']) {
            return Stdin::Written;
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
                // What closes a descriptor has no file behind it.
                let closes = children(node).iter().any(|child| matches!(child.kind(), "<&-" | ">&-"));
                let files = usize::from(!closes);
                node.children_by_field_name("destination", &mut cursor)
                    .skip(files)
                    .map(|word| self.word(word))
                    .collect()
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
        let name = name.split('[').next().unwrap_or_default();
        let value = node.child_by_field_name("value").map(|value| self.word(value)).unwrap_or_default();
        let parent = node.parent().map_or("", |parent| parent.kind());
        let given = match parent {
            "command" => For::OneCommand,
            "declaration_command" => For::AllCommands,
            _ => For::Shell,
        };
        assignment(&mut self.tasks, name, &value, given);
        if is_certain(node) {
            self.values.is_set(name);
        }
    }

    fn raw(&self, node: Node<'_>) -> &str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    /// A word as the command will see it.
    fn word(&self, node: Node<'_>) -> Word {
        word(node, self.text, &self.values)
    }
}

/// Before an empty pair of backquotes the grammar goes over blanks: it takes several words for one.
fn holds_blanks(node: Node<'_>, text: &str) -> bool {
    let between = |pair: &[Node<'_>]| match pair {
        [before, after] => text.get(before.end_byte()..after.start_byte()).unwrap_or_default().replace("\\\n", ""),
        _ => String::new(),
    };
    children(node).windows(2).any(|pair| between(pair).contains(char::is_whitespace))
}

/// What may stand in a script, beside what is walked in a way of its own.
fn is_understood(kind: &str) -> bool {
    matches!(
        kind,
        "program" | "list" | "subshell" | "compound_statement" | "do_group" | "if_statement" | "elif_clause"
            | "else_clause" | "while_statement" | "for_statement" | "c_style_for_statement" | "case_statement"
            | "case_item" | "negated_command" | "test_command" | "binary_expression" | "unary_expression"
            | "ternary_expression" | "postfix_expression" | "parenthesized_expression" | "subscript" | "array"
            | "string" | "string_content" | "translated_string" | "concatenation" | "expansion" | "simple_expansion"
            | "arithmetic_expansion" | "command_substitution" | "process_substitution" | "brace_expression" | "word"
            | "number" | "raw_string" | "ansi_c_string" | "regex" | "extglob_pattern" | "file_descriptor"
            | "file_redirect" | "heredoc_redirect" | "heredoc_start" | "heredoc_body" | "heredoc_content"
            | "heredoc_end" | "herestring_redirect" | "test_operator" | "variable_name" | "special_variable_name"
            | "variable_assignments" | "command_name"
            // What is broken is told of the whole script; the commands in it are read all the same.
            | "ERROR"
    )
}

/// The here-document's first word has quotes: nothing in the body is expanded.
fn is_literal_heredoc(node: Node<'_>, text: &str) -> bool {
    let mut redirect = Some(node);
    while let Some(above) = redirect.filter(|above| above.kind() != "heredoc_redirect") {
        redirect = above.parent();
    }
    let start = redirect.and_then(|redirect| children(redirect).into_iter().find(|c| c.kind() == "heredoc_start"));
    start.and_then(|start| text.get(start.byte_range())).is_some_and(|start| start.contains(['\'', '"', '\\']))
}

/// Within double quotes, and where the shell counts, single quotes are letters like any other: `"${x:-'$(a)'}"` runs `a`.
fn is_in_double_quotes(node: Node<'_>) -> bool {
    let mut within = node.parent();
    while let Some(above) = within {
        match above.kind() {
            "string" | "heredoc_body" | "arithmetic_expansion" | "c_style_for_statement" => return true,
            "compound_statement" if children(above).first().is_some_and(|child| child.kind() == "((") => return true,
            "command" | "command_substitution" | "process_substitution" => return false,
            _ => within = above.parent(),
        }
    }
    false
}

/// `` ` ``, `$(`, `<(` or `>(` without a backslash before it.
fn has_substitution(raw: &str) -> bool {
    let mut characters = raw.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                characters.next();
            }
            '`' => return true,
            '$' | '<' | '>' if characters.peek() == Some(&'(') => return true,
            _ => {}
        }
    }
    false
}

fn stdin(piped: bool) -> Stdin {
    if piped { Stdin::Unknown } else { Stdin::Inherited }
}
