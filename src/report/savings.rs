//! What govern's acts saved, as a page and as JSON.

use chrono_tz::Tz;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::rounding::grouped;
use super::text::{moment, rfc3339};
use crate::compare::{Amount, Intervention, Saved};
use crate::model::Money;

/// So many acts are shown each to a person. JSON has them all.
const MOST_ROWS: usize = 50;

/// All acts of a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Savings {
    /// The newest first.
    pub rows: Vec<Saved>,
    /// The zone that times are shown in.
    pub zone: Tz,
}

/// What some acts saved together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Together {
    /// How many they are.
    pub done: u64,
    /// Of how many it is not known.
    pub not_known: u64,
    /// At least, of those of which it is known.
    pub least: Money,
    /// At most, of these.
    pub most: Money,
}

impl Together {
    fn of<'a>(rows: impl Iterator<Item = &'a Saved>) -> Self {
        let mut sum = Self::default();
        for row in rows {
            sum.done = sum.done.saturating_add(1);
            match &row.amount {
                Amount::Known { least, most } => {
                    sum.least += *least;
                    sum.most += *most;
                }
                Amount::NotKnown(_) => sum.not_known = sum.not_known.saturating_add(1),
            }
        }
        sum
    }

    /// The range, where anything of it is known.
    pub fn range(&self) -> Option<(Money, Money)> {
        (self.not_known < self.done).then_some((self.least, self.most))
    }
}

impl Savings {
    /// All of them together.
    pub fn total(&self) -> Together {
        Together::of(self.rows.iter())
    }

    /// Act by act; what was not done is left out.
    pub fn by_act(&self) -> Vec<(Intervention, Together)> {
        let of = |act: Intervention| (act, Together::of(self.rows.iter().filter(|row| row.act == act)));
        Intervention::ALL.into_iter().map(of).filter(|(_, sum)| sum.done > 0).collect()
    }

    /// As a person reads it.
    pub fn page(&self) -> Page {
        let mut page = self.summed();
        if !self.rows.is_empty() {
            page.title("Act by act");
            page.list(self.rows.iter().take(MOST_ROWS).map(|row| self.line(row)).collect());
            let hidden = self.rows.len().saturating_sub(MOST_ROWS);
            if hidden > 0 {
                page.list(vec![Item::note(format!("{hidden} older ones are in `--format json`."))]);
            }
        }
        page
    }

    /// The sums and their rules, without runs and agents.
    pub fn summed(&self) -> Page {
        let mut page = Page::default();
        page.title("What govern saved");
        let acts = self.by_act();
        if acts.is_empty() {
            page.list(vec![Item::note("govern did nothing in this time that could have saved anything.")]);
            return page;
        }
        let row = |name: Cell, sum: &Together| {
            let [least, most] = ends(sum.range());
            let count = |number: u64| Cell::new(grouped(number.into()));
            vec![name, count(sum.done), least, most, count(sum.not_known)]
        };
        let columns = vec![
            Column::key("act", 8),
            Column::figure("done"),
            Column::figure("at least"),
            Column::figure("at most"),
            Column::figure("not known").useful(),
        ];
        let rows = acts.iter().map(|(act, sum)| row(Cell::new(act.as_str()), sum)).collect();
        let totals = Some(row(Cell::toned("total", Tone::Strong), &self.total()));
        page.table(Table { columns, rows, totals });
        let rules = acts.iter().map(|(act, _)| Item::new(act.as_str(), format!("{}.", act.rule()), Tone::Quiet));
        page.list(rules.collect());
        page
    }

    /// `2026-11-22 14:20  route  run k3f9x27m1a, coder: $0.20 – $0.45: 12 answers …`.
    fn line(&self, row: &Saved) -> Item {
        let agent = row.agent.as_ref().map(|agent| format!(", `{agent}`")).unwrap_or_default();
        let saved = match &row.amount {
            Amount::Known { least, most } => format!("{least} – {most}: {}", row.because),
            Amount::NotKnown(why) => format!("not known: {why}"),
        };
        let tone = if row.range().is_some() { Tone::Plain } else { Tone::Quiet };
        Item::new(
            format!("{}  {}", moment(row.at, self.zone), row.act),
            format!("run {}{agent}: {saved}", row.run),
            tone,
        )
    }
}

impl Saved {
    fn range(&self) -> Option<(Money, Money)> {
        match self.amount {
            Amount::Known { least, most } => Some((least, most)),
            Amount::NotKnown(_) => None,
        }
    }
}

fn ends(range: Option<(Money, Money)>) -> [Cell; 2] {
    let money = |money: Money| Cell::new(money.to_string());
    match range {
        Some((least, most)) => [money(least), money(most)],
        None => [Cell::unknown(), Cell::unknown()],
    }
}

fn put_range<M: SerializeMap>(map: &mut M, range: Option<(Money, Money)>) -> Result<(), M::Error> {
    map.serialize_entry("least_usd", &range.map(|(least, _)| least))?;
    map.serialize_entry("most_usd", &range.map(|(_, most)| most))
}

struct SumJson(Intervention, Together);

impl Serialize for SumJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(act, sum) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("act", act.as_str())?;
        map.serialize_entry("done", &sum.done)?;
        put_range(&mut map, sum.range())?;
        map.serialize_entry("not_known", &sum.not_known)?;
        map.serialize_entry("rule", act.rule())?;
        map.end()
    }
}

struct RowJson<'a>(&'a Saved);

impl Serialize for RowJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.0;
        let (because, unknown) = match &row.amount {
            Amount::Known { .. } => (Some(&row.because), None),
            Amount::NotKnown(why) => (None, Some(why)),
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &rfc3339(row.at))?;
        map.serialize_entry("run", &row.run)?;
        map.serialize_entry("agent", &row.agent)?;
        map.serialize_entry("act", row.act.as_str())?;
        put_range(&mut map, row.range())?;
        map.serialize_entry("because", &because)?;
        map.serialize_entry("unknown", &unknown)?;
        map.end()
    }
}

impl Serialize for Savings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let total = self.total();
        let acts: Vec<SumJson> = self.by_act().into_iter().map(|(act, sum)| SumJson(act, sum)).collect();
        let rows: Vec<RowJson<'_>> = self.rows.iter().map(RowJson).collect();
        let mut map = serializer.serialize_map(None)?;
        put_range(&mut map, total.range())?;
        map.serialize_entry("not_known", &total.not_known)?;
        map.serialize_entry("acts", &acts)?;
        map.serialize_entry("rows", &rows)?;
        map.end()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::report::tests::sample;
    use crate::ui::Layout;
    use crate::ui::tests::table_checks::tables_are_readable;

    pub(in crate::report) fn savings() -> Savings {
        let dollars = |text: &str| Money::parse_decimal(text).unwrap();
        let saved = |when: &str, act: Intervention, amount: Amount, because: &str| Saved {
            at: sample::at(when),
            run: "k3f9x27m1a".into(),
            agent: Some("coder".into()),
            act,
            amount,
            because: because.to_owned(),
        };
        let known = |least: &str, most: &str| Amount::Known { least: dollars(least), most: dollars(most) };
        let rows = vec![
            saved("2026-11-22T15:00:00Z", Intervention::Steer, Amount::NotKnown("nobody can say".to_owned()), ""),
            saved(
                "2026-11-22T14:40:00Z",
                Intervention::Stop,
                known("0.20", "1.80"),
                "it had spent $1.20; 14 like runs came so far, and on",
            ),
            saved(
                "2026-11-22T14:20:00Z",
                Intervention::Route,
                known("-0.01", "0.45"),
                "12 answers of `gpt-6.1-terra` in the place of `gpt-6.2-sol`",
            ),
        ];
        Savings { rows, zone: Tz::UTC }
    }

    #[test]
    fn what_was_saved_is_a_range_with_its_rule() {
        tables_are_readable(&savings().page());
        insta::assert_snapshot!(Layout::plain(120).render(&savings().page()));
    }

    #[test]
    fn each_act_says_in_json_what_it_saved_or_why_that_is_not_known() {
        insta::assert_snapshot!(super::super::json::to_text(&savings()));
    }

    #[test]
    fn what_is_not_known_is_no_zero() {
        let nothing = Savings { rows: savings().rows[..1].to_vec(), zone: Tz::UTC };
        assert_eq!(nothing.total().range(), None);
        assert!(Savings::default().page().blocks.len() == 2);
    }
}
