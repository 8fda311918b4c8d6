//! How an agent came to its end.

use serde::{Deserialize, Serialize};

/// How an agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentResult {
    /// Well.
    Done,
    /// With an error of its own.
    Failed,
    /// By policy or a person, at a safe point.
    Stopped,
    /// By policy or a person, at once.
    Killed,
    /// It never started: what it needs came to nothing.
    Skipped,
    /// govern ended before it did.
    Lost,
}

impl AgentResult {
    /// As JSON and tables spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Killed => "killed",
            Self::Skipped => "skipped",
            Self::Lost => "lost",
        }
    }
}
