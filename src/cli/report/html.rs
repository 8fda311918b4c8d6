//! What `--format html` is made of: a report of a time, for everybody or for one, and the story of a run.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Write;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::{ReportArgs, add_results, changed, savings, wanted};
use crate::cli::format::put;
use crate::cli::{budget, exceptions};
use crate::compare::{Story, tools_by_cost::tools_by_cost};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{Filter, Ledger, Moment, SliceQuery};
use crate::model::{BudgetName, Dimension, Event, RunId, RunInfo, Slice, Timestamp};
use crate::policy::rule::Policy;
use crate::policy::suggest;
use crate::prepare::here::Here;
use crate::prepare::run_report::{of_run, stamp};
use crate::report::exceptions::ExceptionReport;
use crate::report::group_by::Pieces;
use crate::report::html::story::{self, RunStory};
use crate::report::html::whole::{self, CostlyRun, Proof, Whole};
use crate::report::story::Lanes;
use crate::report::summary::Totals;
use crate::report::text::printable;
use crate::report::{Audience, By, Frame, Summary, Tally};

/// So many runs are named.
const COSTLIEST: usize = 10;

/// Longer times are told by week, and still longer ones by month.
const DAYS_APART: i64 = 62;
const WEEKS_APART: i64 = 400;

/// For whom the report is, where that is asked for and can be.
pub(super) fn audience(args: &ReportArgs) -> Result<Option<Audience>> {
    let usage = |message: String, hint: &str| Err(Error::new(message).exit(Exit::Usage).hint(hint));
    let (dimension, name) = match args.audience.as_slice() {
        [] => return Ok(None),
        [dimension, name] => (dimension, name),
        _ => return usage("`--for` is given more than once".to_owned(), "write one file for each"),
    };
    if args.format != super::ReportFormat::Html {
        return usage(
            "`--for` goes with `--format html`".to_owned(),
            "add `--format html`: other formats leave no name out",
        );
    }
    let Some(audience) = Audience::parse(dimension, name) else {
        let dimension = printable(dimension);
        return usage(
            format!("a report is for a client, a team or a project, and not for a `{dimension}`"),
            "write `--for client NAME`, `--for team NAME` or `--for project NAME`",
        );
    };
    if args.last || args.run.is_some() {
        let hint = "leave one of them out: a run's story has its commands, its folder and its agents in it";
        return usage("`--for` leaves names out, and the story of a run is made of them".to_owned(), hint);
    }
    if let Some(by) = args.by.iter().find(|by| !audience.may_read(by)) {
        let may: Vec<String> = audience.dimensions().iter().map(ToString::to_string).collect();
        let hint = format!("`--by` may be {}, day, week or month here", may.join(", "));
        return usage(format!("`--by {by}` would name what `--for` leaves out"), &hint);
    }
    Ok(Some(audience))
}

/// Writes the story of a run.
pub(super) fn put_story(
    args: &ReportArgs,
    out: &mut dyn Write,
    (ledger, here, zone): (&Ledger, &Here<'_>, Tz),
    info: RunInfo,
) -> Result<()> {
    let asked = [(!args.by.is_empty(), "--by"), (args.results, "--results"), (args.savings, "--savings")];
    if let Some((_, flag)) = asked.into_iter().find(|(asked, _)| *asked) {
        return Err(Error::new(format!("`{flag}` says nothing to the story of one run"))
            .exit(Exit::Usage)
            .hint(format!("leave it out, or write `{flag}` with `--format table` or `json`")));
    }
    let run = Filter { run: Some(info.id.clone()), ..Filter::default() };
    let mut responses = Vec::new();
    ledger.responses().each(&run, |response| responses.push(response))?;
    let events: Vec<Event> = ledger.runs().events(&info.id)?.into_iter().map(|entry| entry.event).collect();
    let at = events.last().map_or(info.started, |event| event.at);
    let proof = Proof { at, prices: stamp(Some(&info)), head: head(ledger)? };
    let report = of_run(ledger, info, here, zone)?;
    let (lanes, tools) = (Lanes::of(&responses), tools_by_cost(&Story::of(&events)));
    put(out, &story::page(&RunStory { report, lanes, tools, proof }))
}

fn head(ledger: &Ledger) -> Result<(u64, String)> {
    let head = ledger.audit().head()?;
    Ok((head.n, head.hash.to_string()))
}

/// Writes the report of a time.
pub(super) fn put_whole(
    args: &ReportArgs,
    out: &mut dyn Write,
    (ledger, here, zone): (&Ledger, &Here<'_>, Tz),
    filter: &Filter,
) -> Result<()> {
    let audience = audience(args)?;
    let _moment = Moment::of(ledger)?;
    if let Some(audience) = &audience {
        is_known(ledger, audience)?;
    }
    let at = last_moment(ledger, filter)?;
    // What is measured against time is as of the ledger's last moment: the same ledger gives the same report.
    let then = Here { env: here.env, cwd: here.cwd.clone(), look: here.look, now: at, alive: here.alive };
    let mut spent = Spent::read(ledger, filter, (args, audience.as_ref(), zone), (at, here))?;
    spent.time.surprises = changed::surprising(ledger, filter, audience.as_ref(), here)?;
    let runs = Runs::read(ledger, filter, audience.as_ref())?;
    let only = audience.as_ref().map(|_| &runs.alone);
    let budgets = match here.policy(None) {
        Ok(loaded) => {
            let mut budgets = budget::report(Some(ledger), &loaded.policy, &then)?;
            if audience.is_some() {
                // One that counts a part would pass for the whole.
                let of_part: HashSet<&BudgetName> = of_part(&loaded.policy).collect();
                budgets.rows.retain(|row| !of_part.contains(&row.standing.budget));
            }
            Ok(budgets)
        }
        Err(mistake) => Err(mistake.to_string()),
    };
    let budgets = match &audience {
        Some(audience) => budgets.map(|report| audience.budgets(&report)),
        None => budgets,
    };
    let results = args.results.then(|| results(ledger, filter, (args, audience.as_ref(), &spent.time), &then));
    let whole = Whole {
        proof: Proof { at, prices: stamp(None), head: head(ledger)? },
        exceptions: passed(ledger, filter, (audience.as_ref(), only, zone), &then)?,
        savings: savings::savings(ledger, filter, (only, zone), here)?,
        runs: runs.costliest(ledger, here)?,
        time: spent.time,
        by: spent.by,
        budgets,
        results: results.transpose()?,
        audience,
    };
    put(out, &whole::page(&whole))
}

/// A name that nothing was ever spent on is a slip.
/// Budgets that count only what their `only` lets in.
fn of_part(policy: &Policy) -> impl Iterator<Item = &BudgetName> {
    policy.budgets.iter().filter(|budget| !budget.scope.only.is_empty()).map(|budget| &budget.name)
}

fn is_known(ledger: &Ledger, audience: &Audience) -> Result<()> {
    let sums = ledger.sums().by(std::slice::from_ref(&audience.dimension), None, None)?;
    let names: BTreeSet<String> = sums.into_iter().filter_map(|(values, _)| values.into_iter().next()?).collect();
    if names.contains(&audience.name) {
        return Ok(());
    }
    let (dimension, name) = (&audience.dimension, printable(&audience.name));
    let hint = match suggest::nearest(&audience.name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{}`?", printable(near)),
        None => format!("`govern report --by {dimension}` names those that there are"),
    };
    Err(Error::new(format!("nothing is recorded of a {dimension} `{name}`")).exit(Exit::Usage).hint(hint))
}

/// The last response of the ledger, or of the time that is asked for.
fn last_moment(ledger: &Ledger, filter: &Filter) -> Result<Timestamp> {
    let all = Filter { until: filter.until, ..Filter::default() };
    let last = ledger.sums().span(&all)?.map(|(_, last)| last);
    Ok(match last {
        Some(last) => last,
        None => ledger.created()?,
    })
}

/// What was spent: by time, and by all else that is told.
struct Spent {
    time: Summary,
    by: Vec<Summary>,
}

impl Spent {
    fn read(
        ledger: &Ledger,
        filter: &Filter,
        (args, audience, zone): (&ReportArgs, Option<&Audience>, Tz),
        (at, here): (Timestamp, &Here<'_>),
    ) -> Result<Self> {
        let span = ledger.sums().span(filter)?;
        let lists = lists(args, audience, time_of(args, filter, span));
        let all: Vec<By> = lists.iter().flatten().cloned().collect();
        let pieces = Pieces::of(&all, zone);
        let starts = pieces.starts();
        let apart_by = |dimension: Dimension| all.contains(&By::Of(dimension));
        let query = SliceQuery {
            run: None,
            since: filter.since,
            until: filter.until,
            by_run: apart_by(Dimension::Run),
            by_thread: apart_by(Dimension::Thread),
            by_work: apart_by(Dimension::Work),
            piece: Some(&starts),
        };
        let mut tallies: Vec<Tally> = lists.iter().map(|by| Tally::new(by, zone)).collect();
        let (mut inferred, mut own): (bool, Option<(Timestamp, Timestamp)>) = (false, None);
        ledger.sums().each_slice(&query, |slice| {
            if audience.is_some_and(|audience| !audience.has(&slice.attribution)) {
                return;
            }
            inferred |= slice.sum.inferred > 0;
            if let Some(start) = slice.start {
                let (first, last) = own.unwrap_or((start, start));
                own = Some((first.min(start), last.max(start)));
            }
            tallies.iter_mut().for_each(|tally| tally.add(&slice));
        })?;
        for unobserved in ledger.runs().unobserved(filter, here.alive)? {
            if audience.is_none_or(|audience| audience.has(&unobserved.attribution)) {
                tallies.iter_mut().for_each(|tally| tally.leave_out(&unobserved));
            }
        }
        if inferred {
            ledger.responses().estimates(filter, |response| {
                if audience.is_none_or(|audience| audience.has(&response.attribution)) {
                    tallies.iter_mut().for_each(|tally| tally.explain(&response));
                }
            })?;
        }
        let frame = Frame {
            since: filter.since,
            until: filter.until,
            // When others worked is not told.
            span: if audience.is_some() {
                own.map(|(first, last)| (first, pieces.bounds(last).1.min(at)))
            } else {
                span
            },
            skipped_lines: if audience.is_some() { 0 } else { ledger.responses().skipped_lines(filter)? },
            prices: stamp(None),
        };
        let mut summaries = tallies.into_iter().map(|tally| tally.finish(frame.clone()));
        let time = summaries.next().unwrap_or_else(|| Tally::new(&[By::Day], zone).finish(frame.clone()));
        Ok(Self { time, by: summaries.collect() })
    }
}

/// Days, weeks or months: so that they can be seen beside one another, or as it is asked for.
fn time_of(args: &ReportArgs, filter: &Filter, span: Option<(Timestamp, Timestamp)>) -> By {
    if let Some(by) = args.by.iter().find(|by| by.is_time()) {
        return by.clone();
    }
    let (first, last) = span.unwrap_or_default();
    let long = filter.until.unwrap_or(last) - filter.since.unwrap_or(first).max(first);
    match long {
        long if long <= TimeDelta::days(DAYS_APART) => By::Day,
        long if long <= TimeDelta::days(WEEKS_APART) => By::Week,
        _ => By::Month,
    }
}

/// What there is a table for; time is the first.
fn lists(args: &ReportArgs, audience: Option<&Audience>, time: By) -> Vec<Vec<By>> {
    let is_time = |by: &[By]| matches!(by, [only] if only.is_time());
    let one_each = |all: Vec<By>| all.into_iter().map(|by| vec![by]).collect::<Vec<_>>();
    let others = match (args.by.is_empty() || is_time(&args.by), audience) {
        (false, _) => vec![args.by.clone()],
        (true, Some(audience)) => one_each(audience.dimensions()),
        (true, None) => one_each(
            [Dimension::Team, Dimension::Project, Dimension::Client, Dimension::Model, Dimension::Work]
                .map(By::Of)
                .to_vec(),
        ),
    };
    std::iter::once(vec![time]).chain(others).collect()
}

/// What runs took.
#[derive(Default)]
struct Runs {
    by_run: BTreeMap<RunId, Took>,
    /// Runs all of whose spend is the audience's.
    alone: HashSet<RunId>,
}

#[derive(Default)]
struct Took {
    totals: Totals,
    agents: BTreeSet<String>,
    project: Option<String>,
}

impl Runs {
    fn read(ledger: &Ledger, filter: &Filter, audience: Option<&Audience>) -> Result<Self> {
        let query = SliceQuery { since: filter.since, until: filter.until, by_run: true, ..SliceQuery::default() };
        let (mut runs, mut with_others) = (Self::default(), HashSet::new());
        ledger.sums().each_slice(&query, |slice: Slice| {
            let Some(run) = slice.run.clone() else { return };
            if audience.is_some_and(|audience| !audience.has(&slice.attribution)) {
                with_others.insert(run);
                return;
            }
            let took = runs.by_run.entry(run).or_default();
            took.totals.add_slice(&slice);
            took.agents.extend(slice.agent.as_ref().map(ToString::to_string));
            took.project = took.project.take().or_else(|| slice.attribution.project.clone());
        })?;
        runs.alone = runs.by_run.keys().filter(|run| !with_others.contains(*run)).cloned().collect();
        Ok(runs)
    }

    fn costliest(self, ledger: &Ledger, here: &Here<'_>) -> Result<Vec<CostlyRun>> {
        let mut runs: Vec<(RunId, Took)> = self.by_run.into_iter().collect();
        runs.sort_by(|(one, first), (other, second)| (second.totals.cost, one).cmp(&(first.totals.cost, other)));
        let shown = runs.into_iter().take(COSTLIEST).map(|(run, took)| {
            let info = ledger.runs().find(run.as_str())?;
            let alive = info.outcome.is_none() && ledger.runs().lives(&info, here.alive);
            let outcome = info.outcome.clone().unwrap_or_else(|| if alive { "running" } else { "lost" }.to_owned());
            let agents = took.agents.into_iter().collect::<Vec<_>>().join(", ");
            Ok(CostlyRun { run, started: info.started, outcome, project: took.project, agents, totals: took.totals })
        });
        shown.collect()
    }
}

/// What passed or bent a rule; for an audience only in runs that worked for nobody else, and grants of its own budgets.
fn passed(
    ledger: &Ledger,
    filter: &Filter,
    (audience, only, zone): (Option<&Audience>, Option<&HashSet<RunId>>, Tz),
    then: &Here<'_>,
) -> Result<ExceptionReport> {
    let mut rows = exceptions::rows_of(ledger, (filter.since, filter.until), then)?;
    rows.retain(|row| match (&row.exception.run, only) {
        (_, None) => true,
        (Some(run), Some(only)) => only.contains(run),
        (None, Some(_)) => audience.is_some_and(|audience| row.exception.scope == audience.scope()),
    });
    Ok(ExceptionReport { rows, at: then.now, zone, all: true })
}

/// What came of it: for an audience as one row, for what others have would be in the sums of several.
fn results(
    ledger: &Ledger,
    filter: &Filter,
    (args, audience, time): (&ReportArgs, Option<&Audience>, &Summary),
    then: &Here<'_>,
) -> Result<Summary> {
    let by = match audience {
        Some(audience) => vec![By::Of(audience.dimension.clone())],
        None => wanted(args),
    };
    let mut tally = Tally::new(&by, time.zone);
    let pieces = tally.pieces().map(Pieces::starts);
    let apart_by = |dimension: Dimension| by.contains(&By::Of(dimension));
    let query = SliceQuery {
        since: filter.since,
        until: filter.until,
        by_run: apart_by(Dimension::Run),
        by_thread: apart_by(Dimension::Thread),
        by_work: apart_by(Dimension::Work),
        piece: pieces.as_ref().map(|starts| starts as &dyn Fn(Timestamp) -> Timestamp),
        ..SliceQuery::default()
    };
    ledger.sums().each_slice(&query, |slice| {
        if audience.is_none_or(|audience| audience.has(&slice.attribution)) {
            tally.add(&slice);
        }
    })?;
    let mut summary = tally.finish(time.frame.clone());
    add_results(&mut summary, ledger, filter, (then, None))?;
    if let (Some(outputs), true) = (&mut summary.results, audience.is_some()) {
        // The sums of the rows that are here, not of all that there are.
        outputs.totals = outputs.rows.first().cloned().unwrap_or_default();
    }
    Ok(summary)
}
