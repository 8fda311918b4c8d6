//! Pure. What other runs wrote into the same ledger.

use crate::model::Dimension;

use super::account::Account;
use super::charge::is_shared;
use super::context::Context;
use super::governor::Governor;
use super::input::{News, Settled};

impl Governor {
    pub(super) fn elsewhere(&mut self, cx: &Context<'_>, news: News) {
        if news.many {
            self.sum_again(cx);
        }
        for response in &news.responses {
            self.charge(cx, response, None);
        }
        for (key, amount) in &news.extensions {
            // What this run allotted is nobody else's to lift.
            if self.accounts.iter().all(|account| account.key != *key || self.pool_of(account).is_none()) {
                self.lift_accounts(key, *amount);
            }
        }
        if !news.answers.is_empty() {
            self.pass_answered_steps(cx);
        }
        for Settled { approval, answer, by, reason } in &news.answers {
            if !self.call_settled(cx, *approval, answer, (by, reason.as_deref())) {
                self.obey(cx, *approval, (answer, by));
            }
        }
        if !news.extensions.is_empty() {
            self.release_who_fits(cx);
        }
        for name in self.names() {
            self.evaluate_one(cx, &name);
        }
    }

    /// Others may have been asked about budgets that this run shares: what they said yes to asks nobody here.
    fn pass_answered_steps(&mut self, cx: &Context<'_>) {
        for account in &mut self.accounts {
            account.pass(cx.books.passed(&account.key, account.answered_since()));
        }
    }

    /// What others may have added to is read from the ledger.
    fn sum_again(&mut self, cx: &Context<'_>) {
        let others_may =
            |account: &&mut Account| !account.per.contains(&Dimension::Run) && !account.is_past(cx.now.wall);
        for account in self.accounts.iter_mut().filter(others_may) {
            account.sum_again(cx.books);
        }
    }

    /// As [`Self::elsewhere`] where what others wrote is too much to be told one by one.
    pub(super) fn recount(&mut self, cx: &Context<'_>) {
        for index in 0..self.accounts.len() {
            let shared = |account: &&mut Account| !account.is_past(cx.now.wall) && is_shared(&account.rule);
            let Some(account) = self.accounts.get_mut(index).filter(shared) else { continue };
            let lifted = account.extended;
            account.open(cx.books);
            let more = account.extended.saturating_sub(lifted);
            if more > 0 {
                account.grace_said = false;
                self.forget_fired(index);
                self.lift_pool(index, more);
            }
        }
        self.release_who_fits(cx);
        for name in self.names() {
            self.evaluate_one(cx, &name);
        }
    }
}
