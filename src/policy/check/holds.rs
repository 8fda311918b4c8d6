//! Gates that can be obeyed and hold nothing, or everything: patterns that look right and match nothing.

use crate::policy::mistake::Notes;
use crate::policy::table::{Placed, Table, Text};

use super::regular;

/// What makes a gate one on something. The rest says what it does.
const CONDITIONS: [&str; 9] = ["tool", "match", "args", "not", "not_args", "paths", "model", "only", "cost_above"];

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
        if let Some(what) = regular::in_command(written) {
            regular::warn(text, what, notes);
        } else if !is_exception && !written.is_empty() && !written.contains(['*', '?', '|', ';', '&', '\'', '"']) {
            let goes_on = |other: &str| other.strip_prefix(written).is_some_and(|rest| rest.contains('*'));
            if !texts.value.iter().any(|other| goes_on(other.value.trim())) {
                let message = format!("`{written}` matches these words alone, with nothing behind them");
                notes.warn(&text.span, message, format!("write `{written}*` for whatever follows"));
            }
        }
    }
}

/// Warns of patterns on files that no patch names so. Patches name files from the working folder on, seldom in full.
pub(super) fn paths(texts: &Placed<Vec<Text<'_>>>, notes: &mut Notes) {
    for text in &texts.value {
        let path = text.value;
        if let Some(what) = regular::in_path(path) {
            regular::warn(text, what, notes);
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
    if name == "write_stdin" {
        let message = "no gate can hold `write_stdin`: typing into a program that runs already calls no hook";
        let hint = "ask about the programs that it would type into: `tool = \"Bash\"` with `match = [\"python3*\"]`";
        notes.warn(&text.span, message, hint);
        return true;
    }
    if regular::in_value(name).is_some() {
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
