//! Owns `govern report`: what was spent, by whatever it is asked by.

use std::io::Write;

use super::format::put;
use super::here::Here;
use super::resume;
use super::when::When;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{Filter, Ledger};
use crate::model::event::EventKind;
use crate::model::{Dimension, Event, RunInfo};
use crate::report::by::BY_HINT;
use crate::report::{
    By, Handoff, Page, PriceStamp, RunParts, RunReport, RunTally, Summary, Tally, csv, json, markdown, spend,
};
use crate::usage::price::PriceTable;

/// What was spent: by agent and model, or by whatever is asked.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ReportArgs {
    /// Of the run that was started last
    #[arg(long, conflicts_with = "run")]
    pub last: bool,
    /// Of one run, by its id or the beginning of it
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// A row for each: run, agent, thread, team, project, client, user, task, model, branch, day, week, month, label:KEY
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = by)]
    pub by: Vec<By>,
    /// Not before: a day, a moment, or so long ago (2026-11-01, 30d)
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    pub since: Option<When>,
    /// Before: a day (not included), a moment, or so long ago
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    pub until: Option<When>,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    pub format: ReportFormat,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// For people.
    #[default]
    Table,
    /// For programs; a contract.
    Json,
    /// For spreadsheets: exact figures, no totals.
    Csv,
    /// GitHub's Markdown.
    Markdown,
}

fn by(word: &str) -> std::result::Result<By, String> {
    By::parse(word).map_err(|error| format!("{error}: {BY_HINT}"))
}

/// Writes the report.
pub fn run(args: &ReportArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let zone = here.timezone()?;
    let bounds = |when: Option<When>| when.and_then(|when| when.resolve(here.now, zone));
    let mut filter = Filter { run: None, since: bounds(args.since), until: bounds(args.until) };
    let ledger = here.ledger()?;
    if let (None, Some(prefix)) = (&ledger, &args.run) {
        return Err(Error::new(format!("there is no run `{prefix}`: nothing was recorded yet")));
    }
    let info = match &ledger {
        None => None,
        Some(ledger) if args.last => ledger.last_run()?,
        Some(ledger) => args.run.as_deref().map(|prefix| ledger.find_run(prefix)).transpose()?,
    };
    if (args.last || args.run.is_some()) && info.is_none() || ledger.is_none() {
        return nothing(
            args,
            out,
            here,
            Tally::new(&wanted(args), zone).finish((filter.since, filter.until), 0, stamp(None)),
        );
    }
    let Some(ledger) = ledger else { return Ok(Exit::Success) };
    filter.run = info.as_ref().map(|info| info.id.clone());
    if let (Some(info), true, ReportFormat::Table | ReportFormat::Markdown) = (&info, args.by.is_empty(), args.format) {
        let report = of_run(&ledger, info.clone(), here, zone)?;
        put_page(args, out, here, &report.page())?;
        return Ok(Exit::Success);
    }
    let mut tally = Tally::new(&wanted(args), zone);
    ledger.responses(&filter, |response| tally.add(&response))?;
    let skipped = ledger.skipped_lines(&filter)?;
    let mut summary = tally.finish((filter.since, filter.until), skipped, stamp(info.as_ref()));
    summary.run = info.map(|info| (info.id, info.outcome));
    match args.format {
        ReportFormat::Json => put(out, &json::to_text(&summary))?,
        ReportFormat::Csv => put(out, &csv::of_summary(&summary))?,
        ReportFormat::Table | ReportFormat::Markdown => put_page(args, out, here, &spend::page(&summary))?,
    }
    Ok(Exit::Success)
}

/// By agent and model, where nothing else is asked; of one run by thread, too.
fn wanted(args: &ReportArgs) -> Vec<By> {
    if !args.by.is_empty() {
        return args.by.clone();
    }
    if args.last || args.run.is_some() {
        return [Dimension::Agent, Dimension::Thread, Dimension::Model].map(By::Of).to_vec();
    }
    [Dimension::Project, Dimension::Agent, Dimension::Model].map(By::Of).to_vec()
}

fn put_page(args: &ReportArgs, out: &mut dyn Write, here: &Here<'_>, page: &Page) -> Result<()> {
    match args.format {
        ReportFormat::Markdown => put(out, &markdown::of_page(page, 2)),
        ReportFormat::Table | ReportFormat::Json | ReportFormat::Csv => put(out, &here.look.render(page)),
    }
}

/// A ledger that isn't there yet is no mistake; programs get a report of nothing.
fn nothing(args: &ReportArgs, out: &mut dyn Write, here: &Here<'_>, empty: Summary) -> Result<Exit> {
    match args.format {
        ReportFormat::Json => put(out, &json::to_text(&empty))?,
        ReportFormat::Csv => put(out, &csv::of_summary(&empty))?,
        ReportFormat::Table | ReportFormat::Markdown => put_page(args, out, here, &nothing_yet())?,
    }
    Ok(Exit::Success)
}

/// What verbs say where there is no ledger.
pub(super) fn nothing_yet() -> Page {
    let mut page = Page::of_notes(["Nothing was recorded yet. To begin, put govern before a command:"]);
    page.command("govern run -- codex exec \"fix the tests\"");
    page
}

/// The table that the costs of a run come from, or that of this govern.
pub(super) fn stamp(info: Option<&RunInfo>) -> PriceStamp {
    let version = info.map_or_else(|| PriceTable::embedded().version().to_owned(), |info| info.prices.clone());
    // The table's version is its date.
    PriceStamp { date: version.clone(), version }
}

/// A run as its end showed it, from what was recorded.
pub fn of_run(ledger: &Ledger, mut info: RunInfo, here: &Here<'_>, zone: chrono_tz::Tz) -> Result<RunReport> {
    let mut spend = RunTally::default();
    ledger.responses(&Filter { run: Some(info.id.clone()), ..Filter::default() }, |response| spend.add(&response))?;
    let threads = ledger.threads(&info.id)?;
    let events: Vec<Event> = ledger
        .events(&info.id)?
        .into_iter()
        .map(|entry| entry.event)
        .filter(|event| !matches!(event.kind, EventKind::Response(_)))
        .collect();
    if info.outcome.is_none() && !(here.alive)(info.process) {
        info.outcome = Some("lost".to_owned());
    }
    let goes_on = matches!(info.outcome.as_deref(), Some("stopped" | "killed" | "lost"));
    let handoff = match goes_on {
        true => Some(Handoff { files: None, next: resume::next(ledger, &info.id, None)? }),
        false => None,
    };
    let prices = stamp(Some(&info));
    Ok(RunReport::new(spend, RunParts { info, threads, events, budgets: Vec::new(), handoff, prices, zone }))
}
