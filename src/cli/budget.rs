//! `govern budget`: where every budget stands, and where it is heading.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use chrono_tz::Tz;

use super::format::{Format, put_as};
use crate::decide::account::Account;
use crate::error::Result;
use crate::exit::Exit;
use crate::ledger::{CallQuery, CallsBy, Filter, Ledger, RunFilter, SumQuery, SumsBy, grants};
use crate::model::{
    BudgetKey, Dimension, Event, Grant, LimitTold, RunInfo, ThreadId, Timestamp, Unit, Unobserved, active_time,
};
use crate::policy::rule::{Approvals, Budget, PlanBudget, Policy, Window};
use crate::policy::window::Bounds;
use crate::prepare::here::Here;
use crate::prepare::kept::flag_policy;
use crate::process;
use crate::report::forecast::{Forecast, RECENT, Stretch, goes_by_recent};
use crate::report::{BudgetReport, BudgetRow, BudgetStanding, OtherTime, Outlook, PlanStanding, json};
use crate::standalone;
use crate::supervise::spawn_standings;
use crate::tail::locate::codex_home;
use crate::tail::plan_limits::last_limits;

/// Where every budget stands: spent, reserved, left, when it starts anew, and what will be spent by then.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct BudgetArgs {
    /// Exit with 3 if any budget is used up, or (forecast) will be before its window ends
    #[arg(long, value_enum, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "spent")]
    pub check: Option<Check>,
    /// One more policy file
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What `--check` fails for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Check {
    /// A budget that is used up
    Spent,
    /// That, or one that will be before its window ends
    Forecast,
}

/// Writes where the budgets stand.
pub fn run(args: &BudgetArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let policy = here.policy(args.policy.as_deref())?.policy;
    let report = report(here.ledger()?.as_ref(), &policy, here)?;
    put_as(out, here.look, args.format, &report.page(), || json::to_text(&report))?;
    let fails = match args.check {
        None => false,
        Some(Check::Spent) => report.any_over(),
        Some(Check::Forecast) => report.any_over() || report.any_crosses(),
    };
    Ok(if fails { Exit::Over } else { Exit::Success })
}

/// Where the budgets of this policy stand, and those that live runs were given by flags.
pub(super) fn report(ledger: Option<&Ledger>, policy: &Policy, here: &Here<'_>) -> Result<BudgetReport> {
    let since = ledger.map(first_moment).transpose()?;
    let rows = standings(ledger, policy, since, here)?.into_iter().map(|standing| standing.row).collect();
    let mut sub_agents = Vec::new();
    if let Some(ledger) = ledger {
        for run in runs(ledger, here)? {
            sub_agents.extend(spawn_standings(ledger, policy, &run)?);
        }
        for run in ledger.runs().live(here.alive)? {
            let flags = flag_policy(ledger, &run.id)?;
            sub_agents
                .extend(flags.map(|flags| spawn_standings(ledger, &flags, &run)).transpose()?.unwrap_or_default());
        }
    }
    let waiting =
        policy.budgets.iter().filter_map(|budget| of_another_time(budget, here.now, policy.timezone)).collect();
    let told = limits_told(policy, here);
    let plans = plans(policy, &told, here.now);
    let others = told.into_iter().filter(|told| told.other.is_some()).collect();
    Ok(BudgetReport { rows, at: here.now, zone: policy.timezone, since, waiting, plans, sub_agents, others })
}

/// Where a budget stands, for one thing that it is counted per.
pub(super) struct Stands {
    pub(super) budget: Arc<Budget>,
    /// What it is counted per.
    pub(super) of: Vec<(Dimension, Option<String>)>,
    pub(super) row: BudgetRow,
}

/// Where every budget of the policy stands, and those that live runs were given by flags. `since`: the first moment that
/// the ledger knows of.
pub(super) fn standings(
    ledger: Option<&Ledger>,
    policy: &Policy,
    since: Option<Timestamp>,
    here: &Here<'_>,
) -> Result<Vec<Stands>> {
    let unobserved = ledger.map(|ledger| ledger.runs().unobserved(&Filter::default(), here.alive)).transpose()?;
    let mut counts = Counts {
        ledger,
        here,
        zone: policy.timezone,
        since,
        sums: HashMap::new(),
        found: BTreeMap::new(),
        unobserved: Rc::new(unobserved.unwrap_or_default()),
        approvals: &policy.approvals,
        grants: ledger.map(grants::grants).transpose()?.unwrap_or_default(),
    };
    let mut rows = Vec::new();
    for budget in &policy.budgets {
        counts.count(budget)?;
        rows.extend(counts.rows(budget)?);
    }
    for run in ledger.map(|ledger| ledger.runs().live(here.alive)).transpose()?.unwrap_or_default() {
        let Some(ledger) = ledger else { continue };
        let Some(flags) = flag_policy(ledger, &run.id)? else { continue };
        for budget in &flags.budgets {
            counts.found.clear();
            counts.count_run(ledger, budget, &budget.scope.per, &run)?;
            rows.extend(counts.rows(budget)?);
        }
    }
    Ok(rows)
}

/// Runs that live, else the last one: older ones spend nothing any more.
fn runs(ledger: &Ledger, here: &Here<'_>) -> Result<Vec<RunInfo>> {
    let live = ledger.runs().live(here.alive)?;
    Ok(if live.is_empty() { ledger.runs().list(&RunFilter { limit: Some(1), ..RunFilter::default() })? } else { live })
}

/// What is last known of the account's limits, where a budget is over a plan; nothing where Codex wrote none, or that
/// cannot be read.
fn limits_told(policy: &Policy, here: &Here<'_>) -> Vec<LimitTold> {
    if policy.plan_budgets.is_empty() {
        return Vec::new();
    }
    let home = codex_home(|name| here.variable(name));
    home.and_then(|home| last_limits(&home).ok()).unwrap_or_default()
}

/// Where the budgets over a plan stand: by the plan's own limit alone.
fn plans(policy: &Policy, told: &[LimitTold], at: Timestamp) -> Vec<PlanStanding> {
    let last = |budget: &PlanBudget| {
        let own = |told: &&LimitTold| told.other.is_none() && told.window.length == budget.limit.window;
        told.iter().find(own).map(|told| (told.window, told.at))
    };
    let standing =
        |budget: &PlanBudget| PlanStanding { budget: budget.name.clone(), limit: budget.limit, last: last(budget), at };
    policy.plan_budgets.iter().map(standing).collect()
}

fn of_another_time(budget: &Budget, now: Timestamp, zone: Tz) -> Option<OtherTime> {
    let bounds = budget.window.bounds(now, zone);
    let Bounds { start, end } = bounds;
    (!bounds.contains(now)).then(|| OtherTime { budget: budget.name.clone(), start, end })
}

/// The first moment that is known of: that of the ledger's making, or of history that is older.
pub(super) fn first_moment(ledger: &Ledger) -> Result<Timestamp> {
    let created = ledger.created()?;
    Ok(ledger.sums().span(&Filter::default())?.map_or(created, |(first, _)| first.min(created)))
}

/// Counts one budget at a time, by the same rules as the governor.
struct Counts<'a> {
    ledger: Option<&'a Ledger>,
    here: &'a Here<'a>,
    zone: Tz,
    /// The ledger knows of nothing that was before.
    since: Option<Timestamp>,
    /// Budgets over the same things in the same time share what the ledger said.
    sums: HashMap<(Vec<Dimension>, Bounds), Rc<SumsBy>>,
    found: BTreeMap<BudgetKey, Found>,
    /// What could not be seen.
    unobserved: Rc<Vec<Unobserved>>,
    /// Who may grant, and how much.
    approvals: &'a Approvals,
    grants: Vec<Grant>,
}

/// What is found of one thing.
struct Found {
    account: Account,
    /// What it is counted per.
    of: Vec<(Dimension, Option<String>)>,
    /// Part, or all, of what was spent could not be seen.
    unobserved: bool,
    /// What was spent lately, where that tells where the window is heading.
    lately: i64,
}

impl Counts<'_> {
    fn count(&mut self, budget: &Arc<Budget>) -> Result<()> {
        self.found.clear();
        // What stands there even if nothing was spent: everything together, and who has a limit of its own.
        if budget.scope.only.is_empty() && !matches!(budget.window, Window::Life) {
            match budget.scope.per.as_slice() {
                [] => self.add(budget, &[], &[], 0),
                [only] => {
                    for value in budget.limits.keys().filter_map(|key| key.parts().next().flatten()) {
                        self.add(budget, std::slice::from_ref(only), &[Some(value.to_owned())], 0);
                    }
                }
                _ => {}
            }
        }
        let Some(ledger) = self.ledger else { return Ok(()) };
        let mut dims = budget.scope.per.clone();
        for dimension in budget.scope.only.dimensions() {
            if !dims.contains(dimension) {
                dims.push(dimension.clone());
            }
        }
        if matches!(budget.window, Window::Life) {
            for run in runs(ledger, self.here)? {
                self.count_run(ledger, budget, &dims, &run)?;
            }
            return Ok(());
        }
        let bounds = budget.window.bounds(self.here.now, self.zone);
        self.leave_out(budget, &dims, |one| bounds.contains(one.at));
        for (values, spent) in self.spent(ledger, budget, &dims, bounds)? {
            self.add(budget, &dims, &values, spent);
        }
        if self.goes_by_lately(bounds.start, bounds.end) {
            let lately = Bounds { start: Some(self.lately()), end: Some(self.here.now) };
            for (values, spent) in self.spent(ledger, budget, &dims, lately)? {
                self.add_lately(budget, &dims, &values, spent);
            }
        }
        Ok(())
    }

    fn spent(&mut self, ledger: &Ledger, budget: &Budget, dims: &[Dimension], bounds: Bounds) -> Result<CallsBy> {
        if budget.unit() == Unit::ToolCalls {
            let (since, until) = (bounds.start, bounds.end);
            return Ok(ledger.sums().calls(&CallQuery { dims, since, until, ..CallQuery::default() })?);
        }
        let sums = self.sums(ledger, dims, bounds)?;
        // Time is not in sums; only a run's own clock tells it.
        Ok(sums.iter().map(|(values, sum)| (values.clone(), sum.amount(budget.unit()).unwrap_or(0))).collect())
    }

    fn sums(&mut self, ledger: &Ledger, dims: &[Dimension], bounds: Bounds) -> Result<Rc<SumsBy>> {
        let key = (dims.to_vec(), bounds);
        if let Some(known) = self.sums.get(&key) {
            return Ok(Rc::clone(known));
        }
        let sums = Rc::new(ledger.sums().by(dims, bounds.start, bounds.end)?);
        self.sums.insert(key, Rc::clone(&sums));
        Ok(sums)
    }

    /// Since when a mean is made, of windows that are younger.
    fn lately(&self) -> Timestamp {
        self.here.now - RECENT
    }

    fn count_run(&mut self, ledger: &Ledger, budget: &Arc<Budget>, dims: &[Dimension], run: &RunInfo) -> Result<()> {
        self.leave_out(budget, dims, |one| one.run == run.id);
        if budget.unit() == Unit::ToolCalls {
            return self.count_run_calls(ledger, budget, dims, run);
        }
        let query = SumQuery { dims, run: Some(&run.id), ..SumQuery::default() };
        let rows = ledger.sums().rows(&query)?;
        if budget.unit() == Unit::Minutes {
            return self.count_run_time(ledger, budget, dims, run);
        }
        for row in &rows {
            let mut sum = row.sum;
            // A thread's count goes on over resumes.
            if let ([Dimension::Thread], [Some(thread)]) = (dims, row.values.as_slice()) {
                let thread = ThreadId::from(thread.as_str());
                let whole = ledger.sums().rows(&SumQuery { dims, thread: Some(&thread), ..SumQuery::default() })?;
                sum = whole.into_iter().next().map_or(sum, |whole| whole.sum);
            }
            self.add(budget, dims, &row.values, sum.amount(budget.unit()).unwrap_or(0));
        }
        if rows.is_empty() && dims == [Dimension::Run] {
            self.add(budget, dims, &[Some(run.id.to_string())], 0);
        }
        Ok(())
    }

    /// Time of a run, of its agents together or of each: holds are not counted.
    fn count_run_time(
        &mut self,
        ledger: &Ledger,
        budget: &Arc<Budget>,
        dims: &[Dimension],
        run: &RunInfo,
    ) -> Result<()> {
        let events: Vec<Event> = ledger.runs().events(&run.id)?.into_iter().map(|entry| entry.event).collect();
        let live = run.ended.is_none() && ledger.runs().lives(run, self.here.alive);
        let last = events.last().map_or(run.started, |event| event.at);
        let until = if live { self.here.now } else { last };
        let real = if live { process::age(run.process) } else { None };
        let active = match standalone::active(ledger, &run.id)? {
            Some(told_by_hooks) => told_by_hooks,
            None => active_time::active(&events, until, real),
        };
        let mut sums: BTreeMap<Vec<Option<String>>, i64> = BTreeMap::new();
        if dims == [Dimension::Run] {
            sums.insert(vec![Some(run.id.to_string())], 0);
        }
        for (agent, active) in active {
            let value = |dimension: &Dimension| match dimension {
                Dimension::Run => Some(run.id.to_string()),
                Dimension::Agent => Some(agent.to_string()),
                other => run.attribution.get(other).map(str::to_owned),
            };
            let sum = sums.entry(dims.iter().map(value).collect()).or_default();
            *sum = sum.saturating_add(i64::try_from(active.as_millis()).unwrap_or(i64::MAX));
        }
        for (values, sum) in sums {
            self.add(budget, dims, &values, sum);
        }
        Ok(())
    }

    fn count_run_calls(
        &mut self,
        ledger: &Ledger,
        budget: &Arc<Budget>,
        dims: &[Dimension],
        run: &RunInfo,
    ) -> Result<()> {
        if dims == [Dimension::Run] {
            self.add(budget, dims, &[Some(run.id.to_string())], 0);
        }
        for (values, calls) in
            ledger.sums().calls(&CallQuery { dims, run: Some(run.id.as_str()), ..CallQuery::default() })?
        {
            // A thread's count goes on over resumes.
            let whole = match (dims, values.as_slice()) {
                ([Dimension::Thread], [Some(thread)]) => {
                    ledger.sums().calls(&CallQuery { dims, thread: Some(thread), ..CallQuery::default() })?
                }
                _ => Vec::new(),
            };
            self.add(budget, dims, &values, whole.first().map_or(calls, |(_, calls)| *calls));
        }
        Ok(())
    }

    fn place(&self, budget: &Arc<Budget>, dims: &[Dimension], values: &[Option<String>]) -> Option<Account> {
        let value = |dimension: &Dimension| {
            let place = dims.iter().position(|known| known == dimension)?;
            values.get(place).cloned().flatten()
        };
        Account::place(budget, self.zone, self.here.now, value)
    }

    fn add(&mut self, budget: &Arc<Budget>, dims: &[Dimension], values: &[Option<String>], spent: i64) {
        if let Some(account) = self.place(budget, dims, values) {
            let value = |wanted: &Dimension| {
                let place = dims.iter().position(|known| known == wanted);
                place.and_then(|place| values.get(place).cloned().flatten())
            };
            let found = self.found.entry(account.key.clone()).or_insert_with(|| {
                let of = budget.scope.per.iter().map(|dimension| (dimension.clone(), value(dimension))).collect();
                Found { account, of, unobserved: false, lately: 0 }
            });
            found.account.spent = found.account.spent.saturating_add(spent);
        }
    }

    /// What was spent lately tells where a window with these ends is heading.
    fn goes_by_lately(&self, start: Option<Timestamp>, end: Option<Timestamp>) -> bool {
        start.zip(end).is_some_and(|(start, end)| start > self.lately() || goes_by_recent(end - start))
    }

    /// Marks what part of the spend of an agent could not be seen of; it stands there even if nothing else was spent.
    fn leave_out(&mut self, budget: &Arc<Budget>, dims: &[Dimension], counts: impl Fn(&Unobserved) -> bool) {
        for one in Rc::clone(&self.unobserved).iter().filter(|one| counts(one)) {
            let values: Vec<Option<String>> =
                dims.iter().map(|dimension| one.get(dimension).map(str::to_owned)).collect();
            self.add(budget, dims, &values, 0);
            let place = self.place(budget, dims, &values);
            if let Some(found) = place.and_then(|account| self.found.get_mut(&account.key)) {
                found.unobserved = true;
            }
        }
    }

    /// What was spent lately foretells only for what is shown anyway.
    fn add_lately(&mut self, budget: &Arc<Budget>, dims: &[Dimension], values: &[Option<String>], spent: i64) {
        let place = self.place(budget, dims, values);
        if let Some(found) = place.and_then(|account| self.found.get_mut(&account.key)) {
            found.lately = found.lately.saturating_add(spent);
        }
    }

    /// What was counted and where it is heading, the fullest first.
    fn rows(&self, budget: &Arc<Budget>) -> Result<Vec<Stands>> {
        let mut rows = Vec::with_capacity(self.found.len());
        for (key, Found { account, of, unobserved, lately }) in &self.found {
            let (extended, reserved) = match self.ledger {
                None => (0, 0),
                Some(ledger) => {
                    (ledger.budgets().extended(key, self.here.now)?, ledger.budgets().reserved(key, self.here.alive)?)
                }
            };
            let granted = self.approvals.granted(&self.grants, key, self.here.now);
            let standing = BudgetStanding {
                budget: key.budget.clone(),
                scope: key.scope.clone(),
                unit: key.unit,
                limit: account.base,
                extended,
                granted: granted.amount,
                spent: account.spent,
                reserved,
                window_start: account.bounds.start,
                window_end: account.bounds.end,
                earlier_known: true,
                unobserved: *unobserved && key.unit != Unit::Minutes,
            };
            let outlook = self.outlook(budget, &standing, *lately);
            let holds = |grant: &&Grant| grant.holds(self.here.now) && grant.lifts(key);
            let grants = self.grants.iter().filter(holds).cloned().collect();
            let row = BudgetRow { standing, outlook, grants };
            rows.push(Stands { budget: Arc::clone(budget), of: of.clone(), row });
        }
        rows.sort_by_key(|Stands { row, .. }| (std::cmp::Reverse(row.standing.share()), row.standing.scope.clone()));
        Ok(rows)
    }

    fn outlook(&self, budget: &Budget, standing: &BudgetStanding, lately: i64) -> Outlook {
        match (&budget.window, standing.window_start, self.since) {
            (Window::Rolling(_), _, _) => Outlook { pace: None, forecast: Forecast::Steady },
            (_, Some(start), Some(first)) => {
                let (since, spent) = match self.goes_by_lately(Some(start), standing.window_end) {
                    true => (self.lately(), lately),
                    false => (start, standing.spent),
                };
                Outlook::of(standing, Stretch { since: since.max(first), spent }, self.here.now)
            }
            (_, _, _) => Outlook::default(),
        }
    }
}
