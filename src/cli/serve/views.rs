//! The looks that the page takes: at the ledger, at what runs, at the policy that applies here.

use chrono_tz::Tz;

use super::questions;
use crate::cli::{here, overview, runs};
use crate::error::Result;
use crate::ledger::{Ledger, LedgerError, RunFilter};
use crate::model::Identity;
use crate::prepare::run_report::of_run;
use crate::report::RunReport;
use crate::report::html::front::Front;
use crate::report::run_list::RunList;
use crate::serve::page::Views;

/// So many runs are listed.
const RUNS: u32 = 20;

/// All that the page shows.
pub(super) fn views() -> Views {
    Views { front, run, health, question: questions::question, person, answer: questions::answer }
}

fn front() -> Result<Front> {
    let here = here()?;
    let overview = overview::gather(&here, None)?;
    let (at, zone) = (here.now, overview.zone);
    let runs = match here.ledger()? {
        Some(ledger) => {
            let last = RunFilter { limit: Some(RUNS), ..RunFilter::default() };
            // How a command line shows more is nothing to a page.
            RunList { more: false, ..runs::list(&ledger, last, zone, &here)? }
        }
        None => RunList { rows: Vec::new(), resumes: Vec::new(), more: false, at, zone },
    };
    Ok(Front { overview, runs, answers: false })
}

fn run(prefix: &str) -> Result<Option<RunReport>> {
    let here = here()?;
    let Some(ledger) = here.ledger()? else { return Ok(None) };
    let info = match ledger.runs().find(prefix) {
        Ok(info) => info,
        Err(LedgerError::NoSuchRun { .. } | LedgerError::Ambiguous { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // A policy with a mistake keeps nobody from looking.
    let zone = here.timezone().unwrap_or(Tz::UTC);
    of_run(&ledger, info, &here, zone).map(Some)
}

/// As the policy is now: who is taken out of it is nobody at once.
fn person(identity: &Identity) -> Result<Option<String>> {
    let approvals = super::own_policy(&here()?)?.approvals;
    Ok(approvals.person(identity).map(|person| person.name.clone()))
}

fn health() -> Result<()> {
    Ok(Ledger::open_read_only(&here()?.state_folder()?).map(drop)?)
}
