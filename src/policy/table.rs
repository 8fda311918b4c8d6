//! Tables of a policy as they are asked for their keys; what has the wrong type is reported.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Notes, Span};
use super::suggest;

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Placed<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it stands.
    pub(crate) span: Span,
}

/// What a key is set to, with its place.
pub(crate) type Value<'t> = &'t Spanned<DeValue<'t>>;

/// What numbers of things must be, as [`wrong_type`] says it.
pub(crate) const WHOLE: &str = "a whole number";

/// The most entries of any list.
pub(crate) const MOST_ITEMS: usize = 1_000;

/// A text and its place.
pub(crate) type Text<'t> = Placed<&'t str>;

/// The keys of one kind of table.
pub(crate) struct Keys {
    /// The table as messages call it.
    pub(crate) of: &'static str,
    /// All that this version knows.
    pub(crate) known: &'static [&'static str],
    /// What the design has, and a later version will know.
    pub(crate) later: &'static [&'static str],
}

/// A table with its place: for `[[list]]` tables, the header.
#[derive(Clone, Debug)]
pub(crate) struct Table<'t> {
    entries: &'t DeTable<'t>,
    /// Where it stands.
    pub(crate) span: Span,
    /// Keys that are not there, each with the misspelt one that was meant to be it.
    meant: Vec<(&'static str, &'t str)>,
}

/// One key of a table with its value.
pub(crate) struct Entry<'t> {
    /// The key, with its place.
    pub(crate) key: Text<'t>,
    /// The value, with its place.
    pub(crate) value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Table<'t> {
    pub(crate) fn new(entries: &'t DeTable<'t>, span: Span) -> Self {
        Self { entries, span, meant: Vec::new() }
    }

    /// All entries in the order they are written.
    pub(crate) fn entries(&self) -> Vec<Entry<'t>> {
        let mut entries: Vec<_> = self
            .entries
            .iter()
            .map(|(key, value)| Entry { key: Placed { value: key.get_ref().as_ref(), span: key.span() }, value })
            .collect();
        entries.sort_by_key(|entry| entry.key.span.start);
        entries
    }

    /// Refuses keys that are none, and by name those of a later version. In the table that it gives, what is misspelt
    /// stands for what was meant: it is checked as that, and nobody misses it.
    #[must_use]
    pub(crate) fn only(&self, keys: &Keys, notes: &mut Notes) -> Self {
        self.only_with(keys, |_| false, notes)
    }

    /// The same, but for keys that others tell of.
    #[must_use]
    pub(crate) fn only_with(&self, keys: &Keys, told: impl Fn(&str) -> bool, notes: &mut Notes) -> Self {
        let mut known = self.clone();
        for Entry { key, .. } in self.entries() {
            if keys.known.contains(&key.value) || told(key.value) {
                continue;
            }
            let Placed { value: word, span } = key;
            if keys.later.contains(&word) {
                notes.refuse(
                    &span,
                    format!("`{word}` comes with a later version of govern"),
                    format!("leave it out; {} knows {} in this version", keys.of, suggest::list(keys.known)),
                );
                continue;
            }
            let missing =
                keys.known.iter().copied().find(|key| known.get(key).is_none() && suggest::is_plural(word, key));
            let absent = || keys.known.iter().copied().filter(|key| known.get(key).is_none());
            let meant = missing.or_else(|| suggest::nearest(word, absent()));
            let hint = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => suggest::hint(word, keys.known),
            };
            notes.refuse(&span, format!("{} has no key `{word}`", keys.of), hint);
            known.meant.extend(meant.map(|meant| (meant, word)));
        }
        known
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.entries.get(key).or_else(|| {
            let (_, written) = self.meant.iter().find(|(meant, _)| *meant == key)?;
            self.entries.get(*written)
        })
    }

    /// A key that is there as it is written, with its place: misspelt, or right.
    pub(crate) fn as_written(&self, key: &str) -> Option<Text<'t>> {
        let misspelt = self.meant.iter().find(|(meant, _)| *meant == key && !self.entries.contains_key(key));
        let word = misspelt.map_or(key, |(_, word)| *word);
        self.entries().into_iter().map(|entry| entry.key).find(|found| found.value == word)
    }

    /// The tables of `[[key]]`, where the key is there and a list of nothing else.
    pub(crate) fn listed(&self, key: &str) -> Option<Vec<Self>> {
        let DeValue::Array(items) = self.get(key)?.get_ref() else { return None };
        let tables: Vec<Self> = items.iter().filter_map(as_table).collect();
        (!tables.is_empty() && tables.len() == items.len()).then_some(tables)
    }

    /// A text, if the key is there. `example` completes "write `key = `".
    pub(crate) fn text(&self, key: &str, example: &str, notes: &mut Notes) -> Option<Text<'t>> {
        let value = self.get(key)?;
        let text = as_text(value);
        if text.is_none() {
            wrong_type(key, value, "a text", example, notes);
        }
        text
    }

    /// A whole number within bounds, if the key is there.
    pub(crate) fn number(&self, key: &str, bounds: RangeInclusive<u64>, notes: &mut Notes) -> Option<Placed<u64>> {
        let value = self.get(key)?;
        let (least, most) = (bounds.start(), bounds.end());
        let DeValue::Integer(number) = value.get_ref() else {
            wrong_type(key, value, WHOLE, &least.max(&1).to_string(), notes);
            return None;
        };
        // What a number of 64 bits cannot hold is out of bounds, too.
        let number = u64::from_str_radix(number.as_str(), number.radix()).ok().filter(|number| bounds.contains(number));
        if number.is_none() {
            let hint = format!("write a number from {least} to {most}");
            notes.refuse(&value.span(), format!("`{key}` is out of bounds"), hint);
        }
        Some(Placed { value: number?, span: value.span() })
    }

    /// `true` or `false`, if the key is there.
    pub(crate) fn boolean(&self, key: &str, notes: &mut Notes) -> Option<bool> {
        let value = self.get(key)?;
        let DeValue::Boolean(boolean) = value.get_ref() else {
            wrong_type(key, value, "true or false", "true", notes);
            return None;
        };
        Some(*boolean)
    }

    /// A table, if the key is there.
    pub(crate) fn table(&self, key: &str, example: &str, notes: &mut Notes) -> Option<Table<'t>> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Table(entries) => Some(Table::new(entries, value.span())),
            DeValue::Array(_) => {
                let tables = self.listed(key).unwrap_or_default();
                let Some(first) = tables.first() else {
                    wrong_type(key, value, "a table", example, notes);
                    return None;
                };
                // One slip is one mistake, and its hint has the name as it must be.
                let misspelt = self.as_written(key).filter(|word| word.value != key);
                let what = match &misspelt {
                    Some(word) => format!("`{}` must be `{key}`, a table, not a list of tables", word.value),
                    None => format!("`{key}` must be a table, not a list of tables"),
                };
                if let Some(word) = &misspelt {
                    notes.take_back(&word.span);
                }
                let header = |written: &str| {
                    let above = misspelt.as_ref().and_then(|word| written.strip_suffix(word.value));
                    above.map_or_else(|| written.to_owned(), |above| format!("{above}{key}"))
                };
                let once = if tables.len() > 1 {
                    "once, with one bracket, and all of it below"
                } else {
                    "with one bracket: there is only one"
                };
                let hint = match notes.written(&first.span).strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]"))
                {
                    Some(written) => format!("write `[{}]` {once}", header(written)),
                    None => format!("write `{} = {example}`", key_as_written(key)),
                };
                notes.refuse(&first.span, what, hint);
                Some(first.clone())
            }
            _ => {
                wrong_type(key, value, "a table", example, notes);
                None
            }
        }
    }

    /// The tables of `[[key]]`, none if it is not there.
    pub(crate) fn tables(&self, key: &str, notes: &mut Notes) -> Vec<Table<'t>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let items = match value.get_ref() {
            DeValue::Array(items) => items,
            DeValue::Table(entries) => return no_list_of_tables(key, &Table::new(entries, value.span()), notes),
            _ => {
                let hint = format!("write `[[{key}]]`, with two brackets: there can be several");
                notes.refuse(&value.span(), format!("`{key}` must be a list of tables"), hint);
                return Vec::new();
            }
        };
        let mut tables = Vec::new();
        for item in no_more_than(MOST_ITEMS, key, items.iter().collect(), &value.span(), notes) {
            match as_table(item) {
                Some(table) => tables.push(table),
                None => wrong_type(key, item, "a list of tables", "[{ … }]", notes),
            }
        }
        tables
    }

    /// A list of values, no more than `most`, or one value alone, if the key is there.
    pub(crate) fn one_or_more(&self, key: &str, most: usize, notes: &mut Notes) -> Option<Placed<Vec<Value<'t>>>> {
        let value = self.get(key)?;
        let items = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        Some(Placed { value: no_more_than(most, key, items, &value.span(), notes), span: value.span() })
    }

    /// A list of texts, or one text alone, if the key is there; what is no text is reported.
    pub(crate) fn texts(&self, key: &str, example: &str, notes: &mut Notes) -> Option<Placed<Vec<Text<'t>>>> {
        let Placed { value: items, span } = self.one_or_more(key, MOST_ITEMS, notes)?;
        let mut texts = Vec::new();
        for item in items {
            match as_text(item) {
                Some(text) => texts.push(text),
                None => wrong_type(key, item, "a list of texts", example, notes),
            }
        }
        Some(Placed { value: texts, span })
    }
}

/// Refuses a table where `[[key]]` is meant, and gives it as the one of the list, so that the rest of it is checked.
fn no_list_of_tables<'t>(key: &str, table: &Table<'t>, notes: &mut Notes) -> Vec<Table<'t>> {
    let entries = table.entries();
    // `[budget.each]`: the name stands in the header.
    let named = entries.first().filter(|_| entries.iter().all(|entry| as_table(entry.value).is_some()));
    let hint = match named {
        Some(Entry { key: name, .. }) => {
            format!("write `[[{key}]]`, with two brackets, and `name = \"{}\"` below it", name.value)
        }
        None => format!("write `[[{key}]]`, with two brackets: there can be several"),
    };
    notes.refuse(&table.span, format!("`{key}` must be a list of tables"), hint);
    if named.is_some() { Vec::new() } else { vec![table.clone()] }
}

fn as_table<'t>(value: &'t Spanned<DeValue<'t>>) -> Option<Table<'t>> {
    match value.get_ref() {
        DeValue::Table(entries) => Some(Table::new(entries, value.span())),
        _ => None,
    }
}

/// Refuses a list that nobody wrote by hand, and goes on with its beginning.
fn no_more_than<'t>(
    most: usize,
    key: &str,
    mut items: Vec<Value<'t>>,
    span: &Span,
    notes: &mut Notes,
) -> Vec<Value<'t>> {
    if items.len() > most {
        let message = format!("`{key}` has {} entries, which is absurdly many", items.len());
        notes.refuse(span, message, format!("no more than {most} are read"));
        items.truncate(most);
    }
    items
}

/// The value as a text, if it is one.
pub(crate) fn as_text<'t>(value: &'t Spanned<DeValue<'t>>) -> Option<Text<'t>> {
    value.get_ref().as_str().map(|text| Placed { value: text, span: value.span() })
}

/// Reports a value of the wrong type. `wanted` completes "must be".
pub(crate) fn wrong_type(key: &str, value: &Spanned<DeValue<'_>>, wanted: &str, example: &str, notes: &mut Notes) {
    let found = match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Float(_) if wanted == WHOLE => "one with a decimal point",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let message = format!("`{key}` must be {wanted}, not {found}");
    notes.refuse(&value.span(), message, format!("write `{} = {example}`", key_as_written(key)));
}

/// A key as TOML wants it: in quotes, where it holds more than letters, digits, `-` and `_`.
pub(crate) fn key_as_written(key: &str) -> String {
    if !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        key.to_owned()
    } else {
        format!("\"{key}\"")
    }
}
