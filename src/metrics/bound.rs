//! The bound on a metric's series: the dearest keep their names, the rest are one series, `other`, and no counter
//! goes down.
//!
//! Which series have names is kept from scrape to scrape ([`Name`]). One that gets its name late counts under it from then
//! on; what it had before stays with the others, or theirs would go down. It takes the place of one that has come to less
//! than half as much, whose counts go to the others. So the sum of all series is right at every moment.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// What the rest are called.
pub const OTHER: &str = "other";

/// A series: the values of its labels, how dear it is, and what it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// One for each label.
    pub labels: Vec<String>,
    /// Dearest first.
    pub weight: i64,
    /// What it counts; all rows of a metric count the same.
    pub values: Vec<i64>,
}

/// A series that has a name among too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The values of its labels.
    pub labels: Vec<String>,
    /// What stays with the others.
    pub base: Vec<i64>,
}

/// What is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounded {
    /// The dearest first; `other`, where there is one, last.
    pub rows: Vec<Row>,
    /// How many have no name of their own.
    pub dropped: u64,
    /// What is to be kept for the next time, where it is not what was.
    pub names: Option<Vec<Name>>,
}

/// Rows with the same labels are one: names were cut, or differ in what no label shows.
fn merged(rows: Vec<Row>) -> Vec<Row> {
    let mut by: BTreeMap<Vec<String>, (i64, Vec<i64>)> = BTreeMap::new();
    for row in rows {
        let (weight, values) = by.entry(row.labels).or_insert_with(|| (0, vec![0; row.values.len()]));
        *weight = weight.saturating_add(row.weight);
        add(values, &row.values);
    }
    let mut rows: Vec<Row> = by.into_iter().map(|(labels, (weight, values))| Row { labels, weight, values }).collect();
    rows.sort_by(|a, b| (Reverse(a.weight), &a.labels).cmp(&(Reverse(b.weight), &b.labels)));
    rows
}

fn add(to: &mut [i64], values: &[i64]) {
    for (to, value) in to.iter_mut().zip(values) {
        *to = to.saturating_add(*value);
    }
}

fn less(values: &[i64], base: &[i64]) -> Vec<i64> {
    let base = base.iter().copied().chain(std::iter::repeat(0));
    values.iter().zip(base).map(|(value, base)| value.saturating_sub(base).max(0)).collect()
}

/// Shows `most` series at the most, by the names that were kept last.
pub fn bound(rows: Vec<Row>, most: usize, kept: &[Name]) -> Bounded {
    let rows = merged(rows);
    if rows.len() <= most && kept.is_empty() {
        return Bounded { rows, dropped: 0, names: None };
    }
    let room = most.saturating_sub(1);
    let bases: HashMap<&[String], &[i64]> =
        kept.iter().map(|name| (name.labels.as_slice(), name.base.as_slice())).collect();
    let (mut named, mut rest): (Vec<&Row>, Vec<&Row>) =
        rows.iter().partition(|row| bases.contains_key(row.labels.as_slice()));
    named.truncate(room);
    // Both are sorted: the dearest without a name stands first, the cheapest with one last.
    rest.retain(|row| !named.iter().any(|named| named.labels == row.labels));
    let mut rest = rest.into_iter().peekable();
    let (mut new, mut gone) = (Vec::new(), Vec::new());
    while let Some(next) = rest.peek() {
        if named.len().saturating_add(new.len()) >= room {
            let Some(last) = named.last().filter(|last| next.weight / 2 > last.weight) else { break };
            gone.push(*last);
            named.pop();
        }
        new.extend(rest.next());
    }
    let names = |row: &&Row| {
        let known = bases.get(row.labels.as_slice()).map(|base| base.to_vec());
        // Whoever has a name from the first time on has all that it counts under it.
        let from = if kept.is_empty() { vec![0; row.values.len()] } else { row.values.clone() };
        Name { labels: row.labels.clone(), base: known.unwrap_or(from) }
    };
    let names: Vec<Name> = named.iter().chain(&new).map(names).collect();
    let by: HashMap<&[String], &Row> = rows.iter().map(|row| (row.labels.as_slice(), row)).collect();
    let left: Vec<&Row> = rest.chain(gone).collect();
    let labels = rows.first().map_or(0, |row| row.labels.len());
    let mut other = Row { labels: vec![OTHER.to_owned(); labels], weight: 0, values: Vec::new() };
    other.values.resize(rows.first().map_or(0, |row| row.values.len()), 0);
    for row in &left {
        add(&mut other.values, &row.values);
    }
    let mut shown = Vec::with_capacity(most);
    for name in &names {
        let Some(row) = by.get(name.labels.as_slice()) else { continue };
        let own = less(&row.values, &name.base);
        add(&mut other.values, &less(&row.values, &own));
        // Somebody is called so.
        if row.labels == other.labels {
            add(&mut other.values, &own);
        } else {
            shown.push(Row { labels: row.labels.clone(), weight: row.weight, values: own });
        }
    }
    shown.push(other);
    let changed = names.len() != kept.len() || names.iter().any(|name| !bases.contains_key(name.labels.as_slice()));
    Bounded { rows: shown, dropped: left.len() as u64, names: changed.then_some(names) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(label: &str, value: i64) -> Row {
        Row { labels: vec![label.to_owned()], weight: value, values: vec![value] }
    }

    fn shown(bounded: &Bounded) -> Vec<(&str, i64)> {
        bounded.rows.iter().map(|row| (row.labels[0].as_str(), row.values[0])).collect()
    }

    #[test]
    fn few_series_are_shown_as_they_are_and_equal_ones_are_one() {
        let bounded = bound(vec![row("b", 1), row("a", 1), row("b", 5)], 2, &[]);
        assert_eq!((shown(&bounded), bounded.dropped, &bounded.names), (vec![("b", 6), ("a", 1)], 0, &None));
    }

    #[test]
    fn of_too_many_the_dearest_keep_their_names() {
        let bounded = bound(vec![row("a", 1), row("b", 9), row("c", 2), row("d", 4)], 3, &[]);
        assert_eq!(shown(&bounded), [("b", 9), ("d", 4), ("other", 3)]);
        assert_eq!(bounded.dropped, 2);
    }

    #[test]
    fn who_becomes_dear_later_counts_from_then_on_and_nothing_goes_down() {
        let first = bound(vec![row("a", 1), row("b", 9), row("c", 2), row("d", 4)], 3, &[]);
        let kept = first.names.unwrap();
        // Dearer, but not twice as dear: all stays.
        let second = bound(vec![row("a", 8), row("b", 9), row("c", 2), row("d", 4)], 3, &kept);
        assert_eq!((shown(&second), &second.names), (vec![("b", 9), ("d", 4), ("other", 10)], &None));
        let third = bound(vec![row("a", 10), row("b", 9), row("c", 2), row("d", 4)], 3, &kept);
        assert_eq!(shown(&third), [("b", 9), ("a", 0), ("other", 16)], "d's counts are the others', a's stay there");
        let kept = third.names.unwrap();
        let fourth = bound(vec![row("a", 13), row("b", 9), row("c", 2), row("d", 4)], 3, &kept);
        assert_eq!((shown(&fourth), &fourth.names), (vec![("a", 3), ("b", 9), ("other", 16)], &None));
    }

    #[test]
    fn one_that_is_called_other_is_among_the_others() {
        let bounded = bound(vec![row("other", 9), row("a", 3), row("b", 1)], 2, &[]);
        assert_eq!(shown(&bounded), [("other", 13)]);
    }

    proptest! {
        #[test]
        fn no_counter_goes_down_and_the_sum_is_right(steps in prop::collection::vec((0..12_usize, 0..50_i64), 1..60)) {
            let mut totals = [0_i64; 12];
            let mut kept = Vec::new();
            let mut before: BTreeMap<String, i64> = BTreeMap::new();
            for (who, more) in steps {
                totals[who] += more;
                let rows = totals.iter().enumerate().filter(|(_, total)| **total > 0);
                let rows: Vec<Row> = rows.map(|(who, total)| row(&format!("s{who}"), *total)).collect();
                let bounded = bound(rows, 5, &kept);
                prop_assert!(bounded.rows.len() <= 5);
                let now: BTreeMap<String, i64> =
                    bounded.rows.iter().map(|row| (row.labels[0].clone(), row.values[0])).collect();
                prop_assert_eq!(now.values().sum::<i64>(), totals.iter().sum::<i64>());
                for (label, value) in &now {
                    prop_assert!(before.get(label).is_none_or(|before| before <= value), "{} {:?} {:?}", label, before, now);
                }
                kept = bounded.names.unwrap_or(kept);
                before = now;
            }
        }
    }
}
