//! Reports as CSV (RFC 4180, lines end with a line feed): exact figures, one line a row, no totals.

use super::outputs;
use super::summary::{Row, Summary};
use super::text::printable;
use crate::model::Money;

/// What follows a row's dimensions.
const FIGURES: [&str; 16] = [
    "responses",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
    "total_tokens",
    "cost_usd",
    "unpriced_responses",
    "basis",
    "billing",
    "stand_in_responses",
    "inferred_responses",
    "share_permille",
    "unobserved",
    // The table's `input`: neither from a cache nor written to one.
    "uncached_input_tokens",
];

/// The summary's rows under a line of names, which are those of the JSON, line by line. Unknown is empty.
pub fn of_summary(summary: &Summary) -> impl Iterator<Item = String> {
    let results = |place: usize| summary.results.as_ref().and_then(move |of| of.rows.get(place));
    let more: &[&str] = if summary.results.is_some() { &outputs::COLUMNS } else { &[] };
    let names = summary.by.iter().map(|by| text(&by.to_string()));
    let head = line(&names.chain(FIGURES.iter().chain(more).map(|name| (*name).to_owned())).collect::<Vec<_>>());
    let rows = summary.rows.iter().zip(summary.shares()).enumerate().map(move |(place, (row, share))| {
        let mut cells = cells(row, share);
        cells.extend(results(place).into_iter().flat_map(outputs::cells).map(|cell| text(&cell)));
        line(&cells)
    });
    std::iter::once(head).chain(rows)
}

fn line(cells: &[String]) -> String {
    cells.join(",") + "\n"
}

fn cells(row: &Row, share: Option<i128>) -> Vec<String> {
    let Row { key, totals } = row;
    let tokens = &totals.tokens;
    let counters = [
        totals.responses,
        tokens.input,
        tokens.cached_input,
        tokens.cache_write_input,
        tokens.output,
        tokens.reasoning_output,
        tokens.total(),
    ];
    let mut cells: Vec<String> = key.iter().map(|value| text(value.as_deref().unwrap_or_default())).collect();
    cells.extend(counters.map(|count| count.to_string()));
    cells.push(totals.known_cost().map(Money::to_decimal).unwrap_or_default());
    cells.push(totals.unpriced.to_string());
    cells.push(totals.basis().to_owned());
    cells.push(totals.billing().unwrap_or_default().to_owned());
    cells.push(totals.stand_in.to_string());
    cells.push(totals.inferred.to_string());
    cells.push(share.map(|share| share.to_string()).unwrap_or_default());
    cells.push(totals.unobserved.to_string());
    let cached = tokens.cached_input.saturating_add(tokens.cache_write_input);
    cells.push(tokens.input.saturating_sub(cached).to_string());
    cells
}

/// A text as a cell. A spreadsheet would run what begins like a formula, and branches and labels come from anywhere:
/// such a text gets a leading apostrophe.
pub(super) fn text(value: &str) -> String {
    let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    // On a terminal, or in a CI's log, a name gives no orders either.
    let value = printable(value);
    let value = if formula { format!("'{value}") } else { value };
    if value.contains([',', '"']) { format!("\"{}\"", value.replace('"', "\"\"")) } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::By;
    use crate::report::tests::sample;

    #[test]
    fn texts_are_quoted_and_cannot_be_formulas() {
        for (value, cell) in [
            ("web", "web"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "two lines"),
            ("\u{1b}[2Jgone", "\u{fffd}[2Jgone"),
            ("::error::x", "\u{fffd}:error::x"),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("-1", "'-1"),
            ("", ""),
        ] {
            assert_eq!(text(value), cell);
        }
    }

    #[test]
    fn a_report_as_csv() {
        insta::assert_snapshot!(of_summary(&sample::summary(&["team", "model"])).collect::<String>());
    }

    #[test]
    fn a_report_of_nothing_is_its_head() {
        let by = [By::parse("agent").unwrap(), By::parse("label:a,b").unwrap()];
        let nothing = sample::summed(&by, chrono_tz::Tz::UTC, &[]);
        let lines: Vec<String> = of_summary(&nothing).collect();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("agent,\"label:a,b\",responses,"));
    }
}
