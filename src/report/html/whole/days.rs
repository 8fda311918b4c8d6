//! Spend by day, week or month as columns, with the line of a budget, and what is to come by its forecast.

use chrono::TimeDelta;

use super::Whole;
use crate::model::{Money, Timestamp, Unit};
use crate::report::forecast::Forecast;
use crate::report::html::chart::{Bar, Columns};
use crate::report::html::markup::{Html, tag};
use crate::report::html::{Manner, of_table};
use crate::report::rounding::money_column;
use crate::report::subtotals::lines;
use crate::report::text::ahead;
use crate::report::{BudgetRow, By, spend};

/// So many pieces at most are a table, too, and are drawn.
const MOST: usize = 400;

/// No more days than these are drawn of what has not been.
const MOST_EXPECTED: usize = 31;

/// A line that is so many times as high as all columns would make them all flat.
const TOO_HIGH: i64 = 4;

/// As sums are shown; more than ten cents without parts of a cent.
fn shown(nanos: i64) -> String {
    const CENT: i64 = 10_000_000;
    let cents = nanos.saturating_add(CENT / 2) / CENT;
    let nanos = if nanos >= 10 * CENT { cents.saturating_mul(CENT) } else { nanos };
    money_column(&[Some(Money::from_nanos(nanos))], "").total
}

/// The drawing, its legend, and the figures as a table to unfold.
pub(super) fn drawn(whole: &Whole) -> Html {
    let summary = &whole.time;
    let Some(by) = summary.by.first().filter(|_| !summary.rows.is_empty()) else { return Html::default() };
    let lines = lines(summary);
    let skipped = lines.len().saturating_sub(MOST);
    let mut columns: Vec<Bar> = lines
        .iter()
        .skip(skipped)
        .filter_map(|line| {
            let name = line.key.first()?.as_deref()?;
            Some(Bar {
                name: format!("{name}: {}", shown(line.totals.cost.nanos())),
                amount: line.totals.cost.nanos(),
                expected: false,
            })
        })
        .collect();
    let names: Vec<&str> = lines.iter().filter_map(|line| line.key.first()?.as_deref()).skip(skipped).collect();
    let (first, mut last) =
        (names.first().copied().unwrap_or_default(), names.last().copied().unwrap_or_default().to_owned());
    let budget = bound(whole);
    let mut legend = Vec::new();
    let mut line = None;
    if let Some((row, each)) = budget.and_then(|row| Some((row, each_piece(row, by)?))) {
        let highest = columns.iter().map(|bar| bar.amount).max().unwrap_or(0);
        let is_drawn = each <= highest.saturating_mul(TOO_HIGH);
        line = is_drawn.then_some(each);
        legend.push(in_words(row, each, by, is_drawn, whole.proof.at, summary.zone));
    }
    if let Some(expected) = budget.and_then(|row| expected(row, by, &last, whole)) {
        legend.push(format!(
            "Dashed columns: the forecast of `{}`, about {} a day.",
            budget.map_or("", |row| row.standing.budget.as_str()),
            shown(expected.first().map_or(0, |bar| bar.amount))
        ));
        if let Some(end) = expected.last() {
            last = end.name.split(':').next().unwrap_or_default().to_owned();
        }
        columns.extend(expected);
    }
    let label = format!("Spend by {by}, {first} to {last}");
    let drawing = Columns { label, columns, line, most: None };
    let highest = shown(drawing.highest());
    let mut html = tag("h2").text(format!("By {by}"));
    html.add(drawing.with_scale(&highest, first, &last));
    html.add(legend.iter().map(|text| tag("p").class("quiet").with(Html::sentence(text))).collect());
    if skipped > 0 {
        html.add(tag("p").class("quiet").text(format!("The last {MOST} are drawn; {skipped} are before them.")));
    }
    html.add(table(whole, by));
    html
}

fn table(whole: &Whole, by: &By) -> Html {
    let (table, _) = spend::table(&whole.time, MOST);
    let caption = format!("Spend by {by}");
    let manner = Manner { level: 3, runs: None };
    tag("details").with(
        [tag("summary").text(format!("Each {by} in figures")), of_table(&table, &caption, manner)]
            .into_iter()
            .collect(),
    )
}

/// The budget in dollars over exactly what is shown that is used up furthest, of those whose window has two ends.
fn bound(whole: &Whole) -> Option<&BudgetRow> {
    let scope = whole.audience.as_ref().map(crate::report::Audience::scope).unwrap_or_default();
    let fits = |row: &&BudgetRow| {
        let standing = &row.standing;
        standing.unit == Unit::Usd && standing.scope == scope && window(row).is_some()
    };
    whole.budgets.as_ref().ok()?.rows.iter().filter(fits).max_by_key(|row| row.standing.share())
}

fn window(row: &BudgetRow) -> Option<(Timestamp, Timestamp)> {
    row.standing.window_start.zip(row.standing.window_end).filter(|(start, end)| start < end)
}

/// What an even spend over the window comes to in a piece of time; months are not all of one length.
fn each_piece(row: &BudgetRow, by: &By) -> Option<i64> {
    let days = match by {
        By::Day => 1,
        By::Week => 7,
        By::Month | By::Source | By::Of(_) => return None,
    };
    let (start, end) = window(row)?;
    let whole = i128::from((end - start).num_milliseconds()).max(1);
    let piece = i128::from(TimeDelta::days(days).num_milliseconds()).min(whole);
    i64::try_from(i128::from(row.standing.allowed()) * piece / whole).ok()
}

fn in_words(row: &BudgetRow, each: i64, by: &By, is_drawn: bool, at: Timestamp, zone: chrono_tz::Tz) -> String {
    let standing = &row.standing;
    let until = standing.window_end.map(|end| format!(" until {}", ahead(end, at, zone))).unwrap_or_default();
    let each = shown(each);
    let what = if is_drawn { "The dashed line" } else { "Far above these columns" };
    format!("{what}: `{}`, {}{until}, is {each} a {by}.", standing.budget, standing.unit.show(standing.allowed()))
}

/// The days that are left of the window, each with an equal part of what the forecast adds. Only where the last day that is shown
/// is the one at which the budget was looked at.
fn expected(row: &BudgetRow, by: &By, last: &str, whole: &Whole) -> Option<Vec<Bar>> {
    let (Forecast::End { amount, .. }, By::Day) = (row.outlook.forecast, by) else { return None };
    let zone = whole.time.zone;
    let day = |at: Timestamp| at.with_timezone(&zone).date_naive().to_string();
    let end = row.standing.window_end?.checked_sub_signed(TimeDelta::milliseconds(1)).map(day)?;
    if day(whole.proof.at) != last || end == last {
        return None;
    }
    let mut names = Vec::new();
    let mut name = by.following(last)?;
    while name <= end && names.len() < MOST_EXPECTED {
        names.push(name.clone());
        name = by.following(&name)?;
    }
    let each = amount.saturating_sub(row.standing.spent).max(0).checked_div(i64::try_from(names.len()).ok()?)?;
    let bar =
        |name: String| Bar { name: format!("{name}: about {}, forecast", shown(each)), amount: each, expected: true };
    (each > 0).then(|| names.into_iter().map(bar).collect())
}
