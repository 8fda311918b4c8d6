//! Rounding for columns that must still add up: the total is rounded, the parts share it.

use crate::model::Money;

/// Parts and their total in the unit that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apportioned {
    /// One for each amount, in the same order.
    pub parts: Vec<i128>,
    /// The sum of `parts`: the exact sum, rounded half up.
    pub total: i128,
}

/// Expresses amounts in whole `unit`s (less than 1 is taken for 1): the largest remainders are
/// rounded up until the parts add up to the rounded total. A larger amount is never shown as the smaller one,
/// none is off by a whole unit, and zero stays zero.
pub fn apportion(amounts: &[i128], unit: i128) -> Apportioned {
    apportion_outline(amounts, &[], unit)
}

/// As [`apportion`], for an outline: each line's parent, which stands above it and is the sum of its lines; `None`, or
/// nothing, is the whole. What is shown adds up at each level, and no line is off by a whole unit.
pub fn apportion_outline(amounts: &[i128], parents: &[Option<usize>], unit: i128) -> Apportioned {
    let unit = unit.max(1);
    let parent = |line: usize| parents.get(line).copied().flatten();
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); amounts.len()];
    let mut top = Vec::new();
    for line in 0..amounts.len() {
        match parent(line).and_then(|parent| below.get_mut(parent)) {
            Some(lines) => lines.push(line),
            None => top.push(line),
        }
    }
    let amount = |line: &usize| amounts.get(*line).copied().unwrap_or(0);
    let total = (top.iter().map(amount).sum::<i128>() + unit / 2).div_euclid(unit);
    let mut parts = vec![0; amounts.len()];
    share_out(total, &top, amount, unit, &mut parts);
    for (line, lines) in below.iter().enumerate() {
        let whole = parts.get(line).copied().unwrap_or(0);
        share_out(whole, lines, amount, unit, &mut parts);
    }
    Apportioned { parts, total }
}

/// Writes whole units for these lines that add up to `whole`, which is less than a unit away from what they come to.
fn share_out(whole: i128, lines: &[usize], amount: impl Fn(&usize) -> i128, unit: i128, parts: &mut [i128]) {
    let mut order: Vec<(i128, i128, usize)> =
        lines.iter().map(|line| (-amount(line).rem_euclid(unit), amount(line).div_euclid(unit), *line)).collect();
    order.sort_by_key(|(remainder, _, _)| *remainder);
    let missing = usize::try_from(whole - order.iter().map(|(_, floor, _)| floor).sum::<i128>()).unwrap_or(0);
    for (place, (_, floor, line)) in order.into_iter().enumerate() {
        if let Some(part) = parts.get_mut(line) {
            *part = floor + i128::from(place < missing);
        }
    }
}

/// A column of shown values and what stands below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundedColumn {
    /// One for each amount, in the same order.
    pub parts: Vec<String>,
    /// The total.
    pub total: String,
}

/// A column of money: four places below $10, two from there on, none of them needlessly. What is
/// not zero but too small to show is `<$0.01`; `None` takes no share and is shown as `absent`.
pub fn money_column(amounts: &[Option<Money>], absent: &str) -> RoundedColumn {
    money_outline(amounts, &[], absent)
}

/// As [`money_column`], for an outline (see [`apportion_outline`]).
pub fn money_outline(amounts: &[Option<Money>], parents: &[Option<usize>], absent: &str) -> RoundedColumn {
    let nanos: Vec<i128> = amounts.iter().map(|money| i128::from(money.unwrap_or_default().nanos())).collect();
    let sum = top_sum(&nanos, parents);
    let fine = apportion_outline(&nanos, parents, 100_000);
    let coarse = sum.abs() >= 10_000_000_000 || fine.parts.iter().chain([&fine.total]).all(|part| part % 100 == 0);
    let (places, shares) = if coarse { (2, apportion_outline(&nanos, parents, 10_000_000)) } else { (4, fine) };
    let show = |exact: i128, shown: i128| {
        if shown == 0 && exact > 0 { format!("<{}", decimal(1, places)) } else { decimal(shown, places) }
    };
    let parts = amounts
        .iter()
        .zip(nanos.iter().zip(&shares.parts))
        .map(|(amount, (exact, shown))| if amount.is_none() { absent.to_owned() } else { show(*exact, *shown) })
        .collect();
    let nothing_known = !amounts.is_empty() && amounts.iter().all(Option::is_none);
    RoundedColumn { parts, total: if nothing_known { absent.to_owned() } else { show(sum, shares.total) } }
}

/// What the lines of the whole come to.
fn top_sum(amounts: &[i128], parents: &[Option<usize>]) -> i128 {
    let is_top = |line: &usize| parents.get(*line).copied().flatten().is_none();
    amounts.iter().enumerate().filter(|(line, _)| is_top(line)).map(|(_, amount)| amount).sum()
}

/// Two columns of money and a third with the difference, shown so that each row and each column adds up: a difference is
/// off by less than two of the smallest units that are shown.
pub fn money_difference(pairs: &[(Money, Money)]) -> [RoundedColumn; 3] {
    let column = |of: fn(&(Money, Money)) -> Money| pairs.iter().map(|pair| i128::from(of(pair).nanos())).collect();
    let (whole, part): (Vec<i128>, Vec<i128>) = (column(|pair| pair.0), column(|pair| pair.1));
    let fine = [&whole, &part].iter().all(|column| column.iter().sum::<i128>().abs() < 10_000_000_000);
    let (places, unit) = if fine { (4, 100_000) } else { (2, 10_000_000) };
    let (whole, part) = (apportion(&whole, unit), apportion(&part, unit));
    let show = |parts: Vec<i128>, total: i128| RoundedColumn {
        parts: parts.into_iter().map(|units| decimal(units, places)).collect(),
        total: decimal(total, places),
    };
    let rest = whole.parts.iter().zip(&part.parts).map(|(whole, part)| whole - part).collect();
    let total = whole.total - part.total;
    [show(whole.parts, whole.total), show(part.parts, part.total), show(rest, total)]
}

fn decimal(units: i128, places: usize) -> String {
    let scale = if places == 4 { 10_000 } else { 100 };
    let sign = if units < 0 { "-" } else { "" };
    let units = units.abs();
    format!("{sign}${}.{:0places$}", grouped(units / scale), units % scale)
}

/// The scale of counts that come to so many in all: exact below a million, then in thousands, then in millions.
pub fn scale(most: i128) -> (i128, &'static str) {
    match most {
        ..1_000_000 => (1, ""),
        1_000_000..1_000_000_000 => (1_000, "k"),
        _ => (1_000_000, "M"),
    }
}

/// A column of counts in one scale, which may be below zero.
pub fn signed_count_column(amounts: &[i128]) -> RoundedColumn {
    let (unit, suffix) = scale(amounts.iter().map(|amount| amount.abs()).sum::<i128>());
    scaled_column(amounts, unit, suffix)
}

/// A column in whole `unit`s, each with the suffix; what is not zero but too small to show is `<1`.
pub fn scaled_column(amounts: &[i128], unit: i128, suffix: &str) -> RoundedColumn {
    let shares = apportion(amounts, unit);
    let show = |exact: i128, shown: i128| scaled(exact, shown, suffix);
    let total = show(amounts.iter().sum(), shares.total);
    RoundedColumn {
        parts: amounts.iter().zip(&shares.parts).map(|(exact, shown)| show(*exact, *shown)).collect(),
        total,
    }
}

/// A column of credits, whose amounts are nano-dollars: in hundredths below a thousand, none of them needlessly.
pub fn credit_column(nanos: &[i128]) -> RoundedColumn {
    const CREDIT: i128 = 40_000_000;
    let fine = apportion(nanos, CREDIT / 100);
    let sum: i128 = nanos.iter().map(|amount| amount.abs()).sum();
    if sum >= 1_000 * CREDIT || fine.parts.iter().chain([&fine.total]).all(|part| part % 100 == 0) {
        return scaled_column(nanos, CREDIT, " credits");
    }
    let show = |exact: i128, shown: i128| {
        let (sign, part) = (if shown < 0 { "-" } else { "" }, shown.unsigned_abs());
        if shown == 0 && exact > 0 {
            "<0.01 credits".to_owned()
        } else {
            format!("{sign}{}.{:02} credits", part / 100, part % 100)
        }
    };
    let parts = nanos.iter().zip(&fine.parts).map(|(exact, shown)| show(*exact, *shown)).collect();
    RoundedColumn { parts, total: show(nanos.iter().sum(), fine.total) }
}

/// Whole units with their suffix, or `<1` of them.
pub fn scaled(exact: i128, shown: i128, suffix: &str) -> String {
    if shown == 0 && exact > 0 { format!("<1{suffix}") } else { format!("{}{suffix}", grouped(shown)) }
}

/// A column of whole percents of a limit. `None` stays empty; without a limit all are.
pub fn share_column(amounts: &[Option<i64>], limit: i64) -> RoundedColumn {
    share_outline(amounts, &[], limit)
}

/// As [`share_column`], for an outline (see [`apportion_outline`]).
pub fn share_outline(amounts: &[Option<i64>], parents: &[Option<usize>], limit: i64) -> RoundedColumn {
    if limit <= 0 {
        return RoundedColumn { parts: vec![String::new(); amounts.len()], total: String::new() };
    }
    let hundredfold: Vec<i128> = amounts.iter().map(|amount| i128::from(amount.unwrap_or(0)) * 100).collect();
    let shares = apportion_outline(&hundredfold, parents, i128::from(limit));
    let show = |exact: i128, shown: i128| {
        if shown == 0 && exact > 0 { "<1 %".to_owned() } else { format!("{} %", grouped(shown)) }
    };
    let parts = amounts
        .iter()
        .zip(hundredfold.iter().zip(&shares.parts))
        .map(|(amount, (exact, shown))| if amount.is_none() { String::new() } else { show(*exact, *shown) })
        .collect();
    RoundedColumn { parts, total: show(top_sum(&hundredfold, parents), shares.total) }
}

/// `12,345,678`.
pub fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_difference_adds_up_down_and_across() {
        let cents = |cents: i64| Money::from_nanos(cents * 10_000_000);
        let odd = |nanos: i64| Money::from_nanos(nanos);
        let [whole, part, rest] =
            money_difference(&[(cents(1_802), odd(4_000_000)), (odd(7_006_000_000), odd(6_004_000_000))]);
        assert_eq!((whole.parts.join(" "), whole.total.as_str()), ("$18.02 $7.01".to_owned(), "$25.03"));
        assert_eq!((part.parts.join(" "), part.total.as_str()), ("$0.01 $6.00".to_owned(), "$6.01"));
        assert_eq!((rest.parts.join(" "), rest.total.as_str()), ("$18.01 $1.01".to_owned(), "$19.02"));
    }

    proptest! {
        #[test]
        fn shown_parts_add_up_and_stay_close(
            amounts in prop::collection::vec(0_i128..10_000_000_000, 0..40),
            unit in 1_i128..1_000_000_000,
        ) {
            let shown = apportion(&amounts, unit);
            prop_assert_eq!(shown.parts.iter().sum::<i128>(), shown.total);
            let sum: i128 = amounts.iter().sum();
            prop_assert!((shown.total * unit - sum).abs() * 2 <= unit);
            for (amount, part) in amounts.iter().zip(&shown.parts) {
                prop_assert!((part * unit - amount).abs() < unit);
                prop_assert!(*amount != 0 || *part == 0);
            }
        }

        #[test]
        fn a_larger_amount_never_looks_smaller(
            mut amounts in prop::collection::vec(-1_000_000_i128..1_000_000, 2..40),
            unit in 1_i128..100_000,
        ) {
            amounts.sort_unstable();
            // Equal amounts may differ by one unit in either order; compare different ones.
            amounts.dedup();
            let parts = apportion(&amounts, unit).parts;
            prop_assert!(parts.is_sorted(), "{amounts:?} became {parts:?}");
        }

        #[test]
        fn an_outline_adds_up_at_each_level(
            groups in prop::collection::vec(prop::collection::vec(0_i128..5_000, 2..6), 1..8),
            unit in 1_i128..3_000,
        ) {
            let (mut amounts, mut parents) = (Vec::new(), Vec::new());
            for group in &groups {
                let head = amounts.len();
                amounts.push(group.iter().sum());
                parents.push(None);
                amounts.extend(group);
                parents.extend(group.iter().map(|_| Some(head)));
            }
            let shown = apportion_outline(&amounts, &parents, unit);
            let below = |head: Option<usize>| {
                parents.iter().zip(&shown.parts).filter(|(parent, _)| **parent == head).map(|(_, part)| part).sum::<i128>()
            };
            prop_assert_eq!(below(None), shown.total);
            for (line, (amount, part)) in amounts.iter().zip(&shown.parts).enumerate() {
                prop_assert!((part * unit - amount).abs() < unit, "{} became {} of {}", amount, part, unit);
                prop_assert!(parents[line].is_some() || below(Some(line)) == *part);
            }
        }

        #[test]
        fn shown_money_adds_up_to_the_shown_total(nanos in prop::collection::vec(0_i64..100_000_000_000, 1..30)) {
            let amounts: Vec<_> = nanos.iter().map(|nanos| Some(Money::from_nanos(*nanos))).collect();
            let shown = money_column(&amounts, "unpriced");
            let read = |text: &str| -> i128 {
                if text.starts_with('<') { 0 } else { text.replace(['$', ',', '.'], "").parse().unwrap() }
            };
            prop_assert_eq!(shown.parts.iter().map(|part| read(part)).sum::<i128>(), read(&shown.total));
        }
    }

    #[test]
    fn money_keeps_the_places_that_matter() {
        let column = |texts: &[&str]| {
            let amounts: Vec<_> = texts.iter().map(|text| Money::parse_decimal(text)).collect();
            let shown = money_column(&amounts, "unpriced");
            (shown.parts.join(" "), shown.total)
        };
        assert_eq!(column(&["1", "2.5"]), ("$1.00 $2.50".into(), "$3.50".into()));
        assert_eq!(column(&["0.0123", "0.5"]), ("$0.0123 $0.5000".into(), "$0.5123".into()));
        assert_eq!(column(&["12.345", "0.001"]), ("$12.35 <$0.01".into(), "$12.35".into()));
        assert_eq!(column(&["1234.5", "?"]), ("$1,234.50 unpriced".into(), "$1,234.50".into()));
        assert_eq!(column(&["?"]), ("unpriced".into(), "unpriced".into()));
        // A third each: rounded one by one they would add up to 0.9999.
        assert_eq!(column(&["0.333333334", "0.333333333", "0.333333333"]).0, "$0.3334 $0.3333 $0.3333");
        assert_eq!(column(&[]), (String::new(), "$0.00".into()));
    }

    #[test]
    fn counts_share_one_scale_and_add_up() {
        let column = |counts: &[u64]| {
            let shown = signed_count_column(&counts.iter().map(|count| i128::from(*count)).collect::<Vec<_>>());
            (shown.parts.join(" "), shown.total)
        };
        assert_eq!(column(&[12_345, 7]), ("12,345 7".into(), "12,352".into()));
        assert_eq!(column(&[1_234_400, 1_400, 300]), ("1,235k 1k <1k".into(), "1,236k".into()));
        assert_eq!(column(&[u64::MAX]).1, "18,446,744,073,710M");
    }

    #[test]
    fn shares_of_a_limit_add_up() {
        let shown = share_column(&[Some(333), Some(333), Some(334), None], 1_000);
        assert_eq!((shown.parts.join("|"), shown.total.as_str()), ("33 %|33 %|34 %|".into(), "100 %"));
        assert_eq!(share_column(&[Some(5)], 0).parts, [""]);
        assert_eq!(share_column(&[Some(1), Some(150)], 1_000).parts, ["<1 %", "15 %"]);
    }
}
