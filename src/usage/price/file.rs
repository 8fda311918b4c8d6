//! The form of `prices.toml`, and what may not be in it.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use serde::Deserialize;
use toml::value::Datetime;

use super::rates::{Factor, Rates};
use super::table::{Confidence, LongContext, Model, Price, PriceTable, RateRow, StandIn, TierPrice, TierRow};
use crate::model::{ModelId, Money};

/// Why a table of prices cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceFileError {
    /// It is not TOML, or not of this form.
    #[error("the price table cannot be read")]
    Toml(#[from] toml::de::Error),
    /// An entry makes no sense.
    #[error("the price of `{model}` makes no sense: {reason}")]
    Model {
        /// The entry's name.
        model: String,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: String,
    source: String,
    long_context: LongSection,
    model: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LongSection {
    above: u64,
    input: Decimal,
    output: Decimal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
    note: Option<String>,
    #[serde(default)]
    confidence: Level,
    #[serde(default)]
    rates: Vec<Row>,
    #[serde(default)]
    priced_as: Vec<As>,
    #[serde(default)]
    long_context: bool,
    fast: Option<Tier>,
    flex: Option<Tier>,
    ultrafast: Option<Tier>,
    retired: Option<Datetime>,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Level {
    Low,
    Medium,
    #[default]
    High,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    since: Option<Datetime>,
    input: Decimal,
    cached: Option<Decimal>,
    cache_write: Option<Decimal>,
    output: Decimal,
    confidence: Option<Level>,
    note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct As {
    since: Option<Datetime>,
    model: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Tier {
    Times(Decimal),
    Rows(Vec<TierEntry>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierEntry {
    since: Option<Datetime>,
    x: Option<Decimal>,
    input: Option<Decimal>,
    cached: Option<Decimal>,
    cache_write: Option<Decimal>,
    output: Option<Decimal>,
    #[serde(default = "yes")]
    long: bool,
    note: Option<String>,
}

fn yes() -> bool {
    true
}

/// A number as it stands in the file, never negative. TOML's floats are read by their shortest decimal form, which
/// gives back what was written for up to fifteen digits.
#[derive(Deserialize, Clone, Copy)]
#[serde(untagged)]
enum Decimal {
    Whole(u32),
    Broken(f64),
}

impl Decimal {
    fn money(self) -> Result<Money, String> {
        let text = match self {
            Self::Whole(number) => number.to_string(),
            Self::Broken(number) => number.to_string(),
        };
        let money = Money::parse_decimal(&text).filter(|money| *money >= Money::ZERO);
        money.ok_or_else(|| format!("`{text}` is not a price of at most nine places"))
    }

    fn factor(self) -> Result<Factor, String> {
        let millionths = self.money()?.nanos() / 1_000;
        let thousandths = u32::try_from(millionths / 1_000).ok().filter(|_| millionths % 1_000 == 0);
        thousandths.map(Factor::from_thousandths).ok_or_else(|| "a multiplier has at most three places".to_owned())
    }
}

pub(super) fn parse(text: &str) -> Result<PriceTable, PriceFileError> {
    let file: File = toml::from_str(text)?;
    let in_long = |reason| PriceFileError::Model { model: "long_context".to_owned(), reason };
    let long = LongContext {
        above: file.long_context.above,
        input: file.long_context.input.factor().map_err(in_long)?,
        output: file.long_context.output.factor().map_err(in_long)?,
    };
    let mut models = Vec::with_capacity(file.model.len());
    let mut index = HashMap::with_capacity(file.model.len() * 3);
    for entry in file.model {
        let name = entry.name.clone();
        let place = models.len();
        let wrong = |reason| PriceFileError::Model { model: name.clone(), reason };
        let model = model(entry).map_err(wrong)?;
        for spelling in spellings(&model) {
            if index.insert(spelling.clone(), place).is_some_and(|earlier| earlier != place) {
                return Err(wrong(format!("`{spelling}` already means another model")));
            }
        }
        models.push(model);
    }
    check_stand_ins(&models)?;
    Ok(PriceTable { version: file.version, source: file.source, long, models, index })
}

/// Names and aliases, each also with dashes for its dots.
fn spellings(model: &Model) -> HashSet<String> {
    let names = model.aliases.iter().map(String::as_str).chain([model.name.as_str()]);
    names.flat_map(|name| [name.to_lowercase(), name.to_lowercase().replace('.', "-")]).collect()
}

fn check_stand_ins(models: &[Model]) -> Result<(), PriceFileError> {
    let listed: HashSet<&ModelId> =
        models.iter().filter(|model| matches!(model.price, Price::Listed(_))).map(|model| &model.name).collect();
    for model in models {
        if let Price::As(rows) = &model.price
            && let Some(row) = rows.iter().find(|row| !listed.contains(&row.model))
        {
            let reason = format!("`{}` is no model with rates", row.model);
            return Err(PriceFileError::Model { model: model.name.to_string(), reason });
        }
    }
    Ok(())
}

fn model(entry: Entry) -> Result<Model, String> {
    let confidence = entry.confidence;
    let price = match (entry.rates.is_empty(), entry.priced_as.is_empty()) {
        (false, true) => {
            Price::Listed(dated(entry.rates, |row| &row.since, |row, since| rate_row(row, since, confidence))?)
        }
        (true, false) => Price::As(dated(
            entry.priced_as,
            |row| &row.since,
            |row, since| Ok(StandIn { since, model: ModelId::new(row.model) }),
        )?),
        (true, true) | (false, false) => return Err("it needs either `rates` or `priced_as`".to_owned()),
    };
    Ok(Model {
        name: ModelId::new(entry.name),
        aliases: entry.aliases,
        note: entry.note,
        price,
        own: None,
        long_context: entry.long_context,
        fast: tier(entry.fast)?,
        flex: tier(entry.flex)?,
        ultrafast: tier(entry.ultrafast)?,
        retired: entry.retired.as_ref().map(day).transpose()?,
    })
}

fn rate_row(row: Row, since: Option<NaiveDate>, of_model: Level) -> Result<RateRow, String> {
    let confidence = match row.confidence.unwrap_or(of_model) {
        Level::Low => Confidence::Low,
        Level::Medium => Confidence::Medium,
        Level::High => Confidence::High,
    };
    let rates = rates(row.input, row.cached, row.cache_write, row.output)?;
    Ok(RateRow { since, rates, confidence, note: row.note })
}

fn rates(input: Decimal, cached: Option<Decimal>, written: Option<Decimal>, output: Decimal) -> Result<Rates, String> {
    let optional = |rate: Option<Decimal>| rate.map(Decimal::money).transpose();
    Ok(Rates::new(input.money()?, optional(cached)?, optional(written)?, output.money()?))
}

fn tier(tier: Option<Tier>) -> Result<Vec<TierRow>, String> {
    match tier {
        None => Ok(Vec::new()),
        Some(Tier::Times(x)) => {
            Ok(vec![TierRow { since: None, price: TierPrice::Times(x.factor()?), long: true, note: None }])
        }
        Some(Tier::Rows(rows)) => dated(rows, |row| &row.since, tier_row),
    }
}

fn tier_row(row: TierEntry, since: Option<NaiveDate>) -> Result<TierRow, String> {
    let price = match (row.x, row.input, row.output) {
        (Some(x), None, None) => TierPrice::Times(x.factor()?),
        (None, Some(input), Some(output)) => TierPrice::Own(rates(input, row.cached, row.cache_write, output)?),
        (None, None, None) => TierPrice::Unpublished,
        _ => return Err("a tier has either `x`, or `input` and `output`, or neither".to_owned()),
    };
    Ok(TierRow { since, price, long: row.long, note: row.note })
}

/// Reads rows with their days, which must go up; only the first may have none.
fn dated<T, U>(
    rows: Vec<T>,
    since: impl Fn(&T) -> &Option<Datetime>,
    read: impl Fn(T, Option<NaiveDate>) -> Result<U, String>,
) -> Result<Vec<U>, String> {
    let mut last = None;
    let mut done = Vec::with_capacity(rows.len());
    for (at, row) in rows.into_iter().enumerate() {
        let first_day = since(&row).as_ref().map(day).transpose()?;
        if at > 0 && first_day <= last {
            return Err("rows stand oldest first, each with its own `since`".to_owned());
        }
        last = first_day;
        done.push(read(row, first_day)?);
    }
    Ok(done)
}

fn day(written: &Datetime) -> Result<NaiveDate, String> {
    let whole_day = written.date.filter(|_| written.time.is_none());
    let date = whole_day
        .and_then(|date| NaiveDate::from_ymd_opt(i32::from(date.year), u32::from(date.month), u32::from(date.day)));
    date.ok_or_else(|| format!("`{written}` is not a day"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "version = \"1\"\nsource = \"x\"\nlong_context = { above = 1, input = 2, output = 1.5 }\n[[model]]\nname = \"a\"\n";

    fn refused(rest: &str) -> String {
        match parse(&format!("{HEAD}{rest}")) {
            Ok(_) => "read".to_owned(),
            Err(PriceFileError::Model { model, reason }) => format!("{model}: {reason}"),
            Err(PriceFileError::Toml(error)) => error.message().to_owned(),
        }
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        let table = parse(&format!(
            "{HEAD}rates = [{{ input = 0.1, cached = 0.000000001, cache_write = 3.125, output = 1000000 }}]"
        ));
        let Price::Listed(rows) = table.unwrap().models.remove(0).price else { panic!("a list of rates") };
        let Rates { input, cached_input, cache_write_input, output } = rows[0].rates;
        let nanos = [input, cached_input, cache_write_input, output].map(Money::nanos);
        assert_eq!(nanos, [100_000_000, 1, 3_125_000_000, 1_000_000_000_000_000]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (rest, expected) in [
            ("", "a: it needs either `rates` or `priced_as`"),
            ("rates = [{ input = -1, output = 1 }]", "a: `-1` is not a price of at most nine places"),
            ("rates = [{ input = nan, output = 1 }]", "a: `NaN` is not a price of at most nine places"),
            ("rates = [{ input = 1e-10, output = 1 }]", "a: `0.0000000001` is not a price of at most nine places"),
            ("rates = [{ input = 1, output = 1 }]\nfast = 1.0001", "a: a multiplier has at most three places"),
            (
                "rates = [{ input = 1, output = 1 }]\nfast = [{ x = 2, input = 1 }]",
                "a: a tier has either `x`, or `input` and `output`, or neither",
            ),
            (
                "rates = [{ since = 2026-02-01, input = 1, output = 1 }, { since = 2026-01-01, input = 1, output = 1 }]",
                "a: rows stand oldest first, each with its own `since`",
            ),
            (
                "rates = [{ input = 1, output = 1 }, { input = 1, output = 1 }]",
                "a: rows stand oldest first, each with its own `since`",
            ),
            (
                "rates = [{ since = 2026-02-01T10:00:00, input = 1, output = 1 }]",
                "a: `2026-02-01T10:00:00` is not a day",
            ),
            ("priced_as = [{ model = \"b\" }]", "a: `b` is no model with rates"),
            ("priced_as = [{ model = \"a\" }]", "a: `a` is no model with rates"),
            (
                "rates = [{ input = 1, output = 1 }]\n[[model]]\nname = \"b\"\naliases = [\"A\"]\nrates = [{ input = 1, output = 1 }]",
                "b: `a` already means another model",
            ),
            (
                "rates = [{ input = 1, output = 1 }]\nbatch = 0.5",
                "unknown field `batch`, expected one of `name`, `aliases`, `note`, `confidence`, `rates`, `priced_as`, `long_context`, `fast`, `flex`, `ultrafast`, `retired`",
            ),
        ] {
            assert_eq!(refused(rest), expected, "{rest}");
        }
    }
}
