//! A run as its end shows it, from what was recorded.

use std::path::{Path, PathBuf};

use chrono_tz::Tz;

use super::here::Here;
use super::next::next;
use crate::error::Result;
use crate::ledger::{Filter, Ledger};
use crate::model::event::{Decision, EventKind};
use crate::model::{AgentName, Event, ModelId, RunId, RunInfo, ThreadInfo, Verb};
use crate::report::{Handoff, PriceStamp, ResumableSession, RunParts, RunReport, RunTally};
use crate::tail::locate;
use crate::usage::price::PriceTable;

/// The table that the costs of a run come from, or that of this govern.
pub(crate) fn stamp(info: Option<&RunInfo>) -> PriceStamp {
    let version = info.map_or_else(|| PriceTable::embedded().version().to_owned(), |info| info.prices.clone());
    // The table's version is its date.
    PriceStamp { date: version.clone(), version }
}

/// What is told of a run: all but its responses, save for those that show that a route has come off; and what its govern
/// left under way, if that was killed.
pub(crate) fn events_told(ledger: &Ledger, run: &RunId, here: &Here<'_>) -> Result<Vec<Event>> {
    let mut routes: Vec<(Option<AgentName>, ModelId)> = Vec::new();
    let mut shows = |event: &Event| match &event.kind {
        EventKind::Decided(Decision { verb: Verb::Route, to: Some(model), .. }) => {
            routes.push((event.agent.clone(), model.clone()));
            true
        }
        EventKind::Response(response) => {
            let waits = routes.len();
            routes.retain(|(agent, model)| *agent != event.agent || response.model.as_ref() != Some(model));
            routes.len() < waits
        }
        _ => true,
    };
    let recorded = ledger.runs().events(run)?.into_iter().map(|entry| entry.event).filter(|event| shows(event));
    Ok(recorded.chain(ledger.runs().cut_off(Some(run), here.alive)?).collect())
}

/// A run as its end showed it, from what was recorded.
pub(crate) fn of_run(ledger: &Ledger, mut info: RunInfo, here: &Here<'_>, zone: Tz) -> Result<RunReport> {
    let mut spend = RunTally::default();
    ledger
        .responses()
        .each(&Filter { run: Some(info.id.clone()), ..Filter::default() }, |response| spend.add(&response))?;
    let threads = ledger.runs().threads(&info.id)?;
    let events = events_told(ledger, &info.id, here)?;
    if info.outcome.is_none() && !ledger.runs().lives(&info, here.alive) {
        info.outcome = Some("lost".to_owned());
    }
    let goes_on = match info.outcome.as_deref() {
        Some("stopped" | "killed" | "lost") => true,
        // One that was refused when it was to go on.
        Some("refused") => events.iter().any(|event| matches!(event.kind, EventKind::RunResumed { .. })),
        _ => false,
    };
    let handoff = match goes_on {
        true => Some(Handoff { files: None, next: next(ledger, &info, here)? }),
        false => None,
    };
    let (prices, session) = (stamp(Some(&info)), session(&threads, here));
    Ok(RunReport::new(spend, RunParts { info, threads, events, budgets: Vec::new(), handoff, session, prices, zone }))
}

/// The session of these threads, where they are of one, and its file is there: Codex can go on with it.
fn session(threads: &[ThreadInfo], here: &Here<'_>) -> Option<ResumableSession> {
    let mut roots = threads.iter().filter(|thread| thread.thread == thread.root);
    let only = roots.next().filter(|_| roots.next().is_none())?;
    let path = Path::new(&only.path);
    let home = locate::home_of(path).filter(|_| path.is_file())?;
    let is_own =
        |own: PathBuf| own.canonicalize().ok().is_some_and(|own| home.canonicalize().is_ok_and(|it| it == own));
    let is_own = locate::codex_home(|name| here.variable(name)).is_some_and(is_own);
    let home = home.to_str().filter(|_| !is_own).map(str::to_owned);
    Some(ResumableSession { thread: only.thread.clone(), home })
}
