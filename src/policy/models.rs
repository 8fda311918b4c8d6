//! Which models may be used, and in which order they get cheaper.

use std::collections::BTreeMap;

use globset::GlobMatcher;

use crate::model::{ModelId, ServiceTier};

/// The `[models]` table.
#[derive(Clone, Debug)]
pub struct Models {
    /// From expensive to cheap: `route` takes the next one down.
    pub ladder: Vec<Rung>,
    /// One list for each layer that has one: a model must match a pattern of every list, so that a
    /// nearer layer can only narrow what an outer one allows.
    pub allow: Vec<Vec<GlobMatcher>>,
    /// One list for each layer that has one: a service tier must stand in every list.
    pub service_tiers: Vec<Vec<ServiceTier>>,
    /// The model that each tier stands for: what an agent may register.
    pub tiers: BTreeMap<String, ModelId>,
    /// What a model without a price means under a money limit.
    pub unpriced: Unpriced,
}

impl Models {
    /// Some models or tiers are not allowed.
    pub fn restricts(&self) -> bool {
        !self.allow.is_empty() || !self.service_tiers.is_empty()
    }

    /// Every layer that names models allows this one.
    pub fn allows(&self, model: &str) -> bool {
        self.allow.iter().all(|patterns| patterns.iter().any(|pattern| pattern.is_match(model)))
    }

    /// Every layer that names service tiers allows this one.
    pub fn allows_tier(&self, tier: &ServiceTier) -> bool {
        self.service_tiers.iter().all(|tiers| tiers.contains(tier))
    }
}

/// One model of the ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The model.
    pub model: ModelId,
    /// The reasoning effort it is started with, where one is named.
    pub effort: Option<String>,
}

/// What a model without a price means under a money limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unpriced {
    /// The agent is refused or stopped.
    Refuse,
    /// Counted at the dearest model's rate, marked estimated.
    Dearest,
    /// Counted at this model's rate, marked estimated.
    As(ModelId),
}
