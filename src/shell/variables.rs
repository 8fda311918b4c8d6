//! Pure. What a script's variables hold, where that is certain: one text, set before it is used and by nothing else.

use std::collections::{HashMap, HashSet};

use tree_sitter::Node;

use super::syntax::{children, named_children, word};
use super::word::Word;

/// Variables that hold one path wherever they are used, so that what stands around them is one word with it.
const PATHS: &[&str] =
    &["HOME", "PWD", "OLDPWD", "TMPDIR", "VIRTUAL_ENV", "GITHUB_WORKSPACE", "CODEX_HOME", "CARGO_HOME"];

/// The shell itself gives these a value.
const OF_THE_SHELL: &[&str] = &[
    "IFS",
    "RANDOM",
    "SECONDS",
    "LINENO",
    "REPLY",
    "OPTARG",
    "OPTIND",
    "PWD",
    "OLDPWD",
    "PIPESTATUS",
    "COLUMNS",
    "LINES",
    "MAPFILE",
    "COPROC",
    "DIRSTACK",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "SRANDOM",
    "EPOCHSECONDS",
    "EPOCHREALTIME",
    "SHELLOPTS",
    "_",
];

/// So do all whose names begin so: `BASH_REMATCH`.
const SHELL_S_OWN: [&str; 3] = ["BASH", "COMP_", "READLINE_"];

/// What the scripts around a script set.
#[derive(Debug, Default)]
pub(super) struct Outer {
    pub(super) names: HashSet<String>,
    dark: bool,
}

/// The variables of one script.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// By name; `None` where it is more than one, or not known.
    texts: HashMap<String, Option<String>>,
    /// Anything may be set in a way that is not seen.
    dark: bool,
    /// Set for certain, so far.
    set: HashSet<String>,
    /// Set around it.
    outer: HashSet<String>,
}

impl Values {
    /// Looks through a whole script for all that sets a variable.
    pub(super) fn of_script(root: Node<'_>, text: &str, outer: &mut Outer) -> Self {
        let mut values =
            Self { dark: root.has_error() || text.contains("}>") || text.contains("}<"), ..Self::default() };
        let mut nodes = vec![root];
        while let Some(node) = nodes.pop() {
            values.look(node, text);
            nodes.extend(named_children(node));
        }
        values.outer.clone_from(&outer.names);
        values.dark |= outer.dark;
        outer.names.extend(values.texts.keys().cloned());
        outer.dark = values.dark;
        values
    }

    /// Something may change the meaning of names in a way that is not seen.
    pub(super) fn are_dark(&self) -> bool {
        self.dark
    }

    /// The walk has come past an assignment that no condition stands before.
    pub(super) fn is_set(&mut self, name: &str) {
        self.set.insert(name.to_owned());
    }

    /// What `$name` or `${name}` stands for.
    pub(super) fn of(&self, raw: &str, in_quotes: bool) -> Word {
        let name = raw.strip_prefix('$').unwrap_or_default();
        let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
        let is_one_word = in_quotes && !name.contains(['@', '*']);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let is_number = matches!(name, "?" | "#" | "$" | "!");
        let is_made =
            self.dark || self.texts.contains_key(name) || self.outer.contains(name) || !(is_name || is_number);
        let unknown = || match (is_one_word, is_made) {
            (true, false) => Word::found(),
            (true, true) => Word::unknown_in_quotes(),
            (false, _) => Word::unknown(),
        };
        if (PATHS.contains(&name) || is_number) && !is_made {
            return Word::found();
        }
        let is_of_the_shell =
            OF_THE_SHELL.contains(&name) || SHELL_S_OWN.iter().any(|beginning| name.starts_with(beginning));
        let is_known = !self.dark && self.set.contains(name) && !is_of_the_shell;
        let Some(Some(text)) = self.texts.get(name).filter(|_| is_known) else { return unknown() };
        let stays_whole = |c: char| c.is_ascii_alphanumeric() || "_-+=./:@%,".contains(c);
        if in_quotes || (!text.is_empty() && text.chars().all(stays_whole) && !self.texts.contains_key("IFS")) {
            Word::of(text)
        } else {
            unknown()
        }
    }

    fn sets(&mut self, name: &str, value: Option<String>) {
        let known = self.texts.entry(name.to_owned()).or_insert_with(|| value.clone());
        if *known != value {
            *known = None;
        }
    }

    fn look(&mut self, node: Node<'_>, text: &str) {
        let raw = |node: Node<'_>| text.get(node.byte_range()).unwrap_or_default();
        match node.kind() {
            "variable_assignment" => {
                let name = node.child_by_field_name("name").map(raw).unwrap_or_default();
                let is_plain = children(node).iter().any(|child| child.kind() == "=")
                    && node.parent().is_some_and(|parent| parent.kind() != "command");
                let value = node.child_by_field_name("value");
                let value = value.map_or(Some(String::new()), |value| word(value, text, &Self::default()).text());
                let base = name.split('[').next().unwrap_or_default();
                self.sets(base, value.filter(|_| is_plain && base == name));
            }
            "for_statement"
            | "c_style_for_statement"
            | "arithmetic_expansion"
            | "compound_statement"
            | "unset_command" => {
                let counts = node.kind() != "compound_statement" || children(node).iter().any(|c| c.kind() == "((");
                for name in names(node).into_iter().filter(|_| counts) {
                    self.sets(raw(name), None);
                }
            }
            "expansion" if children(node).iter().any(|child| matches!(child.kind(), ":=" | "=")) => {
                for name in names(node) {
                    self.sets(raw(name), None);
                }
            }
            "declaration_command" => self.declared(node, text),
            "command" => self.command(node, text),
            _ => {}
        }
    }

    fn declared(&mut self, node: Node<'_>, text: &str) {
        let raw = |node: Node<'_>| text.get(node.byte_range()).unwrap_or_default();
        let only_exports = children(node).first().is_some_and(|word| raw(*word) == "export");
        for child in named_children(node) {
            match child.kind() {
                "variable_assignment" => {}
                "variable_name" if only_exports => {}
                "variable_name" => self.sets(raw(child), None),
                // An option may change how values are taken, a word that is not known may be any assignment.
                _ => self.dark = true,
            }
        }
    }

    /// Commands of the shell that set variables.
    fn command(&mut self, node: Node<'_>, text: &str) {
        let raw = |node: Node<'_>| text.get(node.byte_range()).unwrap_or_default();
        let name = node.child_by_field_name("name").map(|name| word(name, text, &Self::default()));
        let Some(name) = name.and_then(|name| name.text()) else { return };
        match name.as_str() {
            "read" | "printf" | "mapfile" | "readarray" | "getopts" | "let" | "wait" => {
                for argument in named_children(node).into_iter().skip(1) {
                    let is_name = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                    match word(argument, text, &Self::default()).text() {
                        Some(name) if is_name(&name) => self.sets(&name, None),
                        Some(name) if !name.contains('[') => {}
                        _ if name == "printf" => {}
                        _ => self.dark = true,
                    }
                }
                self.dark |= name == "printf" && raw(node).contains("-v");
            }
            "time" | "!" | "do" | "then" | "eval" | "source" | "." | "trap" | "coproc" | "builtin" | "command"
            | "enable" | "alias" => self.dark = true,
            _ => {}
        }
    }
}

/// All names of variables below a node.
fn names(node: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    let mut nodes: Vec<Node<'_>> = match node.kind() {
        "for_statement" => node.child_by_field_name("variable").into_iter().collect(),
        _ => vec![node],
    };
    while let Some(node) = nodes.pop() {
        if matches!(node.kind(), "variable_name" | "word") {
            found.push(node);
        }
        nodes.extend(named_children(node));
    }
    found
}

/// No condition, loop, function or process of its own stands between the assignment and the whole script.
pub(super) fn is_certain(assignment: Node<'_>) -> bool {
    let mut node = assignment;
    while let Some(parent) = node.parent() {
        let holds = match parent.kind() {
            "program" | "variable_assignments" | "declaration_command" => true,
            // In a pipe or behind `&` it would be another process.
            "list" => parent.named_child(0) == Some(node),
            "compound_statement" => children(parent).first().is_some_and(|child| child.kind() == "{"),
            _ => false,
        };
        if !holds || node.next_sibling().is_some_and(|next| next.kind() == "&") {
            return false;
        }
        node = parent;
    }
    true
}
