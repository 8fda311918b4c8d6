//! A fleet's end as a person reads it: its agents and their threads, teams, models, pools.

use std::collections::BTreeMap;

use super::agent_end::{AgentEnd, FleetEnd, PoolEnd, ThreadEnd};
use super::footnotes::LACKING;
use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::rounding::{
    RoundedColumn, credit_column, money_column, money_outline, scaled_column, share_column, signed_count_column,
};
use super::summary::Totals;
use crate::model::event::AgentResult;
use crate::model::{AgentName, Money, ThreadId, Unit};

/// A line of the table: an agent, or one of its threads.
struct Line<'a> {
    agent: &'a AgentEnd,
    thread: Option<&'a ThreadEnd>,
    /// The line of its agent.
    parent: Option<usize>,
}

impl Line<'_> {
    fn totals(&self) -> &Totals {
        self.thread.map_or(&self.agent.totals, |thread| &thread.totals)
    }

    fn name(&self) -> String {
        match self.thread {
            None => self.agent.agent.as_ref().map_or("?", AgentName::as_str).to_owned(),
            // Ids begin with the time, so that those of a run tell apart by their ends.
            Some(ThreadEnd { thread, role, depth, .. }) => {
                let kind = role.as_deref().unwrap_or(if *depth == 0 { "root" } else { "sub-agent" });
                format!("{}└ {kind} {}", "  ".repeat(depth + 1), tail(thread))
            }
        }
    }

    fn model_changes(&self) -> u32 {
        self.thread.map_or(self.agent.model_changes, |thread| thread.model_changes)
    }
}

fn tail(thread: &ThreadId) -> String {
    let id = thread.as_str();
    id.chars().skip(id.chars().count().saturating_sub(6)).collect()
}

impl FleetEnd {
    /// Its parts of the page; nothing of a run that is no fleet.
    pub(super) fn tell(&self, page: &mut Page) {
        if self.agents.is_empty() {
            return;
        }
        page.table(self.table());
        page.list(self.reasons().into_iter().chain(self.agents.iter().filter_map(examined)).collect());
        page.list(self.pools.iter().map(pool).collect());
        for (title, by) in [("team", &self.teams), ("model", &self.models)] {
            if by.len() > 1 {
                page.table(totals(title, by));
            }
        }
    }

    /// Why those that did not end well ended so; that one was skipped is told with all else.
    fn reasons(&self) -> Vec<Item> {
        let reason = |agent: &AgentEnd| {
            let (name, result) =
                (agent.agent.as_ref()?, agent.result.filter(|result| *result != AgentResult::Skipped)?);
            let because = agent.because.as_ref()?;
            Some(Item::new(result.as_str(), format!("`{name}`: {because}"), tone(result)))
        };
        self.agents.iter().filter_map(reason).collect()
    }

    fn lines(&self) -> Vec<Line<'_>> {
        let mut lines = Vec::new();
        for agent in &self.agents {
            let parent = Some(lines.len());
            lines.push(Line { agent, thread: None, parent: None });
            lines.extend(agent.threads.iter().map(|thread| Line { agent, thread: Some(thread), parent }));
        }
        lines
    }

    /// The unit that all of them are counted in; `None` where they differ.
    fn unit(&self) -> Option<Unit> {
        let mut units = self.agents.iter().filter_map(|agent| agent.unit);
        let first = units.next()?;
        units.all(|unit| unit == first).then_some(first)
    }

    fn table(&self) -> Table {
        let lines = self.lines();
        let parents: Vec<Option<usize>> = lines.iter().map(|line| line.parent).collect();
        let costs: Vec<Option<Money>> = lines.iter().map(|line| line.totals().known_cost()).collect();
        let mut costs = money_outline(&costs, &parents, LACKING);
        // What could not be seen of an agent is in no line.
        for (part, line) in costs.parts.iter_mut().zip(&lines) {
            lacks(part, line.totals());
        }
        if let Some(unobserved) = self.agents.iter().map(|agent| &agent.totals).find(|totals| totals.unobserved) {
            lacks(&mut costs.total, unobserved);
        }
        let of = |amount: fn(&AgentEnd) -> Option<i64>| {
            let amounts: Vec<Option<i64>> =
                lines.iter().map(|line| amount(line.agent).filter(|_| line.thread.is_none())).collect();
            self.amounts(&amounts)
        };
        let (expected, allotted, spent) =
            (of(|agent| agent.expected), of(|agent| agent.allotted), of(|agent| agent.spent));
        let columns = vec![
            Column::key("agent/thread", 12),
            Column::word("result"),
            Column::figure("tries").spare(),
            Column::figure("expected").useful(),
            Column::figure("allotted").useful(),
            Column::figure("spent").useful(),
            Column::figure("cost"),
            Column::figure("resp."),
            Column::figure("switches").spare(),
            Column::name("decided", 10).spare(),
        ];
        let rows = lines.iter().enumerate().map(|(place, line)| {
            let part = |shown: &RoundedColumn| Cell::new(shown.parts.get(place).map_or("", String::as_str));
            let agents = |cell: Cell| if line.thread.is_none() { cell } else { Cell::new("") };
            vec![
                Cell::new(line.name()),
                agents(result(line.agent)),
                agents(Cell::new(line.agent.attempts.to_string())),
                part(&expected),
                part(&allotted),
                part(&spent),
                part(&costs),
                Cell::new(line.totals().responses.to_string()),
                Cell::new(count(line.model_changes())),
                agents(Cell::new(decisions(line.agent))),
            ]
        });
        let strong = |text: &str| Cell::toned(text, Tone::Strong);
        let sum = |of: fn(&AgentEnd) -> u32| count(self.agents.iter().map(of).sum());
        let responses: u64 = self.agents.iter().map(|agent| agent.totals.responses).sum();
        let totals = vec![
            strong("total"),
            Cell::new(""),
            strong(&sum(|agent| agent.attempts)),
            strong(&expected.total),
            strong(&allotted.total),
            strong(&spent.total),
            strong(&costs.total),
            strong(&responses.to_string()),
            strong(&sum(|agent| agent.model_changes)),
            Cell::new(""),
        ];
        self.without_silent(Table { columns, rows: rows.collect(), totals: Some(totals) })
    }

    /// Leaves out what nobody said, was given, or what another column says as well.
    fn without_silent(&self, mut table: Table) -> Table {
        let any = |of: fn(&AgentEnd) -> bool| self.agents.iter().any(of);
        let said = |title: &str| match title {
            "tries" => any(|agent| agent.attempts > 1),
            "expected" => any(|agent| agent.expected.is_some()),
            "allotted" => any(|agent| agent.allotted.is_some()),
            // What dollars are spent is the cost.
            "spent" => self.unit().is_some_and(|unit| unit != Unit::Usd),
            "switches" => any(|agent| agent.model_changes > 0),
            "decided" => any(|agent| !decisions(agent).is_empty()),
            _ => true,
        };
        let kept: Vec<bool> = table.columns.iter().map(|column| said(&column.title)).collect();
        let keep = |cells: &mut Vec<Cell>| {
            let mut kept = kept.iter().copied();
            cells.retain(|_| kept.next().unwrap_or(true));
        };
        table.rows.iter_mut().chain(table.totals.as_mut()).for_each(keep);
        let mut kept = kept.iter().copied();
        table.columns.retain(|_| kept.next().unwrap_or(true));
        table
    }

    /// Amounts of the agents' unit that add up as they are shown; those of threads stay empty.
    fn amounts(&self, amounts: &[Option<i64>]) -> RoundedColumn {
        let Some(unit) = self.unit() else {
            // What is counted in different units has no sum.
            let one = |(place, amount): (usize, &Option<i64>)| {
                let unit = self.lines().get(place).and_then(|line| line.agent.unit);
                unit.zip(*amount).map_or_else(String::new, |(unit, amount)| unit.show(amount))
            };
            return RoundedColumn { parts: amounts.iter().enumerate().map(one).collect(), total: String::new() };
        };
        column(unit, amounts)
    }
}

/// Marks the cost of what could not be seen whole.
fn lacks(cost: &mut String, totals: &Totals) {
    if totals.unobserved && cost != LACKING {
        *cost = format!("{cost} {LACKING}");
    }
}

fn column(unit: Unit, amounts: &[Option<i64>]) -> RoundedColumn {
    let wide: Vec<i128> = amounts.iter().map(|amount| i128::from(amount.unwrap_or_default())).collect();
    let shown = match unit {
        Unit::Usd => {
            let money: Vec<Option<Money>> = amounts.iter().map(|amount| amount.map(Money::from_nanos)).collect();
            money_column(&money, "")
        }
        Unit::Tok | Unit::AllTok | Unit::Responses | Unit::ToolCalls => signed_count_column(&wide),
        Unit::Credits => credit_column(&wide),
        Unit::Minutes => scaled_column(&wide, 60_000, " min"),
    };
    let part = |(text, amount): (String, &Option<i64>)| amount.map_or_else(String::new, |_| text);
    RoundedColumn { parts: shown.parts.into_iter().zip(amounts).map(part).collect(), total: shown.total }
}

/// What the work of an agent came to, and who said yes or no to it.
fn examined(agent: &AgentEnd) -> Option<Item> {
    // That a check has failed is told where it says why its agent has.
    let passed = agent.examined.as_ref().filter(|examined| examined.is_passed());
    let came = passed.map(ToString::to_string).filter(|came| !came.is_empty());
    let by = agent.reviewed_by.as_ref().map(|by| match by.as_str() {
        "deadline" => "reviewed by nobody in time".to_owned(),
        by => format!("reviewed by {by}"),
    });
    let said: Vec<String> = came.into_iter().chain(by).collect();
    let name = agent.agent.as_ref().filter(|_| !said.is_empty())?;
    Some(Item::new("work", format!("`{name}`: {}", said.join("; ")), Tone::Plain))
}

fn result(agent: &AgentEnd) -> Cell {
    match agent.result {
        Some(result) => {
            // A command's own code tells more than that it failed.
            let code = agent.code.filter(|_| result == AgentResult::Failed);
            Cell::toned(
                code.map_or_else(|| result.as_str().to_owned(), |code| format!("failed ({code})")),
                tone(result),
            )
        }
        None if agent.attempts > 0 => Cell::new("works"),
        None => Cell::toned("waits", Tone::Quiet),
    }
}

fn tone(result: AgentResult) -> Tone {
    match result {
        AgentResult::Done => Tone::Good,
        AgentResult::Skipped => Tone::Warn,
        AgentResult::Failed | AgentResult::Stopped | AgentResult::Killed | AgentResult::Lost => Tone::Bad,
    }
}

/// Nothing is shown where nothing happened.
fn count(number: u32) -> String {
    if number == 0 { String::new() } else { number.to_string() }
}

/// `extended 2, routed 1`: what a person would ask about; warnings stand below.
fn decisions(agent: &AgentEnd) -> String {
    let told = agent.decisions.iter().filter(|(what, _)| *what != "warned" && *what != "stopped" && *what != "killed");
    told.map(|(what, times)| format!("{what} {times}")).collect::<Vec<_>>().join(", ")
}

/// `` `fleet`: $7.25 allotted, $2.75 in the pool; gave $0.80, got back $1.20, $0.40 drawn, $2.75 left ``.
fn pool(pool: &PoolEnd) -> Item {
    let drawn = pool.drawn();
    let moved = column(pool.unit, &[Some(pool.start), Some(-pool.given), Some(pool.got_back), Some(-drawn)]);
    let part = |place: usize| moved.parts.get(place).map_or("", |text| text.trim_start_matches('-'));
    let mut said = Vec::new();
    if pool.given > 0 {
        said.push(format!("gave {}", part(1)));
    }
    if pool.got_back > 0 {
        said.push(format!("got back {}", part(2)));
    }
    if drawn > 0 {
        said.push(format!("{} drawn", part(3)));
    }
    said.push(format!("{} left", moved.total));
    let allotted = column(pool.unit, &[Some(pool.allotted)]).total;
    let text = format!("`{}`: {allotted} allotted, {} in the pool; {}", pool.budget, part(0), said.join(", "));
    Item::new("pool", text, Tone::Plain)
}

/// What each team, or model, comes to.
fn totals(title: &str, by: &BTreeMap<Option<String>, Totals>) -> Table {
    let costs: Vec<Option<Money>> = by.values().map(Totals::known_cost).collect();
    let all: Money = costs.iter().flatten().copied().sum();
    let nanos: Vec<Option<i64>> = costs.iter().map(|cost| cost.map(Money::nanos)).collect();
    let (shown, shares) = (money_column(&costs, LACKING), share_column(&nanos, all.nanos()));
    let part = |shown: &RoundedColumn, place: usize| Cell::new(shown.parts.get(place).map_or("", String::as_str));
    let rows = by.iter().enumerate().map(|(place, (name, of))| {
        let responses = Cell::new(of.responses.to_string());
        vec![Cell::or_unknown(name.as_deref()), responses, part(&shown, place), part(&shares, place)]
    });
    let strong = |text: &str| Cell::toned(text, Tone::Strong);
    let responses: u64 = by.values().map(|of| of.responses).sum();
    Table {
        columns: vec![
            Column::key(title, 8),
            Column::figure("resp."),
            Column::figure("cost"),
            Column::figure("share").spare(),
        ],
        rows: rows.collect(),
        totals: Some(vec![
            strong("total"),
            strong(&responses.to_string()),
            strong(&shown.total),
            strong(&shares.total),
        ]),
    }
}
