//! Pure. Gates that can be obeyed and hold nothing, or everything: patterns that look right and match nothing.

use crate::policy::mistake::Notes;
use crate::policy::table::{Placed, Table, Text};

/// What makes a gate one on something. The rest says what it does.
const CONDITIONS: [&str; 7] = ["tool", "match", "not", "paths", "model", "only", "cost_above"];

/// Folders at the root of a machine, which people mean when they write a whole path.
const ROOTS: [&str; 22] = [
    "bin",
    "boot",
    "data",
    "dev",
    "etc",
    "home",
    "lib",
    "media",
    "mnt",
    "nix",
    "opt",
    "proc",
    "root",
    "run",
    "sbin",
    "srv",
    "sys",
    "tmp",
    "usr",
    "var",
    "Users",
    "workspace",
];

/// Files that have no dot in their names, and folders that begin with one.
const FILES: [&str; 6] = ["makefile", "justfile", "gradlew", "mvnw", "configure", "rakefile"];
const FOLDERS: [&str; 8] = [".github", ".git", ".ssh", ".codex", ".vscode", ".circleci", ".aws", ".config"];

/// Warns of a gate that every call meets.
pub(super) fn everything(table: &Table<'_>, notes: &mut Notes) {
    let is_whole = ["name", "do"].iter().all(|key| table.get(key).is_some());
    if is_whole && CONDITIONS.iter().all(|key| table.get(key).is_none()) {
        let hint = "say which with `tool`, `match` or `paths`; write `tool = \"*\"` if every call is meant";
        notes.warn(&table.span, "the gate has no condition: every call of every tool meets it", hint);
    }
}

/// Warns of patterns on commands that are regular expressions, or match no more than the words that they have. An
/// exception of few words is meant so.
pub(super) fn commands(texts: &Placed<Vec<Text<'_>>>, is_exception: bool, notes: &mut Notes) {
    for text in &texts.value {
        let written = text.value.trim();
        if let Some(what) = regular(written) {
            regular_expression(text, what, notes);
        } else if !is_exception && !written.is_empty() && !written.contains(['*', '?', '|', ';', '&', '\'', '"']) {
            let goes_on = |other: &str| other.strip_prefix(written).is_some_and(|rest| rest.contains('*'));
            if !texts.value.iter().any(|other| goes_on(other.value.trim())) {
                let message = format!("`{written}` matches these words alone, with nothing behind them");
                notes.warn(&text.span, message, format!("write `{written}*` for whatever follows"));
            }
        }
    }
}

/// What of a pattern stands for something in a regular expression alone.
fn regular(pattern: &str) -> Option<&'static str> {
    let has_class = ["\\s", "\\d", "\\w", "\\b", "\\S", "\\."].into_iter().find(|class| pattern.contains(class));
    let dotted = || {
        let before = |at: usize| pattern.get(..at).and_then(|before| before.chars().next_back());
        pattern
            .match_indices(".*")
            .any(|(at, _)| before(at).is_none_or(|c| c.is_alphanumeric() || c == ')' || c == ' '))
    };
    let grouped = || pattern.contains('(') && pattern.contains('|') && pattern.contains(')');
    if pattern.starts_with('^') {
        Some("^")
    } else if pattern.ends_with('$') {
        Some("$")
    } else if has_class.is_some() {
        has_class
    } else if grouped() {
        Some("|")
    } else {
        dotted().then_some(".")
    }
}

fn regular_expression(text: &Text<'_>, what: &str, notes: &mut Notes) {
    let message = format!("`{}` is read as a glob, in which `{what}` stands for itself", text.value);
    let plain = text.value.trim_start_matches('^').trim_end_matches('$');
    let plain = ["\\s+", "\\s*", "\\s"].into_iter().fold(plain.to_owned(), |plain, space| plain.replace(space, " "));
    let plain = plain.replace(".*", "*").replace("\\b", "").replace("\\.", ".");
    let hint = if plain.contains(['\\', '(', '|', '[', '+']) {
        "no regular expressions: `*` stands for anything, `?` for one character; write one pattern for each".to_owned()
    } else {
        let open = if plain.ends_with('*') || text.value.ends_with('$') { "" } else { "*" };
        format!("no regular expressions: write `{plain}{open}`")
    };
    notes.warn(&text.span, message, hint);
}

/// Warns of patterns on files that no patch names so. Patches name files from the working folder on, seldom in full.
pub(super) fn paths(texts: &Placed<Vec<Text<'_>>>, notes: &mut Notes) {
    for text in &texts.value {
        let path = text.value;
        if let Some(what) = regular(path).filter(|what| *what != ".") {
            regular_expression(text, what, notes);
            continue;
        }
        let told = if let Some(rest) = path.strip_prefix("~/") {
            Some(("can never match: a patch does not write `~`", format!("write `{rest}`, from any folder on")))
        } else if let Some(rest) = path.strip_prefix("./") {
            Some(("can never match: paths are compared without `./`", format!("write `{rest}`")))
        } else if path.starts_with("../") {
            let rest = path.trim_start_matches("../");
            Some(("matches only what a patch writes so", format!("write `{rest}`, from any folder on")))
        } else if let Some(folder) = path.strip_suffix('/') {
            Some((
                "can never match: it is a folder, and patches name files",
                format!("write `{folder}/*` for all in it"),
            ))
        } else {
            of_the_root(path).or_else(|| bare_folder(path))
        };
        if let Some((message, hint)) = told {
            notes.warn(&text.span, format!("`{path}` {message}"), hint);
        }
    }
}

fn of_the_root(path: &str) -> Option<(&'static str, String)> {
    let rest = path.strip_prefix('/')?;
    let first = rest.split('/').next().unwrap_or_default();
    if ROOTS.contains(&first) || first.contains(['*', '?', '[', '{']) {
        return None;
    }
    Some((
        "is a path from the machine's root on, not from the repository's",
        format!("write `{rest}`, from any folder on"),
    ))
}

fn bare_folder(path: &str) -> Option<(&'static str, String)> {
    let last = path.rsplit('/').next().unwrap_or(path);
    let plain = last.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
    let is_folder = FOLDERS.contains(&last) || (plain && !last.is_empty() && !FILES.contains(&last));
    is_folder
        .then(|| ("matches a file of that name, and nothing in a folder", format!("write `{path}/*` for all in it")))
}

/// Warns of names that hooks give no tool.
pub(super) fn tool(text: &Text<'_>, notes: &mut Notes) -> bool {
    let name = text.value;
    if regular(name).is_some() || name.contains('|') {
        let hint =
            "no regular expressions: `*` stands for anything; several are a list, `tool = [\"Bash\", \"apply_patch\"]`";
        notes.warn(&text.span, format!("`{name}` is read as a glob, and no tool is called so"), hint);
        return true;
    }
    let Some(rest) = name.strip_prefix("mcp_") else { return false };
    let meant = match rest.strip_prefix('_') {
        // A server's name alone.
        Some(server) if !server.contains("__") && !server.contains('*') && !server.is_empty() => {
            format!("mcp__{server}__*")
        }
        Some(_) => return false,
        None => match rest.split_once('_') {
            Some((server, tool)) => format!("mcp__{server}__{}", tool.trim_start_matches('_')),
            None => format!("mcp__{rest}"),
        },
    };
    let message =
        format!("`{name}` is no name of an MCP server's tool: that is `mcp__SERVER__TOOL`, with two underscores");
    notes.warn(&text.span, message, format!("did you mean `{meant}`?"));
    true
}
