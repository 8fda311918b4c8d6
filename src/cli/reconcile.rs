//! `govern reconcile`: what OpenAI says was used, asked for and written beside what was observed.

mod codex;
mod costs;

use std::io::Write;
use std::path::PathBuf;

use super::format::{Format, put_as};
use super::key_file;
use super::reconciled::compared;
use super::report::nothing_yet;
use super::when::When;
use crate::bill::named;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::reconciled::{self as corrections, Observed};
use crate::ledger::{Filter, Ledger};
use crate::model::reconciled::BillBasis;
use crate::model::{BillSource, BillSubject, Billing, ObservedPart, Reconciled, ToldPart};
use crate::policy::reconcile::is_project;
use crate::policy::rule::Policy;
use crate::prepare::here::Here;
use crate::report::json;
use crate::report::reconciled::{ReconciledReport, SourceAsked};
use crate::usage::price::PriceTable;

/// Ask OpenAI what was used, and write it beside what was observed: of threads by the Codex in PATH and its login, of API keys by
/// the organisation's costs. Nothing that was recorded is changed
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ReconcileArgs {
    /// Not before: a day, a month, a moment, or so long ago [default: 30d]
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    pub since: Option<When>,
    /// Ask one of them alone [default: both]
    #[arg(long, value_enum)]
    pub only: Option<Only>,
    /// The file with the organisation's admin key, which only you may read [default: as `[reconcile]` of the policy says]
    #[arg(long, value_name = "FILE")]
    pub admin_key: Option<PathBuf>,
    /// Costs of this project alone, such as `proj_abc`; may be repeated
    #[arg(long, value_name = "ID", value_parser = project)]
    pub project: Vec<String>,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// One of those that can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Only {
    /// The Codex in PATH, by thread.
    Codex,
    /// The costs of an organisation, by day of UTC.
    Costs,
}

fn project(text: &str) -> std::result::Result<String, String> {
    is_project(text).then(|| text.to_owned()).ok_or_else(|| "a project's id is like `proj_abc`".to_owned())
}

/// What one source told.
#[derive(Default)]
struct Told {
    /// How many threads or days it was asked about.
    asked: u64,
    /// Those that it told of.
    parts: Vec<(BillSubject, Observed, Vec<ToldPart>)>,
    /// What it did not tell, and why.
    problems: Vec<String>,
}

/// Asks, writes it down, and shows both sides.
pub fn run(args: &ReconcileArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let hint = "do it in a terminal that no agent started";
    super::for_no_agent("an agent cannot ask what OpenAI charges", hint).map_err(|no| no.exit(Exit::Refused))?;
    let since = args.since.unwrap_or(When::Ago(std::time::Duration::from_hours(30 * 24)));
    let since = since.resolve(here.now, here.timezone()?);
    let filter = Filter { since, ..Filter::default() };
    let Some(ledger) = here.ledger()? else {
        let nothing = ReconciledReport { since, ..ReconciledReport::default() };
        put_as(out, here.look, args.format, &nothing_yet(), || json::to_text(&nothing))?;
        return Ok(Exit::Success);
    };
    let policy = here.policy(None)?.policy;
    let prices = here.prices(&policy)?;
    let mut told: Vec<(BillSource, Told)> = Vec::new();
    if args.only != Some(Only::Costs) {
        told.push((BillSource::Codex, codex::ask(&ledger, &filter, &prices, here)?));
    }
    if args.only != Some(Only::Codex) {
        told.push((BillSource::Costs, of_costs(args, &ledger, &filter, (&policy, &prices), here)?));
    }
    drop(ledger);
    let report = write_down(told, &filter, &prices, here)?;
    put_as(out, here.look, args.format, &report.page(), || json::to_text(&report))?;
    let asked: u64 = report.asked.iter().map(|one| one.asked).sum();
    let heard: u64 = report.asked.iter().map(|one| one.told).sum();
    Ok(if asked > 0 && heard == 0 { Exit::Failed } else { Exit::Success })
}

/// The organisation's costs, where there is a key to ask for them with.
fn of_costs(
    args: &ReconcileArgs,
    ledger: &Ledger,
    filter: &Filter,
    (policy, prices): (&Policy, &PriceTable),
    here: &Here<'_>,
) -> Result<Told> {
    let rule = &policy.reconcile;
    let file = args.admin_key.as_ref().map(|file| here.cwd.join(file)).or_else(|| rule.admin_key.clone());
    let days = costs::Days::of(filter.since, here.now);
    let Some(file) = file else {
        let hint = "`--admin-key FILE` names one, or `[reconcile] admin_key` of your own policy";
        if args.only == Some(Only::Costs) {
            return Err(Error::new("no admin key is known, and only one opens an organisation's costs").hint(hint));
        }
        let observed = corrections::days(ledger, days.since, days.until)?;
        let what = format!("what API keys were charged is not compared: no admin key is known ({hint})");
        return Ok(Told { problems: if observed.is_empty() { Vec::new() } else { vec![what] }, ..Told::default() });
    };
    let key = key_file::read(&file, "admin key")?;
    let projects = if args.project.is_empty() { rule.projects.clone() } else { args.project.clone() };
    let observed = corrections::days(ledger, days.since, days.until)?;
    costs::ask(&costs::CostsQuery { key: &key, api: rule.api.as_ref(), projects, days }, observed, prices, here)
}

fn write_down(
    told: Vec<(BillSource, Told)>,
    filter: &Filter,
    prices: &PriceTable,
    here: &Here<'_>,
) -> Result<ReconciledReport> {
    let by = format!("{} (cli)", crate::prepare::identity::whoami());
    let mut ledger = Ledger::open_existing(&here.state_folder()?)?;
    let mut report = ReconciledReport { since: filter.since, ..ReconciledReport::default() };
    for (source, told) in told {
        let all: Vec<Reconciled> = told
            .parts
            .into_iter()
            .map(|(of, observed, told)| {
                let observed = by_name(observed, prices);
                Reconciled { of, basis: BillBasis::Reconciled, observed, told }
            })
            .collect();
        let new = corrections::record(&mut ledger, here.now, &by, &all)?;
        if told.asked > 0 {
            report.asked.push(SourceAsked { source, asked: told.asked, told: all.len() as u64, new });
        }
        report.problems.extend(told.problems);
    }
    report.comparison = compared(&ledger, filter)?;
    Ok(report)
}

/// Under the names of the price list, as what is told is; in an order of its own, so that the same is the same.
fn by_name(observed: Observed, prices: &PriceTable) -> Observed {
    let mut named_parts: Observed = Vec::new();
    for part in observed {
        let model = part.model.as_ref().map(|model| named(model.as_str(), prices));
        match named_parts.iter_mut().find(|other| other.model == model && other.tier == part.tier) {
            Some(other) => {
                other.responses = other.responses.saturating_add(part.responses);
                other.unpriced = other.unpriced.saturating_add(part.unpriced);
                other.cost += part.cost;
            }
            None => named_parts.push(ObservedPart { model, ..part }),
        }
    }
    named_parts.sort_by(|one, other| (&one.model, &one.tier).cmp(&(&other.model, &other.tier)));
    named_parts
}

/// Codex's account may know what was spent on a plan; what API keys spent stands in the costs, and what is of this machine
/// nowhere.
fn is_for_codex(billing: &[Billing]) -> bool {
    billing.iter().any(|billing| matches!(billing, Billing::Plan | Billing::Unknown))
}
