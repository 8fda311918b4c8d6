//! Owns the gathering of what can be seen of an account: from the ledger, from each live run, from the policy.

use std::path::Path;

use chrono_tz::Tz;

use crate::cli::here::Here;
use crate::cli::{approvals, budget, status};
use crate::error::Result;
use crate::ledger::{Ledger, SliceQuery};
use crate::model::Timestamp;
use crate::policy::rule::{Calendar, Window};
use crate::report::Overview;
use crate::report::overview::Spent;

/// All of it, at the time of `here`. Where the policy has a mistake budgets are missing, and it is told.
pub(in crate::cli) fn gather(here: &Here<'_>, policy: Option<&Path>) -> Result<Overview> {
    let ledger = here.ledger()?;
    let policy = here.policy(policy);
    let zone = policy.as_ref().map_or_else(|_| here.timezone().unwrap_or(Tz::UTC), |policy| policy.policy.timezone);
    let spent = |calendar| spent(ledger.as_ref(), Window::Calendar(calendar).bounds(here.now, zone).start);
    Ok(Overview {
        at: here.now,
        zone,
        status: status::look(here, here.now)?,
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
    let slices = ledger.map(|ledger| ledger.slices(&query)).transpose()?.unwrap_or_default();
    Ok(Spent::of(since, &slices))
}
