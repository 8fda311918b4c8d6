//! Owns the bare `govern`: today's spend, what runs, what is paused, what waits for an answer.

use std::io::Write;

use chrono_tz::Tz;

use super::approvals::paused;
use super::format::put;
use super::here::Here;
use super::report::nothing_yet;
use super::resume;
use super::status;
use crate::error::Result;
use crate::exit::Exit;
use crate::ledger::{Ledger, SumQuery};
use crate::model::{Billing, RunInfo, Sum};
use crate::policy::rule::{Calendar, Window};
use crate::report::approvals::paused_runs;
use crate::report::page::{Item, Page, Tone};
use crate::report::round::money_column;
use crate::report::text::{between, count, duration};

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
    let status = status::look(here, here.now)?;
    let runs: Vec<RunInfo> = status.runs.iter().map(|run| run.info.clone()).collect();
    let waiting = ledger.questions(true, here.alive)?;
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
        page.blocks.extend(status.short().blocks);
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
        let approvers = resume::approvers(ledger, &first.run)?;
        if !approvers.is_empty() {
            page.list(vec![Item::note(format!("To answer question {}, {} may:", first.id, approvers.join(" or ")))]);
        }
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
