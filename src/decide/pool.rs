//! Pure. A budget divided among the agents of a run: what each was allotted, and the pool that nobody was.
//!
//! At every moment what was there when the run began, and what was lifted since, is: spent by the run's agents, or
//! allotted to one and not spent, or in the pool, or spoken for by others who spend from the same budget.

use std::collections::BTreeMap;

use crate::model::event::{EventKind, Moved};
use crate::model::{AgentName, BudgetKey, BudgetName, Response, Unit};

use super::account::{Account, amount};
use super::context::Context;
use super::governor::Governor;

/// One budget for one thing, divided among a run's agents.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Which of the policy's budgets.
    pub(super) whole: usize,
    /// The budget that its allotments are judged by; `None`: nothing is allotted.
    pub(super) rule: Option<usize>,
    /// What the whole is counted per.
    pub(super) values: Vec<Option<String>>,
    pub(super) key: BudgetKey,
    /// The other budgets that all its agents spend from, by their place and what they are counted per: what is promised
    /// out of this one is reserved there, too.
    pub(super) wider: Vec<(usize, Vec<Option<String>>)>,
    /// What was left when the run began.
    pub(super) taken: i64,
    /// What was lifted since.
    pub(super) lifted: i64,
    /// What of the rest is not there: others spend, or are about to.
    pub(super) spoken_for: i64,
    pub(super) shares: BTreeMap<AgentName, Share>,
}

/// One agent's part. Amounts are in the budget's unit's smallest part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// What it declared.
    pub expected: Option<i64>,
    /// What it was given at the start; `None`: it draws on the pool.
    pub allotted: Option<i64>,
    /// What it spent since.
    pub spent: i64,
    /// What it was given since.
    pub given: i64,
    /// What it gave back.
    pub returned: i64,
}

/// How a pool stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allotments {
    /// The budget.
    pub budget: BudgetName,
    /// What it is counted per, such as `team=web`.
    pub scope: String,
    /// What it counts.
    pub unit: Unit,
    /// What was left when the run began, and was lifted since.
    pub taken: i64,
    /// What can be given.
    pub size: i64,
    /// What is spent or about to be spent by others, or by agents that draw on the pool.
    pub spoken_for: i64,
    /// What it gave to agents since the start.
    pub given: i64,
    /// What it got back from them.
    pub got_back: i64,
    /// Each agent's part, by name.
    pub shares: BTreeMap<AgentName, Share>,
}

impl Share {
    /// All that was taken out of the pool for it.
    fn held(&self) -> i64 {
        let allotted = self.allotted.map_or(0, |first| first.saturating_add(self.given).saturating_sub(self.returned));
        allotted.max(self.spent)
    }

    /// What it may spend yet.
    pub fn unspent(&self) -> i64 {
        self.held().saturating_sub(self.spent)
    }
}

impl Pool {
    /// What is neither spent nor allotted; below zero where more was spent than was there.
    pub(super) fn rest(&self) -> i64 {
        let held = self.shares.values().fold(0_i64, |sum, share| sum.saturating_add(share.held()));
        self.taken.saturating_add(self.lifted).saturating_sub(held)
    }

    /// The account is this budget for this thing, in whatever window.
    fn is_whole(&self, account: &Account) -> bool {
        account.budget == self.whole && account.values == self.values
    }

    /// What is promised out of it is reserved of this account.
    fn is_reserved_of(&self, account: &Account) -> bool {
        self.is_whole(account)
            || self.wider.iter().any(|(budget, values)| account.budget == *budget && account.values == *values)
    }

    /// The account is an allotment out of it.
    pub(super) fn is_share(&self, account: &Account) -> bool {
        self.rule == Some(account.budget) && self.agent(account).is_some()
    }

    pub(super) fn agent(&self, account: &Account) -> Option<AgentName> {
        let name = account.values.first()?.as_deref()?;
        self.shares.keys().find(|agent| agent.as_str() == name).cloned()
    }

    /// An agent's part.
    pub(super) fn share(&self, name: &AgentName) -> Option<Share> {
        self.shares.get(name).copied()
    }

    fn view(&self) -> Allotments {
        let sum = |of: fn(&Share) -> i64| self.shares.values().map(of).fold(0, i64::saturating_add);
        Allotments {
            budget: self.key.budget.clone(),
            scope: self.key.scope.clone(),
            unit: self.key.unit,
            taken: self.taken.saturating_add(self.lifted),
            size: self.rest().max(0).saturating_sub(self.spoken_for),
            spoken_for: self.spoken_for,
            given: sum(|share| share.given),
            got_back: sum(|share| share.returned),
            shares: self.shares.clone(),
        }
    }
}

impl Governor {
    /// How each budget that is divided stands.
    pub fn allotments(&self) -> Vec<Allotments> {
        self.pools.iter().map(Pool::view).collect()
    }

    /// Counts what an agent spent out of what was divided.
    pub(super) fn spend_share(&mut self, name: &AgentName, response: &Response) {
        for pool in &mut self.pools {
            let wholes = self.accounts.iter().filter(|account| pool.is_whole(account));
            let counts = wholes.into_iter().any(|account| account.counts(response));
            if let Some(share) = pool.shares.get_mut(name).filter(|_| counts) {
                share.spent = share.spent.saturating_add(amount(response, pool.key.unit));
            }
        }
    }

    /// What an account must keep for an agent that was promised it.
    pub(super) fn promised(&self, account: &Account, name: &AgentName) -> i64 {
        let pools = self.pools.iter().filter(|pool| pool.is_reserved_of(account));
        pools.filter_map(|pool| pool.shares.get(name)).map(Share::unspent).max().unwrap_or(0)
    }

    /// The pool that this account is an allotment out of, by its place.
    pub(super) fn pool_of(&self, account: &Account) -> Option<usize> {
        self.pools.iter().position(|pool| pool.is_share(account))
    }

    /// What this pool can give now; `to` an agent: also what that is about to spend beyond its allotment.
    pub(super) fn pool_size(&self, cx: &Context<'_>, place: usize, to: Option<&AgentName>) -> i64 {
        let Some(pool) = self.pools.get(place) else { return 0 };
        pool.rest().max(0).min(self.room(cx, pool, to))
    }

    /// What the whole, and each wider budget, has beside all that its agents are promised, or are about to spend.
    fn room(&self, cx: &Context<'_>, pool: &Pool, to: Option<&AgentName>) -> i64 {
        let current = |account: &&Account| !account.is_past(cx.now.wall);
        let free = |account: &Account| self.free(cx, account, to).max(0);
        let Some(whole) = self.accounts.iter().filter(current).rfind(|account| pool.is_whole(account)) else {
            return 0;
        };
        let wider = self.accounts.iter().filter(current).filter(|account| pool.is_reserved_of(account));
        wider.chain([whole]).map(free).min().unwrap_or(0)
    }

    /// What is not there to be given is noted, for those who only look.
    pub(super) fn settle_pools(&mut self, cx: &Context<'_>) {
        for place in 0..self.pools.len() {
            let size = self.pool_size(cx, place, None);
            if let Some(pool) = self.pools.get_mut(place) {
                pool.spoken_for = pool.rest().max(0).saturating_sub(size);
            }
        }
    }

    /// Raises an allotment by what its pool has, and lifts the whole by what it has not: a person may.
    pub(super) fn raise(&mut self, cx: &Context<'_>, key: &BudgetKey, amount: i64, by: (&str, Option<&str>)) {
        let Some((place, agent)) = self.allotted(key) else { return };
        if let Some((whole, agent, short)) = self.beyond_pool(cx, key, amount) {
            self.extend(&agent, whole, short, by.0, by.1);
        }
        if let Some(share) = self.share_mut(place, &agent) {
            share.given = share.given.saturating_add(amount);
        }
        self.moved(place, &agent, Moved::Extended, amount, by.1);
    }

    /// The pool and the agent that this is an allotment of.
    fn allotted(&self, key: &BudgetKey) -> Option<(usize, AgentName)> {
        let mut of_pools = self.accounts.iter().filter(|account| account.key == *key);
        let (account, place) = of_pools.find_map(|account| Some((account, self.pool_of(account)?)))?;
        Some((place, self.pools.get(place)?.agent(account)?))
    }

    /// What an allotment's pool lacks where it is raised by so much: by that the whole is lifted, for this agent.
    pub(super) fn beyond_pool(
        &self,
        cx: &Context<'_>,
        key: &BudgetKey,
        amount: i64,
    ) -> Option<(BudgetKey, AgentName, i64)> {
        let (place, agent) = self.allotted(key)?;
        let short = amount.saturating_sub(self.pool_size(cx, place, Some(&agent)));
        let whole = self.current_key(cx, place).or_else(|| self.pools.get(place).map(|pool| pool.key.clone()))?;
        (short > 0).then_some((whole, agent, short))
    }

    fn current_key(&self, cx: &Context<'_>, place: usize) -> Option<BudgetKey> {
        let pool = self.pools.get(place)?;
        let current = |account: &&Account| pool.is_whole(account) && !account.is_past(cx.now.wall);
        self.accounts.iter().rfind(current).map(|account| account.key.clone())
    }

    /// The limit of a whole was lifted: its pool has more.
    pub(super) fn lift_pool(&mut self, account: usize, amount: i64) {
        let Some(account) = self.accounts.get(account) else { return };
        if let Some(pool) = self.pools.iter_mut().find(|pool| pool.is_whole(account)) {
            pool.lifted = pool.lifted.saturating_add(amount);
            self.freed = true;
        }
    }

    /// The agent is over: what it was allotted and has not spent goes back.
    pub(super) fn give_back(&mut self, name: &AgentName) {
        self.freed |= !self.pools.is_empty();
        for place in 0..self.pools.len() {
            let unspent = self.share_mut(place, name).map_or(0, |share| share.unspent());
            if unspent == 0 {
                continue;
            }
            if let Some(share) = self.share_mut(place, name) {
                share.returned = share.returned.saturating_add(unspent);
            }
            self.change_allotment(place, name, -unspent);
            self.moved(place, name, Moved::GivenBack, unspent, None);
        }
    }

    fn share_mut(&mut self, place: usize, name: &AgentName) -> Option<&mut Share> {
        self.pools.get_mut(place)?.shares.get_mut(name)
    }

    fn change_allotment(&mut self, place: usize, name: &AgentName, by: i64) {
        let Some(pool) = self.pools.get(place) else { return };
        let own = |account: &&mut Account| pool.is_share(account) && pool.agent(account).as_ref() == Some(name);
        if let Some(account) = self.accounts.iter_mut().find(own) {
            account.base = account.base.saturating_add(by);
        }
    }

    fn moved(&mut self, place: usize, name: &AgentName, moved: Moved, amount: i64, reason: Option<&str>) {
        let Some(pool) = self.pools.get(place) else { return };
        let BudgetKey { budget, scope, unit, .. } = pool.key.clone();
        let (unit, pool, reason) = (unit.as_str().to_owned(), pool.rest().max(0), reason.map(str::to_owned));
        self.record(Some(name), EventKind::Pooled { budget, scope, moved, amount, unit, pool, reason });
    }
}
