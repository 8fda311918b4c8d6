//! What a Codex told of a thread, as parts by model and tier.

use crate::codex::account::{ThreadUsage, UsageGroup};
use crate::model::{ModelId, Money, ServiceTier, ToldPart};
use crate::usage::price::PriceTable;

/// Nano-dollars in a millionth of a dollar.
const MICRO: i64 = 1_000;

/// The parts of it. A thread's dollars are told as one sum: they are shared among its models by their credits, and the parts
/// come to that sum exactly.
pub fn parts(usage: &ThreadUsage, prices: &PriceTable) -> Vec<ToldPart> {
    let (usd, kind) = match (usage.native_usd, usage.estimated_usd) {
        (Some(native), _) => (Some(native), "usage"),
        (None, Some(estimated)) => (Some(estimated), "estimated usage"),
        (None, None) => (None, "usage in credits"),
    };
    let usd = usd.map(|micros| Money::from_nanos(micros.saturating_mul(MICRO)));
    if usage.groups.is_empty() {
        let credit_micros = Some(usage.credits);
        return vec![ToldPart { item: kind.to_owned(), model: None, tier: None, usd, credit_micros }];
    }
    let shares = shared(usd, &usage.groups);
    let parts = usage.groups.iter().zip(shares).map(|(group, usd)| ToldPart {
        item: item(kind, group),
        model: group.model.as_deref().map(|model| named(model, prices)),
        tier: group.speed.as_deref().map(|speed| ServiceTier::from_codex(&speed.to_lowercase())),
        usd,
        credit_micros: Some(group.credits),
    });
    parts.collect()
}

/// The name of the table for it, so that a snapshot's date does not tell it apart.
pub fn named(model: &str, prices: &PriceTable) -> ModelId {
    let model = ModelId::from(model);
    prices.resolve(&model).map_or(model, |known| known.model.name.clone())
}

fn item(kind: &str, group: &UsageGroup) -> String {
    let said = [group.model.as_deref(), group.effort.as_deref(), group.speed.as_deref()];
    let said: Vec<&str> = said.into_iter().flatten().collect();
    if said.is_empty() { kind.to_owned() } else { format!("{kind}: {}", said.join(" ")) }
}

/// The sum, shared by credits; the last one that has some takes what rounding leaves. Where nobody has any, the first takes all.
fn shared(usd: Option<Money>, groups: &[UsageGroup]) -> Vec<Option<Money>> {
    let Some(usd) = usd else { return vec![None; groups.len()] };
    let credits = |group: &UsageGroup| group.credits.max(0).unsigned_abs();
    let all = groups.iter().map(credits).fold(0_u64, u64::saturating_add);
    let last = groups.iter().rposition(|group| credits(group) > 0).unwrap_or(0);
    let mut left = usd;
    let mut shares: Vec<Money> = Vec::with_capacity(groups.len());
    for (place, group) in groups.iter().enumerate() {
        let share = if place == last { Money::ZERO } else { usd.scaled(credits(group), all) };
        left = left - share;
        shares.push(share);
    }
    if let Some(share) = shares.get_mut(last) {
        *share = left;
    }
    shares.into_iter().map(Some).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(model: &str, speed: &str, credits: i64) -> UsageGroup {
        UsageGroup { model: Some(model.into()), effort: None, speed: Some(speed.into()), credits }
    }

    #[test]
    fn dollars_are_shared_by_credits_and_come_to_the_same() {
        let groups = vec![
            group("gpt-6.2-sol", "standard", 1),
            group("gpt-6.2-sol", "fast", 1),
            group("gpt-6-luna-2026-01-01", "Priority", 1),
            group("gpt-6-luna", "standard", 0),
        ];
        let usage = ThreadUsage { native_usd: None, estimated_usd: Some(100), credits: 3, groups };
        let parts = parts(&usage, PriceTable::embedded());
        let usd: Vec<i64> = parts.iter().map(|part| part.usd.unwrap().nanos()).collect();
        assert_eq!(usd, [33_333, 33_333, 33_334, 0]);
        assert_eq!(parts[2].tier, Some(ServiceTier::Fast));
        assert_eq!(parts[2].model.as_ref().unwrap().as_str(), "gpt-6-luna");
        assert_eq!(parts[0].item, "estimated usage: gpt-6.2-sol standard");
    }

    #[test]
    fn native_dollars_go_before_estimated_ones_and_no_dollars_stay_none() {
        let of = |native_usd, estimated_usd, groups| {
            let usage = ThreadUsage { native_usd, estimated_usd, credits: 7, groups };
            parts(&usage, PriceTable::embedded()).remove(0)
        };
        assert_eq!(of(Some(5), Some(9), Vec::new()).usd, Some(Money::from_nanos(5_000)));
        assert_eq!(of(Some(0), Some(9), Vec::new()).usd, Some(Money::ZERO), "nothing is no unknown");
        let none = of(None, None, vec![group("gpt-6-luna", "standard", 7)]);
        assert_eq!((none.usd, none.credit_micros), (None, Some(7)));
        let no_credits = of(Some(5), None, vec![group("gpt-6-luna", "standard", 0), group("x", "fast", 0)]);
        assert_eq!(no_credits.usd, Some(Money::from_nanos(5_000)));
    }
}
