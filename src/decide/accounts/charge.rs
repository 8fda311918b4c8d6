//! What was spent, and what is about to be, against each budget it falls under.

use std::sync::Arc;

use crate::model::{Dimension, ModelId, Response, ThreadId};
use crate::policy::rule::{Budget, Window};

use super::account::{Account, amount};
use super::claims::is_shared;
use super::ids::AccountId;
use super::{Accounts, Spenders, granted};
use crate::decide::agents::ids::AgentId;
use crate::decide::context::Context;

/// Who was first to record a response.
#[derive(Clone, Copy, Debug)]
pub(in crate::decide) enum Recorded<'a> {
    /// This run.
    Here,
    /// Another run or an import, like this.
    Elsewhere(&'a Response),
}

impl Accounts {
    /// Opens the accounts that an agent's spend of this moment falls under, as far as they are known
    /// before a model answers.
    pub(in crate::decide) fn open_current(&mut self, cx: &Context<'_>, by: &Spenders<'_>, who: AgentId) {
        let agent = &by.agents[who];
        let timezone = cx.policy.timezone;
        let known_late = |dim: &Dimension| matches!(dim, Dimension::Thread | Dimension::Model);
        // To place an account takes a calendar; to see that it is there does not.
        let is_open = |budget: &Arc<Budget>| {
            let mut own = self.list.iter().filter(|a| a.is_of(budget) && a.agents.contains(&who));
            own.any(|a| {
                let current = matches!(budget.window, Window::Rolling(_)) || a.bounds.contains(cx.now.wall);
                current && a.per.iter().zip(&a.values).all(|(dim, value)| agent.value(cx.run, dim) == *value)
            })
        };
        let mut places: Vec<Account> = self
            .rules
            .iter()
            .filter(|budget| !budget.scope.per.iter().any(known_late) && !is_open(budget))
            .filter_map(|budget| Account::place(budget, timezone, cx.now.wall, |dim| agent.value(cx.run, dim)))
            .collect();
        let past = self.list.iter().filter(|account| account.is_past(cx.now.wall) && account.agents.contains(&who));
        places.extend(past.filter_map(|account| account.in_window_of(timezone, cx.now.wall)));
        for account in places {
            self.open(cx, account, who);
        }
    }

    /// Opens the accounts of the thread and the model that Codex names before it asks: one that is spent binds this very
    /// request, in a new run as well.
    pub(in crate::decide) fn open_for_request(
        &mut self,
        cx: &Context<'_>,
        by: &Spenders<'_>,
        who: AgentId,
        thread: &ThreadId,
    ) {
        let agent = &by.agents[who];
        let model = agent.threads.get(thread).and_then(|thread| thread.model.as_ref());
        let model = model.map(|said| agent.answering(said)).cloned();
        self.open_named(cx, by, who, Some(thread), model.as_ref());
    }

    /// The same, as far as they are known.
    pub(in crate::decide) fn open_named(
        &mut self,
        cx: &Context<'_>,
        by: &Spenders<'_>,
        who: AgentId,
        thread: Option<&ThreadId>,
        model: Option<&ModelId>,
    ) {
        let agent = &by.agents[who];
        let value = |dimension: &Dimension| match dimension {
            Dimension::Thread => thread.map(ToString::to_string),
            Dimension::Model => model.map(ToString::to_string),
            other => agent.value(cx.run, other),
        };
        let known = |dimension: &Dimension| match dimension {
            Dimension::Thread => thread.is_some(),
            Dimension::Model => model.is_some(),
            _ => true,
        };
        let late = |dimension: &&Dimension| matches!(dimension, Dimension::Thread | Dimension::Model);
        let places: Vec<Account> = self
            .rules
            .iter()
            .filter(|budget| {
                let mut late = budget.scope.dimensions().filter(late).peekable();
                late.peek().is_some() && late.all(known)
            })
            .filter_map(|budget| Account::place(budget, cx.policy.timezone, cx.now.wall, value))
            .collect();
        for place in places {
            self.open(cx, place, who);
        }
    }

    /// Opens the accounts of this moment that only an answer tells of: of its model, its thread, its class of work.
    pub(in crate::decide) fn open_for_answer(&mut self, cx: &Context<'_>, answer: &Response, who: AgentId) {
        let late = |dimension: &Dimension| matches!(dimension, Dimension::Thread | Dimension::Model | Dimension::Work);
        let value = |dimension: &Dimension| answer.get(dimension).map(str::to_owned);
        let places: Vec<Account> = self
            .rules
            .iter()
            .filter(|budget| budget.scope.dimensions().any(late))
            .filter_map(|budget| Account::place(budget, cx.policy.timezone, cx.now.wall, value))
            .collect();
        for place in places {
            self.open(cx, place, who);
        }
    }

    /// Opens an account for an agent, unless it is open; says whether it was not.
    pub(in crate::decide) fn open(&mut self, cx: &Context<'_>, mut account: Account, agent: AgentId) -> bool {
        let found = self.list.iter_mut().find(|a| a.key == account.key && a.is_of(&account.rule));
        if let Some(found) = found {
            found.agents.insert(agent);
            return false;
        }
        account.open(cx.books);
        account.granted = granted(cx, &account.key);
        if matches!(account.rule.window, Window::Life) && account.spent > 0 {
            account.pass_mild_steps();
        }
        account.agents.insert(agent);
        self.list.push(account);
        true
    }

    /// Adds a response to the accounts it falls under. An account that is opened for it has it
    /// already: the ledger is asked after the response was written.
    pub(in crate::decide) fn charge(&mut self, cx: &Context<'_>, response: &Response, own: Option<AgentId>) {
        for budget in self.rules.clone() {
            let value = |dimension: &Dimension| response.get(dimension).map(str::to_owned);
            let Some(place) = Account::place(&budget, cx.policy.timezone, response.at, value) else { continue };
            let unit = place.key.unit;
            if own.is_some_and(|agent| self.open(cx, place.clone(), agent)) {
                continue;
            }
            for account in self.list.iter_mut().filter(|a| a.key == place.key && a.is_of(&budget)) {
                account.spent = account.spent.saturating_add(amount(response, unit));
            }
        }
    }

    /// Responses are of another class of work from now on, and the ledger has them so: what counts by class is summed again,
    /// and binds the agent while its last response is of that class. Says whether any budget does.
    pub(in crate::decide) fn reclass(&mut self, cx: &Context<'_>, who: AgentId, last: Option<&Response>) -> bool {
        let by_class = |budget: &Budget| budget.scope.only.dimensions().any(|one| *one == Dimension::Work);
        let rules: Vec<Arc<Budget>> = self.rules.iter().filter(|budget| by_class(budget)).cloned().collect();
        for budget in &rules {
            let place = last.and_then(|last| {
                let value = |dimension: &Dimension| last.get(dimension).map(str::to_owned);
                Account::place(budget, cx.policy.timezone, last.at, value)
            });
            let key = place.as_ref().map(|place| place.key.clone());
            for account in self.list.iter_mut().filter(|account| account.is_of(budget)) {
                account.sum_again(cx.books);
                if Some(&account.key) != key.as_ref() {
                    account.agents.remove(&who);
                }
            }
            if let Some(place) = place {
                self.open(cx, place, who);
            }
        }
        !rules.is_empty()
    }

    /// Adds a response that another run, or an import, was first to record: accounts that count it as it is `recorded`
    /// have it from the ledger, and the others have not, whether they are opened for it or were before: those of this
    /// run, and those of a team, say, that the other run was not told of.
    pub(in crate::decide) fn charge_beside(
        &mut self,
        cx: &Context<'_>,
        response: &Response,
        recorded: &Response,
        own: Option<AgentId>,
    ) {
        for budget in self.rules.clone() {
            let value = |dimension: &Dimension| response.get(dimension).map(str::to_owned);
            let Some(place) = Account::place(&budget, cx.policy.timezone, response.at, value) else { continue };
            let has_it = !place.per.contains(&Dimension::Run) && place.counts(recorded);
            let key = place.key.clone();
            if let Some(agent) = own {
                self.open(cx, place, agent);
            }
            for account in self.list.iter_mut().filter(|a| !has_it && a.key == key && a.is_of(&budget)) {
                let amount = amount(response, key.unit);
                account.spent = account.spent.saturating_add(amount);
                account.beside = account.beside.saturating_add(amount);
            }
        }
    }

    /// Adds a response to the accounts it falls under, whoever has recorded it.
    pub(in crate::decide) fn charge_as(
        &mut self,
        cx: &Context<'_>,
        recorded: Recorded<'_>,
        response: &Response,
        own: Option<AgentId>,
    ) {
        match recorded {
            Recorded::Here => self.charge(cx, response, own),
            Recorded::Elsewhere(row) => self.charge_beside(cx, response, row, own),
        }
    }

    /// Others may have been asked about budgets that this run shares: what they said yes to asks nobody here.
    pub(in crate::decide) fn pass_answered_steps(&mut self, cx: &Context<'_>) {
        for account in &mut self.list {
            account.pass(cx.books.passed(&account.key, account.answered_since()));
        }
    }

    /// What others may have added to is read from the ledger.
    pub(in crate::decide) fn sum_again(&mut self, cx: &Context<'_>) {
        let others_may =
            |account: &&mut Account| !account.per.contains(&Dimension::Run) && !account.is_past(cx.now.wall);
        for account in self.list.iter_mut().filter(others_may) {
            account.sum_again(cx.books);
        }
    }

    /// Reads again from the ledger what others may have spent and lifted; says which limits they have lifted.
    pub(in crate::decide) fn recount(&mut self, cx: &Context<'_>) -> Vec<AccountId> {
        let mut lifted = Vec::new();
        for id in self.ids() {
            let account = &mut self[id];
            if account.is_past(cx.now.wall) || !is_shared(&account.rule) {
                continue;
            }
            let before = account.extended;
            account.open(cx.books);
            let more = account.extended.saturating_sub(before);
            if more > 0 {
                account.grace_said = false;
                lifted.push((id, more));
            }
        }
        lifted.iter().for_each(|(id, more): &(AccountId, i64)| self.lift_pool(*id, *more));
        lifted.into_iter().map(|(id, _)| id).collect()
    }
}
