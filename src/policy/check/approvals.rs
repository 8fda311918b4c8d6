//! Pure. The `[approvals]` table.

use toml::de::DeValue;

use crate::policy::mistake::Notes;
use crate::policy::table::{Keys, Placed, Table, Value};

use super::{Draft, pattern};

const KEYS: Keys = Keys { of: "`[approvals]`", known: &["approvers", "max_extend", "wait_for_nobody"], later: &[] };

/// Reads who may answer, and how far.
pub(super) fn check(root: &Table<'_>, draft: &mut Draft, notes: &mut Notes) {
    let Some(table) = root.table("approvals", "{ max_extend = \"20 usd\" }", notes) else { return };
    let table = table.only(&KEYS, notes);
    draft.approvers = table.texts("approvers", "[\"alice\"]", notes).map(|texts| {
        let is_list = |value: Value<'_>| matches!(value.get_ref(), DeValue::Array(items) if items.is_empty());
        if table.get("approvers").is_some_and(is_list) {
            let message = "`approvers` is empty: anyone with the ledger's rights may answer";
            notes.warn(&texts.span, message, "name who may answer, or leave it out");
        }
        for text in texts.value.iter().filter(|text| pattern::is_meant(text.value)) {
            let message = format!("`{}` is taken as it stands, and nobody is called so", text.value);
            notes.warn(&text.span, message, "name each who may answer by the name of the login");
        }
        let names = texts.value.iter().filter_map(|text| super::name(text, "approvers", notes)).collect();
        Placed { value: names, span: texts.span }
    });
    draft.wait_for_nobody = table.boolean("wait_for_nobody", notes).unwrap_or(false);
    draft.max_extend = table
        .text("max_extend", "\"20 usd\"", notes)
        .and_then(|text| Some(Placed { value: super::quantity(&text, notes)?, span: text.span }));
}
