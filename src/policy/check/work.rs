//! `[[work]]`: commands and files that say what class of work a turn is.

use globset::GlobMatcher;

use crate::model::WorkClass;
use crate::policy::mistake::Notes;
use crate::policy::suggest;
use crate::policy::table::{Keys, Table, Text};
use crate::work::OwnRule;

use super::pattern;

const KEYS: Keys = Keys { of: "`[[work]]`", known: &["commands", "paths", "as"], later: &[] };

/// The classes, as hints name them.
pub(super) const CLASSES: [&str; 7] = ["research", "edit", "test", "review", "migration", "documentation", "other"];

/// The rule, if it is right.
pub(super) fn check(table: &Table<'_>, notes: &mut Notes) -> Option<OwnRule> {
    let table = &table.only(&KEYS, notes);
    let mut globs = |key: &str, example: &str| -> Option<Vec<GlobMatcher>> {
        if table.get(key).is_none() {
            return Some(Vec::new());
        }
        let texts = table.texts(key, example, notes)?;
        Some(pattern::globs(&texts, notes))
    };
    let (commands, paths) = (globs("commands", "[\"alembic *\"]"), globs("paths", "[\"db/changes/**\"]"));
    let class = table.text("as", "\"migration\"", notes).and_then(|text| class(&text, notes));
    if table.get("as").is_none() {
        notes.refuse(&table.span, "the rule does not say what work it is", "add `as = \"migration\"`");
    }
    let (commands, paths) = (commands?, paths?);
    if commands.is_empty() && paths.is_empty() {
        let hint = "add `commands = [\"alembic *\"]`, or `paths = [\"db/changes/**\"]`";
        notes.refuse(&table.span, "the rule names no command and no file", hint);
        return None;
    }
    Some(OwnRule { commands, paths, class: class? })
}

/// A class by its name.
pub(super) fn class(text: &Text<'_>, notes: &mut Notes) -> Option<WorkClass> {
    let class = WorkClass::parse(text.value);
    if class.is_none() {
        let message = format!("`{}` is no class of work", text.value);
        notes.refuse(&text.span, message, suggest::hint(text.value, &CLASSES));
    }
    class
}
