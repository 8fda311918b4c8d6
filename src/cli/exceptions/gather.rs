//! What the list of exceptions is made of: what is recorded, what is out of the ordinary, and what would have cost less.

use std::collections::HashMap;

use crate::compare::{Case, Like, Outlier, Story, advise, outliers};
use crate::error::Result;
use crate::ledger::families::families;
use crate::ledger::{Filter, Ledger, RunFilter, exceptions, reviews};
use crate::model::{
    Event, Exception, ExceptionId, ExceptionKind, ExceptionState, Family, ModelId, RunId, RunInfo, ServiceTier,
    Timestamp, Tokens,
};
use crate::prepare::here::Here;
use crate::report::exceptions::ExceptionRow;

/// Which ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Of then or later.
    pub(super) since: Option<Timestamp>,
    /// Before then.
    pub(super) until: Option<Timestamp>,
    /// Those that were decided about, too.
    pub(super) all: bool,
}

/// So many runs are read for advice, the newest: each is a whole chain.
const ADVISED: usize = 100;

/// Exceptions, the newest first, each with its review and its advice.
pub(super) fn rows(ledger: &Ledger, wanted: Wanted, here: &Here<'_>) -> Result<Vec<ExceptionRow>> {
    let Wanted { since, until, all } = wanted;
    let mut found = exceptions::exceptions(ledger, &Filter { run: None, since, until }, here.alive)?;
    let (runs, families) = (by_id(ledger)?, families(ledger, None)?);
    let asked = |at: Timestamp| since.is_none_or(|since| since <= at) && until.is_none_or(|until| at < until);
    found.extend(outliers(&families).iter().map(|one| of_outlier(one, &runs)).filter(|one| asked(one.at)));
    found.sort_by(|one, other| (other.at, &one.id).cmp(&(one.at, &other.id)));
    let mut decided = reviews::reviews(ledger)?;
    let mut rows: Vec<ExceptionRow> = found
        .into_iter()
        .map(|exception| ExceptionRow { review: decided.remove(&exception.id), exception, advice: None })
        .collect();
    let troubles = troubles(&rows);
    rows.retain(|row| all || row.state() == ExceptionState::Open);
    Adviser::new(ledger, here, &runs, &families)?.advise(&mut rows, &troubles)?;
    Ok(rows)
}

fn by_id(ledger: &Ledger) -> Result<HashMap<RunId, RunInfo>> {
    let runs = ledger.runs().list(&RunFilter::default())?;
    Ok(runs.into_iter().map(|run| (run.id.clone(), run)).collect())
}

/// A run that cost far more than like ones.
fn of_outlier(outlier: &Outlier<'_>, runs: &HashMap<RunId, RunInfo>) -> Exception {
    let Outlier { family, like, others, usual } = outlier;
    let root = family.root.as_str();
    let short = root.get(root.len().saturating_sub(12)..).unwrap_or(root);
    let at = family.run.as_ref().and_then(|run| runs.get(run)).map_or(family.at, |run| run.started);
    Exception {
        id: ExceptionId::new(format!("outlier-{short}")),
        at,
        kind: ExceptionKind::Outlier,
        run: family.run.clone(),
        agent: None,
        budget: None,
        scope: String::new(),
        raise: None,
        amount: None,
        what: format!("took {}; half of {others} like runs{} took no more than {usual}", family.cost, in_words(like)),
        reason: None,
        by: None,
    }
}

/// ` (shop, edit, gpt-6.1-sol)`; nothing where they are all that there are.
fn in_words(like: &Like) -> String {
    let work = like.work.map(|work| work.to_string());
    let parts: Vec<String> =
        like.project.clone().into_iter().chain(work).chain(like.model.as_ref().map(ToString::to_string)).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

/// How often each run was stopped, denied or left without an answer.
fn troubles(rows: &[ExceptionRow]) -> HashMap<RunId, usize> {
    let mut troubles: HashMap<RunId, usize> = HashMap::new();
    for row in rows {
        let counts = matches!(row.exception.kind, ExceptionKind::Stop | ExceptionKind::Denial | ExceptionKind::Expiry);
        if let Some(run) = row.exception.run.clone().filter(|_| counts) {
            *troubles.entry(run).or_default() += 1;
        }
    }
    troubles
}

/// Reads runs for what would have cost less, each once.
struct Adviser<'a> {
    ledger: &'a Ledger,
    prices: crate::usage::price::PriceTable,
    others: Vec<(&'a Family, Option<bool>)>,
}

impl<'a> Adviser<'a> {
    fn new(
        ledger: &'a Ledger,
        here: &Here<'_>,
        runs: &HashMap<RunId, RunInfo>,
        families: &'a [Family],
    ) -> Result<Self> {
        let ended_well = |family: &Family| {
            let run = runs.get(family.run.as_ref()?)?;
            run.outcome.as_ref().map(|outcome| outcome == "ended" && run.code == Some(0))
        };
        let others = families.iter().map(|family| (family, ended_well(family))).collect();
        Ok(Self { ledger, prices: here.prices_to_compare()?, others })
    }

    fn advise(&self, rows: &mut [ExceptionRow], troubles: &HashMap<RunId, usize>) -> Result<()> {
        let mut known = HashMap::new();
        for row in rows {
            let speaks = match row.exception.kind {
                ExceptionKind::Extension
                | ExceptionKind::Expiry
                | ExceptionKind::Denial
                | ExceptionKind::Stop
                | ExceptionKind::Alert
                | ExceptionKind::Outlier => true,
                ExceptionKind::Grant | ExceptionKind::Unpriced | ExceptionKind::Unobserved => false,
            };
            let Some(run) = row.exception.run.clone().filter(|_| speaks) else { continue };
            if !known.contains_key(&run) {
                if known.len() >= ADVISED {
                    continue;
                }
                let troubles = troubles.get(&run).copied().unwrap_or_default();
                known.insert(run.clone(), self.of_run(&run, troubles)?);
            }
            row.advice = known.get(&run).cloned().flatten();
        }
        Ok(())
    }

    fn of_run(&self, run: &RunId, troubles: usize) -> Result<Option<crate::compare::Advice>> {
        let events: Vec<Event> = self.ledger.runs().events(run)?.into_iter().map(|entry| entry.event).collect();
        let story = Story::of(&events);
        let own = self.others.iter().map(|(family, _)| *family).filter(|family| family.run.as_ref() == Some(run));
        let case = Case { story: &story, own: own.collect(), others: &self.others, troubles };
        let quote = |model: &ModelId, tier: &ServiceTier, at: Timestamp, tokens: &Tokens| {
            self.prices.quote(model, tier, at, tokens).cost
        };
        Ok(advise(&case, &quote))
    }
}
