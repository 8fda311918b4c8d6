//! What was spent, claimed and lifted so far, as the ledger would have known it: totals, no responses.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chrono::TimeDelta;

use crate::decide::account::{Account, Books, Leave, SpentQuery, Started, amount};
use crate::model::{AgentName, BudgetKey, Dimension, Money, Response, RunId, Sum, ThreadId, Timestamp};
use crate::policy::rule::{Policy, Window};

use super::REST;

/// What a budget has for one thing in one window; a rolling window's start moves and does not name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    budget: usize,
    values: Vec<Option<String>>,
    start: Option<Timestamp>,
}

/// Spend in the order of time, as far back as its window reaches.
#[derive(Clone, Debug, Default)]
struct Rolled {
    entries: VecDeque<(Timestamp, i64)>,
    total: i64,
}

impl Rolled {
    fn add(&mut self, at: Timestamp, amount: i64, oldest: Option<Timestamp>) {
        while let Some((_, gone)) = self.entries.pop_front_if(|(when, _)| oldest.is_some_and(|oldest| *when < oldest)) {
            self.total = self.total.saturating_sub(gone);
        }
        // A run that was held is behind the others by so much: nearly always the end, never far from it.
        let place = self.entries.iter().rev().position(|(when, _)| *when <= at).unwrap_or(self.entries.len());
        self.entries.insert(self.entries.len() - place, (at, amount));
        self.total = self.total.saturating_add(amount);
    }

    fn since(&self, start: Option<Timestamp>) -> i64 {
        let Some(start) = start else { return self.total };
        let before = self.entries.iter().take_while(|(at, _)| *at < start);
        before.fold(self.total, |total, (_, amount)| total.saturating_sub(*amount))
    }
}

/// The books of a replay.
pub(super) struct Shelf {
    policy: Arc<Policy>,
    totals: HashMap<Place, i64>,
    rolled: HashMap<Place, Rolled>,
    extended: HashMap<BudgetKey, i64>,
    /// What runs are likely to add.
    claims: HashMap<BudgetKey, Vec<(usize, i64)>>,
    /// When runs were last heard of.
    heard: HashMap<usize, Timestamp>,
    /// The run that asks, and when.
    asks: Cell<(usize, Timestamp)>,
    /// Rises with everything that changes what wider budgets have.
    pub(super) revision: u64,
}

impl Shelf {
    pub(super) fn new(policy: Arc<Policy>) -> Self {
        Self {
            policy,
            totals: HashMap::new(),
            rolled: HashMap::new(),
            extended: HashMap::new(),
            claims: HashMap::new(),
            heard: HashMap::new(),
            asks: Cell::new((usize::MAX, Timestamp::MIN_UTC)),
            revision: 0,
        }
    }

    /// Whoever asks from here on.
    pub(super) fn asked_by(&self, run: usize, at: Timestamp) {
        self.asks.set((run, at));
    }

    /// A response that is written down before anybody hears of it. `now` is how far history has come.
    pub(super) fn charge(&mut self, response: &Response, now: Timestamp) {
        self.charge_if(response, now, |_| true);
    }

    /// The same for windows that roll alone.
    pub(super) fn charge_rolling(&mut self, response: &Response, now: Timestamp) {
        self.charge_if(response, now, |window| matches!(window, Window::Rolling(_)));
    }

    fn charge_if(&mut self, response: &Response, now: Timestamp, counts: impl Fn(&Window) -> bool) {
        let policy = Arc::clone(&self.policy);
        for (index, budget) in policy.budgets.iter().enumerate() {
            let amount = amount(response, budget.unit());
            if amount == 0 || !counts(&budget.window) {
                continue;
            }
            let value = |dimension: &Dimension| response.get(dimension).map(str::to_owned);
            if let Some(account) = Account::place(budget, policy.timezone, response.at, value) {
                self.add(index, account, response.at, amount, now);
            }
        }
    }

    /// What a budget had when the time began, for these values of `dims`.
    pub(super) fn open(
        &mut self,
        index: usize,
        dims: &[Dimension],
        values: &[Option<String>],
        sum: &Sum,
        at: Timestamp,
    ) {
        let policy = Arc::clone(&self.policy);
        let Some(budget) = policy.budgets.get(index) else { return };
        let value = |dimension: &Dimension| {
            let place = dims.iter().position(|known| known == dimension)?;
            values.get(place).cloned().flatten()
        };
        if let Some(account) = Account::place(budget, policy.timezone, at, value) {
            self.add(index, account, at, sum.amount(budget.unit()).unwrap_or(0), at);
        }
    }

    fn add(&mut self, index: usize, account: Account, at: Timestamp, amount: i64, now: Timestamp) {
        let budget = Arc::clone(&account.rule);
        let place = Place { budget: index, values: account.values, start: account.key.window_start };
        if let Window::Rolling(length) = budget.window {
            let oldest = TimeDelta::from_std(length).ok().and_then(|length| now.checked_sub_signed(length));
            self.rolled.entry(place).or_default().add(at, amount, oldest);
        } else {
            let total = self.totals.entry(place).or_default();
            *total = total.saturating_add(amount);
        }
        if !matches!(budget.window, Window::Life) {
            self.revision += 1;
        }
    }

    pub(super) fn claim(&mut self, run: usize, key: BudgetKey, amount: i64) {
        let claims = self.claims.entry(key).or_default();
        claims.retain(|(claimant, _)| *claimant != run);
        if amount > 0 {
            claims.push((run, amount));
        }
    }

    /// A run works: its claims hold for as long as it cannot have gone to rest.
    pub(super) fn heard(&mut self, run: usize, at: Timestamp) {
        self.heard.insert(run, at);
    }

    /// A run is over.
    pub(super) fn forget(&mut self, run: usize) {
        self.heard.remove(&run);
    }

    pub(super) fn extend(&mut self, key: BudgetKey, amount: i64) {
        let extended = self.extended.entry(key).or_default();
        *extended = extended.saturating_add(amount);
        self.revision += 1;
    }
}

impl Books for Shelf {
    fn spent(&self, query: &SpentQuery<'_>) -> i64 {
        let Some(budget) = self.policy.budgets.iter().position(|budget| budget.name == query.budget.name) else {
            return 0;
        };
        let values = query.values.iter().map(|(_, value)| value.map(str::to_owned)).collect();
        match query.budget.window {
            Window::Rolling(_) => {
                let place = Place { budget, values, start: None };
                self.rolled.get(&place).map_or(0, |rolled| rolled.since(query.bounds.start))
            }
            Window::Life | Window::Total => {
                self.totals.get(&Place { budget, values, start: None }).copied().unwrap_or(0)
            }
            Window::Calendar(_) | Window::Between(..) => {
                self.totals.get(&Place { budget, values, start: query.bounds.start }).copied().unwrap_or(0)
            }
        }
    }

    fn extended(&self, key: &BudgetKey) -> i64 {
        self.extended.get(key).copied().unwrap_or(0)
    }

    fn given(&self, key: &BudgetKey, _: Option<Timestamp>) -> i64 {
        self.extended(key)
    }

    fn reserved_by_others(&self, key: &BudgetKey) -> i64 {
        let (run, at) = self.asks.get();
        let works =
            |run: &usize| self.heard.get(run).is_some_and(|heard| (at - *heard).to_std().map_or(true, |s| s <= REST));
        let others = self.claims.get(key).into_iter().flatten().filter(|(claimant, _)| *claimant != run);
        others.filter(|(claimant, _)| works(claimant)).fold(0, |total, (_, amount)| total.saturating_add(*amount))
    }

    /// A run of history begins with nothing spent.
    fn cost(&self, _: &RunId, _: &AgentName) -> Money {
        Money::ZERO
    }

    /// History tells of no tools, and tries no limit on sub-agents.
    fn started(&self, _: &Started<'_>) -> u64 {
        0
    }

    fn depth(&self, _: &ThreadId) -> u32 {
        0
    }

    /// History asks about no calls.
    fn let_again(&self, _: &BudgetKey) -> Option<Leave> {
        None
    }
}
