//! Prices as JSON: `govern.prices/1`.

use serde_json::{Value, json};

use crate::model::{ModelId, ServiceTier, Tokens};
use crate::prepare::here::Here;
use crate::usage::price::{Model, Price, PriceTable, Rates, TierPrice, TierRow};

/// Which list it is.
pub(super) fn head(table: &PriceTable) -> Value {
    json!({ "version": table.version(), "date": table.version(), "source": table.source() })
}

/// One model: what it costs today, and all that the list says of it.
pub(super) fn row(table: &PriceTable, model: &Model, here: &Here<'_>) -> Value {
    let rates = super::rates(table, model, here);
    json!({
        "model": model.name,
        "aliases": model.aliases,
        "input_usd_per_million": rates.map(|rates| rates.input),
        "cached_input_usd_per_million": rates.map(|rates| rates.cached_input),
        "cache_write_input_usd_per_million": rates.map(|rates| rates.cache_write_input),
        "output_usd_per_million": rates.map(|rates| rates.output),
        "fast": super::tier_text(&model.fast, here),
        "flex": super::tier_text(&model.flex, here),
        "rates": listed(&model.price),
        "priced_as": stand_ins(&model.price),
        "tiers": { "fast": tier(&model.fast), "flex": tier(&model.flex), "ultrafast": tier(&model.ultrafast) },
        "long_context": model.long_context,
        "long": long(table, model, here),
        "overridden": model.own.is_some(),
        "inherited": model.own.map(|own| own.inherited().collect::<Vec<_>>()),
        "note": model.note,
        "retired": model.retired.map(|day| day.to_string()),
    })
}

fn per_million(rates: &Rates) -> Value {
    json!({
        "input": rates.input,
        "cached_input": rates.cached_input,
        "cache_write_input": rates.cache_write_input,
        "output": rates.output,
    })
}

fn listed(price: &Price) -> Value {
    let Price::Listed(rows) = price else { return Value::Null };
    let row = |row: &crate::usage::price::RateRow| {
        json!({
            "since": row.since.map(|day| day.to_string()),
            "usd_per_million": per_million(&row.rates),
            "confidence": row.confidence.as_str(),
            "note": row.note,
        })
    };
    rows.iter().map(row).collect()
}

fn stand_ins(price: &Price) -> Value {
    let Price::As(rows) = price else { return Value::Null };
    rows.iter().map(|row| json!({ "since": row.since.map(|day| day.to_string()), "model": row.model })).collect()
}

fn tier(rows: &[TierRow]) -> Value {
    let row = |row: &TierRow| {
        let (times, own) = match &row.price {
            TierPrice::Times(factor) => (Some(f64::from(factor.thousandths()) / 1_000.0), None),
            TierPrice::Own(rates) => (None, Some(per_million(rates))),
            TierPrice::Unpublished => (None, None),
        };
        json!({
            "since": row.since.map(|day| day.to_string()),
            "times": times,
            "usd_per_million": own,
            "long": row.long,
            "note": row.note,
        })
    };
    rows.iter().map(row).collect()
}

/// What a request above the long-context limit costs today at standard speed.
fn long(table: &PriceTable, model: &Model, here: &Here<'_>) -> Value {
    let above = table.long_context().above;
    let tokens = Tokens { input: above.saturating_add(1), ..Tokens::default() };
    let quote = table.quote(&ModelId::new(model.name.as_str()), &ServiceTier::Standard, here.now, &tokens);
    match quote.rate.filter(|rate| rate.long_context) {
        Some(rate) => json!({ "above_input_tokens": above, "usd_per_million": per_million(&rate.rates) }),
        None => Value::Null,
    }
}
