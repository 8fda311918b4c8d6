//! The gathering of what can be seen of an account: from the ledger, from each live run, from the policy.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::cli::{approvals, budget, status};
use crate::error::Result;
use crate::ledger::{Filter, Ledger, Moment, SliceQuery, trail};
use crate::model::{Event, Timestamp};
use crate::policy::rule::{Calendar, Window};
use crate::prepare::here::Here;
use crate::report::Overview;
use crate::report::action::Action;
use crate::report::overview::agent::{AgentKey, AgentLook, SPEND_OVER};
use crate::report::overview::spent::Spent;
use crate::report::summary::Totals;
use crate::report::timeline::told;

/// So many entries of a run's chain are looked through for one agent: what came before is the audit's to tell.
const ENTRIES: u32 = 400;

/// So many actions are shown of it.
const ACTIONS: usize = 100;

/// All of it, at the time of `here`. Where the policy has a mistake budgets are missing, and it is told.
pub(in crate::cli) fn gather(here: &Here<'_>, policy: Option<&Path>) -> Result<Overview> {
    let ledger = here.ledger()?;
    let policy = here.policy(policy);
    let zone = policy.as_ref().map_or_else(|_| here.timezone().unwrap_or(Tz::UTC), |policy| policy.policy.timezone);
    let spent = |calendar| spent(ledger.as_ref(), Window::Calendar(calendar).bounds(here.now, zone).start);
    // Runs are asked before: one that does not answer is waited for.
    let status = status::look(here, here.now)?;
    let _moment = ledger.as_ref().map(Moment::of).transpose()?;
    Ok(Overview {
        at: here.now,
        zone,
        status,
        waiting: approvals::report(ledger.as_ref(), false, zone, here)?,
        budgets: match policy {
            Ok(loaded) => Ok(budget::report(ledger.as_ref(), &loaded.policy, here)?),
            Err(mistake) => Err(mistake.to_string()),
        },
        today: spent(Calendar::Day)?,
        month: spent(Calendar::Month)?,
    })
}

fn spent(ledger: Option<&Ledger>, since: Option<Timestamp>) -> Result<Spent> {
    let query = SliceQuery { since, ..SliceQuery::default() };
    let slices = ledger.map(|ledger| ledger.sums().slices(&query)).transpose()?.unwrap_or_default();
    Ok(Spent::of(since, &slices))
}

/// An agent more closely; of one that the ledger has nothing of yet there is nothing.
pub(in crate::cli) fn agent(here: &Here<'_>, key: &AgentKey) -> Result<AgentLook> {
    let Some(ledger) = here.ledger()? else { return Ok(AgentLook::default()) };
    let is_own = |event: &Event| event.agent.as_ref() == Some(&key.agent);
    let mut sums: BTreeMap<String, Totals> = BTreeMap::new();
    let by_thread = SliceQuery { run: Some(&key.run), by_thread: true, ..SliceQuery::default() };
    for slice in ledger.sums().slices(&by_thread)? {
        if let Some(thread) = &slice.thread {
            sums.entry(thread.to_string()).or_default().add_slice(&slice);
        }
    }
    let threads =
        ledger.runs().threads(&key.run)?.into_iter().filter(|thread| thread.agent.as_ref() == Some(&key.agent));
    let threads = threads.map(|info| (sums.remove(info.thread.as_str()).unwrap_or_default(), info));
    let threads = threads.map(|(totals, info)| (info, totals)).collect();
    let steps = trail::last(&ledger, &key.run, ENTRIES)?;
    let own = || steps.iter().filter(|step| is_own(&step.event));
    let actions = own().take(ACTIONS).map(|step| Action::of(&step.event, step.seq, &step.kind())).collect();
    let events: Vec<Event> = own().rev().map(|step| step.event.clone()).collect();
    let mut told = told(&events);
    told.reverse();
    let mut spend = Vec::new();
    let over = TimeDelta::from_std(SPEND_OVER).unwrap_or_default();
    let since = here.now.checked_sub_signed(over);
    ledger.responses().each(&Filter { run: Some(key.run.clone()), since, ..Filter::default() }, |response| {
        if response.agent.as_ref() == Some(&key.agent) {
            spend.push((response.at, response.cost.money().unwrap_or_default()));
        }
    })?;
    Ok(AgentLook { threads, actions, told, spend })
}
