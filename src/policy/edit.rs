//! One change to a policy's text, all else of it left as it is written.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::model::{BudgetName, Quantity};

/// Why a text cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAmended {
    /// It names no such budget.
    #[error("it has no budget `{0}` with a limit of its own")]
    NoBudget(BudgetName),
    /// Its limit is in another unit.
    #[error("the limit `{0}` is in another unit")]
    OtherUnit(String),
    /// It is no policy that can be read.
    #[error("it cannot be read")]
    Unreadable,
}

/// The text with this budget's limit higher by so much. `value` is what the budget is counted per, such as `web` of `team=web`:
/// where the budget has a limit of its own for it, that one is raised.
///
/// # Errors
///
/// Why not.
pub fn raised(text: &str, budget: &BudgetName, value: Option<&str>, by: Quantity) -> Result<String, NotAmended> {
    let (before, place) = limit(text, budget, value)?;
    let part = |range: Range<usize>| text.get(range).unwrap_or_default();
    if before.unit != by.unit {
        return Err(NotAmended::OtherUnit(part(place).trim_matches(['"', '\'']).to_owned()));
    }
    let after = before.unit.typed(before.amount.saturating_add(by.amount));
    Ok(format!("{}\"{after}\"{}", part(0..place.start), part(place.end..text.len())))
}

/// The limit that a budget has for this value of what it is counted per, and where in the text it stands.
///
/// # Errors
///
/// Where the text has no such budget, or cannot be read.
pub fn limit(text: &str, budget: &BudgetName, value: Option<&str>) -> Result<(Quantity, Range<usize>), NotAmended> {
    let (tree, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(NotAmended::Unreadable);
    }
    let missing = || NotAmended::NoBudget(budget.clone());
    let tables = tree.get_ref().get("budget").map(Spanned::get_ref).and_then(DeValue::as_array);
    let named = |table: &DeTable<'_>| string(table.get("name")) == Some(budget.as_str());
    let table = tables
        .into_iter()
        .flatten()
        .filter_map(|table| table.get_ref().as_table())
        .find(|table| named(table))
        .ok_or_else(missing)?;
    let own = value.and_then(|value| table.get("limits")?.get_ref().as_table()?.get(value));
    let limit = own.or_else(|| table.get("limit")).ok_or_else(missing)?;
    let written = string(Some(limit)).ok_or_else(missing)?;
    let before = Quantity::parse_limit(written).map_err(|_| NotAmended::Unreadable)?;
    Ok((before, limit.span()))
}

/// The text with one more part at its end.
pub fn with_part(text: &str, part: &str) -> String {
    let gap = if text.is_empty() || text.ends_with("\n\n") {
        ""
    } else if text.ends_with('\n') {
        "\n"
    } else {
        "\n\n"
    };
    format!("{text}{gap}{part}")
}

fn string<'t>(value: Option<&'t Spanned<DeValue<'_>>>) -> Option<&'t str> {
    value?.get_ref().as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "version = 1\n\n[[budget]]\nname  = \"a\"  # one\nlimit = '5 usd' # each\n\n[[budget]]\nname = \"b\"\nper = \"team\"\n\
                          limit = \"2 usd\"\nlimits = { web = \"4 usd\" }\n\n[[budget]]\nname = \"c\"\nlimit = \"50 responses\"\n";

    #[test]
    fn a_limit_is_raised_where_it_stands_and_nothing_else_changes() {
        let raise = |budget: &str, value, by: &str| {
            raised(POLICY, &budget.into(), value, Quantity::parse(by).unwrap()).map_err(|not| not.to_string())
        };
        let changed = |from: &str, to: &str| Ok(POLICY.replace(from, to));
        assert_eq!(raise("a", None, "2 usd"), changed("'5 usd'", "\"7.00usd\""));
        assert_eq!(raise("b", Some("web"), "2 usd"), changed("\"4 usd\"", "\"6.00usd\""));
        assert_eq!(raise("b", Some("infra"), "2 usd"), changed("\"2 usd\"", "\"4.00usd\""));
        assert_eq!(raise("c", None, "10 responses"), changed("\"50 responses\"", "\"60responses\""));
        assert_eq!(raise("d", None, "2 usd"), Err("it has no budget `d` with a limit of its own".to_owned()));
        assert_eq!(raise("c", None, "2 usd"), Err("the limit `50 responses` is in another unit".to_owned()));
        assert_eq!(raised("[", &"a".into(), None, Quantity::parse("2 usd").unwrap()), Err(NotAmended::Unreadable));
    }

    #[test]
    fn a_part_stands_at_the_end_after_an_empty_line() {
        for (text, whole) in [("", "x\n"), ("a\n", "a\n\nx\n"), ("a", "a\n\nx\n"), ("a\n\n", "a\n\nx\n")] {
            assert_eq!(with_part(text, "x\n"), whole);
        }
    }
}
