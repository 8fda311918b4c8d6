//! `[[person]]`: one person, and the names at several doors.

use crate::model::Person;
use crate::policy::address;
use crate::policy::mistake::{Notes, Span};
use crate::policy::rule::Layer;
use crate::policy::table::{Keys, Table, Text};

use super::Draft;

const KEYS: Keys = Keys { of: "`[[person]]`", known: &["name", "os", "mail", "slack", "proxy", "store"], later: &[] };

/// A person and where the table stands.
#[derive(Debug)]
pub(in crate::policy) struct PersonDraft {
    /// The person.
    pub(in crate::policy) person: Person,
    /// Where.
    pub(in crate::policy) span: Span,
}

/// Reads the persons of a machine's or a user's own policy.
pub(super) fn check(root: &Table<'_>, draft: &mut Draft, notes: &mut Notes) {
    if super::is_closed("person", notes) {
        return;
    }
    for table in root.tables("person", notes) {
        let Some(person) = person(&table, notes) else { continue };
        if let Some(clash) = draft.persons.iter().find_map(|other| clash(&other.person, &person)) {
            notes.refuse(&table.span, clash, "one person is one `[[person]]`, with all names");
            continue;
        }
        draft.persons.push(PersonDraft { person, span: table.span.clone() });
    }
    let Some(first) = draft.persons.first() else { return };
    match notes.layer() {
        Layer::System | Layer::User => {}
        // Who starts a run does not say who is who.
        Layer::Given | Layer::Repository | Layer::Fleet | Layer::Flags => {
            let message = "`[[person]]` counts only in the machine's or your own policy";
            let hint =
                "put it into `/etc/govern/policy.toml`, or into `govern/policy.toml` of your configuration folder";
            notes.warn(&first.span, message, hint);
            draft.persons.clear();
        }
    }
}

fn person(table: &Table<'_>, notes: &mut Notes) -> Option<Person> {
    let table = &table.only(&KEYS, notes);
    if table.get("name").is_none() {
        notes.refuse(&table.span, "the person has no `name`", "add `name = \"alice\"`");
    }
    let name = table.text("name", "\"alice\"", notes).and_then(|text| plain(&text, "name", notes));
    let mut right = true;
    let mut own = |key: &'static str, example: &str, notes: &mut Notes| -> Option<String> {
        table.get(key)?;
        let found = table.text(key, example, notes).and_then(|text| match key {
            "mail" => mail(&text, notes),
            "slack" => slack(&text, notes),
            _ => plain(&text, key, notes),
        });
        right &= found.is_some();
        found
    };
    let os = own("os", "\"alice\"", notes);
    let mail = own("mail", "\"alice@acme.example\"", notes);
    let slack = own("slack", "\"U123\"", notes);
    let proxy = own("proxy", "\"alice@acme.example\"", notes);
    let store = own("store", "\"alice\"", notes);
    if right && [&os, &mail, &slack, &proxy, &store].into_iter().all(Option::is_none) {
        let hint = "add one of `os` (the login), `mail`, `slack` (the id, such as `U123`), `proxy` and `store`";
        notes.refuse(&table.span, "nobody can come as this person: it has no name at any door", hint);
        return None;
    }
    let name = name.filter(|_| right)?;
    Some(Person { name, os, mail, slack, proxy, store })
}

/// Without what would make an entry of `approvers` mean something else.
fn plain(text: &Text<'_>, key: &str, notes: &mut Notes) -> Option<String> {
    let name = super::name(text, key, notes)?;
    if name.contains(':') {
        notes.refuse(&text.span, format!("`{key}` has a colon in it"), "write the name alone");
        return None;
    }
    Some(name)
}

fn mail(text: &Text<'_>, notes: &mut Notes) -> Option<String> {
    if address::is_mail(text.value) {
        return Some(text.value.to_ascii_lowercase());
    }
    notes.refuse(&text.span, format!("`{}` is no mail address", text.value), "write it as `alice@acme.example`");
    None
}

/// Slack tells who clicks by an id alone: no name that anybody sees there is one.
fn slack(text: &Text<'_>, notes: &mut Notes) -> Option<String> {
    if address::is_slack_user(text.value) {
        return Some(text.value.to_owned());
    }
    let hint = "write the id that *Copy member ID* gives in the profile, such as `U0123456789`";
    notes.refuse(&text.span, format!("`{}` is no id of a user of Slack", text.value), hint);
    None
}

/// Why these two cannot both be.
pub(in crate::policy) fn clash(one: &Person, other: &Person) -> Option<String> {
    let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
    let what = if one.name == other.name {
        return Some(format!("there are two persons `{}`", one.name));
    } else if same(&one.os, &other.os) {
        "login"
    } else if same(&one.mail, &other.mail) {
        "mail address"
    } else if same(&one.slack, &other.slack) {
        "Slack user"
    } else if same(&one.proxy, &other.proxy) {
        "name at the proxy"
    } else if same(&one.store, &other.store) {
        "login of the store"
    } else if one.os.as_ref() == Some(&other.name) || other.os.as_ref() == Some(&one.name) {
        return Some(format!("one of `{}` and `{}` logs in by the other's name", one.name, other.name));
    } else {
        return None;
    };
    Some(format!("`{}` and `{}` have the same {what}", one.name, other.name))
}
