//! Whether a question to the governor model fits: into its share, and under every limit that it counts for.

use super::{Adviser, MOST_FAILURES};
use crate::decide::accounts::account::{Account, amount};
use crate::decide::accounts::ids::AccountId;
use crate::decide::accounts::{Accounts, Spenders};
use crate::decide::agents::ids::AgentId;
use crate::decide::context::Context;
use crate::model::{Cost, Response, Unit};
use crate::policy::rule::Layer;

impl Adviser {
    /// A question may be put now, as far as those before it tell.
    pub(super) fn is_ready(&self, cx: &Context<'_>) -> Result<(), String> {
        if self.off {
            return Err("it gave no answers before".to_owned());
        }
        if self.failures >= MOST_FAILURES {
            return Err(format!("its last {} questions were not answered", self.failures));
        }
        if cx.now.uptime < self.not_before {
            let left = self.not_before.saturating_sub(cx.now.uptime).as_secs().max(1);
            return Err(format!("its last question was not answered, and the next one is not put for {left} s"));
        }
        Ok(())
    }

    /// What had no price when it was answered may have one by now.
    pub(super) fn price(&mut self, cx: &Context<'_>) {
        if self.likely.cost == Cost::Unpriced {
            let likely = Response { at: cx.now.wall, ..self.likely.clone() };
            self.likely.cost = cx.quoted(&self.model.model, &likely);
        }
    }

    /// The question fits: into its share of the limit, and under every limit that it counts for.
    pub(super) fn fits(
        &self,
        cx: &Context<'_>,
        accounts: &Accounts,
        by: &Spenders<'_>,
        who: AgentId,
        (id, strict): (AccountId, bool),
    ) -> Result<(), String> {
        let account = capped(accounts, id);
        let unit = account.key.unit;
        let unpriced = self.likely.cost == Cost::Unpriced;
        let next = |unit: Unit| match unit {
            Unit::ToolCalls | Unit::Minutes => None,
            Unit::Usd | Unit::Credits if unpriced => None,
            Unit::Usd | Unit::Credits | Unit::Tok | Unit::AllTok | Unit::Responses => Some(amount(&self.likely, unit)),
        };
        let asked = self.open();
        let Some(each) = next(unit) else {
            return Err(match unit {
                Unit::Usd | Unit::Credits => "it has no price".to_owned(),
                _ => format!("no share of a limit in {} can be spent on it", unit.as_str().replace('_', " ")),
            });
        };
        let cap = i128::from(account.limit()) * i128::from(self.model.share) / 1000;
        let cap = i64::try_from(cap).unwrap_or(i64::MAX);
        let spent = self.spent(unit);
        if spent.saturating_add(each.saturating_mul(asked.saturating_add(1))) > cap {
            let (budget, cap, spent) = (&account.key.budget, unit.show(cap), unit.show(spent));
            return Err(format!(
                "its share of {budget} is {cap}, {spent} of it is spent and a question costs {}",
                unit.show(each)
            ));
        }
        let counts = |account: &&Account| {
            let bound = !account.rule.observe && account.rule.is_hard();
            !account.is_past(cx.now.wall) && bound && account.counts(&self.likely)
        };
        for account in accounts.iter().filter(counts) {
            let unit = account.key.unit;
            let next = match next(unit) {
                Some(next) => next,
                None if unit.is_money() => return Err("it has no price".to_owned()),
                None => continue,
            };
            if next > accounts.free(cx, by, account, Some(who).filter(|_| strict)) {
                return Err(format!("{} has no room for it", account.show(0)));
            }
        }
        Ok(())
    }
}

/// The account that its share is of: the fleet's, else the whole of what is decided about.
fn capped(accounts: &Accounts, id: AccountId) -> &Account {
    let fleet = accounts.iter().find(|account| account.rule.layer == Layer::Fleet && !account.allotted);
    let whole = || {
        let pools = accounts.pools();
        let key = &pools[pools.of(&accounts[id])?].key;
        accounts.iter().find(|account| account.key == *key && pools.of(account).is_none())
    };
    fleet.or_else(whole).unwrap_or(&accounts[id])
}
