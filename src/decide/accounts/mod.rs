//! What budgets count in this run: spent, promised, and about to be spent. Whose the spend is, it only looks at.

pub mod account;
pub mod allot;
mod charge;
mod claims;
pub mod ids;
pub(super) mod minutes;
pub mod pool;
mod prediction;
pub(super) mod tool_calls;

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};
use std::sync::Arc;
use std::time::Duration;

use crate::model::{AgentName, BudgetKey, BudgetName, Granted, Response, Unit, Verb};
use crate::policy::rule::{Budget, Policy};

use super::agents::Agents;
use super::context::{Context, Fixed};
use super::message::Effects;
use crate::decide::discretion::advisor::Adviser;

use account::Account;
use ids::AccountId;
use pool::{Allotments, Pools};

pub(super) use charge::Recorded;
pub(super) use prediction::{binds, likely};

/// The accounts of a run, and the pools of budgets that are divided among its agents.
#[derive(Default)]
pub(super) struct Accounts {
    /// The policy's budgets, and after them those that allotments are judged by.
    rules: Vec<Arc<Budget>>,
    /// Nothing is enforced.
    observe: bool,
    list: Vec<Account>,
    pools: Pools,
    /// How long those were active that were over before the run went on.
    pub(super) over_before: BTreeMap<AgentName, Duration>,
    /// A limit in minutes was lifted: its end is another moment.
    lifted_time: bool,
    /// A model that can be asked where the rule is not sure: it spends like any agent.
    pub(super) adviser: Option<Box<Adviser>>,
    /// The budget whose hard step was decided last.
    pub(super) last_hard: Option<BudgetName>,
    /// Hard steps wait: what is judged spends nothing, and somebody will ask before what does.
    pub(super) defers: bool,
    /// So do those of budgets in minutes: what is judged is no tool either.
    pub(super) defers_time: bool,
}

impl Index<AccountId> for Accounts {
    type Output = Account;

    fn index(&self, AccountId(place): AccountId) -> &Account {
        #[expect(
            clippy::indexing_slicing,
            reason = "INVARIANT: an id is made of an account that is open, and none is closed"
        )]
        &self.list[place]
    }
}

impl IndexMut<AccountId> for Accounts {
    fn index_mut(&mut self, AccountId(place): AccountId) -> &mut Account {
        #[expect(
            clippy::indexing_slicing,
            reason = "INVARIANT: an id is made of an account that is open, and none is closed"
        )]
        &mut self.list[place]
    }
}

/// All who spend from a run's accounts, as they stand.
pub(super) struct Spenders<'a> {
    pub(super) fixed: &'a Fixed,
    pub(super) agents: &'a Agents,
}

impl<'a> Spenders<'a> {
    pub(super) fn of(fixed: &'a Fixed, agents: &'a Agents) -> Self {
        Self { fixed, agents }
    }
}

/// What grants add to the limit of this key, as far as the policy lets them.
fn granted(cx: &Context<'_>, key: &BudgetKey) -> Granted {
    cx.policy.approvals.granted(&cx.books.grants(), key, cx.now.wall)
}

impl Accounts {
    /// No account yet, under this policy.
    pub(super) fn under(policy: &Policy) -> Self {
        Self { rules: policy.budgets.clone(), observe: policy.observe, ..Self::default() }
    }

    pub(super) fn rules(&self) -> &[Arc<Budget>] {
        &self.rules
    }

    /// Some budget can hold or end an agent here, so that what cannot be observed is refused or stopped.
    ///
    /// An alert, or a budget over a plan's own limit, does not make it so, however hard it is: it sets no limit on spend
    /// that an unseen response could pass. Whoever writes `idle = "20m"`, `do = "stop"` asks for a stop where something
    /// goes wrong, not for one where nothing can be known. What they cannot judge is said aloud instead
    /// ([`Fixed::warns_of_unobserved`]), and the agent goes on.
    pub(super) fn enforces(&self) -> bool {
        let binds = |budget: &Arc<Budget>| !budget.observe && budget.all_steps().any(|step| step.verb >= Verb::Route);
        !self.observe && self.rules.iter().any(binds)
    }

    /// All that are open at this moment, in the order in which they were opened.
    pub(super) fn ids(&self) -> impl Iterator<Item = AccountId> + use<> {
        (0..self.list.len()).map(AccountId)
    }

    pub(super) fn with_ids(&self) -> impl DoubleEndedIterator<Item = (AccountId, &Account)> {
        self.list.iter().enumerate().map(|(place, account)| (AccountId(place), account))
    }

    /// The first one under this key.
    pub(super) fn find(&self, key: &BudgetKey) -> Option<AccountId> {
        self.list.iter().position(|account| account.key == *key).map(AccountId)
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Account> {
        self.list.iter()
    }

    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Account> {
        self.list.iter_mut()
    }

    /// What it asks for is only said.
    pub(super) fn observes(&self, id: AccountId) -> bool {
        self.observe || self[id].rule.observe
    }

    /// Lifts the limit of what this names, and says which accounts that are.
    pub(super) fn lift(&mut self, key: &BudgetKey, amount: i64) -> Vec<AccountId> {
        let lifted: Vec<AccountId> = self.ids().filter(|id| self[*id].key == *key).collect();
        for id in &lifted {
            self[*id].extend(amount);
            self.lifted_time |= key.unit == Unit::Minutes;
            self.lift_pool(*id, amount);
        }
        lifted
    }

    /// Reads again what grants add to limits: of all, or only of those of which one has ended. Says whose limit is higher
    /// than before. What one agent was allotted no grant lifts.
    pub(super) fn regrant(&mut self, cx: &Context<'_>, all: bool) -> Vec<AccountId> {
        let ended = |account: &Account| account.granted.until.is_some_and(|until| until <= cx.now.wall);
        let mut raised = Vec::new();
        for id in self.ids() {
            let account = &mut self[id];
            if account.allotted || !(all || ended(account)) {
                continue;
            }
            let before = std::mem::replace(&mut account.granted, granted(cx, &account.key));
            let more = account.granted.amount.saturating_sub(before.amount);
            self.lifted_time |= more != 0 && self[id].key.unit == Unit::Minutes;
            self.lift_pool(id, more);
            raised.extend((more > 0).then_some(id));
        }
        raised
    }

    pub(super) fn pools(&self) -> &Pools {
        &self.pools
    }

    /// How each budget that is divided stands.
    pub(super) fn allotments(&self) -> Vec<Allotments> {
        self.pools.views()
    }

    /// Counts what an agent spent out of what was divided.
    pub(super) fn spend_share(&mut self, name: &AgentName, response: &Response) {
        self.pools.spend(&self.list, name, response);
    }

    /// An allotment is raised out of its pool.
    pub(super) fn raise_share(&mut self, key: &BudgetKey, amount: i64, why: Option<&str>, effects: &mut Effects) {
        self.pools.raise(&self.list, key, amount, why, effects);
    }

    /// The agent is over: what it was allotted and has not spent goes back.
    pub(super) fn give_back(&mut self, name: &AgentName, effects: &mut Effects) {
        self.pools.give_back(&mut self.list, name, effects);
    }

    /// The limit of a whole was lifted: its pool has more.
    fn lift_pool(&mut self, AccountId(place): AccountId, amount: i64) {
        if let Some(account) = self.list.get(place) {
            self.pools.lift(account, amount);
        }
    }

    /// Whether a pool has more than when that was asked last.
    pub(super) fn take_freed(&mut self) -> bool {
        self.pools.take_freed()
    }

    /// Whether a limit in minutes was lifted since that was asked last.
    pub(super) fn take_lifted_time(&mut self) -> bool {
        std::mem::take(&mut self.lifted_time)
    }
}
