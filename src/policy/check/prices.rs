//! Pure. `[prices."model"]`: the user's own rates, in USD per million tokens.

use toml::Spanned;
use toml::de::DeValue;

use crate::model::Money;
use crate::policy::mistake::Notes;
use crate::policy::table::{Entry, Keys, MOST_ITEMS, Placed, Table, wrong_type};
use crate::usage::price::PriceOverride;

use super::models;

const KEYS: Keys = Keys { of: "a price", known: &["input", "cached_input", "cache_write_input", "output"], later: &[] };

const HINT: &str = "write USD per million tokens as a plain number, such as `1.25`";

/// A dollar a token: beyond is a typing mistake.
const MOST: Money = Money::from_usd(1_000_000);

/// All rates of the file.
pub(super) fn check(root: &Table<'_>, notes: &mut Notes) -> Vec<Placed<PriceOverride>> {
    if super::is_closed("prices", notes) {
        return Vec::new();
    }
    let Some(table) = root.table("prices", "{ \"gpt-6-luna\" = { input = 0.25, output = 2 } }", notes) else {
        return Vec::new();
    };
    let entries = table.entries();
    if entries.len() > MOST_ITEMS {
        let message = format!("`prices` has {} entries, which is absurdly many", entries.len());
        notes.refuse(&table.span, message, format!("no more than {MOST_ITEMS} are read"));
    }
    entries.iter().take(MOST_ITEMS).filter_map(|entry| one(entry, notes)).collect()
}

fn one(Entry { key, value }: &Entry<'_>, notes: &mut Notes) -> Option<Placed<PriceOverride>> {
    let DeValue::Table(entries) = value.get_ref() else {
        wrong_type(key.value, value, "a table", "{ input = 1.25, output = 10 }", notes);
        return None;
    };
    let table = Table::new(entries, value.span());
    if let Some(inner) = table.entries().iter().find(|inner| matches!(inner.value.get_ref(), DeValue::Table(_))) {
        let name = format!("{}.{}", key.value, inner.key.value);
        let message = format!("`{name}` is read as a table `{}` in a table `{}`", inner.key.value, key.value);
        notes.refuse(&key.span, message, format!("a name with a dot needs quotes: `[prices.\"{name}\"]`"));
        return None;
    }
    table.only(&KEYS, notes);
    let model = models::model(key, notes);
    for rate in ["input", "output"] {
        if table.get(rate).is_none() {
            notes.refuse(&key.span, format!("the price has no `{rate}`"), HINT);
        }
    }
    let mut rate = |name: &str| table.get(name).and_then(|value| rate(name, value, notes));
    let (input, output) = (rate("input"), rate("output"));
    let (cached_input, cache_write_input) = (rate("cached_input"), rate("cache_write_input"));
    let value = PriceOverride { model: model?, input: input?, cached_input, cache_write_input, output: output? };
    Some(Placed { value, span: key.span.clone() })
}

/// Dollars a million tokens, exactly as written: floats are read from their digits.
fn rate(name: &str, value: &Spanned<DeValue<'_>>, notes: &mut Notes) -> Option<Money> {
    let text = match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        DeValue::String(text) => text.trim(),
        _ => {
            wrong_type(name, value, "a number", "1.25", notes);
            return None;
        }
    };
    match per_million(text) {
        Ok(rate) => Some(rate),
        Err(wrong) => {
            notes.refuse(&value.span(), format!("`{text}` {wrong}"), HINT);
            None
        }
    }
}

fn per_million(text: &str) -> Result<Money, &'static str> {
    let whole = text.trim_start_matches(['-', '+']).split('.').next().unwrap_or_default();
    if whole.len() > 9 && whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is absurdly large");
    }
    let places = text.split_once('.').map_or(0, |(_, places)| places.trim_end_matches('0').len());
    let text = if text.contains('.') { text.trim_end_matches('0') } else { text };
    let Some(rate) = Money::parse_decimal(text) else {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        return Err(if is_number && places > 9 { "has more than nine decimal places" } else { "is not a price" });
    };
    if rate < Money::ZERO {
        return Err("is less than nothing");
    }
    if rate > MOST { Err("is absurdly large") } else { Ok(rate) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_are_exact() {
        let cases =
            [("1", "1.00"), ("1.25", "1.25"), ("0.005", "0.005"), ("10.000", "10.00"), ("0", "0.00"), ("5.", "5.00")];
        for (text, usd) in cases {
            assert_eq!(per_million(text).map(Money::to_decimal), Ok(usd.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_rate_is_refused_with_its_reason() {
        let cases = [
            ("-1", "is less than nothing"),
            ("0.00000000001", "has more than nine decimal places"),
            ("1e3", "is not a price"),
            ("inf", "is not a price"),
            ("nan", "is not a price"),
            ("", "is not a price"),
            ("1 usd", "is not a price"),
            ("1000001", "is absurdly large"),
            ("99999999999999999999", "is absurdly large"),
        ];
        for (text, wrong) in cases {
            assert_eq!(per_million(text), Err(wrong), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_rate_of_three_places_is_read_as_written(whole in 0_i64..=999_999, places in 0_i64..1000) {
            let read = per_million(&format!("{whole}.{places:03}"));
            prop_assert_eq!(read.map(Money::nanos), Ok((whole * 1000 + places) * 1_000_000));
        }

        #[test]
        fn arbitrary_text_is_read_or_refused(text in ".{0,30}") {
            let _ = per_million(&text);
        }
    }
}
