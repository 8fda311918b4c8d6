//! Pure. What tokens cost: a dated table, and the user's own rates over it.

use crate::model::ModelId;

/// The user's own rates for one model, from a policy's `[[price]]`; they hold for all time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceOverride {
    /// The model, exactly as Codex names it.
    pub model: ModelId,
    /// Nano-dollars a token of plain input.
    pub input: i64,
    /// Nano-dollars a token read from cache; by default as `input`.
    pub cached_input: Option<i64>,
    /// Nano-dollars a token written to cache; by default as `input`.
    pub cache_write_input: Option<i64>,
    /// Nano-dollars a token of output.
    pub output: i64,
}
