//! Prices what was recorded without a price.

use crate::error::Result;
use crate::ledger::Ledger;
use crate::model::{Repriced, Response, Timestamp};
use crate::policy::cost::cost;
use crate::policy::rule::Policy;
use crate::usage::price::PriceTable;

/// Prices what the ledger has without a price, as far as there is one now.
pub fn repriced(ledger: &mut Ledger, policy: &Policy, prices: &PriceTable, now: Timestamp) -> Result<Repriced> {
    let price = |response: &Response| {
        let Response { billing, model, tier, at, tokens, .. } = response;
        cost(prices, &policy.models.unpriced, *billing, model.as_ref(), tier, *at, tokens)
    };
    Ok(ledger.reprice(now, prices.version(), &price)?)
}
