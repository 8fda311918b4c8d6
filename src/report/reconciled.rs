//! What OpenAI says was used, beside what was observed, as a page and as JSON.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::rounding::{RoundedColumn, grouped, money_column, money_difference};
use super::text::{count, rfc3339};
use crate::bill::{Comparison, Row, Stranger};
use crate::model::reconciled::BillSource;
use crate::model::{ModelId, Money, ServiceTier, Timestamp};

/// What no side explains is listed up to there.
const MOST: usize = 20;

/// What became of a question to one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceAsked {
    /// Which.
    pub source: BillSource,
    /// How many threads or days it was asked about.
    pub asked: u64,
    /// How many of them it told of.
    pub told: u64,
    /// How many of these are news: what was told and observed is not as it was recorded before.
    pub new: u64,
}

/// All that `govern reconcile` and `govern report --reconciled` say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReconciledReport {
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
    /// Whom it was asked of now; nobody, where a report tells what is recorded.
    pub asked: Vec<SourceAsked>,
    /// What could not be had, or not compared.
    pub problems: Vec<String>,
    /// What is recorded.
    pub comparison: Comparison,
}

fn subjects(source: BillSource, many: u64) -> String {
    match source {
        BillSource::Codex => count(many, "thread", "threads"),
        BillSource::Costs => count(many, "day", "days"),
    }
}

fn teller(source: BillSource) -> &'static str {
    match source {
        BillSource::Codex => "Codex",
        BillSource::Costs => "the organisation's costs",
    }
}

impl ReconciledReport {
    /// As a person reads it.
    pub fn page(&self) -> Page {
        let mut page = Page::default();
        let comparison = &self.comparison;
        if !comparison.rows.is_empty() {
            page.table(table(comparison));
        }
        let mut items: Vec<Item> = self.asked.iter().map(asked).collect();
        if comparison.rows.is_empty() && comparison.strangers.is_empty() {
            items.push(Item::note(match self.asked.is_empty() {
                true => "Nothing of this time is reconciled: `govern reconcile` asks for it.",
                false => "There is nothing to compare.",
            }));
        }
        let unpriced: u64 = comparison.rows.iter().map(|row| row.observed.unpriced).sum();
        if unpriced > 0 {
            let many = count(unpriced, "observed response has", "observed responses have");
            items.push(Item::warning(format!("{many} no price: what they cost is not among what was observed.")));
        }
        items.extend(self.problems.iter().map(Item::warning));
        page.list(items);
        for (told, title) in [(true, "Told, and no record explains it"), (false, "Observed, and nothing is told of it")]
        {
            let own: Vec<&Stranger> = comparison.strangers.iter().filter(|one| one.told == told).collect();
            if own.is_empty() {
                continue;
            }
            page.title(title);
            let mut items: Vec<Item> = own.iter().take(MOST).map(|one| stranger(one)).collect();
            if let Some(more) = own.len().checked_sub(MOST).filter(|more| *more > 0) {
                items.push(Item::note(format!("and {more} more: `--format json` has all")));
            }
            page.list(items);
        }
        if !comparison.rows.is_empty() {
            page.list(vec![Item::note(
                "observed: at list price, from this ledger. reconciled: OpenAI's own figures, as they were when they were asked \
                 for. What was recorded stays as it is.",
            )]);
        }
        page
    }
}

fn asked(one: &SourceAsked) -> Item {
    let news = match one.new {
        0 => "nothing new".to_owned(),
        new => format!("{new} new or changed"),
    };
    let text = format!("told of {} of {}; {news}", one.told, subjects(one.source, one.asked));
    let tone = if one.told == one.asked { Tone::Plain } else { Tone::Warn };
    Item::new(teller(one.source), text, tone)
}

fn stranger(one: &Stranger) -> Item {
    let of = match one.source {
        BillSource::Codex => format!("in {}", subjects(one.source, one.times)),
        BillSource::Costs => format!("on {}", subjects(one.source, one.times)),
    };
    let usd = one.usd.map_or_else(|| "no dollars".to_owned(), |usd| usd.to_string());
    Item::new(usd, format!("{}, {of}", one.item), Tone::Warn)
}

fn table(comparison: &Comparison) -> Table {
    let rows = &comparison.rows;
    let [told, observed, difference] = columns(rows);
    let cell = |column: &RoundedColumn, place: usize| Cell::new(column.parts.get(place).map_or("", String::as_str));
    let cells = rows.iter().enumerate().map(|(place, row)| {
        vec![
            Cell::or_unknown(row.model.as_ref().map(ModelId::as_str)),
            row.tier.as_ref().map_or_else(|| Cell::toned("all", Tone::Quiet), |tier| Cell::new(tier.as_str())),
            Cell::new(row.source.as_str()),
            Cell::new(grouped(row.observed.responses.into())),
            cell(&observed, place),
            cell(&told, place),
            cell(&difference, place),
        ]
    });
    let responses: u64 = rows.iter().map(|row| row.observed.responses).sum();
    // Of what was told in credits alone nobody knows the dollars.
    let is_whole = rows.iter().all(|row| row.told.is_some());
    let least = if is_whole { told.total.clone() } else { format!("≥{}", told.total) };
    let differs = if is_whole { difference.total.as_str() } else { "—" };
    let totals = ["total", "", "", &grouped(responses.into()), &observed.total, &least, differs];
    Table {
        columns: vec![
            Column::key("model", 12),
            Column::word("tier"),
            Column::word("told by").useful(),
            Column::figure("resp.").spare(),
            Column::figure("observed"),
            Column::figure("reconciled"),
            Column::figure("difference"),
        ],
        rows: cells.collect(),
        totals: Some(totals.map(|text| Cell::toned(text, Tone::Strong)).to_vec()),
    }
}

/// What was told, what was observed, and the difference; where all is in dollars each row adds up as it is shown.
fn columns(rows: &[Row]) -> [RoundedColumn; 3] {
    let pairs: Option<Vec<(Money, Money)>> = rows.iter().map(|row| Some((row.told?, row.observed.cost))).collect();
    if let Some(pairs) = pairs {
        return money_difference(&pairs);
    }
    let column = |of: &dyn Fn(&Row) -> Option<Money>| {
        let amounts: Vec<Option<Money>> = rows.iter().map(of).collect();
        money_column(&amounts, "—")
    };
    [column(&|row| row.told), column(&|row| Some(row.observed.cost)), column(&Row::difference)]
}

struct RowJson<'a>(&'a Row);

impl Serialize for RowJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("source", row.source.as_str())?;
        map.serialize_entry("model", &row.model)?;
        map.serialize_entry("tier", &row.tier.as_ref().map(ServiceTier::as_str))?;
        map.serialize_entry("basis", "reconciled")?;
        map.serialize_entry("responses", &row.observed.responses)?;
        map.serialize_entry("unpriced_responses", &row.observed.unpriced)?;
        map.serialize_entry("observed_usd", &row.observed.cost)?;
        map.serialize_entry("reconciled_usd", &row.told)?;
        map.serialize_entry("difference_usd", &row.difference())?;
        map.end()
    }
}

struct StrangerJson<'a>(&'a Stranger);

impl Serialize for StrangerJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let one = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("source", one.source.as_str())?;
        map.serialize_entry("side", if one.told { "reconciled" } else { "observed" })?;
        map.serialize_entry("item", &one.item)?;
        map.serialize_entry(if one.source == BillSource::Codex { "threads" } else { "days" }, &one.times)?;
        map.serialize_entry("usd", &one.usd)?;
        map.end()
    }
}

struct TotalsJson<'a>(&'a Comparison);

impl Serialize for TotalsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("observed_usd", &self.0.observed())?;
        map.serialize_entry("reconciled_usd", &self.0.told())?;
        map.serialize_entry("difference_usd", &self.0.difference())?;
        map.serialize_entry("unexplained_usd", &self.0.unexplained())?;
        map.end()
    }
}

struct AskedJson<'a>(&'a SourceAsked);

impl Serialize for AskedJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("source", self.0.source.as_str())?;
        map.serialize_entry("asked", &self.0.asked)?;
        map.serialize_entry("told", &self.0.told)?;
        map.serialize_entry("new", &self.0.new)?;
        map.end()
    }
}

impl Serialize for ReconciledReport {
    /// `govern.reconcile/1`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let comparison = &self.comparison;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "govern.reconcile/1")?;
        map.serialize_entry("since", &self.since.map(rfc3339))?;
        map.serialize_entry("until", &self.until.map(rfc3339))?;
        map.serialize_entry("asked", &self.asked.iter().map(AskedJson).collect::<Vec<_>>())?;
        map.serialize_entry("threads", &comparison.threads)?;
        map.serialize_entry("days", &comparison.days)?;
        map.serialize_entry("rows", &comparison.rows.iter().map(RowJson).collect::<Vec<_>>())?;
        map.serialize_entry("totals", &TotalsJson(comparison))?;
        map.serialize_entry("unexplained", &comparison.strangers.iter().map(StrangerJson).collect::<Vec<_>>())?;
        map.serialize_entry("problems", &self.problems)?;
        map.end()
    }
}
