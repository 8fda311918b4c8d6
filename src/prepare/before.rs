//! What the ledger tells before a run begins: how it went on before, what like runs asked for first, and
//! whether earlier spend is known.

use std::collections::{BTreeMap, VecDeque};

use crate::decide::Before;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{Filter, Ledger};
use crate::model::event::EventKind;
use crate::model::{AgentName, Attribution, Dimension, Event, Repriced, RunId, active_time};
use crate::policy::rule::{FreshLedger, Policy, Window};
use crate::report::text::count;

/// So many of a run's last responses are read.
const RECENT: usize = 32;

/// What is known of a run's agents: from its own life before, where it `goes_on`, and from earlier runs.
pub(super) fn before<'a>(
    ledger: &Ledger,
    run: &RunId,
    goes_on: bool,
    agents: impl Iterator<Item = (&'a AgentName, &'a Attribution)>,
) -> Result<Before> {
    let mut before = if goes_on { of_its_own(ledger, run)? } else { Before::default() };
    for (name, attribution) in agents {
        let firsts = ledger.responses().first_answers(name, attribution.project.as_deref(), run)?;
        before.firsts.insert(name.clone(), firsts);
    }
    Ok(before)
}

/// What a run that goes on did before.
fn of_its_own(ledger: &Ledger, run: &RunId) -> Result<Before> {
    let mut last = VecDeque::new();
    ledger.responses().each(&Filter { run: Some(run.clone()), ..Filter::default() }, |response| {
        if last.len() == RECENT {
            last.pop_front();
        }
        last.push_back(response);
    })?;
    let events: Vec<Event> = ledger.runs().events(run)?.into_iter().map(|entry| entry.event).collect();
    // A run that was killed with its govern was active until the last that is known of it, as far as can be told.
    let active = events.last().map(|last| active_time::active(&events, last.at, None)).unwrap_or_default();
    Ok(Before { responses: last.into(), active, firsts: BTreeMap::new(), unanswered: unanswered(&events) })
}

/// Questions to the governor model that came to nothing: what was served of them is on no record.
fn unanswered(events: &[Event]) -> u32 {
    let (mut asked, mut lost) = (Vec::new(), 0_u32);
    for event in events {
        match &event.kind {
            EventKind::Requested { request, what, .. } if what.starts_with("ask ") => asked.push(*request),
            EventKind::Outcome { request, ok, .. } if asked.contains(request) => {
                asked.retain(|known| known != request);
                lost = lost.saturating_add(u32::from(!ok));
            }
            // Numbers begin anew in each life.
            EventKind::RunResumed { .. } => {
                lost = lost.saturating_add(u32::try_from(asked.len()).unwrap_or(u32::MAX));
                asked.clear();
            }
            _ => {}
        }
    }
    lost.saturating_add(u32::try_from(asked.len()).unwrap_or(u32::MAX))
}

/// What is said where earlier responses got a price at the start: budgets of a day or a month count it.
pub(super) fn priced_late(late: Repriced) -> String {
    let responses = count(late.responses, "response", "responses");
    format!("{responses} recorded without a price before: priced now, {} in all", late.cost)
}

/// What is said where budgets are wider than the run and the ledger is not.
pub(super) fn earlier_spend_unknown(fresh: &[String]) -> String {
    format!("this ledger begins with this run, so that earlier spend is unknown to: {}", quoted(fresh))
}

/// Budgets wider than the run that a ledger without a past counts from here on only, and the refusal if the policy
/// wants one.
pub(crate) fn fresh_budgets(policy: &Policy, ledger: &Ledger, run: &RunId) -> Result<(Vec<String>, Option<Error>)> {
    let wide: Vec<String> = policy
        .budgets
        .iter()
        .filter(|budget| budget.window != Window::Life || budget.scope.per == [Dimension::Thread])
        .map(|budget| budget.name.to_string())
        .collect();
    if wide.is_empty() || !ledger.born_in(run)? {
        return Ok((Vec::new(), None));
    }
    let refusal = (policy.fresh_ledger == FreshLedger::Refuse && !policy.observe).then(|| {
        let names = quoted(&wide);
        Error::new(format!(
            "refused to start: this ledger begins with this run, so that earlier spend is unknown to: {names}"
        ))
        .exit(Exit::Refused)
        .hint("keep `$GOVERN_HOME` between jobs (a cache will do), or set `[ledger] fresh = \"warn\"`")
    });
    Ok((wide, refusal))
}

/// A budget's name may have a comma of its own.
fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
