//! What attribution rules move of what is recorded, as a page and as JSON.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::footnotes::LACKING;
use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::rounding::{grouped, money_column};
use super::text::{count, moment, rfc3339};
use crate::model::{Attribution, Dimension, Money, Timestamp};

/// A dimension and its value, of each that is known.
type Pairs = Vec<(String, String)>;

/// What is moved from one place to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// How many threads.
    pub threads: u64,
    /// How many responses.
    pub responses: u64,
    /// What those with a price cost.
    pub cost: Money,
    /// How many of them have none.
    pub unpriced: u64,
}

impl Moved {
    /// The cost, unless nothing of it has a price.
    fn known_cost(&self) -> Option<Money> {
        (self.unpriced == 0 || self.unpriced < self.responses).then_some(self.cost)
    }
}

/// All that is moved, for `govern attribute`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributed {
    /// By where it was, and where it belongs.
    pub moves: BTreeMap<(Pairs, Pairs), Moved>,
    /// Threads that belong where they are recorded.
    pub unmoved: u64,
    /// Threads of runs that go on: those are left alone.
    pub live: u64,
    /// Imported threads whose session file is gone, or is compressed: nobody knows where they were started.
    pub unknown: u64,
    /// Nothing was done.
    pub dry_run: bool,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
    /// The zone that times are shown in.
    pub zone: Tz,
}

/// An attribution as pairs, which have an order.
pub fn pairs(attribution: &Attribution) -> Pairs {
    attribution.entries().map(|(dimension, value)| (dimension.to_string(), value.to_owned())).collect()
}

/// Such as `team web, project shop`; what is not known is left out.
pub(super) fn in_words(attribution: &Attribution) -> String {
    words(&pairs(attribution))
}

fn words(pairs: &[(String, String)]) -> String {
    let known: Vec<String> = pairs.iter().map(|(dimension, value)| format!("{dimension} {value}")).collect();
    if known.is_empty() { "nothing".to_owned() } else { known.join(", ") }
}

/// What one of them has and the other has not, so that a line shows what changes.
fn without(one: &[(String, String)], other: &[(String, String)]) -> Pairs {
    one.iter().filter(|pair| !other.contains(pair)).cloned().collect()
}

impl Attributed {
    /// Before anything is looked at.
    pub fn of_nothing(dry_run: bool, (since, until): (Option<Timestamp>, Option<Timestamp>), zone: Tz) -> Self {
        Self { moves: BTreeMap::new(), unmoved: 0, live: 0, unknown: 0, dry_run, since, until, zone }
    }

    /// As a person reads it.
    pub fn page(&self) -> Page {
        let mut page = Page::default();
        if !self.moves.is_empty() {
            page.table(self.table());
        }
        let responses: u64 = self.moves.values().map(|moved| moved.responses).sum();
        let since = self.since.map_or_else(String::new, |since| format!(" since {}", moment(since, self.zone)));
        let what = match (responses, self.dry_run) {
            (0, _) => format!("What is recorded{since} belongs where the rules say."),
            (_, true) => format!("Would move {}{since}; nothing was done.", count(responses, "response", "responses")),
            (_, false) => format!(
                "Moved {}{since}. The ledger's chain has where they were recorded: `govern audit` shows it.",
                count(responses, "response", "responses")
            ),
        };
        let mut items = vec![Item::note(what)];
        if self.live > 0 {
            items.push(Item::note(format!(
                "{} of runs that go on: left as they are.",
                count(self.live, "thread", "threads")
            )));
        }
        if self.unknown > 0 {
            items.push(Item::warning(format!(
                "{} left as they are: their session files are gone or compressed, so that nobody knows where they were \
                 started.",
                count(self.unknown, "imported thread is", "imported threads are")
            )));
        }
        page.list(items);
        page
    }

    fn table(&self) -> Table {
        let costs: Vec<Option<Money>> = self.moves.values().map(Moved::known_cost).collect();
        let costs = money_column(&costs, "—");
        // What is not all of it has the mark that it has everywhere.
        let marked = |text: &str, of: &Moved| match of.unpriced > 0 && of.known_cost().is_some() {
            true => format!("{text} {LACKING}"),
            false => text.to_owned(),
        };
        let rows = self.moves.iter().enumerate().map(|(index, ((from, to), moved))| {
            vec![
                Cell::new(words(&without(from, to))),
                Cell::new(words(&without(to, from))),
                Cell::new(grouped(moved.threads.into())),
                Cell::new(grouped(moved.responses.into())),
                Cell::new(marked(costs.parts.get(index).map_or("", String::as_str), moved)),
            ]
        });
        let columns = vec![
            Column::key("recorded for", 12),
            Column::key("belongs to", 12),
            Column::figure("threads").spare(),
            Column::figure("resp."),
            Column::figure("cost"),
        ];
        let sum = |of: fn(&Moved) -> u64| grouped(self.moves.values().map(of).sum::<u64>().into());
        let whole = self.moves.values().fold(Moved::default(), |whole, one| Moved {
            threads: whole.threads + one.threads,
            responses: whole.responses + one.responses,
            cost: whole.cost + one.cost,
            unpriced: whole.unpriced + one.unpriced,
        });
        let cost = whole.known_cost().map_or_else(|| "—".to_owned(), |_| marked(&costs.total, &whole));
        let totals = ["total", "", &sum(|one| one.threads), &sum(|one| one.responses), &cost];
        let totals = totals.map(|text| Cell::toned(text, Tone::Strong)).to_vec();
        Table { columns, rows: rows.collect(), totals: Some(totals) }
    }
}

struct Place<'a>(&'a [(String, String)]);

impl Serialize for Place<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let own = [Dimension::Team, Dimension::Project, Dimension::Client, Dimension::User, Dimension::Task];
        let named: Vec<String> = own.into_iter().chain([Dimension::Branch]).map(|one| one.to_string()).collect();
        for name in &named {
            map.serialize_entry(name, &self.0.iter().find(|(dimension, _)| dimension == name).map(|(_, value)| value))?;
        }
        for (label, value) in self.0.iter().filter(|(dimension, _)| !named.contains(dimension)) {
            map.serialize_entry(label, value)?;
        }
        map.end()
    }
}

struct Row<'a>(&'a [(String, String)], &'a [(String, String)], &'a Moved);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("from", &Place(self.0))?;
        map.serialize_entry("to", &Place(self.1))?;
        map.serialize_entry("threads", &self.2.threads)?;
        map.serialize_entry("responses", &self.2.responses)?;
        map.serialize_entry("cost_usd", &self.2.known_cost())?;
        map.serialize_entry("unpriced_responses", &self.2.unpriced)?;
        map.end()
    }
}

impl Serialize for Attributed {
    /// `govern.attribute/1`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "govern.attribute/1")?;
        map.serialize_entry("since", &self.since.map(rfc3339))?;
        map.serialize_entry("until", &self.until.map(rfc3339))?;
        map.serialize_entry("dry_run", &self.dry_run)?;
        let rows: Vec<Row<'_>> = self.moves.iter().map(|((from, to), moved)| Row(from, to, moved)).collect();
        map.serialize_entry("rows", &rows)?;
        map.serialize_entry("unmoved_threads", &self.unmoved)?;
        map.serialize_entry("live_threads", &self.live)?;
        map.serialize_entry("unknown_threads", &self.unknown)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_price_is_not_known_and_no_zero() {
        let none = Moved { threads: 1, responses: 2, cost: Money::ZERO, unpriced: 2 };
        assert_eq!(none.known_cost(), None);
        assert_eq!(Moved { responses: 3, ..none.clone() }.known_cost(), Some(Money::ZERO));
        let row = serde_json::to_value(Row(&[], &[], &none)).unwrap();
        assert_eq!((&row["cost_usd"], &row["unpriced_responses"]), (&serde_json::Value::Null, &2.into()));
    }
}
