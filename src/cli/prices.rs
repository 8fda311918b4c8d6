//! `govern prices`: what models cost, and what is known of that.

mod json;
mod update;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use chrono::NaiveDate;
use serde_json::json;

use super::format::{Format, put_as};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::model::{Dimension, ModelId, Money, ServiceTier, Tokens};
use crate::prepare::here::Here;
use crate::report::json::to_text;
use crate::report::page::{Cell, Column, Item, Page, Table, Tone};
use crate::report::rounding::grouped;
use crate::report::text::count;
use crate::usage::price::{Model, Price, PriceTable, Rates, TierPrice, TierRow};

/// A table that old may lack models and changes of price.
const STALE_DAYS: i64 = 60;

/// What models cost.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct PricesArgs {
    /// What to do; without it, the whole table
    #[command(subcommand)]
    pub verb: Option<PricesVerb>,
    /// How it is written
    #[arg(long, value_enum, default_value_t, global = true)]
    pub format: Format,
}

/// What to do with prices.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum PricesVerb {
    /// Everything about one model
    Show {
        /// As Codex names it
        #[arg(value_name = "MODEL")]
        model: String,
    },
    /// How old the table is, what is overridden, and what the ledger has that it cannot price
    Check,
    /// Puts a newer list in force, of the form of the built-in one, and prices what had no price
    Update {
        /// The list
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Does it.
pub fn run(args: &PricesArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let table = || here.prices(&here.policy(None)?.policy);
    let (page, document) = match &args.verb {
        None => table().map(|table| (whole(&table, here), document(&table, here)))?,
        Some(PricesVerb::Show { model }) => one(&table()?, model, here)?,
        Some(PricesVerb::Check) => check(&table()?, here)?,
        Some(PricesVerb::Update { file }) => update::update(file, here)?,
    };
    put_as(out, here.look, args.format, &page, || to_text(&document))?;
    Ok(Exit::Success)
}

/// The standard rates of a model now.
fn rates(table: &PriceTable, model: &Model, here: &Here<'_>) -> Option<Rates> {
    Some(table.quote(&model.name, &ServiceTier::Standard, here.now, &Tokens::default()).rate?.rates)
}

fn whole(table: &PriceTable, here: &Here<'_>) -> Page {
    let dollars = |money: Money| Cell::new(rate_text(money));
    let rows = table.models().map(|model| {
        let mut cells = vec![Cell::new(model.name.as_str())];
        match rates(table, model, here) {
            Some(rates) => {
                cells.extend([rates.input, rates.cached_input, rates.cache_write_input, rates.output].map(dollars));
            }
            None => cells.extend([const { Money::ZERO }; 4].map(|_| Cell::unknown())),
        }
        cells.push(Cell::new(tier_text(&model.fast, here)));
        cells.push(Cell::new(tier_text(&model.flex, here)));
        cells.push(Cell::toned(remark(model, here), Tone::Quiet));
        cells
    });
    let columns = vec![
        Column::key("model", 13),
        Column::figure("input"),
        Column::figure("cached"),
        Column::figure("written"),
        Column::figure("output"),
        Column::figure("fast").spare(),
        Column::figure("flex").spare(),
        Column::word("").useful(),
    ];
    let mut page = Page::default();
    page.title(format!("Dollars for a million tokens, as of {}", table.version()));
    page.table(Table { columns, rows: rows.collect(), totals: None });
    let long = table.long_context();
    page.list(vec![
        Item::note(format!(
            "long: a request of more than {} input tokens costs {} on all its input and {} on its output.",
            grouped(i128::from(long.above)),
            times(long.input.thousandths()),
            times(long.output.thousandths())
        )),
        Item::new("", format!("Source: {}.", table.source()), Tone::Quiet),
    ]);
    page
}

/// `$2.00`, `$0.125`: all places, for a rate is exact.
fn rate_text(rate: Money) -> String {
    format!("${}", rate.to_decimal())
}

fn times(thousandths: u32) -> String {
    format!("{}x", f64::from(thousandths) / 1_000.0)
}

fn tier_text(rows: &[TierRow], here: &Here<'_>) -> String {
    let today = here.now.date_naive();
    let row = rows.iter().rev().find(|row| row.since.is_none_or(|since| since <= today)).or_else(|| rows.first());
    match row.map(|row| &row.price) {
        None => "—".to_owned(),
        Some(TierPrice::Times(factor)) => times(factor.thousandths()),
        Some(TierPrice::Own(_)) => "own".to_owned(),
        Some(TierPrice::Unpublished) => "?".to_owned(),
    }
}

fn remark(model: &Model, here: &Here<'_>) -> String {
    let mut words = Vec::new();
    if model.own.is_some() {
        words.push("your own price".to_owned());
    }
    match &model.price {
        Price::As(rows) => words.extend(rows.last().map(|row| format!("as {}", row.model))),
        Price::Listed(_) => {}
    }
    if model.long_context {
        words.push("long".to_owned());
    }
    match model.retired {
        Some(day) if day <= here.now.date_naive() => words.push(format!("retired {day}")),
        Some(day) => words.push(format!("until {day}")),
        None => {}
    }
    words.join(", ")
}

fn document(table: &PriceTable, here: &Here<'_>) -> serde_json::Value {
    let rows: Vec<serde_json::Value> = table.models().map(|model| json::row(table, model, here)).collect();
    let long = table.long_context();
    let long = json!({ "above": long.above, "input": times(long.input.thousandths()), "output": times(long.output.thousandths()) });
    json!({ "schema": "govern.prices/1", "prices": json::head(table), "long_context": long, "rows": rows })
}

fn one(table: &PriceTable, name: &str, here: &Here<'_>) -> Result<(Page, serde_json::Value)> {
    let id = ModelId::new(name);
    let Some(found) = table.resolve(&id) else {
        return Err(Error::new(format!("there is no price for `{name}`")).hint(
            format!("a policy of yours or the machine's can set one: `[prices.\"{name}\"]` with `input` and `output`, in usd per million"),
        ));
    };
    let model = found.model;
    let mut page = Page::default();
    page.title(format!("{} ({})", model.name, table.version()));
    let mut items = Vec::new();
    if model.name != id {
        items.push(Item::new("asked as", name, Tone::Plain));
    }
    for (tier, label) in [(ServiceTier::Standard, "standard"), (ServiceTier::Fast, "fast"), (ServiceTier::Flex, "flex")]
    {
        if tier != ServiceTier::Standard && model.tier(&tier).is_none_or(<[TierRow]>::is_empty) {
            continue;
        }
        let quote = table.quote(&id, &tier, here.now, &Tokens::default());
        let doubt = quote.doubt.map(|doubt| format!(" ({doubt})")).unwrap_or_default();
        let text = match quote.rate {
            Some(rate) => format!("{}{doubt}", rates_text(&rate.rates)),
            None => format!("no price{doubt}"),
        };
        items.push(Item::new(label, text, Tone::Plain));
    }
    if model.long_context {
        let long = table.long_context();
        let tokens = Tokens { input: long.above + 1, ..Tokens::default() };
        if let Some(rate) = table.quote(&id, &ServiceTier::Standard, here.now, &tokens).rate {
            let above = grouped(i128::from(long.above));
            items.push(Item::new(
                "long",
                format!("{} (above {above} input tokens)", rates_text(&rate.rates)),
                Tone::Plain,
            ));
        }
    }
    items.extend(history(model));
    if !model.aliases.is_empty() {
        items.push(Item::new("also", model.aliases.join(", "), Tone::Plain));
    }
    let remark = remark(model, here);
    if !remark.is_empty() {
        items.push(Item::new("remark", remark, Tone::Plain));
    }
    items.extend(model.note.iter().map(|note| Item::new("note", note, Tone::Plain)));
    page.list(items);
    let document =
        json!({ "schema": "govern.prices/1", "prices": json::head(table), "rows": [json::row(table, model, here)] });
    Ok((page, document))
}

fn rates_text(rates: &Rates) -> String {
    format!(
        "input {}, cached {}, written {}, output {} a million",
        rate_text(rates.input),
        rate_text(rates.cached_input),
        rate_text(rates.cache_write_input),
        rate_text(rates.output)
    )
}

/// The days on which the price changed, where there are several.
fn history(model: &Model) -> Vec<Item> {
    let Price::Listed(rows) = &model.price else { return Vec::new() };
    let mut items = Vec::new();
    for row in rows {
        if rows.len() > 1 {
            let since = row.since.map_or("first".to_owned(), |day| format!("since {day}"));
            items.push(Item::new(since, rates_text(&row.rates), Tone::Plain));
        }
        items.extend(row.note.iter().map(|note| Item::new("note", note, Tone::Plain)));
    }
    items
}

fn check(table: &PriceTable, here: &Here<'_>) -> Result<(Page, serde_json::Value)> {
    let mut items = vec![age(table, here)];
    let overridden: Vec<&str> = table.overridden().map(|model| model.name.as_str()).collect();
    if !overridden.is_empty() {
        items.push(Item::new("overridden", overridden.join(", "), Tone::Plain));
    }
    // Responses, and how many of them were recorded without a price.
    let mut unpriced: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let (mut doubtful, mut late) = (Vec::new(), BTreeMap::new());
    let sums = here.ledger()?.map(|ledger| ledger.sums().by(&[Dimension::Model], None, None)).transpose()?;
    for (values, sum) in sums.unwrap_or_default() {
        let Some(name) = values.into_iter().next().flatten() else { continue };
        let quote = table.quote(&ModelId::new(name.as_str()), &ServiceTier::Standard, here.now, &Tokens::default());
        match (quote.rate, quote.doubt) {
            (None, _) => {
                unpriced.insert(name, (sum.responses, sum.unpriced));
            }
            (Some(_), _) if sum.unpriced > 0 => {
                late.insert(name, sum.unpriced);
            }
            (Some(_), Some(doubt)) => doubtful.push((name, doubt.to_string())),
            (Some(_), None) => {}
        }
    }
    for (name, (responses, without)) in &unpriced {
        let text = match (without, responses - without.min(responses)) {
            (0, _) => format!(
                "`{name}`: {} in the ledger have the price of their day; there is none for the next",
                count(*responses, "response", "responses")
            ),
            (_, 0) => format!("`{name}`: {} in the ledger have no price", count(*without, "response", "responses")),
            _ => format!(
                "`{name}`: {without} of {} in the ledger have no price",
                count(*responses, "response", "responses")
            ),
        };
        items.push(Item::new("unpriced", text, Tone::Bad));
    }
    for (name, responses) in &late {
        let responses = count(*responses, "response was", "responses were");
        let text = format!("`{name}`: {responses} recorded without a price; `govern import` gives it");
        items.push(Item::new("late", text, Tone::Warn));
    }
    items.extend(doubtful.iter().map(|(name, doubt)| Item::new("estimated", format!("`{name}`: {doubt}"), Tone::Warn)));
    if unpriced.is_empty() && doubtful.is_empty() && late.is_empty() {
        items.push(Item::new("ledger", "every model in it has a listed price", Tone::Good));
    }
    let mut page = Page::default();
    page.list(items);
    let document = json!({
        "schema": "govern.prices/1",
        "prices": json::head(table),
        "overridden": overridden,
        "unpriced_models": unpriced.keys().collect::<Vec<_>>(),
        "late_models": late.keys().collect::<Vec<_>>(),
        "estimated_models": doubtful.iter().map(|(name, _)| name).collect::<Vec<_>>(),
    });
    Ok((page, document))
}

fn age(table: &PriceTable, here: &Here<'_>) -> Item {
    let days = table.version().parse::<NaiveDate>().ok().map(|date| (here.now.date_naive() - date).num_days());
    match days {
        Some(days) if days > STALE_DAYS => Item::new(
            "table",
            format!("{}, {days} days old: a newer govern has newer prices", table.version()),
            Tone::Warn,
        ),
        _ => Item::new("table", table.version(), Tone::Good),
    }
}
