//! One `[[attribute]]` rule.

use globset::GlobMatcher;
use regex::Regex;

use crate::model::{Attribution, Dimension};
use crate::policy::attribute::{fill, group_dimension, normalise_remote};
use crate::policy::mistake::Notes;
use crate::policy::rule::{AttributeRule, Layer};
use crate::policy::suggest;
use crate::policy::table::{Entry, Keys, Table, Text, as_text, wrong_type};

use super::{pattern, regular};

const KEYS: Keys = Keys { of: "`[[attribute]]`", known: &["folder", "remote", "branch", "set"], later: &[] };

const SETTABLE: [&str; 6] = ["team", "project", "client", "user", "task", "label:KEY"];
const GROUPS: [&str; 6] = ["team", "project", "client", "user", "task", "label_KEY"];

/// The rule, as far as it is right.
pub(super) fn check(table: &Table<'_>, notes: &mut Notes) -> Option<AttributeRule> {
    let table = &table.only(&KEYS, notes);
    let folder = folder(table, notes);
    let remote = remote(table, notes);
    let branch = branch(table, notes);
    let (set, fields) = set(table, notes);
    let groups: Vec<&str> = branch.iter().flat_map(|pattern| pattern.capture_names().flatten()).collect();
    if fields.is_empty()
        && groups.is_empty()
        && table.get("set").is_none()
        && !has_unread_branch(table, branch.as_ref())
    {
        let hint = "add `set = { team = \"web\" }`, or a named group to `branch`, such as '(?<task>[A-Z]+-\\d+)'";
        notes.warn(&table.span, "this rule sets nothing", hint);
    }
    for group in groups {
        let Some(dimension) = group_dimension(group) else { continue };
        if let (true, Some(value)) = (fields.contains(&dimension), table.get("set")) {
            let message = format!("`{dimension}` is set here and by a named group of `branch`");
            notes.refuse(&value.span(), message, "keep one of them");
        }
    }
    Some(AttributeRule { folder, remote, branch, set, layer: notes.layer() })
}

fn has_unread_branch(table: &Table<'_>, branch: Option<&Regex>) -> bool {
    table.get("branch").is_some() && branch.is_none()
}

/// People paste what git shows, but rules match what stands behind scheme and user.
fn remote(table: &Table<'_>, notes: &mut Notes) -> Option<GlobMatcher> {
    let text = table.text("remote", "\"github.com/acme/*\"", notes)?;
    if text.value.contains("://") || text.value.contains('@') || text.value.ends_with(".git") {
        let message = format!("`{}` can never match: remotes are compared as `host/path`", text.value);
        notes.refuse(&text.span, message, format!("write `{}`", normalise_remote(text.value)));
        return None;
    }
    let first = text.value.split('/').next().unwrap_or_default();
    let is_glob = regular::in_value(text.value).is_none();
    if is_glob && !first.is_empty() && !first.contains(['.', '*', '?', '[', '{', ':']) && first != "localhost" {
        let message = format!("`{}` names no host: remotes are compared as `host/path`", text.value);
        notes.warn(&text.span, message, format!("write `github.com/{0}`, or `*/{0}` for any host", text.value));
    }
    pattern::glob_of_remote(&text, notes)
}

/// Folders are compared whole, from the root or from `~` on.
fn folder(table: &Table<'_>, notes: &mut Notes) -> Option<GlobMatcher> {
    let text = table.text("folder", "\"~/work/acme\"", notes)?;
    let path = text.value;
    let told = if regular::in_value(path).is_some() {
        None
    } else if path.contains('$') {
        let home = path.strip_prefix("$HOME").or_else(|| path.strip_prefix("${HOME}"));
        let hint =
            home.map_or("write the path itself, or `~` for your home".to_owned(), |rest| format!("write `~{rest}`"));
        Some(("holds a variable, and none is filled in", hint))
    } else if path.len() > 1 && path.ends_with('/') {
        Some((
            "can never match: folders are compared without a `/` at the end",
            format!("write `{}`", path.trim_end_matches('/')),
        ))
    } else if !path.is_empty() && !path.starts_with(['/', '~', '*', '?', '[', '{']) {
        let rest = path.trim_start_matches("./");
        Some((
            "is relative, and folders are compared from the root on",
            format!("write `~/{rest}`, or `*/{rest}` wherever it lies"),
        ))
    } else {
        None
    };
    if let Some((message, hint)) = told {
        notes.warn(&text.span, format!("`{path}` {message}"), hint);
    }
    pattern::glob(&text, notes)
}

/// Warns of a branch pattern that is a glob, or a branch as git stores it.
fn no_regular_expression(text: &Text<'_>, notes: &mut Notes) {
    let written = text.value;
    if let Some(branch) = written.trim_start_matches('^').strip_prefix("refs/heads/") {
        let message = format!("`{written}` can never match: a branch is compared without `refs/heads/`");
        notes.warn(&text.span, message, format!("write `'^{}$'`", branch.trim_end_matches('$')));
        return;
    }
    let is_glob = written.contains("/*") || written.ends_with('*') || written.starts_with('*');
    if is_glob && !written.contains(['(', '[', '\\', '^', '$', '+', '|', '.']) {
        let message = format!(
            "`{written}` looks like a glob: `branch` is a regular expression, in which `*` repeats what stands before it"
        );
        notes.warn(&text.span, message, format!("write `'^{}'`", written.trim_matches('*')));
    }
}

fn branch(table: &Table<'_>, notes: &mut Notes) -> Option<Regex> {
    let text = table.text("branch", "'(?<task>[A-Z]+-\\d+)'", notes)?;
    let pattern = pattern::regex(&text, notes)?;
    no_regular_expression(&text, notes);
    for group in pattern.capture_names().flatten() {
        match group_dimension(group) {
            Some(dimension) if is_untrusted(&dimension, notes) => {
                super::untrusted(&text.span, &format!("`{dimension}`"), notes);
            }
            Some(_) => {}
            None => {
                let message = format!("the group `{group}` fills nothing");
                notes.refuse(&text.span, message, suggest::hint(group, &GROUPS));
            }
        }
    }
    Some(pattern)
}

fn set(table: &Table<'_>, notes: &mut Notes) -> (Attribution, Vec<Dimension>) {
    let mut attribution = Attribution::default();
    let mut fields = Vec::new();
    let Some(set) = table.table("set", "{ team = \"web\" }", notes) else { return (attribution, fields) };
    for Entry { key, value } in set.entries() {
        let dimension = match Dimension::parse(key.value) {
            Some(known) if is_settable(&known) => known,
            Some(_) | None => {
                let message = format!("a rule cannot set `{}`", key.value);
                notes.refuse(&key.span, message, suggest::hint(key.value, &SETTABLE));
                continue;
            }
        };
        if is_untrusted(&dimension, notes) {
            super::untrusted(&key.span, &format!("`{dimension}`"), notes);
        }
        let Some(text) = as_text(value) else {
            wrong_type(key.value, value, "a text", "\"web\"", notes);
            continue;
        };
        if pattern::is_meant(text.value) {
            let message =
                format!("`{}` is taken as it stands: spend would belong to a {dimension} of that name", text.value);
            notes.warn(&text.span, message, "write the value itself; a named group of `branch` fills in what varies");
        }
        if let Some(name) = super::name(&text, key.value, notes) {
            fill(&mut attribution, &dimension, &name);
            fields.push(dimension);
        }
    }
    (attribution, fields)
}

fn is_settable(dimension: &Dimension) -> bool {
    match dimension {
        Dimension::Team
        | Dimension::Project
        | Dimension::Client
        | Dimension::User
        | Dimension::Task
        | Dimension::Label(_) => true,
        Dimension::Run
        | Dimension::Agent
        | Dimension::Thread
        | Dimension::Model
        | Dimension::Branch
        | Dimension::Work => false,
    }
}

/// A cloned repository may not say whose spend it is.
fn is_untrusted(dimension: &Dimension, notes: &Notes) -> bool {
    notes.layer() == Layer::Repository && matches!(dimension, Dimension::User | Dimension::Team | Dimension::Client)
}
