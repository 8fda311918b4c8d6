//! A user's own price over the listed one: what it leaves out, and what holds then.

use super::table::{Model, Own, PriceOverride, PriceSource, TierPrice, TierRow};

/// The model as the user prices it; `listed` is the same model, or the one that an alias means, in the table.
pub(super) fn model(own: &PriceOverride, listed: Option<&Model>) -> Model {
    let (long_context, long_from) = long_context(own.long_context, listed);
    let tier = |said: &Option<Vec<TierRow>>, of: fn(&Model) -> &[TierRow]| tier(said.as_deref(), listed.map(of));
    let (fast, fast_from) = tier(&own.fast, |model| &model.fast);
    let (flex, flex_from) = tier(&own.flex, |model| &model.flex);
    let (ultrafast, ultrafast_from) = tier(&own.ultrafast, |model| &model.ultrafast);
    let same = listed.filter(|model| model.name.as_str() == own.model.as_str().to_lowercase());
    Model {
        name: same.map_or_else(|| own.model.clone(), |model| model.name.clone()),
        aliases: same.map(|model| model.aliases.clone()).unwrap_or_default(),
        note: None,
        price: own.price.clone(),
        own: Some(Own { long_context: long_from, fast: fast_from, flex: flex_from, ultrafast: ultrafast_from }),
        long_context,
        fast,
        flex,
        ultrafast,
        retired: same.and_then(|model| model.retired),
    }
}

fn long_context(said: Option<bool>, listed: Option<&Model>) -> (bool, PriceSource) {
    match (said, listed) {
        (Some(said), _) => (said, PriceSource::Said),
        (None, Some(listed)) => (listed.long_context, PriceSource::Inherited),
        (None, None) => (false, PriceSource::Unsaid),
    }
}

/// Only multipliers are inherited: a tier's own listed rates belong to the listed price.
fn tier(said: Option<&[TierRow]>, listed: Option<&[TierRow]>) -> (Vec<TierRow>, PriceSource) {
    if let Some(said) = said {
        return (said.to_vec(), PriceSource::Said);
    }
    let are_multipliers =
        |rows: &&[TierRow]| !rows.is_empty() && rows.iter().all(|row| matches!(row.price, TierPrice::Times(_)));
    match listed.filter(are_multipliers) {
        Some(rows) => (rows.to_vec(), PriceSource::Inherited),
        None => (Vec::new(), PriceSource::Unsaid),
    }
}
