//! Pure. What other runs wrote into the same ledger.

use crate::decide::context::Context;
use crate::decide::governor::Governor;
use crate::decide::message::{News, Settled};

impl Governor {
    pub(in crate::decide) fn elsewhere(&mut self, cx: &Context<'_>, news: News) {
        if news.many {
            self.accounts.sum_again(cx);
        }
        for response in &news.responses {
            self.accounts.charge(cx, response, None);
        }
        for (key, amount) in &news.extensions {
            // What this run allotted is nobody else's to lift.
            if self.accounts.iter().all(|account| account.key != *key || self.accounts.pools().of(account).is_none()) {
                self.lift_accounts(key, *amount);
            }
        }
        if !news.answers.is_empty() {
            self.accounts.pass_answered_steps(cx);
        }
        for Settled { approval, answer, by, reason } in &news.answers {
            if !self.call_settled(cx, *approval, answer, (by, reason.as_deref())) {
                self.obey(cx, *approval, (answer, by));
            }
        }
        if !news.extensions.is_empty() {
            self.release_who_fits(cx);
        }
        for who in self.agents.ids() {
            self.evaluate_one(cx, who);
        }
    }

    /// Limits are higher by a grant, or lower again: of all accounts, or of those whose grant has ended.
    pub(in crate::decide) fn regranted(&mut self, cx: &Context<'_>, all: bool) {
        for account in self.accounts.regrant(cx, all) {
            self.forget_fired(account);
        }
        if all {
            self.release_who_fits(cx);
            for who in self.agents.ids() {
                self.evaluate_one(cx, who);
            }
        }
    }

    /// As [`Self::elsewhere`] where what others wrote is too much to be told one by one.
    pub(in crate::decide) fn recount(&mut self, cx: &Context<'_>) {
        for account in self.accounts.recount(cx) {
            self.forget_fired(account);
        }
        self.release_who_fits(cx);
        for who in self.agents.ids() {
            self.evaluate_one(cx, who);
        }
    }
}
