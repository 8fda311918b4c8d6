//! What agents spent, and in which rows of a report it stands.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::sessions::Sessions;
use crate::error::Result;
use crate::ledger::{Filter, Ledger, SliceQuery};
use crate::model::{AgentName, Money, RunId, Slice, ThreadId, Timestamp, WorkClass};
use crate::prepare::here::Here;
use crate::report::By;
use crate::report::group_by::Pieces;
use crate::results::totals::Amount;

/// The values of a row.
pub(super) type Key = Vec<Option<String>>;

/// A run, or a session that no run governed, by the root of its family.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Holder {
    Run(RunId),
    Session(ThreadId),
}

/// Whose; a session has no agent.
pub(super) type Whose = (Holder, Option<AgentName>);

/// What one agent of a run spent.
#[derive(Clone, Debug, Default)]
pub(super) struct Spend {
    pub(super) cost: Amount,
    /// Without research and review.
    pub(super) at_stake: Amount,
    /// By the class of its work it changed files.
    pub(super) wrote: bool,
    rows: BTreeMap<Key, Money>,
}

impl Spend {
    fn add(&mut self, key: Key, slice: &Slice) {
        let cost = slice.sum.cost;
        let amount = amount(slice);
        self.cost.add(&amount);
        if !matches!(slice.work, Some(WorkClass::Research | WorkClass::Review)) {
            self.at_stake.add(&amount);
        }
        self.wrote |= matches!(slice.work, Some(WorkClass::Edit | WorkClass::Migration | WorkClass::Documentation));
        *self.rows.entry(key).or_default() += cost;
    }

    /// The row in which most of it stands: there its results do.
    pub(super) fn row(&self) -> Option<&Key> {
        let dearest = self.rows.values().max()?;
        self.rows.iter().find(|(_, cost)| *cost == dearest).map(|(key, _)| key)
    }
}

/// What responses cost: what has no price is not known, and no zero.
fn amount(slice: &Slice) -> Amount {
    let priced = slice.sum.responses.saturating_sub(slice.sum.unpriced);
    let mut amount = Amount::default();
    if priced > 0 {
        amount.add(&Amount::of_responses(slice.sum.cost, priced));
    }
    if slice.sum.unpriced > 0 {
        amount.add(&Amount::unknown_of_responses(NO_PRICE, slice.sum.unpriced));
    }
    amount
}

const NO_PRICE: &str = "no price";

const UNSEEN: &str = "a part of it could not be observed";

/// What everybody spent in this time.
pub(super) fn spends(
    ledger: &Ledger,
    filter: &Filter,
    (by, zone): (&[By], Tz),
    (sessions, here): (&Sessions, &Here<'_>),
) -> Result<BTreeMap<Whose, Spend>> {
    let pieces = by.iter().any(By::is_time).then(|| Pieces::of(by, zone));
    let starts = pieces.map(Pieces::starts);
    let query = SliceQuery {
        run: filter.run.as_ref(),
        since: filter.since,
        until: filter.until,
        by_run: true,
        // Sessions of imported history are told apart by their threads.
        by_thread: true,
        by_work: true,
        piece: starts.as_ref().map(|starts| starts as &dyn Fn(Timestamp) -> Timestamp),
    };
    // A report that is not by run has its rows without it.
    let key = |slice: &Slice| by.iter().map(|by| by.of_slice(slice, zone)).collect::<Key>();
    let mut spends: BTreeMap<Whose, Spend> = BTreeMap::new();
    ledger.sums().each_slice(&query, |slice| {
        let holder = match (&slice.run, &slice.thread) {
            (Some(run), _) => Holder::Run(run.clone()),
            (None, Some(thread)) => Holder::Session(sessions.root(thread).clone()),
            (None, None) => return,
        };
        spends.entry((holder, slice.agent.clone())).or_default().add(key(&slice), &slice);
    })?;
    for unseen in ledger.runs().unobserved(filter, here.alive)? {
        let slice = unseen.slice(pieces.map(|pieces| pieces.start(unseen.at)));
        let Some(run) = slice.run.clone() else { continue };
        let spend = spends.entry((Holder::Run(run), slice.agent.clone())).or_default();
        spend.rows.entry(key(&slice)).or_default();
        spend.cost.add(&Amount::unknown(UNSEEN));
        spend.at_stake.add(&Amount::unknown(UNSEEN));
    }
    Ok(spends)
}
