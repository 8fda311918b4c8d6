//! Owns `govern budget`: where every budget stands.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use chrono_tz::Tz;

use super::format::{Format, put_as};
use super::here::Here;
use crate::decide::account::Account;
use crate::error::Result;
use crate::exit::Exit;
use crate::ledger::{Ledger, RunFilter, SumQuery};
use crate::model::event::EventKind;
use crate::model::{BudgetKey, Dimension, Event, RunInfo, Sum, Unit};
use crate::policy::rule::{Budget, Window};
use crate::report::{BudgetReport, BudgetStanding, json, told};

/// Where every budget stands: spent, reserved, left, and when it starts anew.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct BudgetArgs {
    /// Exit with 3 if any budget is used up
    #[arg(long)]
    pub check: bool,
    /// One more policy file
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Writes where the budgets stand.
pub fn run(args: &BudgetArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let policy = here.policy(args.policy.as_deref())?.policy;
    let ledger = here.ledger()?;
    let since = ledger.as_ref().map(Ledger::created).transpose()?;
    let mut counts = Counts { ledger: ledger.as_ref(), here, zone: policy.timezone, found: BTreeMap::new() };
    let mut rows = Vec::new();
    for (index, budget) in policy.budgets.iter().enumerate() {
        counts.count(index, budget)?;
        rows.extend(counts.standings()?);
    }
    let report = BudgetReport { rows, at: here.now, zone: policy.timezone, since };
    put_as(out, here.look, args.format, &report.page(), || json::to_text(&report))?;
    Ok(if args.check && report.any_over() { Exit::Over } else { Exit::Success })
}

/// Counts one budget at a time, by the same rules as the governor.
struct Counts<'a> {
    ledger: Option<&'a Ledger>,
    here: &'a Here<'a>,
    zone: Tz,
    found: BTreeMap<BudgetKey, Account>,
}

impl Counts<'_> {
    fn count(&mut self, index: usize, budget: &Budget) -> Result<()> {
        self.found.clear();
        // What stands there even if nothing was spent: everything together, and who has a limit of its own.
        if budget.only.is_empty() && !matches!(budget.window, Window::Life) {
            match budget.per.as_slice() {
                [] => self.add(index, budget, &[], &[], 0),
                [only] => {
                    for value in budget.limits.keys() {
                        self.add(index, budget, std::slice::from_ref(only), &[Some(value.clone())], 0);
                    }
                }
                _ => {}
            }
        }
        let Some(ledger) = self.ledger else { return Ok(()) };
        let mut dims = budget.per.clone();
        for (dimension, _) in &budget.only {
            if !dims.contains(dimension) {
                dims.push(dimension.clone());
            }
        }
        if matches!(budget.window, Window::Life) {
            for run in self.runs(ledger)? {
                self.count_run(ledger, index, budget, &dims, &run)?;
            }
            return Ok(());
        }
        let bounds = budget.window.bounds(self.here.now, self.zone);
        for (values, sum) in ledger.sums_by(&dims, bounds.start, bounds.end)? {
            // Time is not in sums; only a run's own clock tells it.
            self.add(index, budget, &dims, &values, sum.amount(budget.unit()).unwrap_or(0));
        }
        Ok(())
    }

    /// Runs that live, else the last one: older ones spend nothing any more.
    fn runs(&self, ledger: &Ledger) -> Result<Vec<RunInfo>> {
        let live = ledger.live_runs(self.here.alive)?;
        Ok(if live.is_empty() { ledger.runs(&RunFilter { limit: Some(1), ..RunFilter::default() })? } else { live })
    }

    fn count_run(
        &mut self,
        ledger: &Ledger,
        index: usize,
        budget: &Budget,
        dims: &[Dimension],
        run: &RunInfo,
    ) -> Result<()> {
        let query = SumQuery { dims, run: Some(&run.id), ..SumQuery::default() };
        let rows = ledger.sums(&query)?;
        let minutes = if budget.unit() == Unit::Minutes { active_millis(ledger, run, self.here)? } else { 0 };
        for row in &rows {
            let mut sum = row.sum;
            // A thread's count goes on over resumes.
            if dims == [Dimension::Thread] {
                let whole = ledger.sums(&SumQuery { dims, ..SumQuery::default() })?;
                sum = whole.into_iter().find(|other| other.values == row.values).map_or(sum, |other| other.sum);
            }
            self.add(index, budget, dims, &row.values, sum.amount(budget.unit()).unwrap_or(minutes));
        }
        if rows.is_empty() && dims == [Dimension::Run] {
            let spent = Sum::default().amount(budget.unit()).unwrap_or(minutes);
            self.add(index, budget, dims, &[Some(run.id.to_string())], spent);
        }
        Ok(())
    }

    fn add(&mut self, index: usize, budget: &Budget, dims: &[Dimension], values: &[Option<String>], spent: i64) {
        let value = |dimension: &Dimension| {
            let place = dims.iter().position(|known| known == dimension)?;
            values.get(place).cloned().flatten()
        };
        if let Some(account) = Account::place(index, budget, self.zone, self.here.now, value) {
            let account = self.found.entry(account.key.clone()).or_insert(account);
            account.spent = account.spent.saturating_add(spent);
        }
    }

    /// The standings of what was counted, the fullest first.
    fn standings(&self) -> Result<Vec<BudgetStanding>> {
        let mut standings = Vec::with_capacity(self.found.len());
        for (key, account) in &self.found {
            let (extended, reserved) = match self.ledger {
                None => (0, 0),
                Some(ledger) => (ledger.extended(key, self.here.now)?, ledger.reserved(key, self.here.alive)?),
            };
            standings.push(BudgetStanding {
                budget: key.budget.clone(),
                scope: key.scope.clone(),
                unit: key.unit,
                limit: account.base,
                extended,
                spent: account.spent,
                reserved,
                window_start: account.bounds.start,
                window_end: account.bounds.end,
                enforceable: true,
            });
        }
        standings.sort_by_key(|standing| (std::cmp::Reverse(standing.share()), standing.scope.clone()));
        Ok(standings)
    }
}

/// How long a run was active: holds are not counted.
fn active_millis(ledger: &Ledger, run: &RunInfo, here: &Here<'_>) -> Result<i64> {
    let events: Vec<Event> = ledger
        .events(&run.id)?
        .into_iter()
        .map(|entry| entry.event)
        .filter(|event| !matches!(event.kind, EventKind::Response(_)))
        .collect();
    let held: i64 = told::told(&events)
        .iter()
        .filter_map(|told| told.held)
        .map(|held| i64::try_from(held.as_millis()).unwrap_or(i64::MAX))
        .fold(0, i64::saturating_add);
    let all = (run.ended.unwrap_or(here.now) - run.started).num_milliseconds();
    Ok(all.saturating_sub(held).max(0))
}
