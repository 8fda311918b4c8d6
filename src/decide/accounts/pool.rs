//! A budget divided among the agents of a run: what each was allotted, and the pool that nobody was.
//!
//! At every moment what was there when the run began, and what was lifted since, is: spent by the run's agents, or
//! allotted to one and not spent, or in the pool, or spoken for by others who spend from the same budget.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use crate::model::event::{EventKind, Moved};
use crate::model::{AgentName, BudgetKey, BudgetName, Response, Unit};

use super::account::{Account, amount};
use crate::decide::agents::Agent;
use crate::decide::message::Effects;
use crate::policy::rule::Budget;

/// One budget for one thing, divided among a run's agents.
#[derive(Clone, Debug)]
pub struct Pool {
    /// What is divided.
    pub(in crate::decide) whole: Arc<Budget>,
    /// The budget that its allotments are judged by; `None`: nothing is allotted.
    pub(in crate::decide) rule: Option<Arc<Budget>>,
    /// What the whole is counted per.
    pub(in crate::decide) values: Vec<Option<String>>,
    pub(in crate::decide) key: BudgetKey,
    /// The other budgets that all its agents spend from, and what they are counted per: what is promised out of this one
    /// is reserved there, too.
    pub(in crate::decide) wider: Vec<(Arc<Budget>, Vec<Option<String>>)>,
    /// What was left when the run began.
    pub(in crate::decide) taken: i64,
    /// What was lifted since.
    pub(in crate::decide) lifted: i64,
    /// What of the rest is not there: others spend, or are about to.
    pub(in crate::decide) spoken_for: i64,
    pub(in crate::decide) shares: BTreeMap<AgentName, Share>,
}

/// All that is divided in a run.
#[derive(Debug, Default)]
pub(in crate::decide) struct Pools {
    list: Vec<Pool>,
    /// One has more than it had.
    freed: bool,
}

/// One pool of a run. [`Pools`] alone makes it, and never takes one away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decide) struct PoolId(usize);

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
    pub(super) fn is_whole(&self, account: &Account) -> bool {
        account.is_of(&self.whole) && account.values == self.values
    }

    /// What is promised out of it is reserved of this account.
    pub(super) fn is_reserved_of(&self, account: &Account) -> bool {
        self.is_whole(account)
            || self.wider.iter().any(|(budget, values)| account.is_of(budget) && account.values == *values)
    }

    /// The account is an allotment out of it.
    pub(in crate::decide) fn is_share(&self, account: &Account) -> bool {
        self.rule.as_ref().is_some_and(|rule| account.is_of(rule)) && self.agent(account).is_some()
    }

    pub(in crate::decide) fn agent(&self, account: &Account) -> Option<AgentName> {
        let name = account.values.first()?.as_deref()?;
        self.shares.keys().find(|agent| agent.as_str() == name).cloned()
    }

    /// Something of it has moved.
    fn tell(&self, name: &AgentName, moved: Moved, amount: i64, reason: Option<&str>, effects: &mut Effects) {
        let BudgetKey { budget, scope, unit, .. } = self.key.clone();
        let (unit, pool, reason) = (unit.as_str().to_owned(), self.rest().max(0), reason.map(str::to_owned));
        effects.record(Some(name), EventKind::Pooled { budget, scope, moved, amount, unit, pool, reason });
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

impl Index<PoolId> for Pools {
    type Output = Pool;

    fn index(&self, PoolId(place): PoolId) -> &Pool {
        #[expect(
            clippy::indexing_slicing,
            reason = "INVARIANT: an id is made of a pool that is there, and none goes away"
        )]
        &self.list[place]
    }
}

impl IndexMut<PoolId> for Pools {
    fn index_mut(&mut self, PoolId(place): PoolId) -> &mut Pool {
        #[expect(
            clippy::indexing_slicing,
            reason = "INVARIANT: an id is made of a pool that is there, and none goes away"
        )]
        &mut self.list[place]
    }
}

impl Pools {
    pub(super) fn add(&mut self, pool: Pool) {
        self.list.push(pool);
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Pool> {
        self.list.iter()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = PoolId> + use<> {
        (0..self.list.len()).map(PoolId)
    }

    /// How each budget that is divided stands.
    pub(super) fn views(&self) -> Vec<Allotments> {
        self.list.iter().map(Pool::view).collect()
    }

    /// Whether one has more than when that was asked last.
    pub(super) fn take_freed(&mut self) -> bool {
        std::mem::take(&mut self.freed)
    }

    /// Counts what an agent spent out of what was divided.
    pub(super) fn spend(&mut self, accounts: &[Account], name: &AgentName, response: &Response) {
        for pool in &mut self.list {
            let counts = accounts.iter().any(|account| pool.is_whole(account) && account.counts(response));
            if let Some(share) = pool.shares.get_mut(name).filter(|_| counts) {
                share.spent = share.spent.saturating_add(amount(response, pool.key.unit));
            }
        }
    }

    /// What an account must keep for an agent that was promised it.
    pub(in crate::decide) fn promised(&self, account: &Account, agent: &Agent) -> i64 {
        let pools = self.list.iter().filter(|pool| pool.is_reserved_of(account));
        pools.filter_map(|pool| pool.shares.get(&agent.setup.name)).map(Share::unspent).max().unwrap_or(0)
    }

    /// The pool that this account is an allotment out of.
    pub(in crate::decide) fn of(&self, account: &Account) -> Option<PoolId> {
        self.list.iter().position(|pool| pool.is_share(account)).map(PoolId)
    }

    /// An agent's part of it.
    pub(in crate::decide) fn share(&self, id: PoolId, name: &AgentName) -> Option<Share> {
        self[id].shares.get(name).copied()
    }

    /// The pool and the agent that this is an allotment of.
    pub(super) fn allotted(&self, accounts: &[Account], key: &BudgetKey) -> Option<(PoolId, AgentName)> {
        let mut of_pools = accounts.iter().filter(|account| account.key == *key);
        let (account, id) = of_pools.find_map(|account| Some((account, self.of(account)?)))?;
        Some((id, self[id].agent(account)?))
    }

    /// An allotment is raised out of its pool.
    pub(super) fn raise(
        &mut self,
        accounts: &[Account],
        key: &BudgetKey,
        amount: i64,
        reason: Option<&str>,
        effects: &mut Effects,
    ) {
        // Of what is no allotment nothing is raised.
        let Some((id, agent)) = self.allotted(accounts, key) else { return };
        if let Some(share) = self[id].shares.get_mut(&agent) {
            share.given = share.given.saturating_add(amount);
        }
        self[id].tell(&agent, Moved::Extended, amount, reason, effects);
    }

    /// The limit of a whole was lifted: its pool has more.
    pub(super) fn lift(&mut self, whole: &Account, amount: i64) {
        if let Some(pool) = self.list.iter_mut().find(|pool| pool.is_whole(whole)) {
            pool.lifted = pool.lifted.saturating_add(amount);
            self.freed = true;
        }
    }

    /// The agent is over: what it was allotted and has not spent goes back.
    pub(super) fn give_back(&mut self, accounts: &mut [Account], name: &AgentName, effects: &mut Effects) {
        self.freed |= !self.list.is_empty();
        for pool in &mut self.list {
            let Some(share) = pool.shares.get_mut(name) else { continue };
            let unspent = share.unspent();
            if unspent == 0 {
                continue;
            }
            share.returned = share.returned.saturating_add(unspent);
            let own = |account: &&mut Account| pool.is_share(account) && pool.agent(account).as_ref() == Some(name);
            if let Some(account) = accounts.iter_mut().find(own) {
                account.base = account.base.saturating_sub(unspent);
            }
            pool.tell(name, Moved::GivenBack, unspent, None, effects);
        }
    }
}
