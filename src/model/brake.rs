//! The emergency brake: what a person does to a run, whatever its budgets say.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// What a person does to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Brake {
    /// Let it stand still.
    Pause,
    /// Let it go on, as far as no question keeps it.
    Continue,
    /// End it at a safe point.
    Stop,
    /// End it now.
    Kill,
}

impl Brake {
    /// As the command line and the ledger spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Continue => "continue",
            Self::Stop => "stop",
            Self::Kill => "kill",
        }
    }
}

impl fmt::Display for Brake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who used the brake, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Braked {
    /// Who, and through what.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Braked {
    /// `by ann (cli): “lunch”`.
    pub fn text(&self) -> String {
        let reason = self.reason.as_deref().map(|reason| format!(": “{reason}”")).unwrap_or_default();
        format!("by {}{reason}", self.by)
    }
}
