//! What a response costs under a policy.

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

/// Who is paid for what this model answers. Codex's names for servers on this machine can be given another address, and a
/// model that has a price is sold by somebody.
pub fn billed(prices: &PriceTable, billing: Billing, model: Option<&ModelId>) -> Billing {
    match billing {
        Billing::Local if model.is_some_and(|model| prices.resolve(model).is_some()) => Billing::Unknown,
        billing => billing,
    }
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
    if billed(prices, billing, model) == Billing::Local {
        return Cost::Priced(Money::ZERO);
    }
    let quoted = model.map_or(Cost::Unpriced, |model| prices.quote(model, tier, at, tokens).cost);
    match (quoted, unpriced) {
        (Cost::Unpriced, Unpriced::Dearest) => prices.dearest(tier, at, tokens).cost,
        (Cost::Unpriced, Unpriced::As(model)) => prices.quote_as(model, tier, at, tokens).cost,
        (Cost::Unpriced, Unpriced::Refuse) | (Cost::Priced(_) | Cost::Estimated(_), _) => quoted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_model_is_priced_whatever_its_provider_is_called() {
        let prices = PriceTable::embedded();
        let tokens = Tokens { input: 1_000_000, ..Tokens::default() };
        let at = Timestamp::UNIX_EPOCH;
        let cost = |model: &str| {
            let model = ModelId::new(model);
            let billing = billed(prices, Billing::Local, Some(&model));
            let standard = ServiceTier::Standard;
            (billing, cost(prices, &Unpriced::Refuse, billing, Some(&model), &standard, at, &tokens))
        };
        assert_eq!(cost("gpt-oss:20b"), (Billing::Local, Cost::Priced(Money::ZERO)));
        let listed = prices.quote(&"gpt-6.1-sol".into(), &ServiceTier::Standard, at, &tokens).cost;
        assert_eq!(cost("gpt-6.1-sol"), (Billing::Unknown, listed));
        assert_ne!(listed, Cost::Priced(Money::ZERO));
    }
}
