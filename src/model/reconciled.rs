//! What OpenAI says was used, beside what was observed: a correction that stands beside the rows and changes none.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{ModelId, Money, ServiceTier, ThreadId};

/// Whom OpenAI's figures were asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillSource {
    /// Codex's app server, by thread.
    Codex,
    /// The costs of an organisation, by day.
    Costs,
}

impl BillSource {
    /// As JSON and tables spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Codex => "codex",
            Self::Costs => "costs",
        }
    }
}

/// What the figures are of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillSubject {
    /// A thread, all of it.
    Thread(ThreadId),
    /// A day of UTC, of these projects of the organisation; of all, where none is named.
    Day {
        /// The day.
        day: NaiveDate,
        /// The projects.
        projects: Vec<String>,
    },
}

impl BillSubject {
    /// Who tells of such a thing.
    pub fn source(&self) -> BillSource {
        match self {
            Self::Thread(_) => BillSource::Codex,
            Self::Day { .. } => BillSource::Costs,
        }
    }
}

/// What an amount of a correction stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillBasis {
    /// OpenAI's own figures.
    Reconciled,
}

/// What the ledger had of a model and tier when it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedPart {
    /// The model, where it is known.
    pub model: Option<ModelId>,
    /// The tier.
    pub tier: ServiceTier,
    /// How many responses.
    pub responses: u64,
    /// How many of them have no price.
    pub unpriced: u64,
    /// What the others cost.
    pub cost: Money,
}

/// What OpenAI told of a model and tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldPart {
    /// What it was told of, in OpenAI's own words.
    pub item: String,
    /// The model, where these words name one.
    pub model: Option<ModelId>,
    /// The tier, where they name one.
    pub tier: Option<ServiceTier>,
    /// How much; `None`: not in dollars.
    pub usd: Option<Money>,
    /// In millionths of a credit, where it is told in credits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credit_micros: Option<i64>,
}

/// What was told of one thing, and what was observed of it then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciled {
    /// The thing.
    pub of: BillSubject,
    /// What the amounts of `told` stand on.
    pub basis: BillBasis,
    /// What the ledger had.
    pub observed: Vec<ObservedPart>,
    /// What OpenAI told.
    pub told: Vec<ToldPart>,
}
