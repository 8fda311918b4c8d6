//! The end of a run on the screen: its table, JSON, and what CI takes.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::here::{env, here};
use super::next::next;
use super::run_report::of_run;
use crate::clock;
use crate::error::Result;
use crate::exit::Exit;
use crate::model::event::AgentResult;
use crate::model::{Money, RunId, Timestamp};
use crate::process;
use crate::report::{AgentEnd, Handoff, RunReport, json, markdown};
use crate::supervise::{Outcome, changed_since};
use crate::ui::{Layout, to_stderr};

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
        let look = Layout::stderr();
        to_stderr(&format!("\n{}", look.render(&report.page())));
    }
    // Whoever wants to hear nothing still must hear why the command did not come to its own end.
    if quiet && outcome.exit == Exit::Ended {
        to_stderr(&format!("{}\n", report.last_word()));
    }
    if let Some(path) = file {
        say_if_lost(path, process::write_whole(path, &json::to_text(&report)));
    }
    for_ci(&report);
    Ok(())
}

fn report_of(outcome: &Outcome, parts: &Parts) -> Result<Option<RunReport>> {
    let Some(ledger) = &outcome.ledger else { return Ok(None) };
    let here = here()?;
    let info = ledger.runs().find(parts.run.as_str())?;
    let mut report = of_run(ledger, info, &here, parts.zone)?;
    report.stands(&outcome.budgets);
    report.sub_agents.clone_from(&outcome.sub_agents);
    if let Kind::Fleet = parts.kind {
        // Some of its agents may be ended while the rest ends well: what is left can go on.
        let done = |agent: &AgentEnd| agent.result == Some(AgentResult::Done);
        let left = outcome.error.is_none() && !report.fleet.agents.iter().all(done);
        report.handoff =
            if left { Some(Handoff { files: None, next: next(ledger, &report.info, &here)? }) } else { None };
    } else if outcome.ended {
        let changed = parts.repository.as_deref().map(|root| changed_since(root, parts.began));
        report.handoff = Some(Handoff { files: changed.flatten(), next: next(ledger, &report.info, &here)? });
    }
    Ok(Some(report))
}

/// GitHub's job summary and step outputs, where a job set them.
fn for_ci(report: &RunReport) {
    if let Some(path) = env("GITHUB_STEP_SUMMARY").map(PathBuf::from) {
        let text = format!("{}\n", markdown::of_page(&report.page(), 3));
        say_if_lost(&path, append(&path, &text));
    }
    if let Some(path) = env("GITHUB_OUTPUT").map(PathBuf::from) {
        // What is not known is empty: a job that compares it must not take it for nothing.
        let cost = report.totals.known_cost().map(Money::to_decimal).unwrap_or_default();
        let outcome = report.info.outcome.as_deref().unwrap_or("ended");
        let (run, responses, unobserved) = (report.id(), report.totals.responses, report.totals.unobserved);
        let text =
            format!("run={run}\noutcome={outcome}\ncost_usd={cost}\nresponses={responses}\nunobserved={unobserved}\n");
        say_if_lost(&path, append(&path, &text));
    }
}

fn say_if_lost(path: &Path, written: std::io::Result<()>) {
    if let Err(error) = written {
        to_stderr(&format!("govern: `{}` cannot be written: {error}\n", path.display()));
    }
}

/// Adds a text to a file that CI named in a variable. It begins on a line of its own, whatever was written there before.
fn append(path: &Path, text: &str) -> std::io::Result<()> {
    let lead = if ends_within_a_line(path) { "\n" } else { "" };
    // An agent may have put a pipe there.
    let mut file = process::open_to_append(path)?;
    file.write_all(format!("{lead}{text}").as_bytes())
}

/// Says whether a regular file's last line lacks its end. A file that cannot be read is taken to be complete: writing to
/// it then says what is wrong.
fn ends_within_a_line(path: &Path) -> bool {
    let last = || {
        let length = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?.len();
        let mut file = std::fs::File::open(path).ok()?;
        file.seek(SeekFrom::Start(length.checked_sub(1)?)).ok()?;
        let mut byte = [0];
        file.read_exact(&mut byte).ok()?;
        Some(byte)
    };
    last().is_some_and(|byte| byte != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes a pipe")]
    fn what_is_added_begins_on_a_line_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output.txt");
        for (before, after) in [("", "run=1\n"), ("a=b\n", "a=b\nrun=1\n"), ("a=b", "a=b\nrun=1\n")] {
            std::fs::write(&path, before).unwrap();
            append(&path, "run=1\n").unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after, "{before:?}");
        }
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        append(&pipe, "nobody reads it\n").unwrap_err();
        let fresh = folder.path().join("fresh.txt");
        append(&fresh, "run=1\n").unwrap();
        assert_eq!(std::fs::read_to_string(&fresh).unwrap(), "run=1\n");
    }
}
