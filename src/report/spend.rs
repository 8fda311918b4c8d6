//! A report of spend as a page.

use super::By;
use super::figures::Figures;
use super::footnotes::{Billed, notes};
use super::group_by::IMPORTED;
use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::rounding::share_outline;
use super::subtotals::{Line, MOST_LINES, has_gaps, lines, shown};
use super::summary::{Summary, Totals};
use super::text::moment;
use crate::compare::Surprise;
use crate::model::Dimension;

/// The report as a person reads it.
pub fn page(summary: &Summary) -> Page {
    let mut page = Page::default();
    page.title(title(summary));
    if summary.rows.is_empty() {
        page.list(vec![Item::note("Nothing was recorded in this time.")]);
    } else {
        let (table, left_out) = laid_out(summary, MOST_LINES, true);
        page.table(table);
        if left_out > 0 {
            page.list(vec![Item::note("Each is in `--format csv` and `--format json`.")]);
        }
    }
    let mut notes = notes_of(summary);
    notes.extend(of_rows(summary));
    page.list(notes);
    page
}

/// What must be said beside the sums, whatever the rows are.
pub(super) fn notes_of(summary: &Summary) -> Vec<Item> {
    let models = summary.unpriced_models.iter().map(Option::as_deref);
    let mut notes = notes(&summary.totals, Billed::Marked, models, summary.frame.skipped_lines);
    notes.extend(summary.surprises.iter().map(surprising));
    notes
}

fn title(summary: &Summary) -> String {
    let (zone, frame) = (summary.zone, &summary.frame);
    let asked = match (frame.since, frame.until) {
        (None, None) => match frame.span {
            Some((first, last)) => format!("{} – {}", moment(first, zone), moment(last, zone)),
            None => return "Spend".to_owned(),
        },
        (Some(since), None) => format!("since {}", moment(since, zone)),
        (None, Some(until)) => format!("until {}", moment(until, zone)),
        (Some(since), Some(until)) => format!("{} – {}", moment(since, zone), moment(until, zone)),
    };
    format!("Spend, {asked} ({})", zone.name())
}

/// `gpt-6.2-sol` is new: …
fn surprising(surprise: &Surprise) -> Item {
    let times = |hundredths: u64| {
        let digits = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        format!("{}×", digits.trim_end_matches('0').trim_end_matches('.'))
    };
    Item::warning(match surprise {
        Surprise::Model { model, before, factor } => {
            let costs = factor.map(|factor| format!("; the same work costs {}", times(factor))).unwrap_or_default();
            format!("`{model}` is new in this time: in the 30 days before most was spent on `{before}`{costs}.")
        }
        Surprise::Price { model, factor } => {
            let times = times(*factor);
            format!("The price of `{model}` has changed: what it did in the 30 days before costs {times} by now.")
        }
    })
}

/// What the rows themselves do not say.
fn of_rows(summary: &Summary) -> Vec<Item> {
    let mut notes = Vec::new();
    let without = |dimension: Dimension| {
        let place = summary.by.iter().position(|by| *by == By::Of(dimension.clone()));
        place.is_some_and(|place| summary.rows.iter().any(|row| row.key.get(place) == Some(&None)))
    };
    if without(Dimension::Run) || without(Dimension::Agent) {
        let text = "is history that was read from session files: it has no run and no agent of govern's.";
        notes.push(Item::new(IMPORTED, text, Tone::Quiet));
    }
    if let (true, Some(time)) = (has_gaps(summary), summary.by.first()) {
        notes.push(Item::new("", format!("A {time} without spend has no row here."), Tone::Quiet));
    }
    notes
}

/// The table of so many lines at most, and how many its last row stands for.
pub(super) fn table(summary: &Summary, most: usize) -> (Table, usize) {
    laid_out(summary, most, false)
}

/// The same; with bars of text beside one another, where time comes first.
fn laid_out(summary: &Summary, most: usize, with_bars: bool) -> (Table, usize) {
    let (lines, left_out) = shown(lines(summary), most);
    let all: Vec<&Totals> = lines.iter().map(|line| &line.totals).collect();
    let parents: Vec<Option<usize>> = lines.iter().map(|line| line.parent).collect();
    let figures = Figures::new(&all, &parents, &summary.totals, Billed::Marked);
    let nanos = |totals: &Totals| totals.known_cost().map(|cost| cost.nanos());
    let shares = (summary.rows.len() > 1).then(|| {
        let costs: Vec<_> = all.iter().map(|totals| nanos(totals)).collect();
        share_outline(&costs, &parents, summary.totals.cost.nanos())
    });
    let bars = with_bars.then(|| bars(summary, &lines)).flatten();
    let mut columns: Vec<Column> = summary.by.iter().map(dimension_column).collect();
    columns.extend(figures.columns());
    columns.extend(bars.is_some().then(|| Column::word("").useful()));
    columns.extend(shares.is_some().then(|| Column::figure("share").spare()));
    let mut rows = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        let mut cells = values(summary, line);
        cells.extend(figures.row(index));
        let part = |column: &[String]| Cell::new(column.get(index).map_or("", String::as_str));
        cells.extend(bars.as_deref().map(part));
        let permille = |shown: Cell| shown.share(share_of(line, summary));
        cells.extend(shares.as_ref().map(|shares| permille(part(&shares.parts))));
        let tone = match line.totals.responses {
            0 => Tone::Quiet,
            _ if line.has_parts => Tone::Strong,
            _ => Tone::Plain,
        };
        cells.iter_mut().filter(|cell| cell.tone == Tone::Plain).for_each(|cell| cell.tone = tone);
        rows.push(cells);
    }
    let mut totals: Vec<Cell> = vec![Cell::new(""); summary.by.len()];
    if let Some(first) = totals.first_mut() {
        *first = Cell::toned("total", Tone::Strong);
    }
    totals.extend(figures.totals());
    totals.extend(bars.is_some().then(|| Cell::new("")));
    totals.extend(shares.map(|shares| Cell::toned(shares.total, Tone::Strong)));
    (Table { columns, rows, totals: (!summary.by.is_empty()).then_some(totals) }, left_out)
}

/// What a line costs of the whole, in thousandths.
fn share_of(line: &Line, summary: &Summary) -> i64 {
    let (part, whole) = (i128::from(line.totals.cost.nanos()), i128::from(summary.totals.cost.nanos()));
    i64::try_from(part.saturating_mul(1_000) / whole.max(1)).unwrap_or(0)
}

/// A line's values, each in the column of its dimension; what stands above it is not repeated.
fn values(summary: &Summary, line: &Line) -> Vec<Cell> {
    let cell = |(place, by): (usize, &By)| match line.key.get(place) {
        Some(value) if line.shown.contains(&place) => match value {
            Some(value) => Cell::new(value),
            None => Cell::toned(by.unknown(), Tone::Quiet),
        },
        _ => Cell::new(""),
    };
    summary.by.iter().enumerate().map(cell).collect()
}

fn dimension_column(by: &By) -> Column {
    match by {
        By::Day | By::Week | By::Month | By::Source => Column::key(by.to_string(), 10),
        By::Of(Dimension::Run) => Column::key("run", 10),
        By::Of(Dimension::Model) => Column::key("model", 13),
        By::Of(_) => Column::key(by.to_string(), 8),
    }
}

/// In columns of the screen.
const BAR: u64 = 12;

/// What each day, week or month costs, as a bar beside the others; `None` where time is not what comes first.
fn bars(summary: &Summary, lines: &[Line]) -> Option<Vec<String>> {
    summary.by.first().filter(|by| by.is_time())?;
    let cost = |line: &Line| u64::try_from(line.totals.cost.nanos()).unwrap_or(0);
    let of_time = |line: &&Line| line.parent.is_none();
    let most = lines.iter().filter(of_time).map(cost).max().filter(|most| *most > 0)?;
    let all = lines.iter().map(|line| if of_time(&line) { bar(cost(line), most) } else { String::new() });
    Some(all.collect())
}

/// Eighths of a column for `amount` of `most`, which is the whole width. What is not zero is seen.
fn bar(amount: u64, most: u64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = u128::from(amount) * u128::from(8 * BAR) / u128::from(most.max(1));
    let eighths = usize::try_from(eighths).unwrap_or(0).max(usize::from(amount > 0));
    let part = PARTS.get(eighths % 8).copied().unwrap_or_default();
    format!("{}{part}", "█".repeat(eighths / 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_cost() {
        for (amount, shown) in
            [(0, ""), (1, "▏"), (960, "████████████"), (480, "██████"), (490, "██████▏"), (959, "███████████▉")]
        {
            assert_eq!(bar(amount, 960), shown);
        }
        assert_eq!(bar(0, 0), "");
        assert_eq!(bar(u64::MAX, u64::MAX).chars().count(), 12);
    }
}
