//! Pure. What budgets count in this run: spent, promised, and about to be spent. Whose the spend is, it only looks at.

pub mod account;
pub mod allot;
mod charge;
mod claims;
mod minutes;
pub mod pool;
mod prediction;
mod tool_calls;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{AgentName, BudgetKey, Unit};
use crate::policy::rule::{Budget, Policy};

use super::agent::Agent;
use super::consult::Adviser;
use super::context::Fixed;

use account::Account;
use pool::Pool;

pub(super) use charge::Recorded;
pub(super) use prediction::likely;

/// The accounts of a run, and the pools of budgets that are divided among its agents.
#[derive(Default)]
pub(super) struct Accounts {
    /// The policy's budgets, and after them those that allotments are judged by.
    rules: Vec<Arc<Budget>>,
    /// Nothing is enforced.
    observe: bool,
    list: Vec<Account>,
    pools: Vec<Pool>,
    /// How long those were active that were over before the run went on.
    pub(super) over_before: BTreeMap<AgentName, Duration>,
    /// A pool has more than it had.
    freed: bool,
    /// A limit in minutes was lifted: its end is another moment.
    lifted_time: bool,
}

/// All who spend from a run's accounts, as they stand.
pub(super) struct Spenders<'a> {
    fixed: &'a Fixed,
    agents: &'a BTreeMap<AgentName, Agent>,
    adviser: Option<&'a Adviser>,
}

impl<'a> Spenders<'a> {
    pub(super) fn of(fixed: &'a Fixed, agents: &'a BTreeMap<AgentName, Agent>, adviser: Option<&'a Adviser>) -> Self {
        Self { fixed, agents, adviser }
    }

    fn names(&self) -> impl Iterator<Item = &'a AgentName> + use<'a> {
        self.agents.keys()
    }
}

impl Accounts {
    /// No account yet, under this policy.
    pub(super) fn under(policy: &Policy) -> Self {
        Self { rules: policy.budgets.clone(), observe: policy.observe, ..Self::default() }
    }

    pub(super) fn rules(&self) -> &[Arc<Budget>] {
        &self.rules
    }

    pub(super) fn get(&self, index: usize) -> Option<&Account> {
        self.list.get(index)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Account> {
        self.list.get_mut(index)
    }

    /// How many there are: accounts are opened, and never closed.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Account> {
        self.list.iter()
    }

    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Account> {
        self.list.iter_mut()
    }

    /// What it asks for is only said.
    pub(super) fn observes(&self, index: usize) -> bool {
        self.observe || self.get(index).is_some_and(|account| account.rule.observe)
    }

    /// Lifts the limit of what this names, and says which accounts that are.
    pub(super) fn lift(&mut self, key: &BudgetKey, amount: i64) -> Vec<usize> {
        let lifted: Vec<usize> =
            self.list.iter().enumerate().filter(|(_, account)| account.key == *key).map(|(index, _)| index).collect();
        for index in &lifted {
            if let Some(account) = self.list.get_mut(*index) {
                account.extend(amount);
                self.lifted_time |= account.key.unit == Unit::Minutes;
            }
            self.lift_pool(*index, amount);
        }
        lifted
    }

    /// Whether a pool has more than when that was asked last.
    pub(super) fn take_freed(&mut self) -> bool {
        std::mem::take(&mut self.freed)
    }

    /// Whether a limit in minutes was lifted since that was asked last.
    pub(super) fn take_lifted_time(&mut self) -> bool {
        std::mem::take(&mut self.lifted_time)
    }
}
