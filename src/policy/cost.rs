//! Pure. What a response costs under a policy.

use super::rule::Unpriced;
use crate::model::{Billing, Cost, ModelId, Money, ServiceTier, Timestamp, Tokens};
use crate::usage::price::PriceTable;

/// No price is known for what this model answers, as far as somebody pays for it.
pub fn has_no_price(
    prices: &PriceTable,
    unpriced: &Unpriced,
    billing: Billing,
    model: Option<&ModelId>,
    tier: &ServiceTier,
    at: Timestamp,
) -> bool {
    cost(prices, unpriced, billing, model, tier, at, &Tokens::default()) == Cost::Unpriced
}

/// By the table; what is local costs nothing, and what the table does not know is what the policy takes it for.
pub fn cost(
    prices: &PriceTable,
    unpriced: &Unpriced,
    billing: Billing,
    model: Option<&ModelId>,
    tier: &ServiceTier,
    at: Timestamp,
    tokens: &Tokens,
) -> Cost {
    if billing == Billing::Local {
        return Cost::Priced(Money::ZERO);
    }
    let quoted = model.map_or(Cost::Unpriced, |model| prices.quote(model, tier, at, tokens).cost);
    match (quoted, unpriced) {
        (Cost::Unpriced, Unpriced::Dearest) => prices.dearest(tier, at, tokens).cost,
        (Cost::Unpriced, Unpriced::As(model)) => prices.quote_as(model, tier, at, tokens).cost,
        (Cost::Unpriced, Unpriced::Refuse) | (Cost::Priced(_) | Cost::Estimated(_), _) => quoted,
    }
}
