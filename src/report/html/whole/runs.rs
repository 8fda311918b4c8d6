//! The runs that took most.

use super::{MANNER, Whole};
use crate::model::{RunId, Timestamp};
use crate::report::html::markup::{Html, tag};
use crate::report::html::of_table;
use crate::report::page::{Cell, Column, Table};
use crate::report::rounding::{grouped, money_column};
use crate::report::summary::Totals;
use crate::report::text::moment;

/// A run and what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostlyRun {
    /// Which.
    pub run: RunId,
    /// When it began.
    pub started: Timestamp,
    /// How it ended, or that it goes on.
    pub outcome: String,
    /// Of which project.
    pub project: Option<String>,
    /// By whom; empty where that is not told.
    pub agents: String,
    /// What it took.
    pub totals: Totals,
}

/// As a table, with a bar for each one's part of the whole.
pub(super) fn told(whole: &Whole) -> Html {
    if whole.runs.is_empty() {
        return Html::default();
    }
    let all = i128::from(whole.time.totals.cost.nanos()).max(1);
    let costs: Vec<_> = whole.runs.iter().map(|run| run.totals.known_cost()).collect();
    let costs = money_column(&costs, "—").parts;
    let names_agents = whole.audience.is_none();
    let mut columns = vec![Column::key("run", 10), Column::word("started"), Column::name("project", 8).useful()];
    columns.extend(names_agents.then(|| Column::name("agents", 8).useful()));
    columns.extend([Column::word("outcome").spare(), Column::figure("responses").spare(), Column::figure("cost")]);
    let rows = whole.runs.iter().zip(costs).map(|(run, cost)| {
        let part = i128::from(run.totals.cost.nanos()).saturating_mul(1_000) / all;
        let mut cells = vec![
            Cell::of_run(run.run.as_str()),
            Cell::new(moment(run.started, whole.time.zone)),
            Cell::or_unknown(run.project.as_deref()),
        ];
        cells.extend(names_agents.then(|| Cell::new(&run.agents)));
        cells.extend([
            Cell::new(&run.outcome),
            Cell::new(grouped(run.totals.responses.into())),
            Cell::new(cost).share(i64::try_from(part).unwrap_or(0)),
        ]);
        cells
    });
    let table = Table { columns, rows: rows.collect(), totals: None };
    let mut html = tag("h2").text("The costliest runs");
    html.add(of_table(&table, "The costliest runs", MANNER));
    html
}
