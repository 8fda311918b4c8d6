//! The words of an import: what it says of responses.

use crate::model::{
    Attribution, Basis, Billing, Cost, ModelId, ResponseKey, ServiceTier, ThreadId, Timestamp, Tokens, WorkClass,
};

/// What responses that follow one another in a session file have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The thread that asked.
    pub thread: ThreadId,
    /// The root of its family.
    pub root: ThreadId,
    /// Who answered.
    pub model: Option<ModelId>,
    /// Codex's name of the provider.
    pub provider: Option<String>,
    /// The tier asked for.
    pub tier: ServiceTier,
    /// Who is paid, and how.
    pub billing: Billing,
    /// Where it belongs.
    pub attribution: Attribution,
}

/// What is a response's alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastResponse {
    /// Tells it from its copies within the thread.
    pub key: ResponseKey,
    /// When Codex recorded it.
    pub at: Timestamp,
    /// What it counted.
    pub tokens: Tokens,
    /// What that costs.
    pub cost: Cost,
    /// How the tokens are known.
    pub basis: Basis,
    /// The class of work that it was part of; `None`: nobody has looked.
    pub work: Option<WorkClass>,
}
