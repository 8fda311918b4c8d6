//! What savings are made of: the chains of the runs in which govern did something, and what like runs took.

use std::collections::{HashMap, HashSet};

use chrono_tz::Tz;

use crate::compare::{ActedRun, Intervention, Saved, saved};
use crate::error::Result;
use crate::ledger::families::families;
use crate::ledger::runs_with_actions::acted;
use crate::ledger::{Filter, Ledger, RunFilter};
use crate::model::{Event, Family, ModelId, RunId, ServiceTier, Timestamp, Tokens};
use crate::prepare::here::Here;
use crate::report::Savings;

/// What govern's acts of a time saved, the newest first; only of these runs, where some are named.
pub(super) fn savings(
    ledger: &Ledger,
    filter: &Filter,
    (only, zone): (Option<&HashSet<RunId>>, Tz),
    here: &Here<'_>,
) -> Result<Savings> {
    let mut acted = acted(ledger, filter)?;
    acted.retain(|run| only.is_none_or(|only| only.contains(run)));
    if acted.is_empty() {
        return Ok(Savings { rows: Vec::new(), zone });
    }
    let prices = here.prices_to_compare()?;
    let quote = |model: &ModelId, tier: &ServiceTier, at: Timestamp, tokens: &Tokens| {
        prices.quote(model, tier, at, tokens).cost
    };
    let families = families(ledger, None)?;
    let cut_short = cut_short(ledger)?;
    let is_whole = |family: &&Family| family.run.as_ref().is_none_or(|run| !cut_short.contains(run));
    let whole: Vec<&Family> = families.iter().filter(is_whole).collect();
    let mut by_run: HashMap<&RunId, Vec<&Family>> = HashMap::new();
    for family in &families {
        if let Some(run) = &family.run {
            by_run.entry(run).or_default().push(family);
        }
    }
    let started: HashMap<RunId, Timestamp> =
        ledger.runs().list(&RunFilter::default())?.into_iter().map(|run| (run.id, run.started)).collect();
    // A thread that went on outside of its run was only put off.
    let went_on = |run: &RunId, own: &[&Family]| {
        let later = |other: &RunId| started.get(other).zip(started.get(run)).is_some_and(|(other, own)| other > own);
        let of_later_run = |family: &&Family| family.run.as_ref().is_none_or(later);
        let goes_on = |family: &Family| own.iter().any(|one| one.root == family.root);
        families.iter().filter(|family| family.run.as_ref() != Some(run)).filter(of_later_run).any(goes_on)
    };
    let mut rows: Vec<Saved> = Vec::new();
    for run in &acted {
        let events: Vec<Event> = ledger.runs().events(run)?.into_iter().map(|entry| entry.event).collect();
        let own = by_run.get(run).map(Vec::as_slice).unwrap_or_default();
        let others: Vec<&Family> = whole.iter().copied().filter(|family| family.run.as_ref() != Some(run)).collect();
        let mut found = saved(&ActedRun { run, events: &events, own, others: &others }, &quote);
        if went_on(run, own) {
            found.retain(|row| row.act != Intervention::Stop);
        }
        rows.extend(found);
    }
    let Filter { since, until, .. } = filter;
    rows.retain(|row| since.is_none_or(|since| since <= row.at) && until.is_none_or(|until| row.at < until));
    rows.sort_by(|one, other| (other.at, &one.run, one.act).cmp(&(one.at, &other.run, other.act)));
    Ok(Savings { rows, zone })
}

/// Runs that did not come to their own end: what they took says nothing of what like ones go on to take.
fn cut_short(ledger: &Ledger) -> Result<HashSet<RunId>> {
    let runs = ledger.runs().list(&RunFilter::default())?;
    Ok(runs.into_iter().filter(|run| run.outcome.as_deref() != Some("ended")).map(|run| run.id).collect())
}
