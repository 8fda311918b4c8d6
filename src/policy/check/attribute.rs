//! Pure. One `[[attribute]]` rule.

use globset::GlobMatcher;
use regex::Regex;

use crate::model::{Attribution, Dimension};
use crate::policy::attribute::{fill, group_dimension, normalise_remote};
use crate::policy::mistake::Notes;
use crate::policy::rule::{AttributeRule, Layer};
use crate::policy::suggest;
use crate::policy::table::{Entry, Keys, Table, as_text, wrong_type};

use super::pattern;

const KEYS: Keys = Keys { of: "`[[attribute]]`", known: &["folder", "remote", "branch", "set"], later: &[] };

const SETTABLE: [&str; 6] = ["team", "project", "client", "user", "task", "label:KEY"];
const GROUPS: [&str; 6] = ["team", "project", "client", "user", "task", "label_KEY"];

/// The rule, as far as it is right.
pub(super) fn check(table: &Table<'_>, notes: &mut Notes) -> Option<AttributeRule> {
    table.only(&KEYS, notes);
    let folder = table.text("folder", "\"~/work/acme\"", notes).and_then(|text| pattern::glob(&text, notes));
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
    pattern::glob(&text, notes)
}

fn branch(table: &Table<'_>, notes: &mut Notes) -> Option<Regex> {
    let text = table.text("branch", "'(?<task>[A-Z]+-\\d+)'", notes)?;
    let pattern = pattern::regex(&text, notes)?;
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
        Dimension::Run | Dimension::Agent | Dimension::Thread | Dimension::Model | Dimension::Branch => false,
    }
}

/// A cloned repository may not say whose spend it is.
fn is_untrusted(dimension: &Dimension, notes: &Notes) -> bool {
    notes.layer() == Layer::Repository && matches!(dimension, Dimension::User | Dimension::Team | Dimension::Client)
}
