//! `govern report`: what was spent, by whatever it is asked by.

mod changed;
mod html;
mod savings;

use std::io::Write;
use std::path::PathBuf;

use chrono_tz::Tz;

use super::format::{put, put_json, put_lines};
use super::reconciled::compared;
use super::results;
use super::results::pull_requests::Asker;
use super::when::When;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{Filter, Ledger, SliceQuery};
use crate::model::{Dimension, Timestamp};
use crate::policy::zone;
use crate::prepare::here::Here;
use crate::prepare::price_list;
use crate::prepare::run_report::{events_told, of_run, stamp};
use crate::report;
use crate::report::focus::Charges;
use crate::report::group_by::{BY_HINT, Pieces};
use crate::report::outputs::Outputs;
use crate::report::reconciled::ReconciledReport;
use crate::report::text::count;
use crate::report::timeline::told;
use crate::report::{By, Frame, Page, PriceStamp, Savings, Summary, Tally, csv, markdown, spend};
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
    /// A row for each: run, agent, thread, team, project, client, user, task, model, work, branch, source, day, week, month, label:KEY
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = by)]
    pub by: Vec<By>,
    /// Not before: a day, a month, a moment, or so long ago (2026-11-01, today, month, 30d)
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    pub since: Option<When>,
    /// Before: a day (not included), a month, a moment, or so long ago
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    pub until: Option<When>,
    /// Where days begin, such as Europe/Berlin; by default as the policy says, else UTC
    #[arg(long, value_name = "ZONE", value_parser = timezone)]
    pub timezone: Option<Tz>,
    /// What came of it, too: commits, lines that stand, what was merged, taken back or abandoned
    #[arg(long)]
    pub results: bool,
    /// With `--results`: ask GitHub for the pull requests of the commits, with GH_TOKEN or GITHUB_TOKEN where one is set
    #[arg(long, requires = "results")]
    pub pull_requests: bool,
    /// The file with the token for that, which only you may read
    #[arg(long, value_name = "FILE", requires = "pull_requests")]
    pub github_token_file: Option<PathBuf>,
    /// What govern's acts saved, too: a range for each, with its rule
    #[arg(long)]
    pub savings: bool,
    /// For whom: only what was spent for a client, a team or a project, without any other name; with `--format html`
    #[arg(long = "for", value_names = ["client|team|project", "NAME"], num_args = 2)]
    pub audience: Vec<String>,
    /// What OpenAI says was used, as `govern reconcile` wrote it down, beside what was observed
    #[arg(long, conflicts_with_all = ["by", "results"])]
    pub reconciled: bool,
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
    /// FOCUS 1.3 (FinOps) as CSV: a row for each day, model, kind of tokens and attribution.
    Focus,
    /// One file for a browser or a printer; of a run its story.
    Html,
}

fn by(word: &str) -> std::result::Result<By, String> {
    By::parse(word).map_err(|error| format!("{error}: {BY_HINT}"))
}

fn timezone(name: &str) -> std::result::Result<Tz, String> {
    zone::parse(name).map_err(|hint| format!("`{name}` is not a time zone: {hint}"))
}

/// Writes the report.
pub fn run(args: &ReportArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let zone = args.timezone.map_or_else(|| here.timezone(), Ok)?;
    let mut filter = asked(args, here, zone)?;
    html::audience(args)?;
    let ledger = here.ledger()?;
    if let (None, Some(prefix)) = (&ledger, &args.run) {
        return Err(Error::new(format!("there is no run `{prefix}`: nothing was recorded yet"))
            .hint("a first `govern run -- …`, or `govern import`, makes a ledger; `GOVERN_HOME` names its folder"));
    }
    let info = match &ledger {
        None => None,
        Some(ledger) if args.last => ledger.runs().last()?,
        Some(ledger) => args.run.as_deref().map(|prefix| ledger.runs().find(prefix)).transpose()?,
    };
    let of_a_run = args.last || args.run.is_some();
    let Some(ledger) = ledger.filter(|_| info.is_some() || !of_a_run) else {
        return nothing(args, out, here, &filter, zone);
    };
    filter.run = info.as_ref().map(|info| info.id.clone());
    if args.reconciled {
        return reconciled(args, &ledger, &filter, out, here);
    }
    if args.format == ReportFormat::Focus {
        return focus(&ledger, &filter, out, here, zone);
    }
    if args.format == ReportFormat::Html {
        match info {
            Some(info) => html::put_story(args, out, (&ledger, here, zone), info)?,
            None => html::put_whole(args, out, (&ledger, here, zone), &filter)?,
        }
        return Ok(Exit::Success);
    }
    let alone = args.by.is_empty() && !args.results && !args.savings;
    if let (Some(info), true, ReportFormat::Table | ReportFormat::Markdown) = (&info, alone, args.format) {
        let report = of_run(&ledger, info.clone(), here, zone)?;
        put_page(args, out, here, &report.page())?;
        return Ok(Exit::Success);
    }
    let mut summary = summed(&ledger, &filter, Tally::new(&wanted(args), zone), (stamp(info.as_ref()), here))?;
    summary.surprises = changed::surprising(&ledger, &filter, None, here)?;
    summary.decisions = match &info {
        Some(info) if args.format == ReportFormat::Json => told(&events_told(&ledger, &info.id, here)?),
        Some(_) | None => Vec::new(),
    };
    summary.run = info.map(|info| (info.id, info.outcome));
    if args.results {
        let github = args.pull_requests.then(|| Asker::new(args.github_token_file.as_deref(), here)).transpose()?;
        add_results(&mut summary, &ledger, &filter, (here, github.as_ref()))?;
    }
    if args.savings {
        summary.savings = Some(savings::savings(&ledger, &filter, (None, zone), here)?);
    }
    put_summary(args, out, here, &summary)?;
    Ok(Exit::Success)
}

/// The time that is asked for.
fn asked(args: &ReportArgs, here: &Here<'_>, zone: Tz) -> Result<Filter> {
    if args.format == ReportFormat::Focus && (!args.by.is_empty() || args.results) {
        let what = if args.results { "--results" } else { "--by" };
        return Err(Error::new(format!("`{what}` says nothing to `--format focus`"))
            .exit(Exit::Usage)
            .hint("leave it out: FOCUS has a row for each day, model, kind of tokens and attribution"));
    }
    if args.pull_requests && args.format == ReportFormat::Html {
        return Err(Error::new("`--pull-requests` is not written as HTML")
            .exit(Exit::Usage)
            .hint("leave it out, or ask with `--format json` or `markdown`"));
    }
    if let (true, ReportFormat::Csv | ReportFormat::Focus) = (args.savings, args.format) {
        return Err(Error::new("`--savings` says nothing to a table of rows that a program reads")
            .exit(Exit::Usage)
            .hint("write it with `--format json`: `savings` has each act there"));
    }
    if args.reconciled && matches!(args.format, ReportFormat::Csv | ReportFormat::Focus | ReportFormat::Html) {
        return Err(Error::new("`--reconciled` is written as a table, as JSON or as Markdown")
            .exit(Exit::Usage)
            .hint("`--format json` has all of it"));
    }
    let moment = |when: Option<When>| when.and_then(|when| when.resolve(here.now, zone));
    let (since, until) = (moment(args.since), moment(args.until));
    if since.zip(until).is_some_and(|(since, until)| since >= until) {
        return Err(Error::new("`--since` is not before `--until`: there is no time between them")
            .exit(Exit::Usage)
            .hint("the day of `--until` is not included: to see one day, write the day after it"));
    }
    Ok(Filter { run: None, since, until })
}

/// The summary of what the ledger has.
fn summed(
    ledger: &Ledger,
    filter: &Filter,
    mut tally: Tally,
    (prices, here): (PriceStamp, &Here<'_>),
) -> Result<Summary> {
    let starts = tally.pieces().map(Pieces::starts);
    let apart_by = |dimension: Dimension| tally.by().contains(&By::Of(dimension));
    let query = SliceQuery {
        run: filter.run.as_ref(),
        since: filter.since,
        until: filter.until,
        by_run: apart_by(Dimension::Run),
        by_thread: apart_by(Dimension::Thread),
        by_work: apart_by(Dimension::Work),
        piece: starts.as_ref().map(|starts| starts as &dyn Fn(Timestamp) -> Timestamp),
    };
    let mut inferred = false;
    ledger.sums().each_slice(&query, |slice| {
        inferred |= slice.sum.inferred > 0;
        tally.add(&slice);
    })?;
    ledger.runs().unobserved(filter, here.alive)?.iter().for_each(|unobserved| tally.leave_out(unobserved));
    if inferred {
        ledger.responses().estimates(filter, |response| tally.explain(&response))?;
    }
    Ok(tally.finish(Frame {
        since: filter.since,
        until: filter.until,
        span: ledger.sums().span(filter)?,
        skipped_lines: ledger.responses().skipped_lines(filter)?,
        prices,
    }))
}

/// What OpenAI told, beside what was observed.
fn reconciled(
    args: &ReportArgs,
    ledger: &Ledger,
    filter: &Filter,
    out: &mut dyn Write,
    here: &Here<'_>,
) -> Result<Exit> {
    let comparison = compared(ledger, filter)?;
    let report =
        ReconciledReport { since: filter.since, until: filter.until, comparison, ..ReconciledReport::default() };
    match args.format {
        ReportFormat::Json => put_json(out, &report)?,
        ReportFormat::Table | ReportFormat::Markdown | ReportFormat::Csv | ReportFormat::Focus | ReportFormat::Html => {
            put_page(args, out, here, &report.page())?;
        }
    }
    Ok(Exit::Success)
}

/// What came of each row. People are not ranked by it: their rows stand by name.
fn add_results(
    summary: &mut Summary,
    ledger: &Ledger,
    filter: &Filter,
    (here, github): (&Here<'_>, Option<&Asker>),
) -> Result<()> {
    if summary.by.contains(&By::Of(Dimension::User)) {
        summary.rows.sort_by(|one, other| one.key.cmp(&other.key));
    }
    let keys: Vec<Vec<Option<String>>> = summary.rows.iter().map(|row| row.key.clone()).collect();
    summary.results = Some(results::outputs(ledger, filter, (&summary.by, summary.zone, &keys), here, github)?);
    Ok(())
}

/// What was spent as a FOCUS dataset. Each response is read: it takes its time.
fn focus(ledger: &Ledger, filter: &Filter, out: &mut dyn Write, here: &Here<'_>, zone: Tz) -> Result<Exit> {
    let list = price_list::in_force(|name| here.variable(name))?;
    let own = list.with_overrides(&here.policy(None)?.policy.prices);
    let mut charges = Charges::new(&list, &own, zone);
    ledger.responses().each(filter, |response| charges.add(response))?;
    put(out, &charges.to_csv())?;
    if charges.unpriced() > 0 {
        let many = count(charges.unpriced(), "response has", "responses have");
        super::to_stderr(&format!("govern: {many} no price: `x_Price` is `unpriced`, and the cost there is 0\n"));
    }
    Ok(Exit::Success)
}

/// By agent and model, where nothing else is asked; of one run by thread, too.
fn wanted(args: &ReportArgs) -> Vec<By> {
    if !args.by.is_empty() {
        return args.by.clone();
    }
    if args.results {
        return match args.last || args.run.is_some() {
            true => vec![By::Of(Dimension::Agent)],
            false => [Dimension::Project, Dimension::Agent].map(By::Of).to_vec(),
        };
    }
    if args.last || args.run.is_some() {
        return [Dimension::Agent, Dimension::Thread, Dimension::Model].map(By::Of).to_vec();
    }
    [Dimension::Project, Dimension::Agent, Dimension::Model].map(By::Of).to_vec()
}

fn put_summary(args: &ReportArgs, out: &mut dyn Write, here: &Here<'_>, summary: &Summary) -> Result<()> {
    match args.format {
        ReportFormat::Json => put_json(out, summary),
        ReportFormat::Csv => put_lines(out, csv::of_summary(summary)),
        ReportFormat::Table | ReportFormat::Markdown | ReportFormat::Focus | ReportFormat::Html => {
            let mut page = match &summary.results {
                Some(outputs) => report::results::page(summary, outputs),
                None => spend::page(summary),
            };
            page.blocks.extend(summary.savings.iter().flat_map(|savings| savings.page().blocks));
            put_page(args, out, here, &page)
        }
    }
}

fn put_page(args: &ReportArgs, out: &mut dyn Write, here: &Here<'_>, page: &Page) -> Result<()> {
    match args.format {
        ReportFormat::Markdown => put(out, &markdown::of_page(page, 2)),
        ReportFormat::Html => put(out, &report::html::whole::told(page)),
        ReportFormat::Table | ReportFormat::Json | ReportFormat::Csv | ReportFormat::Focus => {
            put(out, &here.look.render(page))
        }
    }
}

/// A ledger that isn't there yet is no mistake; programs get a report of nothing.
fn nothing(args: &ReportArgs, out: &mut dyn Write, here: &Here<'_>, filter: &Filter, zone: Tz) -> Result<Exit> {
    match args.format {
        ReportFormat::Json if args.reconciled => {
            put_json(
                out,
                &ReconciledReport { since: filter.since, until: filter.until, ..ReconciledReport::default() },
            )?;
        }
        ReportFormat::Json | ReportFormat::Csv => {
            let frame =
                Frame { since: filter.since, until: filter.until, span: None, skipped_lines: 0, prices: stamp(None) };
            let mut summary = Tally::new(&wanted(args), zone).finish(frame);
            summary.results = args.results.then(Outputs::default);
            summary.savings = args.savings.then(|| Savings { rows: Vec::new(), zone });
            put_summary(args, out, here, &summary)?;
        }
        ReportFormat::Focus => {
            let list = PriceTable::embedded();
            put(out, &Charges::new(list, list, zone).to_csv())?;
        }
        ReportFormat::Table | ReportFormat::Markdown | ReportFormat::Html => {
            put_page(args, out, here, &nothing_yet())?;
        }
    }
    Ok(Exit::Success)
}

/// What verbs say where there is no ledger.
pub(super) fn nothing_yet() -> Page {
    let mut page = Page::of_notes(["Nothing was recorded yet. To begin, put govern before a command:"]);
    page.command("govern run -- codex exec \"fix the tests\"");
    page
}
