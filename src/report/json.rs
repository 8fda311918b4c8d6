//! The JSON of reports: names and meanings are a contract.
//!
//! Counters are numbers, money is a decimal string in dollars with all its places, what is not known is null, times are
//! RFC 3339 in UTC. Keys may be added, none is renamed.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::summary::{Row, Summary, Totals};
use super::text::rfc3339;
use crate::compare::Surprise;
use crate::results::Results;

/// Pretty, with a line break at the end. Values of this program always serialize; were one not to, the
/// text would be a JSON object that says so.
pub fn to_text<T: Serialize + ?Sized>(value: &T) -> String {
    let text = serde_json::to_string_pretty(value)
        .unwrap_or_else(|error| serde_json::json!({ "error": error.to_string() }).to_string());
    format!("{text}\n")
}

/// On one line, with a line break at the end.
pub fn to_line<T: Serialize + ?Sized>(value: &T) -> String {
    let text = serde_json::to_string(value)
        .unwrap_or_else(|error| serde_json::json!({ "error": error.to_string() }).to_string());
    format!("{text}\n")
}

/// Writes the counters, the cost and how they are known into a JSON object.
pub(super) fn counters<M: SerializeMap>(map: &mut M, totals: &Totals) -> Result<(), M::Error> {
    let tokens = &totals.tokens;
    let reasons: BTreeMap<&str, u64> = totals.guesses.iter().map(|(guess, count)| (guess.as_str(), *count)).collect();
    map.serialize_entry("responses", &totals.responses)?;
    map.serialize_entry("input_tokens", &tokens.input)?;
    map.serialize_entry("cached_input_tokens", &tokens.cached_input)?;
    map.serialize_entry("cache_write_input_tokens", &tokens.cache_write_input)?;
    map.serialize_entry("output_tokens", &tokens.output)?;
    map.serialize_entry("reasoning_output_tokens", &tokens.reasoning_output)?;
    map.serialize_entry("total_tokens", &tokens.total())?;
    map.serialize_entry("cost_usd", &totals.known_cost())?;
    map.serialize_entry("unpriced_responses", &totals.unpriced)?;
    map.serialize_entry("stand_in_responses", &totals.stand_in)?;
    map.serialize_entry("inferred_responses", &totals.inferred)?;
    map.serialize_entry("inferred_because", &reasons)?;
    map.serialize_entry("basis", totals.basis())?;
    map.serialize_entry("billing", &totals.billing())?;
    map.serialize_entry("cost_usd_by_billing", &totals.known_cost().map(|_| &totals.billing))?;
    map.serialize_entry("unobserved", &totals.unobserved)
}

impl Serialize for Totals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        counters(&mut map, self)?;
        map.end()
    }
}

/// A row, and its share of the cost in thousandths: those of all rows add up to 1000.
struct KeyedRow<'a>(&'a Summary, &'a Row, Option<i128>, Option<&'a Results>);

/// What all rows add up to.
struct Whole<'a>(&'a Totals, Option<&'a Results>);

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(totals, results) = self;
        let mut map = serializer.serialize_map(None)?;
        counters(&mut map, totals)?;
        if let Some(results) = results {
            map.serialize_entry("results", results)?;
        }
        map.end()
    }
}

impl Serialize for KeyedRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(summary, row, share, results) = self;
        let mut map = serializer.serialize_map(None)?;
        for (by, value) in summary.by.iter().zip(&row.key) {
            map.serialize_entry(&by.to_string(), value)?;
        }
        counters(&mut map, &row.totals)?;
        map.serialize_entry("share_permille", share)?;
        if let Some(results) = results {
            map.serialize_entry("results", results)?;
        }
        map.end()
    }
}

/// What changed since the time before.
struct Change<'a>(&'a Surprise);

impl Serialize for Change<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (what, model, before, percent) = match self.0 {
            Surprise::Model { model, before, factor } => ("model", model, Some(before), *factor),
            Surprise::Price { model, factor } => ("price", model, None, Some(*factor)),
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("what", what)?;
        map.serialize_entry("model", model)?;
        map.serialize_entry("before", &before)?;
        map.serialize_entry("cost_percent", &percent)?;
        map.end()
    }
}

impl Serialize for Summary {
    /// `govern.report/1`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let by: Vec<String> = self.by.iter().map(ToString::to_string).collect();
        let shares = self.shares();
        let results = |place: usize| self.results.as_ref().and_then(|outputs| outputs.rows.get(place));
        let rows = self.rows.iter().zip(shares).enumerate();
        let rows: Vec<KeyedRow<'_>> =
            rows.map(|(place, (row, share))| KeyedRow(self, row, share, results(place))).collect();
        let totals = Whole(&self.totals, self.results.as_ref().map(|outputs| &outputs.totals));
        let frame = &self.frame;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "govern.report/1")?;
        map.serialize_entry("run", &self.run.as_ref().map(|(run, _)| run))?;
        map.serialize_entry("outcome", &self.run.as_ref().map(|(_, outcome)| outcome.as_deref().unwrap_or("running")))?;
        map.serialize_entry("by", &by)?;
        map.serialize_entry("timezone", self.zone.name())?;
        map.serialize_entry("since", &frame.since.map(rfc3339))?;
        map.serialize_entry("until", &frame.until.map(rfc3339))?;
        map.serialize_entry("first_response", &frame.span.map(|(first, _)| rfc3339(first)))?;
        map.serialize_entry("last_response", &frame.span.map(|(_, last)| rfc3339(last)))?;
        map.serialize_entry("rows", &rows)?;
        map.serialize_entry("totals", &totals)?;
        map.serialize_entry("unpriced_models", &self.unpriced_models)?;
        map.serialize_entry("skipped_lines", &frame.skipped_lines)?;
        if self.run.is_some() {
            map.serialize_entry("decisions", &self.decisions)?;
        }
        if !self.surprises.is_empty() {
            let changes: Vec<Change<'_>> = self.surprises.iter().map(Change).collect();
            map.serialize_entry("changes", &changes)?;
        }
        if let Some(savings) = &self.savings {
            map.serialize_entry("savings", savings)?;
        }
        map.serialize_entry("prices", &frame.prices)?;
        map.end()
    }
}
