//! The gathering of figures: from the ledger, from what runs, from the policy that applies here.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::cli::budget::{self, Stands};
use crate::cli::status;
use crate::error::Result;
use crate::ledger::{Counters, KeptName, Ledger, Moment, Spends, Times, Used};
use crate::metrics::families::NAMED;
use crate::metrics::{BudgetFigure, Figures, Kept, LABELS, Name, Spender, exposition, labels};
use crate::model::{Dimension, Timestamp, Unit};
use crate::policy::duration;
use crate::policy::rule::{Calendar, Policy, Window};
use crate::prepare::here::Here;
use crate::process;
use crate::report::forecast::Forecast;

/// The exposition; a mistake of the policy is an error.
pub(super) fn strict(here: &Here<'_>, policy: Option<&Path>) -> Result<String> {
    let policy = here.policy(policy)?.policy;
    text(here, Some(&policy))
}

/// The exposition without budgets where the policy has a mistake, and that mistake.
pub(super) fn lenient(here: &Here<'_>, policy: Option<&Path>) -> Result<(String, Option<String>)> {
    match here.policy(policy) {
        Ok(loaded) => Ok((text(here, Some(&loaded.policy))?, None)),
        Err(mistake) => Ok((text(here, None)?, Some(mistake.to_string()))),
    }
}

fn text(here: &Here<'_>, policy: Option<&Policy>) -> Result<String> {
    let ledger = here.ledger()?;
    let mut figures = Figures::nothing(env!("CARGO_PKG_VERSION"));
    figures.ungoverned = ungoverned(ledger.as_ref(), here)?;
    figures.policy_is_wrong = policy.is_none();
    let mut kept = Kept::new();
    // Runs are asked outside of it: one that does not answer is waited for.
    let moment = ledger.as_ref().map(Moment::of).transpose()?;
    if let Some(ledger) = &ledger {
        recorded(ledger, &mut figures)?;
        waiting(ledger, here, &mut figures)?;
        kept = names(ledger)?;
    }
    if let Some(policy) = policy {
        figures.budgets = budgets(ledger.as_ref(), policy, here)?;
    }
    drop(moment);
    if ledger.is_some() {
        for run in status::look(here, here.now)?.runs {
            for agent in run.live.agents {
                let agents = figures.agents.entry(agent.state).or_default();
                *agents = agents.saturating_add(1);
            }
        }
    }
    let (text, changed) = exposition(&figures, &kept);
    if !changed.is_empty() {
        keep(here, &changed)?;
    }
    Ok(text)
}

/// What counts for ever.
fn recorded(ledger: &Ledger, figures: &mut Figures) -> Result<()> {
    let counters = Counters::of(ledger);
    let spender = |Used { who: Spends { model, team, project, client, agent }, sum, calls, denied }| Spender {
        labels: labels([model, team, project, client, agent]),
        sum,
        allowed: calls.saturating_sub(denied).max(0),
        denied,
    };
    figures.spenders = counters.spenders()?.into_iter().map(spender).collect();
    figures.decided = counters.decided()?;
    let Times { hooks, held } = counters.times()?;
    (figures.hooks, figures.held, figures.answers) = (hooks, held, counters.answer_times()?);
    Ok(())
}

fn waiting(ledger: &Ledger, here: &Here<'_>, figures: &mut Figures) -> Result<()> {
    let since = |asked: Timestamp| (here.now - asked).to_std().unwrap_or(Duration::ZERO);
    figures.waiting =
        ledger.questions().standing(true, here.alive)?.iter().map(|question| since(question.asked)).collect();
    Ok(())
}

/// Codexes that no run's guard started, and that ask no hooks of govern's.
fn ungoverned(ledger: Option<&Ledger>, here: &Here<'_>) -> Result<u64> {
    let found = process::ungoverned_codexes();
    if found.is_empty() {
        return Ok(0);
    }
    let live = ledger.map(|ledger| ledger.runs().live(here.alive)).transpose()?.unwrap_or_default();
    Ok(found.iter().filter(|codex| !live.iter().any(|run| run.process == **codex)).count() as u64)
}

/// Where budgets over money stand. What lives as long as a run is shown while one lives.
fn budgets(ledger: Option<&Ledger>, policy: &Policy, here: &Here<'_>) -> Result<Vec<BudgetFigure>> {
    let since = ledger.map(budget::first_moment).transpose()?;
    let is_live = ledger.map(|ledger| ledger.runs().live(here.alive)).transpose()?.is_some_and(|runs| !runs.is_empty());
    let standings = budget::standings(ledger, policy, since, here)?;
    let shown = |stands: &&Stands| {
        let is_money = matches!(stands.row.standing.unit, Unit::Usd | Unit::Credits);
        is_money && (is_live || stands.budget.window != Window::Life)
    };
    Ok(standings.iter().filter(shown).map(figure).collect())
}

fn figure(stands: &Stands) -> BudgetFigure {
    let standing = &stands.row.standing;
    let value = |wanted: &Dimension| {
        stands.of.iter().find(|(dimension, _)| dimension == wanted).and_then(|(_, value)| value.clone())
    };
    let name = labels([Some(standing.budget.to_string())]).concat();
    BudgetFigure {
        labels: labels(LABELS.iter().map(|(_, dimension)| value(dimension))),
        budget: name,
        window: window(&stands.budget.window),
        limit: standing.allowed(),
        spent: standing.spent,
        reserved: standing.reserved,
        forecast: match stands.row.outlook.forecast {
            Forecast::End { amount, .. } => Some(amount),
            Forecast::Steady => Some(standing.spent),
            Forecast::Unknown => None,
        },
    }
}

/// As policies spell it; of one between two moments only that it is one.
fn window(window: &Window) -> String {
    match window {
        Window::Life => "life".to_owned(),
        Window::Calendar(Calendar::Day) => "day".to_owned(),
        Window::Calendar(Calendar::Week) => "week".to_owned(),
        Window::Calendar(Calendar::Month) => "month".to_owned(),
        Window::Calendar(Calendar::Quarter) => "quarter".to_owned(),
        Window::Calendar(Calendar::Year) => "year".to_owned(),
        Window::Rolling(length) => duration::show(*length),
        Window::Between(..) => "dates".to_owned(),
        Window::Total => "total".to_owned(),
    }
}

fn names(ledger: &Ledger) -> Result<Kept> {
    let mut kept = BTreeMap::new();
    for metric in NAMED {
        let names =
            Counters::of(ledger).kept_names(metric)?.into_iter().map(|KeptName { labels, base }| Name { labels, base });
        kept.insert(metric.to_owned(), names.collect());
    }
    Ok(kept)
}

/// Keeps which series have names. A ledger that cannot be written, on a read-only disk, does not grow either.
fn keep(here: &Here<'_>, changed: &Kept) -> Result<()> {
    let Ok(mut ledger) = Ledger::open_existing(&here.state_folder()?) else { return Ok(()) };
    ledger.turn(here.now, |turn| {
        for (metric, names) in changed {
            let names = names.iter().cloned().map(|Name { labels, base }| KeptName { labels, base });
            KeptName::keep(turn, metric, &names.collect::<Vec<_>>())?;
        }
        Ok(())
    })?;
    Ok(())
}
