//! Pure. Reports as CSV (RFC 4180, lines end with a line feed): exact figures, one line a row, no totals.

use super::summary::Summary;
use crate::model::Money;

/// The summary's rows under a line of names, which are those of the JSON. Unknown is empty.
pub fn of_summary(summary: &Summary) -> String {
    let mut lines = vec![
        summary
            .by
            .iter()
            .map(|by| text(&by.to_string()))
            .chain(
                [
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
                ]
                .map(str::to_owned),
            )
            .collect::<Vec<_>>(),
    ];
    for (row, share) in summary.rows.iter().zip(summary.shares()) {
        let tokens = &row.totals.tokens;
        let counters = [
            row.totals.responses,
            tokens.input,
            tokens.cached_input,
            tokens.cache_write_input,
            tokens.output,
            tokens.reasoning_output,
            tokens.total(),
        ];
        let mut cells: Vec<String> = row.key.iter().map(|value| text(value.as_deref().unwrap_or_default())).collect();
        cells.extend(counters.map(|count| count.to_string()));
        cells.push(row.totals.known_cost().map(Money::to_decimal).unwrap_or_default());
        cells.push(row.totals.unpriced.to_string());
        cells.push(row.totals.basis().to_owned());
        cells.push(row.totals.billing().unwrap_or_default().to_owned());
        cells.push(row.totals.stand_in.to_string());
        cells.push(row.totals.inferred.to_string());
        cells.push(share.map(|share| share.to_string()).unwrap_or_default());
        cells.push(row.totals.unobserved.to_string());
        lines.push(cells);
    }
    lines.into_iter().map(|cells| cells.join(",") + "\n").collect()
}

/// A text as a cell. A spreadsheet would run what begins like a formula, and branches and labels come from anywhere:
/// such a text gets a leading apostrophe.
pub(super) fn text(value: &str) -> String {
    let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let value = if formula { format!("'{value}") } else { value.to_owned() };
    if value.contains([',', '"', '\n', '\r']) { format!("\"{}\"", value.replace('"', "\"\"")) } else { value }
}

#[cfg(test)]
mod tests {
    use super::super::{By, sample};
    use super::*;

    #[test]
    fn texts_are_quoted_and_cannot_be_formulas() {
        for (value, cell) in [
            ("web", "web"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("-1", "'-1"),
            ("", ""),
        ] {
            assert_eq!(text(value), cell);
        }
    }

    #[test]
    fn a_report_as_csv() {
        insta::assert_snapshot!(of_summary(&sample::summary(&["team", "model"])));
    }

    #[test]
    fn a_report_of_nothing_is_its_head() {
        let by = [By::parse("agent").unwrap(), By::parse("label:a,b").unwrap()];
        let nothing = sample::summed(&by, chrono_tz::Tz::UTC, &[]);
        assert_eq!(of_summary(&nothing).lines().count(), 1);
        assert!(of_summary(&nothing).starts_with("agent,\"label:a,b\",responses,"));
    }
}
