//! Rows as an outline: what belongs together stands below a line of what it adds up to.

use std::ops::Range;

use super::group_by::By;
use super::rounding::grouped;
use super::summary::{Row, Summary, Totals};

/// So many lines at most show days, weeks or months without spend too.
const MOST_PIECES: usize = 92;

/// So many lines a person looks through. Formats for programs have them all.
pub(super) const MOST_LINES: usize = 1_000;

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

/// So many lines, or a few more, and of how many the last one is what they add up to. What belongs together stays so.
pub(super) fn shown(mut lines: Vec<Line>, most: usize) -> (Vec<Line>, usize) {
    let is_whole = |line: &Line| line.parent.is_none();
    let Some(cut) = lines.iter().skip(most).position(is_whole).map(|more| more.saturating_add(most)) else {
        return (lines, 0);
    };
    let left_out = lines.split_off(cut);
    let mut totals = Totals::default();
    left_out.iter().filter(|line| is_whole(line)).for_each(|line| totals.merge(&line.totals));
    let key = vec![Some(format!("… {} more", grouped(i128::try_from(left_out.len()).unwrap_or(i128::MAX))))];
    lines.push(Line { key, shown: 0..1, totals, parent: None, has_parts: false });
    (lines, left_out.len())
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

    use super::*;
    use crate::report::tests::sample;

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
    fn what_nobody_looks_through_is_one_line_and_nothing_is_lost_of_it() {
        let row = |n: usize| {
            let totals = Totals { responses: n as u64, ..Totals::default() };
            Row { key: vec![Some(format!("t{n}"))], totals }
        };
        let of = |rows: usize| {
            let mut lines = Vec::new();
            add(&(1..=rows).map(row).collect::<Vec<_>>(), 0, None, &mut lines);
            shown(lines, MOST_LINES)
        };
        let (lines, left_out) = of(1_000);
        assert_eq!((lines.len(), left_out), (1_000, 0));
        let (lines, left_out) = of(2_500);
        assert_eq!((lines.len(), left_out), (1_001, 1_500));
        assert_eq!(lines.iter().map(|line| line.totals.responses).sum::<u64>(), (1..=2_500).sum::<u64>());
        assert_eq!(lines.last().unwrap().key, [Some("… 1,500 more".to_owned())]);
        // A group is not cut in two.
        let parts: Vec<Row> =
            (0..1_200).map(|n| Row { key: vec![Some("a".into()), Some(n.to_string())], ..row(1) }).collect();
        let one = Row { key: vec![Some("b".into()), Some("c".into())], ..row(7) };
        let mut lines = Vec::new();
        add(&[parts, vec![one]].concat(), 0, None, &mut lines);
        let (lines, left_out) = shown(lines, MOST_LINES);
        assert_eq!((lines.len(), left_out, lines.last().unwrap().totals.responses), (1_202, 1, 7));
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
