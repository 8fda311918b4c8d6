//! Pure. The `[approvals]` table.

use toml::Spanned;
use toml::de::DeValue;

use crate::policy::address;
use crate::policy::mistake::Notes;
use crate::policy::rule::Layer;
use crate::policy::suggest;
use crate::policy::table::{Keys, Placed, Table, Text, Value};

use super::{Draft, pattern};

const KEYS: Keys = Keys {
    of: "`[approvals]`",
    known: &["approvers", "max_extend", "max_grant", "wait_for_nobody", "not_self"],
    later: &[],
};

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
        let names = texts.value.iter().filter_map(|text| approver(text, notes)).collect();
        Placed { value: names, span: texts.span }
    });
    draft.not_self = table
        .boolean("not_self", notes)
        .filter(|not_self| *not_self)
        .and_then(|_| table.get("not_self").map(Spanned::span));
    draft.wait_for_nobody = table.boolean("wait_for_nobody", notes).unwrap_or(false);
    draft.max_extend = table
        .text("max_extend", "\"20 usd\"", notes)
        .and_then(|text| Some(Placed { value: super::quantity(&text, notes)?, span: text.span }));
    draft.max_grant = table
        .text("max_grant", "\"100 usd\"", notes)
        .and_then(|text| Some(Placed { value: super::quantity(&text, notes)?, span: text.span }));
}

/// Doors whose own names may stand in `approvers`.
const DOORS: [&str; 3] = ["mail", "slack", "slack-group"];

/// Who may answer: a person or a login, or a name at another door.
fn approver(text: &Text<'_>, notes: &mut Notes) -> Option<String> {
    let name = super::name(text, "approvers", notes)?;
    let Some((door, rest)) = name.split_once(':') else { return Some(name) };
    if !DOORS.contains(&door) {
        let message = format!("`{door}:` is no way by which somebody answers");
        notes.refuse(&text.span, message, suggest::hint(door, &DOORS));
        return None;
    }
    if notes.layer() == Layer::Repository {
        let message = format!("a repository's file does not say `{door}:`: a clone may name anybody's");
        notes.refuse(&text.span, message, "name the login, or a `[[person]]` of the machine's or the user's policy");
        return None;
    }
    let (is_right, hint) = match door {
        "mail" => (address::is_mail(rest), "write it as `mail:lead@acme.example`"),
        "slack" => (
            address::is_slack_user(rest),
            "write the id that *Copy member ID* gives in the profile, such as `slack:U0123456789`",
        ),
        _ => (
            address::is_slack_group(rest),
            "write the id that *Copy group ID* gives, such as `slack-group:S0123456789`",
        ),
    };
    if !is_right {
        notes.refuse(&text.span, format!("`{name}` names nobody"), hint);
    }
    is_right.then_some(name)
}
