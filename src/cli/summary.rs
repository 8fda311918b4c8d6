//! Owns the end of a run on the screen: its table, JSON, and what CI takes.

use std::path::{Path, PathBuf};

use crate::clock;
use crate::decide::effect::Ending;
use crate::error::Result;
use crate::exit::Exit;
use crate::model::{RunId, Timestamp};
use crate::report::{AgentEnd, AgentResult, Handoff, RunReport, json, markdown};
use crate::supervise::{AgentOutcome, Outcome, changed_since};
use crate::ui::Look;

use super::{append, env, report, resume};

/// What is known before the run and needed after it.
pub(super) struct Parts {
    run: RunId,
    began: Timestamp,
    repository: Option<PathBuf>,
    zone: chrono_tz::Tz,
    kind: Kind,
}

/// What ended.
enum Kind {
    /// One command.
    Run,
    /// Several agents.
    Fleet,
}

impl Parts {
    pub(super) fn of(run: RunId, repository: Option<PathBuf>, zone: chrono_tz::Tz) -> Self {
        Self { run, began: clock::now(), repository, zone, kind: Kind::Run }
    }

    pub(super) fn of_fleet(run: RunId, zone: chrono_tz::Tz) -> Self {
        Self { run, began: clock::now(), repository: None, zone, kind: Kind::Fleet }
    }
}

/// Shows how the run ended. What can't be written is said, and changes no exit code.
pub(super) fn show(outcome: &Outcome, parts: &Parts, quiet: bool, file: Option<&Path>) -> Result<()> {
    let Some(report) = report_of(outcome, parts)? else { return Ok(()) };
    // A command that never asked a model has an error that says it all.
    let nothing = outcome.error.is_some() && report.totals.responses == 0;
    if !quiet && !nothing {
        let look = Look::stderr();
        super::to_stderr(&format!("\n{}", look.render(&report.page())));
    }
    if let Some(path) = file {
        say_if_lost(path, std::fs::write(path, json::to_text(&report)));
    }
    for_ci(&report);
    Ok(())
}

fn report_of(outcome: &Outcome, parts: &Parts) -> Result<Option<RunReport>> {
    let Some(ledger) = &outcome.ledger else { return Ok(None) };
    let here = super::here()?;
    let info = ledger.find_run(parts.run.as_str())?;
    let mut report = report::of_run(ledger, info, &here, parts.zone)?;
    report.budgets.clone_from(&outcome.budgets);
    if let Kind::Fleet = parts.kind {
        report.agents = outcome.agents.iter().map(agent_end).collect();
        // Some of its agents may be ended while the rest ends well: what is left can go on.
        let left = outcome.error.is_none() && outcome.agents.iter().any(|agent| agent.ending != Some(Ending::Itself));
        let next = || resume::next(ledger, &parts.run, outcome.extend.as_deref());
        report.handoff = if left { Some(Handoff { files: None, next: next()? }) } else { None };
    } else if outcome.ended {
        let changed = parts.repository.as_deref().map(|root| changed_since(root, parts.began));
        report.handoff = Some(Handoff {
            files: changed.flatten(),
            next: resume::next(ledger, &parts.run, outcome.extend.as_deref())?,
        });
    }
    Ok(Some(report))
}

fn agent_end(outcome: &AgentOutcome) -> AgentEnd {
    let AgentOutcome { agent, ending, exit, attempts, because, responses, cost, thread } = outcome.clone();
    let result = match ending {
        Some(Ending::Itself) => AgentResult::Done,
        Some(Ending::Failed) => AgentResult::Failed,
        Some(Ending::Stopped) => AgentResult::Stopped,
        Some(Ending::Killed) => AgentResult::Killed,
        Some(Ending::Skipped) => AgentResult::Skipped,
        None => AgentResult::Lost,
    };
    // What ended well has nothing to explain, whatever happened to it on the way.
    let because = Some(because).filter(|because| result != AgentResult::Done && !because.is_empty());
    let code = exit.filter(|_| attempts > 0).map(Exit::code);
    AgentEnd { agent, result, code, attempts, responses, cost, because, thread }
}

/// GitHub's job summary and step outputs, where a job set them.
fn for_ci(report: &RunReport) {
    if let Some(path) = env("GITHUB_STEP_SUMMARY").map(PathBuf::from) {
        let text = format!("{}\n", markdown::of_page(&report.page(), 3));
        say_if_lost(&path, append(&path, &text));
    }
    if let Some(path) = env("GITHUB_OUTPUT").map(PathBuf::from) {
        let cost = report.totals.known_cost().unwrap_or_default().to_decimal();
        let outcome = report.info.outcome.as_deref().unwrap_or("ended");
        let text =
            format!("run={}\noutcome={outcome}\ncost_usd={cost}\nresponses={}\n", report.id(), report.totals.responses);
        say_if_lost(&path, append(&path, &text));
    }
}

fn say_if_lost(path: &Path, written: std::io::Result<()>) {
    if let Err(error) = written {
        super::to_stderr(&format!("govern: `{}` cannot be written: {error}\n", path.display()));
    }
}
