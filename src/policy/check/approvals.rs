//! The `[approvals]` table.

use toml::Spanned;
use toml::de::DeValue;

use crate::policy::address;
use crate::policy::approvals::Quorum;
use crate::policy::mistake::Notes;
use crate::policy::rule::Layer;
use crate::policy::suggest;
use crate::policy::table::{Keys, Placed, Table, Text, Value};

use super::{Draft, pattern};

const KEYS: Keys = Keys {
    of: "`[approvals]`",
    known: &["approvers", "max_extend", "max_grant", "quorum", "wait_for_nobody", "not_self"],
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
    draft.quorum = quorum(&table, notes);
    draft.max_extend = table
        .text("max_extend", "\"20 usd\"", notes)
        .and_then(|text| Some(Placed { value: super::quantity(&text, notes)?, span: text.span }));
    draft.max_grant = table
        .text("max_grant", "\"100 usd\"", notes)
        .and_then(|text| Some(Placed { value: super::quantity(&text, notes)?, span: text.span }));
}

const QUORUM: Keys = Keys { of: "`quorum`", known: &["people", "above"], later: &[] };

/// More than these never come together.
const MOST_PEOPLE: u64 = 20;

/// How many have to say yes.
fn quorum(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<Quorum>> {
    const EXAMPLE: &str = "{ people = 2, above = \"20 usd\" }";
    let written = table.table("quorum", EXAMPLE, notes)?;
    let quorum = written.only(&QUORUM, notes);
    if quorum.get("people").is_none() {
        notes.refuse(
            &written.span,
            "`quorum` does not say how many have to say yes",
            format!("write `quorum = {EXAMPLE}`"),
        );
    }
    let people = quorum.number("people", 2..=MOST_PEOPLE, notes);
    let above = match quorum.text("above", "\"20 usd\"", notes) {
        Some(text) => Some(super::quantity(&text, notes)?),
        None if quorum.get("above").is_some() => return None,
        None => None,
    };
    let people = u32::try_from(people?.value).ok()?;
    let named = table.texts("approvers", "[\"alice\"]", &mut notes.silent()).map(|texts| texts.value);
    let is_group = |text: &Text<'_>| text.value.starts_with("slack-group:");
    if let Some(named) = named.filter(|named| !named.is_empty() && !named.iter().any(is_group))
        && named.len() < people as usize
    {
        let message = format!("{people} have to say yes, and `approvers` names {}", named.len());
        notes.refuse(&written.span, message, "name as many who may answer, or ask for fewer");
        return None;
    }
    Some(Placed { value: Quorum { people, above }, span: written.span.clone() })
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
