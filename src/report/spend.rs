//! Pure. A report of spend as a page.

use super::By;
use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::round::{count_column, money_column};
use super::summary::{Summary, Totals};
use super::text::{count, moment};
use crate::model::{Billing, Dimension};

/// The report as a person reads it.
pub fn page(summary: &Summary) -> Page {
    let mut page = Page::default();
    page.title(title(summary));
    if summary.rows.is_empty() {
        page.list(vec![Item::note("Nothing was recorded in this time.")]);
    } else {
        page.table(table(summary));
    }
    let models = &summary.unpriced_models;
    page.list(notes(&summary.totals, models.iter().map(Option::as_deref), summary.skipped_lines));
    page
}

fn title(summary: &Summary) -> String {
    let zone = summary.zone;
    let asked = match (summary.since, summary.until) {
        (None, None) => match summary.span {
            Some((first, last)) => format!("{} – {}", moment(first, zone), moment(last, zone)),
            None => return "Spend".to_owned(),
        },
        (Some(since), None) => format!("since {}", moment(since, zone)),
        (None, Some(until)) => format!("until {}", moment(until, zone)),
        (Some(since), Some(until)) => format!("{} – {}", moment(since, zone), moment(until, zone)),
    };
    format!("Spend, {asked} ({})", zone.name())
}

fn table(summary: &Summary) -> Table {
    let all: Vec<&Totals> = summary.rows.iter().map(|row| &row.totals).collect();
    let figures = Figures::new(&all, &summary.totals);
    let mut columns: Vec<Column> = summary.by.iter().map(dimension_column).collect();
    columns.extend(figures.columns());
    let mut before: Option<&[Option<String>]> = None;
    let mut rows = Vec::with_capacity(summary.rows.len());
    for (index, row) in summary.rows.iter().enumerate() {
        // A value that stands above, under the same values to its left, is not repeated.
        let same = before.map_or(0, |before| before.iter().zip(&row.key).take_while(|(a, b)| a == b).count());
        before = Some(&row.key);
        let mut cells: Vec<Cell> = row
            .key
            .iter()
            .enumerate()
            .map(|(place, value)| match value {
                Some(value) if place < same => Cell::toned(value, Tone::Quiet),
                _ => Cell::or_unknown(value.as_deref()),
            })
            .collect();
        cells.extend(figures.row(index));
        rows.push(cells);
    }
    let mut totals: Vec<Cell> = vec![Cell::new(""); summary.by.len()];
    if let Some(first) = totals.first_mut() {
        *first = Cell::toned("total", Tone::Strong);
    }
    totals.extend(figures.totals());
    Table { columns, rows, totals: (!summary.by.is_empty()).then_some(totals) }
}

fn dimension_column(by: &By) -> Column {
    match by {
        By::Day | By::Week | By::Month => Column::word(by.to_string()),
        By::Of(Dimension::Run) => Column::word("run"),
        By::Of(Dimension::Model) => Column::name("model", 13),
        By::Of(_) => Column::name(by.to_string(), 8),
    }
}

/// The figures that all tables of spend share, rounded together so that they add up.
pub(super) struct Figures {
    columns: [(&'static str, Vec<String>, String); 5],
}

impl Figures {
    /// Of these rows and what they add up to.
    pub(super) fn new(rows: &[&Totals], totals: &Totals) -> Self {
        let counts = |title, of: fn(&Totals) -> u64| {
            let counts: Vec<u64> = rows.iter().map(|row| of(row)).collect();
            let shown = count_column(&counts);
            (title, shown.parts, shown.total)
        };
        let costs: Vec<_> = rows.iter().map(|row| row.known_cost()).collect();
        let mut money = money_column(&costs, "unpriced");
        // A sum that lacks what has no price says so.
        for (text, of) in money.parts.iter_mut().zip(rows.iter().copied()).chain([(&mut money.total, totals)]) {
            if of.unpriced > 0 && of.known_cost().is_some() {
                *text += " +?";
            }
        }
        Self {
            columns: [
                counts("resp.", |row| row.responses),
                counts("input", |row| row.tokens.input),
                counts("cached", |row| row.tokens.cached_input),
                counts("output", |row| row.tokens.output),
                ("cost", money.parts, money.total),
            ],
        }
    }

    /// Their heads.
    pub(super) fn columns(&self) -> impl Iterator<Item = Column> {
        self.columns.iter().map(|(title, _, _)| match *title {
            "cached" | "resp." | "output" => Column::figure(*title).spare(),
            "input" => Column::figure(*title).useful(),
            _ => Column::figure(*title),
        })
    }

    /// The cells of one row.
    pub(super) fn row(&self, index: usize) -> impl Iterator<Item = Cell> {
        self.columns.iter().map(move |(title, parts, _)| {
            let text = parts.get(index).map_or("", String::as_str);
            let tone = if *title == "cost" && text.contains(['?', 'u']) { Tone::Warn } else { Tone::Plain };
            Cell::toned(text, tone)
        })
    }

    /// The cells below them.
    pub(super) fn totals(&self) -> impl Iterator<Item = Cell> {
        self.columns.iter().map(|(_, _, total)| Cell::toned(total, Tone::Strong))
    }
}

/// What must be said beside sums: who is not paid these dollars, what has no price, what could not be read.
pub(super) fn notes<'a>(
    totals: &Totals,
    unpriced_models: impl Iterator<Item = Option<&'a str>>,
    skipped_lines: u64,
) -> Vec<Item> {
    let mut notes = Vec::new();
    let mixed = totals.billing.len() > 1;
    for (billing, cost) in &totals.billing {
        let part =
            if mixed { format!("{} of it", money_column(&[Some(*cost)], "").total) } else { "The cost".to_owned() };
        match billing {
            Billing::Api => {}
            Billing::Plan => notes.push(Item::note(format!(
                "{part} is the list-price equivalent of use on a ChatGPT plan: nobody is billed these dollars."
            ))),
            Billing::Local => notes.push(Item::note(format!("{part} is of local models, which cost nothing."))),
            Billing::Unknown => notes.push(Item::note(format!(
                "{part} is OpenAI's list price for what another provider served: its bill may differ."
            ))),
        }
    }
    if totals.unpriced > 0 {
        let models: Vec<String> = unpriced_models
            .map(|model| model.map_or("a model that is not named".to_owned(), |m| format!("`{m}`")))
            .collect();
        notes.push(Item::warning(format!(
            "No price for {} of {}: not in the cost.",
            count(totals.unpriced, "response", "responses"),
            models.join(", ")
        )));
    }
    if totals.stand_in > 0 {
        notes.push(Item::note(format!(
            "The price of {} is a stand-in that the policy chose: estimated.",
            count(totals.stand_in, "response", "responses")
        )));
    }
    if totals.inferred > 0 {
        notes.push(Item::note(format!(
            "The tokens of {} are inferred, not read: estimated.",
            count(totals.inferred, "response", "responses")
        )));
    }
    if skipped_lines > 0 {
        notes.push(Item::warning(format!(
            "{} of session files could not be read: there may be more spend than this.",
            count(skipped_lines, "line", "lines")
        )));
    }
    notes
}
