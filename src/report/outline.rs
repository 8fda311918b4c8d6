//! Pure. Rows as an outline: what belongs together stands below a line of what it adds up to.

use std::ops::Range;

use super::by::By;
use super::summary::{Row, Summary, Totals};

/// So many lines at most show days, weeks or months without spend too.
const MOST_PIECES: usize = 92;

/// A row, or what some of them add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its values, from the first dimension on.
    pub(super) key: Vec<Option<String>>,
    /// Which of them it shows: those before stand in a line above.
    pub(super) shown: Range<usize>,
    /// What it adds up to.
    pub(super) totals: Totals,
    /// The line that it is a part of; `None` is the whole.
    pub(super) parent: Option<usize>,
    /// It has lines below it.
    pub(super) has_parts: bool,
}

impl Line {
    fn of_row(row: &Row, from: usize, parent: Option<usize>) -> Self {
        Self { key: row.key.clone(), shown: from..row.key.len(), totals: row.totals.clone(), parent, has_parts: false }
    }
}

/// The rows of a summary, sorted as they are. A line of its own adds up what shares a value, if there are several.
pub(super) fn lines(summary: &Summary) -> Vec<Line> {
    let mut lines = Vec::new();
    match summary.by.as_slice() {
        [time] if time.is_time() => match without_gaps(time, &summary.rows) {
            Some(rows) => add(&rows, 0, None, &mut lines),
            None => add(&summary.rows, 0, None, &mut lines),
        },
        _ => add(&summary.rows, 0, None, &mut lines),
    }
    lines
}

/// Days, weeks or months without spend are left out of the table of this summary: there are too many.
pub(super) fn has_gaps(summary: &Summary) -> bool {
    match summary.by.as_slice() {
        [time] if time.is_time() => without_gaps(time, &summary.rows).is_none(),
        _ => false,
    }
}

/// Adds rows which have all values before `depth` in common.
fn add(rows: &[Row], depth: usize, parent: Option<usize>, lines: &mut Vec<Line>) {
    for group in rows.chunk_by(|one, other| one.key.get(depth) == other.key.get(depth)) {
        let Some(first) = group.first() else { continue };
        if group.len() == 1 || depth >= first.key.len() {
            lines.extend(group.iter().map(|row| Line::of_row(row, depth, parent)));
            continue;
        }
        let in_common = |place: usize| group.iter().all(|row| row.key.get(place) == first.key.get(place));
        let end = (depth + 1..first.key.len()).find(|place| !in_common(*place)).unwrap_or(first.key.len());
        let mut totals = Totals::default();
        group.iter().for_each(|row| totals.merge(&row.totals));
        let head = lines.len();
        let key = first.key.iter().take(end).cloned().collect();
        lines.push(Line { key, shown: depth..end, totals, parent, has_parts: true });
        add(group, end, Some(head), lines);
    }
}

/// The rows with one of nothing for each piece of time between the first and the last; `None` if these were too many.
fn without_gaps(time: &By, rows: &[Row]) -> Option<Vec<Row>> {
    let mut filled: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        let value = row.key.first()?.as_deref()?;
        while let Some(Some(last)) = filled.last().and_then(|last| last.key.first()) {
            let next = time.following(last)?;
            if next.as_str() >= value {
                break;
            }
            if filled.len() >= MOST_PIECES {
                return None;
            }
            filled.push(Row { key: vec![Some(next)], totals: Totals::default() });
        }
        filled.push(row.clone());
    }
    Some(filled)
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::super::sample;
    use super::*;

    fn outline(by: &[&str], responses: &[(&str, &str, &str, &str)]) -> Vec<String> {
        let by: Vec<By> = by.iter().map(|word| By::parse(word).unwrap()).collect();
        let responses: Vec<_> = responses
            .iter()
            .map(|(day, agent, model, usd)| sample::response(&format!("{day}T10:00:00Z"), agent, agent, model, usd))
            .collect();
        lines(&sample::summed(&by, Tz::UTC, &responses))
            .iter()
            .map(|line| {
                let shown: Vec<_> = line.key[line.shown.clone()].iter().flatten().map(String::as_str).collect();
                format!("{}{} {}", "  ".repeat(line.shown.start), shown.join("/"), line.totals.cost)
            })
            .collect()
    }

    #[test]
    fn several_rows_of_a_group_stand_below_what_they_add_up_to() {
        let responses =
            [("2026-11-01", "web", "sol", "4"), ("2026-11-01", "web", "luna", "1"), ("2026-11-02", "api", "luna", "2")];
        assert_eq!(
            outline(&["agent", "model"], &responses),
            ["web $5.00", "  sol $4.00", "  luna $1.00", "api/luna $2.00"]
        );
        assert_eq!(
            outline(&["model", "agent"], &responses),
            ["sol/web $4.00", "luna $3.00", "  api $2.00", "  web $1.00"]
        );
        assert_eq!(outline(&["agent"], &responses), ["web $5.00", "api $2.00"]);
        assert_eq!(outline(&[], &responses), [" $7.00"]);
        assert_eq!(outline(&["agent"], &[]), [""; 0]);
    }

    #[test]
    fn one_line_adds_up_what_has_several_values_in_common() {
        let responses =
            [("2026-11-01", "web", "sol", "3"), ("2026-11-02", "web", "sol", "1"), ("2026-11-02", "web", "luna", "1")];
        assert_eq!(
            outline(&["team", "agent", "model", "day"], &responses),
            [
                "web/web $5.00",
                "    sol $4.00",
                "      2026-11-01 $3.00",
                "      2026-11-02 $1.00",
                "    luna/2026-11-02 $1.00"
            ]
        );
    }

    #[test]
    fn days_without_spend_are_lines_of_their_own_unless_there_are_too_many() {
        let responses = [("2026-10-30", "web", "sol", "3"), ("2026-11-02", "web", "sol", "1")];
        assert_eq!(
            outline(&["day"], &responses),
            ["2026-10-30 $3.00", "2026-10-31 $0.00", "2026-11-01 $0.00", "2026-11-02 $1.00"]
        );
        assert_eq!(outline(&["week"], &responses), ["2026-W44 $3.00", "2026-W45 $1.00"]);
        let far = [("2025-10-30", "web", "sol", "3"), ("2026-11-02", "web", "sol", "1")];
        assert_eq!(outline(&["day"], &far).len(), 2);
        assert_eq!(outline(&["month"], &far).len(), 14);
        assert_eq!(outline(&["day", "model"], &responses).len(), 2);
    }
}
