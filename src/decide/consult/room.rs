//! Pure. Whether a question to the governor model fits: into its share, and under every limit that it counts for.

use crate::decide::accounts::account::{Account, amount};
use crate::decide::accounts::ids::AccountId;
use crate::decide::agents::ids::AgentId;
use crate::decide::consult::MOST_FAILURES;
use crate::decide::context::Context;
use crate::decide::governor::Governor;
use crate::model::{Cost, Response, Unit};
use crate::policy::rule::Layer;

impl Governor {
    /// The question fits: into its share of the limit, and under every limit that it counts for.
    pub(super) fn may_consult(
        &mut self,
        cx: &Context<'_>,
        who: AgentId,
        (id, strict): (AccountId, bool),
    ) -> Result<(), String> {
        let Some(adviser) = &self.adviser else { return Ok(()) };
        if adviser.off {
            return Err("it gave no answers before".to_owned());
        }
        if adviser.failures >= MOST_FAILURES {
            return Err(format!("its last {} questions were not answered", adviser.failures));
        }
        if cx.now.uptime < adviser.not_before {
            let left = adviser.not_before.saturating_sub(cx.now.uptime).as_secs().max(1);
            return Err(format!("its last question was not answered, and the next one is not put for {left} s"));
        }
        let cost = match &adviser.likely.cost {
            Cost::Unpriced => {
                self.fixed.quoted(&adviser.model.model, &Response { at: cx.now.wall, ..adviser.likely.clone() })
            }
            known => *known,
        };
        if let Some(adviser) = self.adviser.as_mut() {
            adviser.likely.cost = cost;
        }
        let Some(adviser) = &self.adviser else { return Ok(()) };
        let account = self.capped(id);
        let unit = account.key.unit;
        let unpriced = adviser.likely.cost == Cost::Unpriced;
        let next = |unit: Unit| match unit {
            Unit::ToolCalls | Unit::Minutes => None,
            Unit::Usd | Unit::Credits if unpriced => None,
            Unit::Usd | Unit::Credits | Unit::Tok | Unit::AllTok | Unit::Responses => {
                Some(amount(&adviser.likely, unit))
            }
        };
        let asked = adviser.open();
        let Some(each) = next(unit) else {
            return Err(match unit {
                Unit::Usd | Unit::Credits => "it has no price".to_owned(),
                _ => format!("no share of a limit in {} can be spent on it", unit.as_str().replace('_', " ")),
            });
        };
        let cap = i128::from(account.limit()) * i128::from(adviser.model.share) / 1000;
        let cap = i64::try_from(cap).unwrap_or(i64::MAX);
        let spent = adviser.spent(unit);
        if spent.saturating_add(each.saturating_mul(asked.saturating_add(1))) > cap {
            let (budget, cap, spent) = (&account.key.budget, unit.show(cap), unit.show(spent));
            return Err(format!(
                "its share of {budget} is {cap}, {spent} of it is spent and a question costs {}",
                unit.show(each)
            ));
        }
        let counts = |account: &&Account| {
            let bound = !account.rule.observe && account.rule.is_hard();
            !account.is_past(cx.now.wall) && bound && account.counts(&adviser.likely)
        };
        for account in self.accounts().filter(counts) {
            let unit = account.key.unit;
            let next = match next(unit) {
                Some(next) => next,
                None if unit.is_money() => return Err("it has no price".to_owned()),
                None => continue,
            };
            if next > self.accounts.free(cx, &self.spenders(), account, Some(who).filter(|_| strict)) {
                return Err(format!("{} has no room for it", account.show(0)));
            }
        }
        Ok(())
    }

    /// The account that its share is of: the fleet's, else the whole of what is decided about.
    fn capped(&self, id: AccountId) -> &Account {
        let fleet = self.accounts.iter().find(|account| account.rule.layer == Layer::Fleet && !account.allotted);
        let whole = || {
            let pools = self.accounts.pools();
            let key = &pools[pools.of(&self.accounts[id])?].key;
            self.accounts.iter().find(|account| account.key == *key && pools.of(account).is_none())
        };
        fleet.or_else(whole).unwrap_or(&self.accounts[id])
    }
}
