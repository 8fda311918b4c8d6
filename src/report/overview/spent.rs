//! What was spent since a moment, as a whole and by team, project and model.

use std::collections::BTreeMap;

use crate::model::{Dimension, Slice, Timestamp};
use crate::report::figures::Figures;
use crate::report::footnotes::{Billed, notes};
use crate::report::page::{Cell, Column, Item, Table, Tone};
use crate::report::rounding::money_column;
use crate::report::summary::Totals;

/// What was spent in a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Since when.
    pub since: Option<Timestamp>,
    /// All of it.
    pub total: Totals,
    /// By team, the most expensive first.
    pub teams: Vec<SpentPart>,
    /// By project.
    pub projects: Vec<SpentPart>,
    /// By model.
    pub models: Vec<SpentPart>,
    /// Models that have no price, of responses that `total` counts and its cost lacks.
    pub unpriced_models: Vec<Option<String>>,
}

/// A part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpentPart {
    /// Whose; `None`: not known.
    pub name: Option<String>,
    /// What it comes to.
    pub totals: Totals,
}

impl Spent {
    /// What these slices come to.
    pub fn of(since: Option<Timestamp>, slices: &[Slice]) -> Self {
        let mut total = Totals::default();
        slices.iter().for_each(|slice| total.add_slice(slice));
        let mut unpriced: Vec<Option<String>> = slices
            .iter()
            .filter(|slice| slice.sum.unpriced > 0)
            .map(|slice| slice.get(&Dimension::Model).map(str::to_owned))
            .collect();
        unpriced.sort();
        unpriced.dedup();
        Self {
            since,
            total,
            teams: parts(slices, &Dimension::Team),
            projects: parts(slices, &Dimension::Project),
            models: parts(slices, &Dimension::Model),
            unpriced_models: unpriced,
        }
    }

    /// `$12.34`, marked where it is not all of it or no invoice: `$12.34 (+? plan)`.
    pub fn short(&self) -> String {
        let cost = money_column(&[Some(self.total.cost)], "").total;
        let marks = crate::report::footnotes::marks(&self.total, &self.total, Billed::Marked).text;
        if marks.is_empty() { cost } else { format!("{cost} ({marks})") }
    }

    /// A table of some of its parts, such as `("team", &spent.teams)`, as many as `most`; the others are one row.
    pub fn table(&self, title: &str, parts: &[SpentPart], most: usize) -> Table {
        let mut shown: Vec<SpentPart> = parts.iter().take(most).cloned().collect();
        let hidden = parts.get(most..).unwrap_or_default();
        if !hidden.is_empty() {
            let mut totals = Totals::default();
            hidden.iter().for_each(|part| totals.merge(&part.totals));
            shown.push(SpentPart { name: Some(format!("… {} more", hidden.len())), totals });
        }
        let all: Vec<&Totals> = shown.iter().map(|part| &part.totals).collect();
        let figures = Figures::new(&all, &[], &self.total, Billed::Marked);
        let mut columns = vec![Column::key(title, 8)];
        columns.extend(figures.columns());
        let rows = shown.iter().enumerate().map(|(index, part)| {
            let name = part.name.as_deref().map_or_else(|| Cell::toned(format!("no {title}"), Tone::Quiet), Cell::new);
            std::iter::once(name).chain(figures.row(index)).collect()
        });
        let totals = std::iter::once(Cell::toned("total", Tone::Strong)).chain(figures.totals()).collect();
        Table { columns, rows: rows.collect(), totals: (shown.len() > 1).then_some(totals) }
    }

    /// What the marks on its figures mean.
    pub fn notes(&self) -> Vec<Item> {
        notes(&self.total, Billed::Marked, self.unpriced_models.iter().map(Option::as_deref), 0)
    }
}

fn parts(slices: &[Slice], by: &Dimension) -> Vec<SpentPart> {
    let mut sums: BTreeMap<Option<&str>, Totals> = BTreeMap::new();
    for slice in slices {
        sums.entry(slice.get(by)).or_default().add_slice(slice);
    }
    let part = |(name, totals): (Option<&str>, Totals)| SpentPart { name: name.map(str::to_owned), totals };
    let mut parts: Vec<SpentPart> = sums.into_iter().map(part).collect();
    parts.sort_by_key(|part| std::cmp::Reverse((part.totals.cost, part.totals.responses)));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn each_part_is_the_whole_and_what_is_not_shown_is_one_row() {
        let spent = sample::overview().month;
        for parts in [&spent.teams, &spent.projects, &spent.models] {
            let mut sum = Totals::default();
            parts.iter().for_each(|part| sum.merge(&part.totals));
            assert_eq!(sum, spent.total);
        }
        let names = |table: &Table| table.rows.iter().map(|row| row[0].text.clone()).collect::<Vec<_>>();
        assert_eq!(names(&spent.table("model", &spent.models, 9)), ["gpt-6.1-sol", "gpt-6-luna", "gpt-6-astra"]);
        let short = spent.table("model", &spent.models, 1);
        assert_eq!(names(&short), ["gpt-6.1-sol", "… 2 more"]);
        assert_eq!(names(&spent.table("team", &spent.teams, 9)), ["web", "no team"]);
        assert_eq!(spent.short(), "$7.50");
    }
}
