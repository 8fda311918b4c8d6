//! What like runs took, and what another one would leave of each budget.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::text::count;
use crate::compare::{ENOUGH, Like, Likely};
use crate::model::{BudgetName, Dimension, Money, scope_in_words};

/// What one run is likely to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// What like runs took.
    pub likely: Likely,
    /// Budgets in dollars that it would spend from.
    pub budgets: Vec<Left>,
}

/// What is left of a budget before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Which.
    pub budget: BudgetName,
    /// What it is counted per; empty for everything.
    pub scope: String,
    /// What is left of it now.
    pub left: Money,
}

/// The same for each value of some dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EstimateBy {
    /// Which.
    pub by: Vec<Dimension>,
    /// Each value, and what runs of it took.
    pub rows: Vec<(Vec<Option<String>>, Likely)>,
}

impl Left {
    /// What a run of this cost would leave.
    fn after(&self, cost: Money) -> Money {
        Money::from_nanos(self.left.nanos().saturating_sub(cost.nanos()))
    }
}

/// `shop, edit, gpt-6.1-sol`; nothing where all runs are compared.
fn in_words(like: &Like) -> String {
    let work = like.work.map(|work| work.to_string());
    let model = like.model.as_ref().map(ToString::to_string);
    like.project.clone().into_iter().chain(work).chain(model).collect::<Vec<_>>().join(", ")
}

fn money(cost: Option<Money>) -> Cell {
    cost.map_or_else(Cell::unknown, |cost| Cell::new(cost.to_string()))
}

impl Estimate {
    /// As a person reads it.
    pub fn page(&self) -> Page {
        let mut page = Page::default();
        let likely = &self.likely;
        let of = match in_words(&likely.like) {
            like if like.is_empty() => String::new(),
            like => format!(" ({like})"),
        };
        page.title(format!("What {}{of} took", count(likely.runs as u64, "run", "runs")));
        let (Some(p50), Some(p80), Some(p95)) = (likely.p50, likely.p80, likely.p95) else {
            page.list(vec![Item::note("No run is recorded that has a price: `govern import` reads Codex's history.")]);
            return page;
        };
        page.list(vec![
            Item::new("p50", format!("{p50}  half of them took no more"), Tone::Plain),
            Item::new("p80", format!("{p80}  four in five took no more"), Tone::Strong),
            Item::new("p95", format!("{p95}  nineteen in twenty took no more"), Tone::Plain),
        ]);
        page.list(self.budgets.iter().map(|left| left_after(left, p80, p95)).collect());
        if !likely.is_enough() {
            page.list(vec![Item::warning(too_few(likely.runs))]);
        }
        page
    }
}

/// What is said where they are too few.
pub fn too_few(runs: usize) -> String {
    format!("Too few: {} of {ENOUGH} that it takes to tell anything.", count(runs as u64, "run", "runs"))
}

fn left_after(left: &Left, p80: Money, p95: Money) -> Item {
    let per = if left.scope.is_empty() || left.scope.starts_with("run=") {
        String::new()
    } else {
        format!(" for {}", scope_in_words(&left.scope))
    };
    let (usual, dear) = (left.after(p80), left.after(p95));
    let (tone, then) = if usual < Money::ZERO {
        (Tone::Bad, format!("p80 passes it by {}", Money::from_nanos(usual.nanos().saturating_neg())))
    } else if dear < Money::ZERO {
        (Tone::Warn, format!("{usual} after p80; p95 passes it"))
    } else {
        (Tone::Plain, format!("{usual} after p80"))
    };
    Item::new("budget", format!("`{}`{per}: {} left, {then}", left.budget, left.left), tone)
}

impl EstimateBy {
    /// As a person reads it.
    pub fn page(&self) -> Page {
        let mut page = Page::default();
        if self.rows.is_empty() {
            page.list(vec![Item::note("No run is recorded that has a price: `govern import` reads Codex's history.")]);
            return page;
        }
        let mut columns: Vec<Column> = self.by.iter().map(|by| Column::key(by.to_string(), 8)).collect();
        columns.extend(["runs", "p50", "p80", "p95"].map(Column::figure));
        columns.push(Column::word(""));
        let rows = self.rows.iter().map(|(values, likely)| {
            let mut cells: Vec<Cell> = values.iter().map(|value| Cell::or_unknown(value.as_deref())).collect();
            cells.push(Cell::new(likely.runs.to_string()));
            cells.extend([likely.p50, likely.p80, likely.p95].map(money));
            cells.push(if likely.is_enough() { Cell::new("") } else { Cell::toned("too few", Tone::Warn) });
            cells
        });
        page.title("What runs took");
        page.table(Table { columns, rows: rows.collect(), totals: None });
        page
    }
}

struct LikeJson<'a>(&'a Like);

impl Serialize for LikeJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("project", &self.0.project)?;
        map.serialize_entry("work", &self.0.work)?;
        map.serialize_entry("model", &self.0.model)?;
        map.end()
    }
}

fn figures<M: SerializeMap>(map: &mut M, likely: &Likely) -> Result<(), M::Error> {
    map.serialize_entry("runs", &likely.runs)?;
    map.serialize_entry("enough", &likely.is_enough())?;
    map.serialize_entry("p50_usd", &likely.p50)?;
    map.serialize_entry("p80_usd", &likely.p80)?;
    map.serialize_entry("p95_usd", &likely.p95)
}

struct LeftJson<'a>(&'a Left, &'a Likely);

impl Serialize for LeftJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(left, likely) = *self;
        let after = |cost: Option<Money>| cost.map(|cost| left.after(cost));
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("budget", &left.budget)?;
        map.serialize_entry("scope", &left.scope)?;
        map.serialize_entry("left_usd", &left.left)?;
        map.serialize_entry("left_after_p50_usd", &after(likely.p50))?;
        map.serialize_entry("left_after_p80_usd", &after(likely.p80))?;
        map.serialize_entry("left_after_p95_usd", &after(likely.p95))?;
        map.end()
    }
}

impl Serialize for Estimate {
    /// `govern.estimate/1`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let budgets: Vec<LeftJson<'_>> = self.budgets.iter().map(|left| LeftJson(left, &self.likely)).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "govern.estimate/1")?;
        map.serialize_entry("like", &LikeJson(&self.likely.like))?;
        figures(&mut map, &self.likely)?;
        map.serialize_entry("budgets", &budgets)?;
        map.end()
    }
}

struct RowJson<'a>(&'a [Dimension], &'a [Option<String>], &'a Likely);

impl Serialize for RowJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (dimension, value) in self.0.iter().zip(self.1) {
            map.serialize_entry(&dimension.to_string(), value)?;
        }
        figures(&mut map, self.2)?;
        map.end()
    }
}

impl Serialize for EstimateBy {
    /// `govern.estimate/1` with rows.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows: Vec<RowJson<'_>> =
            self.rows.iter().map(|(values, likely)| RowJson(&self.by, values, likely)).collect();
        let by: Vec<String> = self.by.iter().map(ToString::to_string).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "govern.estimate/1")?;
        map.serialize_entry("by", &by)?;
        map.serialize_entry("rows", &rows)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Layout;
    use crate::ui::tests::table_checks::tables_are_readable;

    fn cents(cents: i64) -> Money {
        Money::from_nanos(cents * 10_000_000)
    }

    fn likely(runs: usize) -> Likely {
        let like = Like { project: Some("shop".to_owned()), work: None, model: Some("gpt-6.1-sol".into()) };
        Likely { like, runs, p50: Some(cents(120)), p80: Some(cents(310)), p95: Some(cents(540)) }
    }

    #[test]
    fn an_estimate_says_what_it_would_leave_of_each_budget() {
        let left =
            |budget: &str, scope: &str, left| Left { budget: budget.into(), scope: scope.into(), left: cents(left) };
        let budgets = vec![left("each run", "run=x", 500), left("teams", "team=web", 9_000), left("daily", "", 200)];
        let estimate = Estimate { likely: likely(14), budgets };
        let few = Estimate { likely: likely(4), budgets: Vec::new() };
        let look = Layout::plain(80);
        insta::assert_snapshot!(format!("{}\n{}", look.render(&estimate.page()), look.render(&few.page())));
        insta::assert_snapshot!("json", super::super::json::to_text(&estimate));
    }

    #[test]
    fn each_value_has_its_own_figures() {
        let rows = vec![(vec![Some("T-1".to_owned())], likely(14)), (vec![None], likely(2))];
        let by = EstimateBy { by: vec![Dimension::Task], rows };
        tables_are_readable(&by.page());
        insta::assert_snapshot!(Layout::plain(80).render(&by.page()));
        insta::assert_snapshot!("json_by", super::super::json::to_text(&by));
    }
}
