//! Looks through a script for all that sets a variable.

use tree_sitter::Node;

use super::expand::word;
use super::grammar::{children, named_children};
use super::values::{Outer, Values};

/// The variables of a whole script, which stands within others.
pub(super) fn of_script(root: Node<'_>, text: &str, outer: &mut Outer) -> Values {
    let mut values = Values::default();
    if root.has_error() || text.contains("}>") || text.contains("}<") {
        values.darken();
    }
    let mut nodes = vec![root];
    while let Some(node) = nodes.pop() {
        look(&mut values, node, text);
        nodes.extend(named_children(node));
    }
    values.within(outer)
}

fn look(values: &mut Values, node: Node<'_>, text: &str) {
    let raw = |node: Node<'_>| text.get(node.byte_range()).unwrap_or_default();
    match node.kind() {
        "variable_assignment" => {
            let name = node.child_by_field_name("name").map(raw).unwrap_or_default();
            let is_plain = children(node).iter().any(|child| child.kind() == "=")
                && node.parent().is_some_and(|parent| parent.kind() != "command");
            let value = node.child_by_field_name("value");
            let value = value.map_or(Some(String::new()), |value| word(value, text, &Values::default()).text());
            let base = name.split('[').next().unwrap_or_default();
            values.sets(base, value.filter(|_| is_plain && base == name));
        }
        "for_statement" | "c_style_for_statement" | "arithmetic_expansion" | "compound_statement" | "unset_command" => {
            let counts = node.kind() != "compound_statement" || children(node).iter().any(|c| c.kind() == "((");
            for name in names(node).into_iter().filter(|_| counts) {
                values.sets(raw(name), None);
            }
        }
        "expansion" if children(node).iter().any(|child| matches!(child.kind(), ":=" | "=")) => {
            for name in names(node) {
                values.sets(raw(name), None);
            }
        }
        "declaration_command" => declared(values, node, text),
        "command" => command(values, node, text),
        _ => {}
    }
}

fn declared(values: &mut Values, node: Node<'_>, text: &str) {
    let raw = |node: Node<'_>| text.get(node.byte_range()).unwrap_or_default();
    let only_exports = children(node).first().is_some_and(|word| raw(*word) == "export");
    for child in named_children(node) {
        match child.kind() {
            "variable_assignment" => {}
            "variable_name" if only_exports => {}
            "variable_name" => values.sets(raw(child), None),
            // An option may change how values are taken, a word that is not known may be any assignment.
            _ => values.darken(),
        }
    }
}

/// Commands of the shell that set variables.
fn command(values: &mut Values, node: Node<'_>, text: &str) {
    let raw = |node: Node<'_>| text.get(node.byte_range()).unwrap_or_default();
    let name = node.child_by_field_name("name").map(|name| word(name, text, &Values::default()));
    let Some(name) = name.and_then(|name| name.text()) else { return };
    match name.as_str() {
        "read" | "printf" | "mapfile" | "readarray" | "getopts" | "let" | "wait" => {
            for argument in named_children(node).into_iter().skip(1) {
                let is_name = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                match word(argument, text, &Values::default()).text() {
                    Some(name) if is_name(&name) => values.sets(&name, None),
                    Some(name) if !name.contains('[') => {}
                    _ if name == "printf" => {}
                    _ => values.darken(),
                }
            }
            if name == "printf" && raw(node).contains("-v") {
                values.darken();
            }
        }
        "time" | "!" | "do" | "then" | "eval" | "source" | "." | "trap" | "coproc" | "builtin" | "command"
        | "enable" | "alias" => values.darken(),
        _ => {}
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
