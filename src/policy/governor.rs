//! The model that is asked where the governor's own rule is not sure.

use std::time::Duration;

use crate::model::ModelId;

/// The `[governor]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GovernorModel {
    /// The model that is asked.
    pub model: ModelId,
    /// What all that it is asked in a run may cost, in thousandths of the limit that is decided about.
    pub share: u32,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// The reasoning effort that it is asked with, where one is named.
    pub effort: Option<String>,
}
