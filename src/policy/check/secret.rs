//! Where a secret lies: never in the policy itself.

use std::path::PathBuf;

use toml::de::DeValue;

use crate::policy::mistake::Notes;
use crate::policy::notify::SecretSource;
use crate::policy::suggest;
use crate::policy::table::{Entry, Table, Text, as_text, wrong_type};

const SOURCES: [&str; 2] = ["env", "file"];

/// A text that must be there.
pub(super) fn needed<'t>(table: &Table<'t>, of: &str, key: &str, example: &str, notes: &mut Notes) -> Option<Text<'t>> {
    if table.get(key).is_none() {
        notes.refuse(&table.span, format!("{of} has no `{key}`"), format!("add `{key} = {example}`"));
    }
    table.text(key, example, notes)
}

/// Where a secret lies. One that stands here itself is refused, and not repeated.
pub(super) fn secret(
    table: &Table<'_>,
    of: &str,
    key: &str,
    variable: &str,
    notes: &mut Notes,
) -> Option<SecretSource> {
    let example = format!("{{ env = \"{variable}\" }}");
    let Some(value) = table.get(key) else {
        notes.refuse(&table.span, format!("{of} has no `{key}`"), format!("add `{key} = {example}`"));
        return None;
    };
    let DeValue::Table(entries) = value.get_ref() else {
        let message = format!("`{key}` stands in the policy itself, where everybody reads it");
        let hint = format!("name where it lies: `{key} = {example}`, or `{{ file = \"/run/secrets/{key}\" }}`");
        notes.refuse(&value.span(), message, hint);
        return None;
    };
    let source = Table::new(entries, value.span());
    let entries = source.entries();
    let [Entry { key: word, value: said }] = entries.as_slice() else {
        notes.refuse(
            &value.span(),
            format!("`{key}` needs one of `env` and `file`"),
            format!("write `{key} = {example}`"),
        );
        return None;
    };
    if !SOURCES.contains(&word.value) {
        let message = format!("`{}` is no place where a secret lies", word.value);
        notes.refuse(&word.span, message, suggest::hint(word.value, &SOURCES));
        return None;
    }
    let Some(text) = as_text(said) else {
        wrong_type(word.value, said, "a text", if word.value == "env" { "\"NAME\"" } else { "\"/path\"" }, notes);
        return None;
    };
    if word.value == "env" { variable_name(&text, notes) } else { absolute(&text, notes) }
}

fn variable_name(text: &Text<'_>, notes: &mut Notes) -> Option<SecretSource> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = text.value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && text.value.len() <= 200 && text.value.chars().all(is_name) {
        return Some(SecretSource::Env(text.value.to_owned()));
    }
    // It may be the secret itself.
    notes.refuse(&text.span, "this is no name of a variable", "write the variable's name, such as `SMTP_PASSWORD`");
    None
}

fn absolute(text: &Text<'_>, notes: &mut Notes) -> Option<SecretSource> {
    let path = PathBuf::from(text.value);
    if path.is_absolute() {
        return Some(SecretSource::File(path));
    }
    notes.refuse(
        &text.span,
        "this is no whole path of a file",
        "write it from the root on, such as `/run/secrets/smtp`",
    );
    None
}
