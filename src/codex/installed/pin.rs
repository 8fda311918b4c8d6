//! `features.hooks = true` in the machine's file: without it a user's configuration, or a client of an app server for
//! one thread, turns managed hooks off as well; with it nobody does (0.169, 0.171).

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use super::OWN_SETTING;

const NAMES: [&str; 2] = ["hooks", "codex_hooks"];

/// Pins hooks, unless the file says something of its own about them. (An inline table has no room for the mark by which
/// the setting is taken out again.)
pub(super) fn pin(document: &mut DocumentMut) {
    let mut own = Value::from(true);
    own.decor_mut().set_suffix(OWN_SETTING);
    match document.get_mut("features") {
        None => {
            let mut features = Table::new();
            features.set_dotted(true);
            features.insert("hooks", Item::Value(own));
            document.insert("features", Item::Table(features));
        }
        Some(Item::Table(features)) if !NAMES.iter().any(|name| features.contains_key(name)) => {
            features.insert("hooks", Item::Value(own));
        }
        Some(_) => {}
    }
}

/// Takes out what [`pin`] put in.
pub(super) fn unpin(document: &mut DocumentMut) {
    let Some(features) = document.get_mut("features").and_then(Item::as_table_mut) else { return };
    let suffix = |value: &Value| value.decor().suffix().and_then(|suffix| suffix.as_str()).map(str::to_owned);
    let found = features.get("hooks").and_then(Item::as_value).and_then(suffix);
    if found.as_deref() != Some(OWN_SETTING) {
        return;
    }
    features.remove("hooks");
    if features.is_dotted() && features.is_empty() {
        document.remove("features");
    }
}

/// The file lets nobody turn hooks off.
pub(super) fn is_pinned(table: &dyn TableLike) -> bool {
    let features = table.get("features").and_then(Item::as_table_like);
    features.is_some_and(|features| NAMES.iter().any(|name| features.get(name).and_then(Item::as_bool) == Some(true)))
}
