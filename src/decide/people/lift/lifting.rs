//! Pure. Limits are lifted: before the run goes on, and by answers.

use super::{Lift, Lifted};
use crate::decide::accounts::account::Account;
use crate::decide::agents::ids::AgentId;
use crate::decide::context::Context;
use crate::decide::governor::Governor;
use crate::decide::message::{About, Effect};
use crate::decide::people::permission;
use crate::model::event::{EventKind, Lifts};
use crate::model::{BudgetKey, BudgetName};

impl Governor {
    /// Lifts the limit that stopped the run.
    ///
    /// # Errors
    /// Why it may not go on so.
    pub(in crate::decide) fn lift_limit(&mut self, cx: &Context<'_>, lift: Lift) -> Result<(), String> {
        let named = |account: &&Account| lift.budget.as_ref().is_none_or(|budget| account.key.budget == *budget);
        let counts = |account: &&Account| account.key.unit == lift.by_amount.unit && !account.agents.is_empty();
        let mut own = self.accounts.iter().filter(counts);
        // The budget that stopped it, else the narrowest that counts in this unit: the last one.
        let account = own.clone().find(named).or(own.next_back());
        let Some((key, agent)) = account.and_then(|account| Some((account.key.clone(), *account.agents.first()?)))
        else {
            return Err(format!("no budget of this run counts what `--extend {}` would lift", lift.by_amount));
        };
        permission::may_be_lifted(&self.accounts, cx, Some((&lift.who, &lift.started_by)), &key, lift.by_amount.amount)
            .map_err(|not| not.to_string())?;
        self.lift_accounts(&key, lift.by_amount.amount);
        self.lifted = Some(Lifted { lift, key, agent });
        Ok(())
    }

    /// What would have to be lifted of the budget that ended the run, or that it waited at when a person ended it, where
    /// people may.
    pub fn lifts(&self, rule: Option<&BudgetName>) -> Option<Lifts> {
        let waited = self.waited_at.clone().filter(|_| rule.is_none());
        let rule = rule.or(waited.as_ref())?;
        self.accounts().filter(|account| account.rule.name == *rule).find_map(|account| {
            let amount = account.offered.filter(|offered| *offered > 0)?;
            let typed = |amount: i64| account.key.unit.typed(amount);
            let needs = account.needed.filter(|needed| *needed > 0).map(typed);
            Some(Lifts { amount: typed(amount), needs, until: account.bounds.end, budget: waited.clone() })
        })
    }

    /// A person ends an agent: the limit that it waits at still stands in the way of whoever goes on with it.
    pub(in crate::decide) fn note_limit_in_the_way(&mut self, who: AgentId) {
        let agent = &self.agents[who];
        let found = agent
            .held
            .iter()
            .chain(&agent.question)
            .map(|hold| &hold.question)
            .find(|question| question.about == About::Limit);
        if let Some(budget) = found.map(|question| question.key.budget.clone()) {
            self.waited_at = Some(budget);
        }
    }

    /// Something was started by the lifted limit: it is written down, unless other answers have used up meanwhile what
    /// they may come to.
    pub(in crate::decide) fn book_lift(&mut self, cx: &Context<'_>) {
        let Some(Lifted { lift, key, agent }) = self.lifted.take() else { return };
        let amount = lift.by_amount.amount;
        match permission::may_be_lifted(&self.accounts, cx, Some((&lift.who, &lift.started_by)), &key, amount) {
            Ok(()) => self.book_extension(agent, key, amount, &lift.by, None),
            Err(not) => {
                self.lift_accounts(&key, amount.saturating_neg());
                self.effects.push(Effect::Say(format!("not extended: {not}")));
            }
        }
    }

    /// Raises an allotment by what its pool has, and lifts the whole by what it has not: a person may.
    pub(in crate::decide) fn raise(
        &mut self,
        cx: &Context<'_>,
        key: &BudgetKey,
        amount: i64,
        (by, why): (&str, Option<&str>),
    ) {
        if let Some((whole, agent, short)) = self.accounts.beyond_pool(cx, &self.spenders(), key, amount) {
            self.extend(agent, whole, short, by, why);
        }
        self.accounts.raise_share(key, amount, why, &mut self.effects);
    }

    /// Lifts a limit and writes it down.
    pub(in crate::decide) fn extend(
        &mut self,
        who: AgentId,
        key: BudgetKey,
        amount: i64,
        by: &str,
        reason: Option<&str>,
    ) {
        self.lift_accounts(&key, amount);
        self.book_extension(who, key, amount, by, reason);
    }

    fn book_extension(&mut self, who: AgentId, key: BudgetKey, amount: i64, by: &str, reason: Option<&str>) {
        self.record(
            Some(who),
            EventKind::Extended {
                budget: key.budget.clone(),
                scope: key.scope.clone(),
                amount,
                unit: key.unit.as_str().to_owned(),
                by: by.to_owned(),
                reason: reason.map(str::to_owned),
            },
        );
        let reason = reason.map(str::to_owned);
        self.effects.push(Effect::Extend { key, amount, by: by.to_owned(), reason });
    }

    pub(in crate::decide) fn lift_accounts(&mut self, key: &BudgetKey, amount: i64) {
        for account in self.accounts.lift(key, amount) {
            self.forget_fired(account);
        }
    }
}
