//! The figures that all tables of spend share.
//!
//! They can be added up as they stand: down a column, at each level of an outline, and along a row, where `input`,
//! `+cached`, `+written` and `+output` come to `tokens`.

use super::footnotes::{Billed, UNPRICED, UNSEEN, marks};
use super::page::{Cell, Column, Tone};
use super::rounding::{apportion_outline, grouped, money_outline, scale};
use super::summary::Totals;
use super::token_kinds::Kind;

/// Columns of figures, in the order of the rows they were made of.
pub(super) struct Figures {
    columns: Vec<(Column, Vec<Cell>, Cell)>,
}

impl Figures {
    /// Of these rows and what they add up to. A row may be the sum of rows below it: `parents` names it for each of
    /// these, and is empty where there are none.
    pub(super) fn new(rows: &[&Totals], parents: &[Option<usize>], totals: &Totals, billed: Billed) -> Self {
        let responses = rows.iter().map(|row| grouped(row.responses.into()));
        let responses = responses.map(Cell::new).collect();
        let mut columns =
            vec![(Column::figure("resp.").spare(), responses, total_cell(&grouped(totals.responses.into())))];
        columns.extend(of_tokens(rows, parents, totals));
        columns.push(of_cost(rows, parents, totals));
        columns.extend(of_marks(rows, totals, billed));
        Self { columns }
    }

    /// Their heads.
    pub(super) fn columns(&self) -> impl Iterator<Item = Column> {
        self.columns.iter().map(|(column, _, _)| column.clone())
    }

    /// The cells of one row.
    pub(super) fn row(&self, index: usize) -> impl Iterator<Item = Cell> {
        self.columns.iter().map(move |(_, cells, _)| cells.get(index).cloned().unwrap_or_else(|| Cell::new("")))
    }

    /// The cells below them.
    pub(super) fn totals(&self) -> impl Iterator<Item = Cell> {
        self.columns.iter().map(|(_, _, total)| total.clone())
    }
}

fn total_cell(text: &str) -> Cell {
    Cell::toned(text, Tone::Strong)
}

/// Whole units with their suffix; what is not zero but too small to show is `<1` of them, zero needs no suffix.
fn scaled(exact: i128, shown: i128, suffix: &str) -> String {
    if exact == 0 { "0".to_owned() } else { super::rounding::scaled(exact, shown, suffix) }
}

/// A column for each kind, all in one scale, and one of all tokens, which is the sum of what the others show.
fn of_tokens(rows: &[&Totals], parents: &[Option<usize>], totals: &Totals) -> Vec<(Column, Vec<Cell>, Cell)> {
    let (unit, suffix) = match scale(totals.tokens.total().into()) {
        (1, exact) => (1, exact),
        // Many small rows must not all become `<1M` because they are many.
        _ => scale(rows.iter().map(|row| i128::from(row.tokens.total())).max().unwrap_or(0).max(1_000_000)),
    };
    let mut sums = vec![(0, 0); rows.len()];
    let mut sum = (0, 0);
    let mut columns = Vec::new();
    for kind in Kind::ALL {
        let exact: Vec<i128> = rows.iter().map(|row| kind.count(&row.tokens).into()).collect();
        let shares = apportion_outline(&exact, parents, unit);
        let whole = kind.count(&totals.tokens).into();
        let column = match kind {
            Kind::Input => Column::figure("input"),
            Kind::CachedInput => Column::figure("+cached"),
            // Few models charge for it.
            Kind::CacheWrite if whole == 0 => continue,
            Kind::CacheWrite => Column::figure("+written"),
            Kind::Output => Column::figure("+output"),
        };
        for (sum, (exact, part)) in sums.iter_mut().zip(exact.iter().zip(&shares.parts)) {
            *sum = (sum.0 + exact, sum.1 + part);
        }
        sum = (sum.0 + whole, sum.1 + shares.total);
        let cells = exact.iter().zip(&shares.parts).map(|(exact, part)| Cell::new(scaled(*exact, *part, suffix)));
        columns.push((column.part(), cells.collect(), total_cell(&scaled(whole, shares.total, suffix))));
    }
    let cells = sums.iter().map(|(exact, shown)| Cell::new(scaled(*exact, *shown, suffix))).collect();
    columns.push((Column::figure("tokens").useful(), cells, total_cell(&scaled(sum.0, sum.1, suffix))));
    columns
}

fn of_cost(rows: &[&Totals], parents: &[Option<usize>], totals: &Totals) -> (Column, Vec<Cell>, Cell) {
    let costs: Vec<_> = rows.iter().map(|row| row.known_cost()).collect();
    let shown = money_outline(&costs, parents, UNPRICED);
    let cell = |(text, row): (&String, &&Totals)| match row.known_cost() {
        None if row.is_unseen() => Cell::toned(UNSEEN, Tone::Warn),
        None => Cell::toned(text, Tone::Warn),
        Some(_) => Cell::new(text),
    };
    let total = match totals.known_cost() {
        None => Cell::toned(if totals.is_unseen() { UNSEEN } else { UNPRICED }, Tone::Strong),
        Some(_) => total_cell(&shown.total),
    };
    (Column::figure("cost"), shown.parts.iter().zip(rows).map(cell).collect(), total)
}

/// What the marks mean stands below the table. No column where nothing is marked.
fn of_marks(rows: &[&Totals], totals: &Totals, billed: Billed) -> Option<(Column, Vec<Cell>, Cell)> {
    let cells: Vec<Cell> = rows.iter().map(|row| marks(row, totals, billed)).collect();
    let total = marks(totals, totals, billed);
    let any = cells.iter().chain([&total]).any(|cell| !cell.text.is_empty());
    any.then(|| (Column::word(""), cells, total))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Money, Tokens};

    fn read(cell: &Cell) -> i128 {
        match cell.text.strip_prefix('<') {
            Some(_) => 0,
            None => cell.text.replace([',', '$', '.', 'k', 'M'], "").parse().unwrap(),
        }
    }

    proptest! {
        #[test]
        fn a_reader_can_add_up_rows_and_columns(
            counts in prop::collection::vec(prop::array::uniform4(0_u64..700_000), 1..20),
            written in any::<bool>(),
        ) {
            let rows: Vec<Totals> = counts
                .iter()
                .map(|[plain, cached_input, cache_write, output]| {
                    let cache_write_input = if written { *cache_write } else { 0 };
                    let input = plain + cached_input + cache_write_input;
                    let (cached_input, output) = (*cached_input, *output);
                    let tokens = Tokens { input, cached_input, cache_write_input, output, reasoning_output: 0 };
                    Totals { responses: 1, tokens, cost: Money::from_nanos(1_000_003), ..Totals::default() }
                })
                .collect();
            let mut totals = Totals::default();
            rows.iter().for_each(|row| totals.merge(row));
            let figures = Figures::new(&rows.iter().collect::<Vec<_>>(), &[], &totals, Billed::Marked);
            let titles: Vec<String> = figures.columns().map(|column| column.title).collect();
            let kinds = 1..titles.len() - 2;
            prop_assert_eq!(kinds.len(), if totals.tokens.cache_write_input > 0 { 4 } else { 3 });
            let cells: Vec<Vec<Cell>> = (0..rows.len()).map(|row| figures.row(row).collect()).collect();
            let below: Vec<Cell> = figures.totals().collect();
            for row in cells.iter().chain([&below]) {
                prop_assert_eq!(row[kinds.clone()].iter().map(read).sum::<i128>(), read(&row[kinds.end]), "{:?}", row);
            }
            for column in 0..titles.len() {
                prop_assert_eq!(cells.iter().map(|row| read(&row[column])).sum::<i128>(), read(&below[column]));
            }
        }
    }
}
