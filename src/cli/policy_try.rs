//! `govern policy try`: what a policy would have done with the ledger's history.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::format::{Format, put_as};
use super::report::nothing_yet;
use super::when::When;
use crate::codex::Invocation;
use crate::decide::replay::{Outline, PastRun, Replay, Reply, born};
use crate::error::Result;
use crate::exit::Exit;
use crate::ledger::{Filter, Ledger, RunFilter, SumQuery};
use crate::model::trial::Trial;
use crate::model::{AgentName, Billing, Dimension, RunId, RunInfo, ThreadId, Timestamp, Unit};
use crate::policy::rule::{Policy, Window};
use crate::prepare::here::Here;
use crate::report::trial::Unreplayed;
use crate::report::{TrialReport, json};
use crate::usage::price::PriceTable;

/// A policy and the history that it is tried on.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct TryArgs {
    /// This file alone; without one, what applies here
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Runs that began then or later: a day, a moment, or so long ago (2026-11-01, 30d)
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    pub since: Option<When>,
    /// History before: a day (not included), a moment, or so long ago
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    pub until: Option<When>,
    /// What a question gets for an answer
    #[arg(long, value_enum, default_value_t)]
    pub answer: Said,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What a question gets for an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Said {
    /// None in time: the step's `else`
    #[default]
    Else,
    /// A plain yes: the limit is lifted by what is offered
    Approve,
}

/// A stretch of history: `[since, until)`.
#[derive(Clone, Copy)]
struct Span {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// Tries a policy that has no mistakes.
pub(super) fn run(args: &TryArgs, policy: Policy, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let zone = policy.timezone;
    let bounds = |when: Option<When>| when.and_then(|when| when.resolve(here.now, zone));
    let span = Span { since: bounds(args.since), until: bounds(args.until) };
    let name = args.file.as_ref().and_then(|file| file.file_name());
    let mut report = TrialReport {
        trial: Trial::default(),
        policy: name
            .map_or_else(|| "the policy that applies here".to_owned(), |name| name.to_string_lossy().into_owned()),
        since: span.since,
        until: span.until,
        zone,
        approves: args.answer == Said::Approve,
        attributes: !policy.attribute.is_empty(),
        unreplayed: unreplayed(&policy),
        plan: false,
    };
    let Some(ledger) = here.ledger()? else {
        put_as(out, here.look, args.format, &nothing_yet(), || json::to_text(&report))?;
        return Ok(Exit::Success);
    };
    let reply = if report.approves { Reply::Approve } else { Reply::Nobody };
    let prices = here.prices(&policy)?;
    (report.trial, report.plan) = tried(&ledger, policy, prices, reply, span)?;
    put_as(out, here.look, args.format, &report.page(), || json::to_text(&report))?;
    Ok(Exit::Success)
}

/// What of the policy history cannot be asked about.
fn unreplayed(policy: &Policy) -> Vec<Unreplayed> {
    let throttles = || policy.budgets.iter().flat_map(|budget| &budget.steps).any(|step| step.to.is_some());
    let rules = [
        (Unreplayed::Gates, !policy.gates.is_empty()),
        (Unreplayed::ToolCalls, policy.budgets.iter().any(|budget| budget.unit() == Unit::ToolCalls)),
        (Unreplayed::SubAgents, !policy.spawn_limits.is_empty()),
        (Unreplayed::Throttles, throttles()),
        (Unreplayed::Alerts, !policy.alerts.is_empty()),
    ];
    rules.into_iter().filter(|(_, has)| *has).map(|(rule, _)| rule).collect()
}

/// Says also whether any of it was used on a ChatGPT plan.
fn tried(ledger: &Ledger, policy: Policy, prices: PriceTable, reply: Reply, span: Span) -> Result<(Trial, bool)> {
    let outline = outline(ledger, span)?;
    let resumed = resumed(&outline, span);
    let policy = Arc::new(policy);
    let mut replay = Replay::new(Arc::clone(&policy), prices, reply, outline, span.since);
    if let Some(since) = span.since {
        open(ledger, &policy, since, &resumed, &mut replay)?;
    }
    let filter = Filter { run: None, since: span.since, until: span.until };
    let mut plan = false;
    ledger.responses().each(&filter, |response| {
        plan |= response.billing == Billing::Plan;
        replay.answered(response);
    })?;
    Ok((replay.finish(), plan))
}

/// Who is to answer how often, and what is known of the runs that began in this time.
fn outline(ledger: &Ledger, Span { since, until }: Span) -> Result<Outline> {
    const DIMS: [Dimension; 3] = [Dimension::Run, Dimension::Agent, Dimension::Thread];
    let mut outline = Outline::default();
    for row in ledger.sums().rows(&SumQuery { dims: &DIMS, since, until, ..SumQuery::default() })? {
        let [run, agent, Some(thread)] = row.values.as_slice() else { continue };
        let (run, agent) = (run.as_deref().map(RunId::from), agent.as_deref().map(AgentName::from));
        outline.add(run, agent, ThreadId::from(thread.as_str()), row.sum.responses);
    }
    for run in ledger.runs().list(&RunFilter { since, until, limit: None })? {
        if since.is_none_or(|since| since <= run.started) {
            outline.add_run(run.id.clone(), known(run));
        }
    }
    Ok(outline)
}

fn known(run: RunInfo) -> PastRun {
    let command: Vec<OsString> = run.command.iter().map(OsString::from).collect();
    let restartable = Invocation::parse(&command).is_some_and(|invocation| invocation.is_restartable());
    let cut = run.outcome.filter(|outcome| matches!(outcome.as_str(), "stopped" | "killed" | "refused"));
    PastRun { started: run.started, attribution: run.attribution, restartable, cut }
}

/// Older threads that runs of this time went on with.
fn resumed(outline: &Outline, span: Span) -> Vec<ThreadId> {
    let older = |thread: &ThreadId| born(thread).is_some_and(|born| span.since.is_some_and(|since| born < since));
    let governed = outline.threads().filter(|(run, thread)| run.is_some() && older(thread));
    governed.map(|(_, thread)| thread.clone()).collect()
}

/// What budgets had when the time began.
fn open(ledger: &Ledger, policy: &Policy, since: Timestamp, resumed: &[ThreadId], replay: &mut Replay) -> Result<()> {
    let mut longest = Duration::ZERO;
    for (index, budget) in policy.budgets.iter().enumerate() {
        let dims: Vec<Dimension> = budget.scope.dimensions().cloned().collect();
        match budget.window {
            Window::Rolling(length) => longest = longest.max(length),
            Window::Life if dims.contains(&Dimension::Thread) => {
                for thread in resumed {
                    let query =
                        SumQuery { dims: &dims, thread: Some(thread), until: Some(since), ..SumQuery::default() };
                    for row in ledger.sums().rows(&query)? {
                        replay.open(index, &dims, row.values, &row.sum, since);
                    }
                }
            }
            Window::Life => {}
            Window::Calendar(_) | Window::Between(..) | Window::Total => {
                let bounds = budget.window.bounds(since, policy.timezone);
                for (values, sum) in ledger.sums().by(&dims, bounds.start, Some(since))? {
                    replay.open(index, &dims, values, &sum, since);
                }
            }
        }
    }
    let from = TimeDelta::from_std(longest).ok().and_then(|longest| since.checked_sub_signed(longest));
    if longest > Duration::ZERO {
        let filter = Filter { run: None, since: from, until: Some(since) };
        ledger.responses().each(&filter, |response| replay.before(response))?;
    }
    Ok(())
}
