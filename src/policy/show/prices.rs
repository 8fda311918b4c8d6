//! The user's own prices in words.

use std::fmt::{self, Write};

use super::joined;
use crate::policy::rule::Policy;
use crate::usage::price::{Factor, LongContext, Model, Price, PriceSource, PriceTable, Rates, TierPrice, TierRow};

/// Each price with its parts: what the policy says, what it takes from the list, and what nobody says.
pub(super) fn write(out: &mut String, policy: &Policy) -> fmt::Result {
    if policy.prices.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nprices of your own, USD per million tokens")?;
    let table = PriceTable::embedded().with_overrides(&policy.prices);
    for model in table.overridden() {
        match &model.price {
            Price::Listed(rows) => {
                for row in rows {
                    let since = row.since.map(|day| format!(" since {day}")).unwrap_or_default();
                    writeln!(out, "  {}{since}: {}", model.name, rates(row.rates))?;
                }
            }
            Price::As(rows) => {
                for row in rows {
                    let since = row.since.map(|day| format!(" since {day}")).unwrap_or_default();
                    writeln!(out, "  {}{since}: as {}", model.name, row.model)?;
                }
                continue;
            }
        }
        write_parts(out, model, &table)?;
    }
    Ok(())
}

fn write_parts(out: &mut String, model: &Model, table: &PriceTable) -> fmt::Result {
    let Some(own) = model.own else { return Ok(()) };
    for (name, part) in own.parts() {
        let text = match (name, part) {
            (_, PriceSource::Unsaid) => continue,
            ("long requests", _) if model.long_context => long_context(table.long_context()),
            ("long requests", _) => "as short ones".to_owned(),
            ("fast", _) => tier(&model.fast),
            ("flex", _) => tier(&model.flex),
            (_, _) => tier(&model.ultrafast),
        };
        let whose = if part == PriceSource::Inherited { " (from the list)" } else { "" };
        writeln!(out, "    {name}: {text}{whose}")?;
    }
    let unsaid = own.parts().into_iter().filter(|(_, part)| *part == PriceSource::Unsaid);
    let unsaid = joined(unsaid.map(|(name, _)| name.to_owned()), ", ");
    if !unsaid.is_empty() {
        writeln!(out, "    nothing is said of {unsaid}: estimated at these rates")?;
    }
    Ok(())
}

fn long_context(long: LongContext) -> String {
    let times = |factor: Factor| f64::from(factor.thousandths()) / 1_000.0;
    format!("{}x input, {}x output above {} input tokens", times(long.input), times(long.output), long.above)
}

fn tier(rows: &[TierRow]) -> String {
    let one = |row: &TierRow| {
        let price = match row.price {
            TierPrice::Times(factor) => format!("{}x", f64::from(factor.thousandths()) / 1_000.0),
            TierPrice::Own(own) => rates(own),
            TierPrice::Unpublished => "not published".to_owned(),
        };
        let since = row.since.map(|day| format!(" since {day}")).unwrap_or_default();
        format!("{price}{since}{}", if row.long { "" } else { ", not for long requests" })
    };
    if rows.is_empty() { "not offered".to_owned() } else { joined(rows.iter().map(one), "; ") }
}

fn rates(rates: Rates) -> String {
    let cached = (rates.cached_input != rates.input).then_some(("cached input", rates.cached_input));
    let written = (rates.cache_write_input != rates.input).then_some(("cache write", rates.cache_write_input));
    let all = [Some(("input", rates.input)), cached, written, Some(("output", rates.output))];
    joined(all.into_iter().flatten().map(|(name, rate)| format!("{name} {}", rate.to_decimal())), ", ")
}
