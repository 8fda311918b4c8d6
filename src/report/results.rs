//! What came of what was spent, as a page.

use std::collections::{BTreeMap, BTreeSet};

use super::By;
use super::footnotes::{LACKING, UNPRICED, UNSEEN};
use super::outputs::{Outputs, reasons};
use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::rounding::{grouped, money_column};
use super::spend::notes_of;
use super::summary::{Row, Summary, Totals};
use super::text::moment;
use crate::model::{Dimension, Money};
use crate::results::Results;
use crate::results::pull::PullState;
use crate::results::totals::{Bound, Figure, Pulls, Rate};

/// So many rows a person looks through. Formats for programs have them all.
const MOST_ROWS: usize = 1_000;

/// The report as a person reads it.
pub fn page(summary: &Summary, outputs: &Outputs) -> Page {
    let mut page = Page::default();
    page.title(title(summary));
    if summary.rows.is_empty() {
        page.list(vec![Item::note("Nothing was recorded in this time.")]);
        return page;
    }
    page.table(table(summary, outputs));
    if let Some(pulls) = &outputs.totals.pulls {
        page.list(vec![in_pulls(pulls)]);
    }
    page.list(notes(summary, outputs));
    page
}

fn title(summary: &Summary) -> String {
    let zone = summary.zone;
    match summary.frame.span {
        Some((first, last)) => {
            format!("Results of what was spent, {} – {} ({})", moment(first, zone), moment(last, zone), zone.name())
        }
        None => "Results".to_owned(),
    }
}

fn table(summary: &Summary, outputs: &Outputs) -> Table {
    let mut columns: Vec<Column> = summary.by.iter().map(|by| Column::key(by.to_string(), 8)).collect();
    columns.extend([
        Column::figure("cost"),
        Column::figure("commits"),
        Column::figure("+lines").useful(),
        Column::figure("-lines").spare(),
        Column::figure("1 day").spare(),
        Column::figure("7 days").spare(),
        Column::figure("30 days").useful(),
        Column::figure("merged"),
        Column::figure("taken back").spare(),
        Column::figure("abandoned"),
        Column::figure("tests").spare(),
        Column::figure("failed").spare(),
        Column::figure("$/merged").useful(),
        Column::figure("$/line").spare(),
    ]);
    let shown = summary.rows.iter().zip(&outputs.rows).take(MOST_ROWS);
    let costs: Vec<Option<Money>> = summary.rows.iter().take(MOST_ROWS).map(|row| row.totals.known_cost()).collect();
    let costs = money_column(&costs, UNPRICED);
    let rows = shown.zip(&costs.parts).map(|((row, results), cost)| {
        let mut cells = key(summary, row);
        cells.push(cost_cell(cost, &row.totals));
        cells.extend(figures(results));
        cells
    });
    let rows = rows.collect();
    let mut totals: Vec<Cell> = vec![Cell::new(""); summary.by.len()];
    if let Some(first) = totals.first_mut() {
        *first = Cell::toned("total", Tone::Strong);
    }
    let whole = if summary.totals.known_cost().is_some() { costs.total.as_str() } else { UNPRICED };
    totals.push(cost_cell(whole, &summary.totals));
    totals.extend(figures(&outputs.totals));
    totals.iter_mut().for_each(|cell| cell.tone = Tone::Strong);
    Table { columns, rows, totals: (!summary.by.is_empty()).then_some(totals) }
}

/// What a row cost, with the marks that it has in a report of spend.
fn cost_cell(shown: &str, totals: &Totals) -> Cell {
    if totals.is_unseen() {
        return Cell::toned(UNSEEN, Tone::Warn);
    }
    let lacking = (totals.unpriced > 0 || totals.unobserved) && totals.known_cost().is_some();
    if lacking { Cell::toned(format!("{shown} {LACKING}"), Tone::Warn) } else { Cell::new(shown) }
}

fn key(summary: &Summary, row: &Row) -> Vec<Cell> {
    let cell = |(by, value): (&By, &Option<String>)| match value {
        Some(value) if *by == By::Of(Dimension::Run) => Cell::of_run(value),
        Some(value) => Cell::new(value),
        None => Cell::toned(by.unknown(), Tone::Quiet),
    };
    summary.by.iter().zip(&row.key).map(cell).collect()
}

fn figures(results: &Results) -> Vec<Cell> {
    let count =
        |value: Option<u64>, why: Option<String>| shown(value.map(|value| grouped(value.into())), why.is_some());
    let of = |figure: &Figure| count(figure.value(), figure.why());
    let abandoned = &results.abandoned;
    let [day, week, month] = results.kept.each_ref().map(of);
    vec![
        of(&results.commits),
        of(&results.added),
        of(&results.removed),
        day,
        week,
        month,
        count(results.merged(), results.merged_why()),
        of(&results.reverted),
        shown(abandoned.value().map(|value| value.to_string()), abandoned.why().is_some()),
        of(&results.tests),
        of(&results.failed),
        rate(results.per_merged().ok()),
        rate(results.per_kept().ok().map(|(rate, _)| rate)),
    ]
}

/// Pull requests of all rows; those of each are in JSON.
fn in_pulls(pulls: &Pulls) -> Item {
    let Some(count) = pulls.count() else { return Item::note("Pull requests: not known.") };
    let of = |state| pulls.of(state).unwrap_or_default();
    let (merged, open, closed) = (of(PullState::Merged), of(PullState::Open), of(PullState::Closed));
    let each = pulls.per_merged().map_or_else(|_| String::new(), |usd| format!("; {usd} for each that was merged"));
    let least = if pulls.why().is_some() { "at least " } else { "" };
    Item::note(format!("Pull requests: {least}{count}: {merged} merged, {open} open, {closed} closed{each}."))
}

/// What is a part of the whole has a mark before it.
fn shown(value: Option<String>, is_part: bool) -> Cell {
    match value {
        Some(value) if is_part => Cell::new(format!("≥{value}")),
        Some(value) => Cell::new(value),
        None => Cell::unknown(),
    }
}

/// What a merged change or a line cost, with the direction in which it is not exact.
fn rate(rate: Option<Rate>) -> Cell {
    let Some(Rate { cost, bound }) = rate else { return Cell::unknown() };
    match bound {
        Bound::Exact => Cell::new(cost.to_string()),
        Bound::Least => Cell::new(format!("≥{cost}")),
        Bound::Most => Cell::new(format!("≤{cost}")),
    }
}

/// What the table does not say.
fn notes(summary: &Summary, outputs: &Outputs) -> Vec<Item> {
    let mut notes = Vec::new();
    if summary.by.contains(&By::Of(Dimension::User)) {
        let text = "People's tasks stand here side by side, not people: who reviews, researches or untangles has few lines, \
                    and much of what a person does no agent's commit shows. It is no measure of anybody's work.";
        notes.push(Item::warning(text));
    }
    let left_out = summary.rows.len().saturating_sub(MOST_ROWS);
    if left_out > 0 {
        notes.push(Item::note(format!("{left_out} more rows are in `--format csv` and `--format json`.")));
    }
    notes.push(Item::note(
        "1, 7 and 30 days: added lines that stand on the default branch so long after their commit. A run's results stand in \
         the row where most of its cost does.",
    ));
    let of_all = by_reason(reasons(&outputs.totals)).into_iter();
    notes.extend(of_all.map(|(why, names)| Item::note(format!("{}: {why}.", names.join(", ")))));
    notes.extend(notes_of_rows(summary, outputs));
    if summary.totals.unpriced > 0 || summary.totals.unobserved {
        notes.extend(notes_of(summary));
    }
    notes
}

/// So many rows have their reasons told; formats for programs have all.
const MOST_TOLD: usize = 20;

/// Why figures of a row are not known, where the whole does not say it. Rows that have the same to say are named together.
fn notes_of_rows(summary: &Summary, outputs: &Outputs) -> Vec<Item> {
    let whole: BTreeSet<String> = reasons(&outputs.totals).into_values().collect();
    let several = outputs.rows.len() > 1;
    let rows = summary.rows.iter().zip(&outputs.rows).take(MOST_ROWS).filter(|_| several);
    let mut told: Vec<(String, Vec<String>)> = Vec::new();
    for (row, results) in rows {
        let mut own = reasons(results);
        own.retain(|_, why| !whole.contains(why) && !is_plain_from_the_row(why));
        if own.is_empty() {
            continue;
        }
        let own = by_reason(own).into_iter().map(|(why, names)| format!("{why} ({})", names.join(", ")));
        let own = own.collect::<Vec<_>>().join("; ");
        let name = key(summary, row).into_iter().map(|cell| cell.text).collect::<Vec<_>>().join(", ");
        match told.iter_mut().find(|(why, _)| *why == own) {
            Some((_, names)) => names.push(name),
            None => told.push((own, vec![name])),
        }
    }
    let left_out: usize = told.iter().skip(MOST_TOLD).map(|(_, names)| names.len()).sum();
    let shown = told.iter().take(MOST_TOLD);
    let mut notes: Vec<Item> = shown.map(|(why, names)| Item::note(format!("{}: {why}.", names.join(", ")))).collect();
    if left_out > 0 {
        notes.push(Item::note(format!("Reasons of {left_out} more rows are in `--format csv` and `--format json`.")));
    }
    notes
}

/// Where there is nothing to divide by, the row itself says so; and what is too young is said of the whole.
fn is_plain_from_the_row(why: &str) -> bool {
    matches!(why, "nothing was merged" | "no line stands") || why.starts_with("younger than ")
}

/// Figures that have the same reason together, in the order of the table.
fn by_reason(mut reasons: BTreeMap<String, String>) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let in_table = IN_TABLE.iter().filter_map(|(name, _)| Some(((*name).to_owned(), reasons.remove(*name)?)));
    let named: Vec<(String, String)> = in_table.collect();
    for (name, why) in named.into_iter().chain(reasons) {
        match found.iter_mut().find(|(other, _)| *other == why) {
            Some((_, names)) => names.push(in_words(&name)),
            None => found.push((why, vec![in_words(&name)])),
        }
    }
    found
}

/// The figures in the order of the table, by the keys of JSON, and as its head has them.
const IN_TABLE: [(&str, &str); 15] = [
    ("commits", "commits"),
    ("lines_added", "+lines"),
    ("lines_removed", "-lines"),
    ("lines_kept.1d", "1 day"),
    ("lines_kept.7d", "7 days"),
    ("lines_kept.30d", "30 days"),
    ("merged_changes", "merged"),
    ("reverted_commits", "taken back"),
    ("abandoned_usd", "abandoned"),
    ("tests_run", "tests"),
    ("tests_failed", "failed"),
    ("usd_per_merged_change", "$/merged"),
    ("usd_per_kept_line", "$/line"),
    ("pull_requests", "pull requests"),
    ("usd_per_merged_pull_request", "$/merged pull request"),
];

/// A figure's name, as the table's head has it.
fn in_words(name: &str) -> String {
    let words = IN_TABLE.iter().find(|(key, _)| *key == name).map_or(name, |(_, words)| words);
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CommitId, LineKind, Lines};
    use crate::report::json;
    use crate::report::tests::sample;
    use crate::results::TreeResult;
    use crate::results::totals::Amount;
    use crate::ui::Layout;

    const NOTHING: &str = "nothing of its runs is recorded";

    fn unknown() -> Results {
        let mut results = Results::default();
        results.add(&TreeResult::unknown(NOTHING));
        results
    }

    fn results(n: u8) -> Results {
        let id = CommitId::parse(&format!("{n:02x}").repeat(20)).unwrap();
        let mut results = Results::default();
        results.add(&TreeResult {
            cost: Amount::of_responses(Money::parse_decimal("1.5").unwrap(), 1),
            commits: Figure::of(12),
            added: Figure::of(1_234),
            removed: Figure::of(56),
            kinds: [
                (LineKind::Code, Lines { added: 1_000, removed: 56 }),
                (LineKind::Test, Lines { added: 234, removed: 0 }),
            ]
            .into(),
            kept: [Figure::of(1_200), Figure::of(1_100), Figure::unknown("younger than 30 days")],
            changes: [id].into(),
            merged: Figure::of(0),
            reverted: Figure::of(1),
            abandoned: Amount::of(Money::ZERO),
            tests: Figure::of(7),
            failed: Figure::of(2),
            pulls: None,
        });
        results
    }

    fn outputs(summary: &Summary) -> Outputs {
        let mut rows: Vec<Results> = summary.rows.iter().map(|_| unknown()).collect();
        let mut part = results(1);
        part.add(&TreeResult::unknown("its work tree is gone"));
        rows[0] = part;
        rows[1] = results(1);
        let mut totals = results(1);
        totals.add(&TreeResult::unknown("its work tree is gone"));
        totals.add(&TreeResult::unknown(NOTHING));
        Outputs { rows, totals }
    }

    #[test]
    fn a_figure_of_a_part_is_marked_and_an_unknown_one_is_no_zero() {
        let summary = sample::summary(&["team"]);
        let page = page(&summary, &outputs(&summary));
        insta::assert_snapshot!(format!("{}\n{}", Layout::plain(80).render(&page), Layout::plain(120).render(&page)));
    }

    #[test]
    fn by_user_it_says_what_it_is_not_good_for() {
        let summary = sample::summary(&["user"]);
        let page = page(&summary, &outputs_of_one(&summary));
        assert!(Layout::plain(300).render(&page).contains("no measure of anybody's work"));
    }

    fn outputs_of_one(summary: &Summary) -> Outputs {
        Outputs { rows: summary.rows.iter().map(|_| results(1)).collect(), totals: results(1) }
    }

    #[test]
    fn results_as_json() {
        let summary = sample::summary(&["team"]);
        let outputs = outputs(&summary);
        let summary = Summary { results: Some(outputs), ..summary };
        let text = json::to_text(&summary);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let row = &json["rows"][0]["results"];
        assert_eq!(row["commits"], 12);
        assert_eq!(row["lines_kept"]["30d"], serde_json::Value::Null);
        assert_eq!(row["unknown"]["commits"], "not known of 1 of 2 runs: its work tree is gone");
        assert_eq!(row["usd_per_merged_change"], "1.50");
        assert_eq!(json["rows"][2]["results"]["merged_changes"], serde_json::Value::Null);
        insta::assert_snapshot!(json::to_text(&json["totals"]["results"]));
        let csv: Vec<String> = super::super::csv::of_summary(&summary).collect();
        assert!(csv[0].trim_end().ends_with("usd_per_merged_change,usd_per_kept_line,unknown"));
        assert!(csv[1].contains("commits: not known of 1 of 2 runs: its work tree is gone"), "{}", csv[1]);
        assert!(csv[2].contains(",12,1234,56,1200,1100,,1,1,0.00,7,2,1.50,"), "{}", csv[2]);
    }
}
