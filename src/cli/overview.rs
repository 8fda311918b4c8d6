//! The bare `govern`: today's spend, what runs, what is paused, what waits for an answer.

mod gather;

use std::io::Write;

pub(super) use gather::{agent, gather};

use super::format::put;
use super::report::nothing_yet;
use crate::error::Result;
use crate::exit::Exit;
use crate::model::Billing;
use crate::prepare::here::Here;
use crate::report::Overview;
use crate::report::approvals::{AskedRow, paused_runs};
use crate::report::overview::Spent;
use crate::report::page::{Item, Page, Tone};
use crate::report::rounding::money_column;
use crate::report::text::{between, count, duration};

/// Writes it.
pub fn run(out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    here.timezone()?;
    let page = match here.ledger()? {
        Some(_) => page(&gather(here, None)?),
        None => nothing_yet(),
    };
    put(out, &here.look.render(&page))?;
    put(out, "\n`govern --help` names all that it can do.\n")?;
    Ok(Exit::Success)
}

fn page(seen: &Overview) -> Page {
    let mut page = Page::default();
    let waiting = &seen.waiting.rows;
    let mut items = vec![spent("today", &seen.today), spent("this month", &seen.month)];
    if seen.status.runs.is_empty() {
        items.push(Item::new("running", "nothing", Tone::Plain));
    }
    if waiting.is_empty() {
        items.push(Item::new("waiting", "nothing", Tone::Plain));
    }
    items.extend(seen.alarms());
    page.list(items);
    if !seen.status.runs.is_empty() {
        page.blocks.extend(seen.status.short().blocks);
    }
    paused_runs(&mut page, &seen.waiting.paused, seen.at);
    let Some(first) = waiting.first() else { return page };
    page.title("Waiting for an answer");
    let item = |row: &AskedRow| {
        let approval = &row.approval;
        let left = approval.deadline.map(|deadline| format!(", {} left", duration(between(seen.at, deadline))));
        let text = format!("`{}`: {}{}", approval.agent, approval.question, left.unwrap_or_default());
        Item::new(approval.id.to_string(), text, Tone::Warn)
    };
    page.list(waiting.iter().map(item).collect());
    let id = first.approval.id;
    page.list(first.may.note(id).map(Item::note).into_iter().collect());
    for verb in ["approve", "deny"] {
        first.may.command(verb, id).into_iter().for_each(|command| page.command(command));
    }
    page
}

fn spent(name: &str, Spent { total, .. }: &Spent) -> Item {
    let cost = money_column(&[Some(total.cost)], "").total;
    let unpriced = match total.unpriced {
        0 => String::new(),
        some => format!(", {} without a price", count(some, "response", "responses")),
    };
    let is_plan = total.billing.contains_key(&Billing::Plan);
    let plan = if is_plan { " (list-price equivalent of a ChatGPT plan)" } else { "" };
    let text = format!("{cost} in {}{unpriced}{plan}", count(total.responses, "response", "responses"));
    Item::new(name, text, Tone::Plain)
}
