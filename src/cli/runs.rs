//! `govern runs`: the runs of this ledger as a list.

use std::collections::HashMap;
use std::io::Write;

use chrono_tz::Tz;

use super::format::{Format, put_as};
use super::report::nothing_yet;
use super::resumes;
use super::when::When;
use crate::error::Result;
use crate::exit::Exit;
use crate::ledger::{Filter, Ledger, RunFilter, SliceQuery};
use crate::model::RunId;
use crate::prepare::here::Here;
use crate::report::run_list::{ListedRun, RunList};
use crate::report::{Totals, json};

/// Runs, the newest first: when, what, how it ended, what it cost.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct RunsArgs {
    /// Started then or later, or still open: a day, a month, a moment, or so long ago (2026-11-01, today, month, 30d)
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    pub since: Option<When>,
    /// Started before: a day (not included), a month, a moment, or so long ago
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    pub until: Option<When>,
    /// At most so many [default: 20, where no time is given]
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// How many are shown where nobody says.
const SHOWN: u32 = 20;

/// Writes them.
pub fn run(args: &RunsArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let zone = here.timezone()?;
    let at = |when: Option<When>| when.and_then(|when| when.resolve(here.now, zone));
    let (since, until) = (at(args.since), at(args.until));
    let timed = since.is_some() || until.is_some() || args.all;
    let limit = args.limit.or((!timed).then_some(SHOWN));
    let Some(ledger) = here.ledger()? else {
        let nothing = RunList { rows: Vec::new(), resumes: Vec::new(), more: false, at: here.now, zone };
        put_as(out, here.look, args.format, &nothing_yet(), || json::to_text(&nothing))?;
        return Ok(Exit::Success);
    };
    let list = list(&ledger, RunFilter { since, until, limit }, zone, here)?;
    put_as(out, here.look, args.format, &list.page(), || json::to_text(&list))?;
    Ok(Exit::Success)
}

/// Those of a time, the newest first, and what each spent.
pub(super) fn list(ledger: &Ledger, wanted: RunFilter, zone: Tz, here: &Here<'_>) -> Result<RunList> {
    // One more than is shown says whether there are more.
    let limit = wanted.limit.map(|limit| limit.saturating_add(1));
    let mut infos = ledger.runs().list(&RunFilter { limit, ..wanted })?;
    let shown = wanted.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let more = infos.len() > shown;
    infos.truncate(shown);
    let mut totals = spent(ledger, &infos.iter().map(|info| &info.id).collect::<Vec<_>>())?;
    for unobserved in ledger.runs().unobserved(&Filter::default(), here.alive)? {
        totals.entry(unobserved.run).or_default().unobserved = true;
    }
    let rows = infos.into_iter().map(|info| ListedRun {
        alive: info.outcome.is_none() && ledger.runs().lives(&info, here.alive),
        totals: totals.remove(&info.id).unwrap_or_default(),
        info,
    });
    Ok(RunList { rows: rows.collect(), resumes: resumes::listed(here)?, more, at: here.now, zone })
}

/// What each of these spent.
fn spent(ledger: &Ledger, runs: &[&RunId]) -> Result<HashMap<RunId, Totals>> {
    let mut totals: HashMap<RunId, Totals> = HashMap::new();
    for run in runs {
        let total = totals.entry((*run).clone()).or_default();
        ledger
            .sums()
            .each_slice(&SliceQuery { run: Some(run), ..SliceQuery::default() }, |slice| total.add_slice(&slice))?;
    }
    Ok(totals)
}
