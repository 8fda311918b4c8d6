//! Runs as a list: when, what, how it ended, what it cost.

use chrono_tz::Tz;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::footnotes::{Billed, marks, notes};
use super::json::counters;
use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::resumes::{self, ResumesAt};
use super::rounding::money_column;
use super::summary::Totals;
use super::text::{between, duration, moment, rfc3339, shell_words};
use crate::model::{BudgetName, RunInfo, Timestamp};

/// Runs, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunList {
    /// The runs.
    pub rows: Vec<ListedRun>,
    /// There are older ones that were not asked for.
    pub more: bool,
    /// Those that a timer lets go on.
    pub resumes: Vec<ResumesAt>,
    /// When this was so.
    pub at: Timestamp,
    /// The zone that times are shown in.
    pub zone: Tz,
}

/// A run and what it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRun {
    /// The run.
    pub info: RunInfo,
    /// Its govern lives.
    pub alive: bool,
    /// All that its agents spent.
    pub totals: Totals,
}

impl ListedRun {
    /// `running`, `lost` where its govern was killed, or how it ended.
    pub fn outcome(&self) -> &str {
        match (&self.info.outcome, self.alive) {
            (Some(outcome), _) => outcome,
            (None, true) => "running",
            (None, false) => "lost",
        }
    }

    /// Red for what needs somebody: a limit, a person or a fault ended it, or nobody knows.
    fn tone(&self) -> Tone {
        match self.outcome() {
            "stopped" | "killed" | "refused" => Tone::Warn,
            "failed" | "lost" => Tone::Bad,
            "running" => Tone::Good,
            _ => Tone::Plain,
        }
    }
}

impl RunList {
    /// As a person reads it.
    pub fn page(&self) -> Page {
        let mut page = Page::default();
        if self.rows.is_empty() {
            page.list(vec![Item::note("No run is recorded for that time.")]);
            return page;
        }
        let mut whole = Totals::default();
        self.rows.iter().for_each(|row| whole.merge(&row.totals));
        page.table(self.table(&whole));
        page.list(notes(&whole, Billed::MarkedIfMixed, std::iter::empty(), 0));
        page.list(resumes::notes(&self.resumes, self.zone));
        if self.more {
            page.list(vec![Item::note("There are older ones: `--limit 100`, `--since 2026-11` or `--all` show more.")]);
        }
        page
    }

    fn table(&self, whole: &Totals) -> Table {
        let costs: Vec<_> = self.rows.iter().map(|row| row.totals.known_cost()).collect();
        let costs = money_column(&costs, "—");
        // An empty column would still take its gap.
        let marks: Vec<Cell> = self.rows.iter().map(|row| marks(&row.totals, whole, Billed::MarkedIfMixed)).collect();
        let marked = marks.iter().any(|mark| !mark.text.is_empty());
        let mut columns = vec![
            Column::key("run", 10),
            Column::word("started"),
            Column::figure("for").spare(),
            Column::name("command", 10),
            Column::name("project", 8).spare(),
            Column::word("outcome"),
            Column::figure("exit").useful(),
            Column::name("by", 8).useful(),
            Column::figure("cost"),
        ];
        columns.extend(marked.then(|| Column::word("")));
        let rows = self.rows.iter().zip(costs.parts).zip(marks).map(|((row, cost), mark)| {
            let until = row.info.ended.or(row.alive.then_some(self.at));
            let lasted =
                until.map_or_else(Cell::unknown, |until| Cell::new(duration(between(row.info.started, until))));
            let mut cells = vec![
                Cell::of_run(row.info.id.as_str()),
                Cell::new(moment(row.info.started, self.zone)),
                lasted,
                Cell::new(shell_words(&row.info.command)),
                Cell::or_unknown(row.info.attribution.project.as_deref()),
                Cell::toned(row.outcome(), row.tone()),
                Cell::or_unknown(row.info.code.map(|code| code.to_string()).as_deref()),
                Cell::new(row.info.rule.as_ref().map(BudgetName::as_str).unwrap_or_default()),
                Cell::new(cost),
            ];
            cells.extend(marked.then_some(mark));
            cells
        });
        Table { columns, rows: rows.collect(), totals: None }
    }
}

impl Serialize for ListedRun {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let info = &self.info;
        let at = &info.attribution;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("run", &info.id)?;
        map.serialize_entry("started", &rfc3339(info.started))?;
        map.serialize_entry("ended", &info.ended.map(rfc3339))?;
        map.serialize_entry("command", &info.command)?;
        map.serialize_entry("cwd", &info.cwd)?;
        map.serialize_entry("outcome", self.outcome())?;
        map.serialize_entry("exit_code", &info.code)?;
        map.serialize_entry("rule", &info.rule)?;
        map.serialize_entry("observe", &info.observe)?;
        for (name, value) in [
            ("team", &at.team),
            ("project", &at.project),
            ("client", &at.client),
            ("user", &at.user),
            ("task", &at.task),
        ] {
            map.serialize_entry(name, value)?;
        }
        counters(&mut map, &self.totals)?;
        map.end()
    }
}

impl Serialize for RunList {
    /// `govern.runs/1`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "govern.runs/1")?;
        map.serialize_entry("at", &rfc3339(self.at))?;
        map.serialize_entry("timezone", self.zone.name())?;
        map.serialize_entry("more", &self.more)?;
        map.serialize_entry("resumes", &self.resumes)?;
        map.serialize_entry("rows", &self.rows)?;
        map.end()
    }
}
