//! `[prices."model"]`: the user's own prices, in USD per million tokens.

use chrono::NaiveDate;
use toml::Spanned;
use toml::de::DeValue;

use crate::model::{ModelId, Money};
use crate::policy::mistake::{Naming, Notes};
use crate::policy::table::{Entry, Keys, MOST_ITEMS, Placed, Table, as_text, wrong_type};
use crate::usage::price::{
    Confidence, Factor, Price, PriceOverride, PriceTable, RateRow, Rates, StandIn, TierPrice, TierRow,
};

use super::models;

const RATES: [&str; 4] = ["input", "cached_input", "cache_write_input", "output"];

const KEYS: Keys = Keys {
    of: "a price",
    known: &[
        "input",
        "cached_input",
        "cache_write_input",
        "output",
        "rates",
        "priced_as",
        "long_context",
        "fast",
        "flex",
        "ultrafast",
    ],
    later: &[],
};

const ROW: Keys = Keys {
    of: "a row of rates",
    known: &["since", "input", "cached_input", "cache_write_input", "output"],
    later: &[],
};

const STAND_IN: Keys = Keys { of: "a row of `priced_as`", known: &["since", "model"], later: &[] };

const TIER: Keys = Keys {
    of: "a row of a tier",
    known: &["since", "x", "input", "cached_input", "cache_write_input", "output", "long"],
    later: &[],
};

const HINT: &str = "write USD per million tokens as a plain number, such as `1.25`";

/// A dollar a token: beyond is a typing mistake.
const MOST: Money = Money::from_usd(1_000_000);

/// A tenth of a cent for a million tokens: below is the price of one token, or of a thousand.
const LEAST: Money = Money::from_nanos(1_000_000);

/// A tier that costs more than so many times the standard rate is a typing mistake.
const MOST_TIMES: u32 = 1_000;

/// All prices of the file.
pub(super) fn check(root: &Table<'_>, notes: &mut Notes) -> Vec<Placed<PriceOverride>> {
    if super::is_closed("prices", notes) {
        return Vec::new();
    }
    if let Some(tables) = root.listed("prices") {
        not_by_model(root, &tables, notes);
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
    let prices: Vec<Placed<PriceOverride>> =
        entries.iter().take(MOST_ITEMS).filter_map(|entry| one(entry, notes)).collect();
    for Placed { value, span } in &prices {
        if let Price::As(rows) = &value.price
            && let Some(row) = rows.iter().find(|row| !has_rates(&row.model, &prices))
        {
            let message = format!("`{}` is no model with rates of its own", row.model);
            notes.warn(span, message, "`govern prices` lists those that are known; without one it has no price");
        }
    }
    prices
}

/// Refuses prices that stand in a list, by whatever name; what stands below is checked as meant.
fn not_by_model(root: &Table<'_>, tables: &[Table<'_>], notes: &mut Notes) {
    if let Some(word) = root.as_written("prices").filter(|word| word.value != "prices") {
        notes.take_back(&word.span);
    }
    let mut told = false;
    for table in tables {
        let model = table.get("model").and_then(as_text);
        if !std::mem::replace(&mut told, true) {
            let name = model.as_ref().map_or("gpt-6.1-sol", |model| model.value);
            let hint = format!("write `[prices.\"{name}\"]`, with one bracket, and the figures below it");
            notes.refuse(&table.span, "prices stand by model, not in a list", hint);
        }
        let table = table.only_with(&KEYS, |word| word == "model", notes);
        if let Some(model) = model.filter(|_| table.get("priced_as").is_none()) {
            of_model(&model, &table, notes);
        }
    }
}

/// Its rates are known, here or by the embedded list.
fn has_rates(model: &ModelId, own: &[Placed<PriceOverride>]) -> bool {
    match own.iter().find(|price| price.value.model == *model) {
        Some(price) => matches!(price.value.price, Price::Listed(_)),
        None => {
            PriceTable::embedded().resolve(model).is_some_and(|found| matches!(found.model.price, Price::Listed(_)))
        }
    }
}

fn one(Entry { key, value }: &Entry<'_>, notes: &mut Notes) -> Option<Placed<PriceOverride>> {
    let DeValue::Table(entries) = value.get_ref() else {
        wrong_type(key.value, value, "a table", "{ input = 1.25, output = 10 }", notes);
        return None;
    };
    let table = Table::new(entries, value.span());
    let is_nested = |inner: &Entry<'_>| {
        matches!(inner.value.get_ref(), DeValue::Table(_)) && !KEYS.known.contains(&inner.key.value)
    };
    if let Some(inner) = table.entries().into_iter().find(is_nested) {
        let name = format!("{}.{}", key.value, inner.key.value);
        let message = format!("`{name}` is read as a table `{}` in a table `{}`", inner.key.value, key.value);
        notes.refuse(&key.span, message, format!("a name with a dot needs quotes: `[prices.\"{name}\"]`"));
        return None;
    }
    of_model(key, &table.only(&KEYS, notes), notes)
}

fn of_model(key: &Placed<&str>, table: &Table<'_>, notes: &mut Notes) -> Option<Placed<PriceOverride>> {
    let model = models::model_name(key, notes);
    notes.name_model(key.value, &key.span, Naming::Own);
    let price = price(key, table, notes);
    let long_context = table.boolean("long_context", notes);
    let (fast, flex) = (tier(table, "fast", notes), tier(table, "flex", notes));
    let ultrafast = tier(table, "ultrafast", notes);
    let value = PriceOverride { model: model?, price: price?, long_context, fast, flex, ultrafast };
    Some(Placed { value, span: key.span.clone() })
}

/// Rates in the table itself, or rows of them by day, or another model's.
fn price(key: &Placed<&str>, table: &Table<'_>, notes: &mut Notes) -> Option<Price> {
    let flat = RATES.into_iter().find(|rate| table.get(rate).is_some());
    let ways = [flat, Some("rates"), Some("priced_as")];
    let said: Vec<&str> = ways.into_iter().flatten().filter(|way| table.get(way).is_some()).collect();
    if let [first, second, ..] = said.as_slice() {
        let message = format!("the price has `{first}` and `{second}`");
        notes.refuse(&key.span, message, "either rates, or `rates` by day, or `priced_as`");
        return None;
    }
    if table.get("priced_as").is_some() {
        if let Some(entry) = table.entries().into_iter().find(|entry| entry.key.value != "priced_as") {
            let message = format!("`{}` has no effect beside `priced_as`", entry.key.value);
            notes.refuse(&entry.key.span, message, "the other model's price is taken whole");
        }
        return stand_ins(table, notes).map(Price::As);
    }
    if table.get("rates").is_some() {
        let rows = table.tables("rates", notes);
        if rows.is_empty() {
            notes.refuse(&key.span, "the price has no rates", HINT);
        }
        return dated(rows, &ROW, rate_row, notes).map(Price::Listed);
    }
    rate_row(table, &key.span, None, notes).map(|row| Price::Listed(vec![row]))
}

/// Rows with their days, which must go up; only the first may have none.
fn dated<T>(
    rows: Vec<Table<'_>>,
    keys: &Keys,
    read: impl Fn(&Table<'_>, &std::ops::Range<usize>, Option<NaiveDate>, &mut Notes) -> Option<T>,
    notes: &mut Notes,
) -> Option<Vec<T>> {
    let mut last = None;
    let mut done = Vec::with_capacity(rows.len());
    let count = rows.len();
    for (at, row) in rows.into_iter().enumerate() {
        let row = row.only(keys, notes);
        let since = row.get("since").and_then(|value| day(value, notes));
        if at > 0 && row.get("since").is_none_or(|_| since.is_some()) && since <= last {
            let message = "rows stand oldest first, each with its own `since`";
            notes.refuse(
                &row.span,
                message,
                match last.and_then(|day| day.succ_opt()) {
                    Some(next) => {
                        format!("write `since = {next}` or a later day: the row before has the day before that")
                    }
                    None => "write `since = 2027-01-01`, the day from which this row holds".to_owned(),
                },
            );
        }
        last = since.or(last);
        done.extend(read(&row, &row.span, since, notes));
    }
    (count > 0 && done.len() == count).then_some(done)
}

fn day(value: &Spanned<DeValue<'_>>, notes: &mut Notes) -> Option<NaiveDate> {
    let text = match value.get_ref() {
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::String(text) => text.trim().to_owned(),
        _ => {
            wrong_type("since", value, "a date", "2026-12-01", notes);
            return None;
        }
    };
    let day = text.parse().ok();
    if day.is_none() {
        notes.refuse(&value.span(), format!("`{text}` is not a day"), "write a day of UTC, such as `2026-12-01`");
    }
    day
}

fn rate_row(
    table: &Table<'_>,
    span: &std::ops::Range<usize>,
    since: Option<NaiveDate>,
    notes: &mut Notes,
) -> Option<RateRow> {
    let rates = rates(table, "the price", span, notes)?;
    Some(RateRow { since, rates, confidence: Confidence::High, note: None })
}

fn rates(table: &Table<'_>, what: &str, span: &std::ops::Range<usize>, notes: &mut Notes) -> Option<Rates> {
    for rate in ["input", "output"] {
        if table.get(rate).is_none() {
            notes.refuse(span, format!("{what} has no `{rate}`"), HINT);
        }
    }
    let [input, cached, written, output] = RATES.map(|name| table.get(name).map(|value| rate(name, value, notes)));
    // What is there must be right.
    let [cached, written] = [cached, written].map(|rate| rate.map_or(Some(None), |rate| rate.map(Some)));
    let free = Some(Some(Money::ZERO));
    if let Some(value) = table.get("input").filter(|_| input == free && output == free) {
        costs_nothing("`input` and `output` cost", &value.span(), notes);
    } else {
        for (name, rate) in [("input", input), ("output", output)] {
            if let (Some(Some(rate)), Some(value)) = (rate, table.get(name)) {
                hardly_meant(name, rate, &value.span(), notes);
            }
        }
    }
    let (input, cached) = (input??, cached?);
    if let Some(value) = table.get("cached_input").filter(|_| cached.is_some_and(|cached| cached > input)) {
        let message = "cached input costs more than input that is not cached";
        notes.warn(&value.span(), message, "are they the wrong way round? A cache makes input cheaper");
    }
    Some(Rates::new(input, cached, written?, output??))
}

fn costs_nothing(what: &str, span: &std::ops::Range<usize>, notes: &mut Notes) {
    let hint = "write its price; a model that nobody bills is limited in tokens, or in responses";
    notes.warn(span, format!("{what} nothing: no limit in money counts it"), hint);
}

/// Warns of a rate by which a limit in money would never bind.
fn hardly_meant(name: &str, rate: Money, span: &std::ops::Range<usize>, notes: &mut Notes) {
    if rate == Money::ZERO {
        costs_nothing(&format!("`{name}` costs"), span, notes);
    } else if rate < LEAST {
        let message = format!("`{name}` is less than a tenth of a cent for a million tokens");
        let hint = match rate.nanos().checked_mul(1_000_000) {
            Some(nanos) => format!(
                "rates are dollars for a million tokens: write `{}`, if that is the price of one",
                Money::from_nanos(nanos).to_decimal()
            ),
            None => HINT.to_owned(),
        };
        notes.warn(span, message, hint);
    }
}

/// A model's name, or rows of names by day.
fn stand_ins(table: &Table<'_>, notes: &mut Notes) -> Option<Vec<StandIn>> {
    let value = table.get("priced_as")?;
    if let Some(text) = as_text(value) {
        return Some(vec![StandIn { since: None, model: models::model_name(&text, notes)? }]);
    }
    if !matches!(value.get_ref(), DeValue::Array(_)) {
        wrong_type("priced_as", value, "a model's name or a list of tables", "\"gpt-6.2-sol\"", notes);
        return None;
    }
    let read = |row: &Table<'_>, span: &std::ops::Range<usize>, since, notes: &mut Notes| {
        let Some(name) = row.text("model", "\"gpt-6.2-sol\"", notes) else {
            if row.get("model").is_none() {
                notes.refuse(span, "the row has no `model`", "write `model = \"gpt-6.2-sol\"`");
            }
            return None;
        };
        Some(StandIn { since, model: models::model_name(&name, notes)? })
    };
    dated(table.tables("priced_as", notes), &STAND_IN, read, notes)
}

/// A multiplier of every rate, or rows by day.
fn tier(table: &Table<'_>, name: &'static str, notes: &mut Notes) -> Option<Vec<TierRow>> {
    let value = table.get(name)?;
    match value.get_ref() {
        DeValue::Array(_) => dated(table.tables(name, notes), &TIER, tier_row, notes),
        DeValue::Table(entries) => {
            let row = Table::new(entries, value.span());
            dated(vec![row], &TIER, tier_row, notes)
        }
        _ => {
            let price = TierPrice::Times(times(name, value, notes)?);
            Some(vec![TierRow { since: None, price, long: true, note: None }])
        }
    }
}

fn tier_row(
    row: &Table<'_>,
    span: &std::ops::Range<usize>,
    since: Option<NaiveDate>,
    notes: &mut Notes,
) -> Option<TierRow> {
    let flat = RATES.into_iter().any(|rate| row.get(rate).is_some());
    let price = match (row.get("x"), flat) {
        (Some(x), false) => TierPrice::Times(times("x", x, notes)?),
        (None, true) => TierPrice::Own(rates(row, "the tier", span, notes)?),
        (Some(_), true) | (None, false) => {
            let message = "a tier has either `x`, or `input` and `output`";
            notes.refuse(span, message, "`x = 2` is twice each standard rate");
            return None;
        }
    };
    Some(TierRow { since, price, long: row.boolean("long", notes).unwrap_or(true), note: None })
}

/// A multiplier with at most three places.
fn times(name: &str, value: &Spanned<DeValue<'_>>, notes: &mut Notes) -> Option<Factor> {
    let text = match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        _ => {
            wrong_type(name, value, "a number", "2", notes);
            return None;
        }
    };
    let factor = per_million(text).ok().and_then(|times| {
        let thousandths = u32::try_from(times.nanos() / 1_000_000).ok()?;
        let is_exact = times.nanos() % 1_000_000 == 0 && thousandths <= MOST_TIMES.saturating_mul(1_000);
        is_exact.then(|| Factor::from_thousandths(thousandths))
    });
    if factor.is_none() {
        let hint = "write how many times the standard rate it costs, such as `2` or `0.5`";
        notes.refuse(&value.span(), format!("`{text}` is not a multiplier of at most three places"), hint);
    }
    factor
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
