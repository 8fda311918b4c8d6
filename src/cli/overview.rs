//! Owns the bare `govern`: today's spend, what runs, what is paused, what waits for an answer.

use std::io::Write;

use chrono_tz::Tz;

use super::approvals::paused;
use super::format::put;
use super::here::Here;
use super::report::nothing_yet;
use crate::error::Result;
use crate::exit::Exit;
use crate::ledger::{Ledger, SumQuery};
use crate::model::{Billing, RunInfo, Sum};
use crate::policy::rule::{Calendar, Window};
use crate::report::approvals::paused_runs;
use crate::report::page::{Cell, Column, Item, Page, Table, Tone};
use crate::report::round::money_column;
use crate::report::text::{between, count, duration, shell_words};

/// Writes it.
pub fn run(out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let zone = here.timezone()?;
    let page = match here.ledger()? {
        Some(ledger) => overview(&ledger, here, zone)?,
        None => nothing_yet(),
    };
    put(out, &here.look.render(&page))?;
    put(out, "\n`govern --help` names all that it can do.\n")?;
    Ok(Exit::Success)
}

fn overview(ledger: &Ledger, here: &Here<'_>, zone: Tz) -> Result<Page> {
    let mut page = Page::default();
    let runs = ledger.live_runs(here.alive)?;
    let waiting = ledger.approvals(true)?;
    let mut items = vec![
        spent(ledger, here, zone, "today", Calendar::Day)?,
        spent(ledger, here, zone, "this month", Calendar::Month)?,
    ];
    if runs.is_empty() {
        items.push(Item::new("running", "nothing", Tone::Plain));
    }
    if waiting.is_empty() {
        items.push(Item::new("waiting", "nothing", Tone::Plain));
    }
    page.list(items);
    if !runs.is_empty() {
        page.title(format!("Running: {}", count(runs.len() as u64, "run", "runs")));
        page.table(running(ledger, here, &runs)?);
    }
    paused_runs(&mut page, &paused(ledger, &runs)?, here.now);
    if waiting.is_empty() {
        return Ok(page);
    }
    page.title("Waiting for an answer");
    page.list(
        waiting
            .iter()
            .map(|approval| {
                let left =
                    approval.deadline.map(|deadline| format!(", {} left", duration(between(here.now, deadline))));
                let left = left.unwrap_or_default();
                let lead = approval.id.to_string();
                Item::new(lead, format!("`{}`: {}{left}", approval.agent, approval.question), Tone::Warn)
            })
            .collect(),
    );
    if let Some(first) = waiting.first() {
        page.command(format!("govern approve {}", first.id));
        page.command(format!("govern deny {}", first.id));
    }
    Ok(page)
}

fn spent(ledger: &Ledger, here: &Here<'_>, zone: Tz, name: &str, calendar: Calendar) -> Result<Item> {
    let bounds = Window::Calendar(calendar).bounds(here.now, zone);
    let mut sum = Sum::default();
    let mut plan = false;
    for row in ledger.sums(&SumQuery { since: bounds.start, until: bounds.end, ..SumQuery::default() })? {
        sum.add(&row.sum);
    }
    if sum.responses > 0 {
        let last = ledger.last_run()?;
        let threads = last.map(|run| ledger.threads(&run.id)).transpose()?.unwrap_or_default();
        plan = threads.iter().any(|thread| thread.billing == Billing::Plan);
    }
    let cost = money_column(&[Some(sum.cost)], "").total;
    let unpriced = match sum.unpriced {
        0 => String::new(),
        some => format!(", {} without a price", count(some, "response", "responses")),
    };
    let plan = if plan { " (list-price equivalent of a ChatGPT plan)" } else { "" };
    let text = format!("{cost} in {}{unpriced}{plan}", count(sum.responses, "response", "responses"));
    Ok(Item::new(name, text, Tone::Plain))
}

fn running(ledger: &Ledger, here: &Here<'_>, runs: &[RunInfo]) -> Result<Table> {
    let mut sums = Vec::with_capacity(runs.len());
    for run in runs {
        let rows = ledger.sums(&SumQuery { run: Some(&run.id), ..SumQuery::default() })?;
        sums.push(rows.into_iter().fold(Sum::default(), |mut sum, row| {
            sum.add(&row.sum);
            sum
        }));
    }
    let costs = money_column(&sums.iter().map(|sum| Some(sum.cost)).collect::<Vec<_>>(), "");
    let rows = runs.iter().zip(sums.iter().zip(&costs.parts)).map(|(run, (sum, cost))| {
        vec![
            Cell::new(run.id.as_str()),
            Cell::new(shell_words(&run.command)),
            Cell::or_unknown(run.attribution.project.as_deref()),
            Cell::new(duration(between(run.started, here.now))),
            Cell::new(sum.responses.to_string()),
            Cell::new(cost),
        ]
    });
    Ok(Table {
        columns: vec![
            Column::word("run"),
            Column::name("command", 12),
            Column::name("project", 8),
            Column::figure("for"),
            Column::figure("resp."),
            Column::figure("cost"),
        ],
        rows: rows.collect(),
        totals: None,
    })
}
