//! `govern approvals`: what waits for an answer, or for `govern continue`.

use std::io::Write;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::format::{Format, put_as};
use crate::error::Result;
use crate::exit::Exit;
use crate::ledger::{Ledger, SliceQuery};
use crate::model::{ApprovalState, Braked, MayAnswer, RunId, RunInfo};
use crate::prepare::here::Here;
use crate::prepare::kept::approvers;
use crate::report::approvals::AskedRow;
use crate::report::{ApprovalReport, Totals, json};

/// What waits for an answer.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ApprovalsArgs {
    /// Answered, expired and withdrawn ones too
    #[arg(long)]
    pub all: bool,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Writes the questions.
pub fn run(args: &ApprovalsArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let report = report(here.ledger()?.as_ref(), args.all, here.timezone()?, here)?;
    put_as(out, here.look, args.format, &report.page(), || json::to_text(&report))?;
    Ok(Exit::Success)
}

/// What waits; with `all` what was ever asked.
pub(super) fn report(ledger: Option<&Ledger>, all: bool, zone: Tz, here: &Here<'_>) -> Result<ApprovalReport> {
    let (rows, paused) = match ledger {
        Some(ledger) => (asked(ledger, !all, here)?, paused(ledger, &ledger.runs().live(here.alive)?)?),
        None => (Vec::new(), Vec::new()),
    };
    Ok(ApprovalReport { rows, paused, at: here.now, zone, all })
}

/// Questions, and what their agents had spent when they were asked; until now where they wait.
fn asked(ledger: &Ledger, only_pending: bool, here: &Here<'_>) -> Result<Vec<AskedRow>> {
    let mut rows = Vec::new();
    let live: Vec<RunId> = ledger.runs().live(here.alive)?.into_iter().map(|run| run.id).collect();
    for approval in ledger.questions().standing(only_pending, here.alive)? {
        // A question is put as soon as the response before it is known: often within its millisecond, which is in.
        let asked = approval.asked.checked_add_signed(TimeDelta::milliseconds(1)).unwrap_or(approval.asked);
        let until = (approval.state != ApprovalState::Pending).then_some(asked);
        let slices = ledger.sums().slices(&SliceQuery { run: Some(&approval.run), until, ..SliceQuery::default() })?;
        let mut spent = Totals::default();
        slices.iter().filter(|slice| slice.agent.as_ref() == Some(&approval.agent)).for_each(|s| spent.add_slice(s));
        let may = match &approval.may {
            Some(may) => may.clone(),
            None => MayAnswer::named(approvers(ledger, &approval.run)?),
        };
        let mut others = if until.is_none() { ledger.questions().waiting_for(approval.id)? } else { Vec::new() };
        others.retain(|run| *run != approval.run && live.contains(run));
        rows.push(AskedRow { approval, spent, may, others });
    }
    Ok(rows)
}

/// Which of these runs are paused.
pub(super) fn paused(ledger: &Ledger, runs: &[RunInfo]) -> Result<Vec<(RunId, Braked)>> {
    let mut paused = Vec::new();
    for run in runs {
        paused.extend(ledger.runs().pause_of(&run.id)?.map(|braked| (run.id.clone(), braked)));
    }
    Ok(paused)
}
