//! Pure. A budget divided among the agents of a run: what each was allotted, and the pool that nobody was.
//!
//! At every moment what was there when the run began, and what was lifted since, is: spent by the run's agents, or
//! allotted to one and not spent, or in the pool, or spoken for by others who spend from the same budget.

use std::collections::BTreeMap;

use crate::model::event::{EventKind, Moved};
use crate::model::{AgentName, BudgetKey, BudgetName, Response, Unit};

use super::account::{Account, amount};
use super::{Accounts, Spenders};
use crate::decide::context::Context;
use crate::decide::effect::Effects;

/// One budget for one thing, divided among a run's agents.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Which of the policy's budgets.
    pub(in crate::decide) whole: usize,
    /// The budget that its allotments are judged by; `None`: nothing is allotted.
    pub(in crate::decide) rule: Option<usize>,
    /// What the whole is counted per.
    pub(in crate::decide) values: Vec<Option<String>>,
    pub(in crate::decide) key: BudgetKey,
    /// The other budgets that all its agents spend from, by their place and what they are counted per: what is promised
    /// out of this one is reserved there, too.
    pub(in crate::decide) wider: Vec<(usize, Vec<Option<String>>)>,
    /// What was left when the run began.
    pub(in crate::decide) taken: i64,
    /// What was lifted since.
    pub(in crate::decide) lifted: i64,
    /// What of the rest is not there: others spend, or are about to.
    pub(in crate::decide) spoken_for: i64,
    pub(in crate::decide) shares: BTreeMap<AgentName, Share>,
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
    pub(in crate::decide) fn rest(&self) -> i64 {
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
    pub(in crate::decide) fn is_share(&self, account: &Account) -> bool {
        self.rule == Some(account.budget) && self.agent(account).is_some()
    }

    pub(in crate::decide) fn agent(&self, account: &Account) -> Option<AgentName> {
        let name = account.values.first()?.as_deref()?;
        self.shares.keys().find(|agent| agent.as_str() == name).cloned()
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

impl Accounts {
    /// How each budget that is divided stands.
    pub(in crate::decide) fn allotments(&self) -> Vec<Allotments> {
        self.pools.iter().map(Pool::view).collect()
    }

    /// Counts what an agent spent out of what was divided.
    pub(in crate::decide) fn spend_share(&mut self, name: &AgentName, response: &Response) {
        for pool in &mut self.pools {
            let wholes = self.list.iter().filter(|account| pool.is_whole(account));
            let counts = wholes.into_iter().any(|account| account.counts(response));
            if let Some(share) = pool.shares.get_mut(name).filter(|_| counts) {
                share.spent = share.spent.saturating_add(amount(response, pool.key.unit));
            }
        }
    }

    /// What an account must keep for an agent that was promised it.
    pub(in crate::decide) fn promised(&self, account: &Account, name: &AgentName) -> i64 {
        let pools = self.pools.iter().filter(|pool| pool.is_reserved_of(account));
        pools.filter_map(|pool| pool.shares.get(name)).map(Share::unspent).max().unwrap_or(0)
    }

    /// The pool that this account is an allotment out of, by its place.
    pub(in crate::decide) fn pool_of(&self, account: &Account) -> Option<usize> {
        self.pools.iter().position(|pool| pool.is_share(account))
    }

    /// The whole that this pool is of.
    pub(in crate::decide) fn whole_of(&self, place: usize) -> Option<&BudgetKey> {
        Some(&self.pools.get(place)?.key)
    }

    /// An agent's part of it.
    pub(in crate::decide) fn share(&self, place: usize, name: &AgentName) -> Option<Share> {
        self.pools.get(place)?.shares.get(name).copied()
    }

    /// What this pool can give now; `to` an agent: also what that is about to spend beyond its allotment.
    pub(in crate::decide) fn pool_size(
        &self,
        cx: &Context<'_>,
        by: &Spenders<'_>,
        place: usize,
        to: Option<&AgentName>,
    ) -> i64 {
        let Some(pool) = self.pools.get(place) else { return 0 };
        pool.rest().max(0).min(self.room(cx, by, pool, to))
    }

    /// What the whole, and each wider budget, has beside all that its agents are promised, or are about to spend.
    fn room(&self, cx: &Context<'_>, by: &Spenders<'_>, pool: &Pool, to: Option<&AgentName>) -> i64 {
        let current = |account: &&Account| !account.is_past(cx.now.wall);
        let free = |account: &Account| self.free(cx, by, account, to).max(0);
        let Some(whole) = self.list.iter().filter(current).rfind(|account| pool.is_whole(account)) else {
            return 0;
        };
        let wider = self.list.iter().filter(current).filter(|account| pool.is_reserved_of(account));
        wider.chain([whole]).map(free).min().unwrap_or(0)
    }

    /// What is not there to be given is noted, for those who only look.
    pub(in crate::decide) fn settle_pools(&mut self, cx: &Context<'_>, by: &Spenders<'_>) {
        for place in 0..self.pools.len() {
            let size = self.pool_size(cx, by, place, None);
            if let Some(pool) = self.pools.get_mut(place) {
                pool.spoken_for = pool.rest().max(0).saturating_sub(size);
            }
        }
    }

    /// An allotment is raised out of its pool.
    pub(in crate::decide) fn raise_share(
        &mut self,
        key: &BudgetKey,
        amount: i64,
        reason: Option<&str>,
        effects: &mut Effects,
    ) {
        let Some((place, agent)) = self.allotted(key) else { return };
        if let Some(share) = self.share_mut(place, &agent) {
            share.given = share.given.saturating_add(amount);
        }
        self.moved(place, &agent, Moved::Extended, amount, reason, effects);
    }

    /// The pool and the agent that this is an allotment of.
    fn allotted(&self, key: &BudgetKey) -> Option<(usize, AgentName)> {
        let mut of_pools = self.list.iter().filter(|account| account.key == *key);
        let (account, place) = of_pools.find_map(|account| Some((account, self.pool_of(account)?)))?;
        Some((place, self.pools.get(place)?.agent(account)?))
    }

    /// What an allotment's pool lacks where it is raised by so much: by that the whole is lifted, for this agent.
    pub(in crate::decide) fn beyond_pool(
        &self,
        cx: &Context<'_>,
        by: &Spenders<'_>,
        key: &BudgetKey,
        amount: i64,
    ) -> Option<(BudgetKey, AgentName, i64)> {
        let (place, agent) = self.allotted(key)?;
        let short = amount.saturating_sub(self.pool_size(cx, by, place, Some(&agent)));
        let whole = self.current_key(cx, place).or_else(|| self.pools.get(place).map(|pool| pool.key.clone()))?;
        (short > 0).then_some((whole, agent, short))
    }

    fn current_key(&self, cx: &Context<'_>, place: usize) -> Option<BudgetKey> {
        let pool = self.pools.get(place)?;
        let current = |account: &&Account| pool.is_whole(account) && !account.is_past(cx.now.wall);
        self.list.iter().rfind(current).map(|account| account.key.clone())
    }

    /// The limit of a whole was lifted: its pool has more.
    pub(in crate::decide) fn lift_pool(&mut self, account: usize, amount: i64) {
        let Some(account) = self.list.get(account) else { return };
        if let Some(pool) = self.pools.iter_mut().find(|pool| pool.is_whole(account)) {
            pool.lifted = pool.lifted.saturating_add(amount);
            self.freed = true;
        }
    }

    /// The agent is over: what it was allotted and has not spent goes back.
    pub(in crate::decide) fn give_back(&mut self, name: &AgentName, effects: &mut Effects) {
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
            self.moved(place, name, Moved::GivenBack, unspent, None, effects);
        }
    }

    fn share_mut(&mut self, place: usize, name: &AgentName) -> Option<&mut Share> {
        self.pools.get_mut(place)?.shares.get_mut(name)
    }

    fn change_allotment(&mut self, place: usize, name: &AgentName, by: i64) {
        let Some(pool) = self.pools.get(place) else { return };
        let own = |account: &&mut Account| pool.is_share(account) && pool.agent(account).as_ref() == Some(name);
        if let Some(account) = self.list.iter_mut().find(own) {
            account.base = account.base.saturating_add(by);
        }
    }

    fn moved(
        &mut self,
        place: usize,
        name: &AgentName,
        moved: Moved,
        amount: i64,
        reason: Option<&str>,
        effects: &mut Effects,
    ) {
        let Some(pool) = self.pools.get(place) else { return };
        let BudgetKey { budget, scope, unit, .. } = pool.key.clone();
        let (unit, pool, reason) = (unit.as_str().to_owned(), pool.rest().max(0), reason.map(str::to_owned));
        effects.record(Some(name), EventKind::Pooled { budget, scope, moved, amount, unit, pool, reason });
    }
}
