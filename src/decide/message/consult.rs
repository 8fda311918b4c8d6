//! Questions to a governor model, and why one has no answer.

use crate::model::{AgentName, ModelId};

use super::ids::ConsultId;

/// A question to a governor model, as it is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consult {
    /// Which.
    pub id: ConsultId,
    /// The agent that it is about.
    pub about: AgentName,
    /// Who is asked.
    pub model: ModelId,
    /// With what reasoning effort.
    pub effort: Option<String>,
    /// What is asked.
    pub prompt: Prompt,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAdvice {
    /// Its Codex cannot be started.
    NotStarted(String),
    /// Its Codex ended without one.
    Failed(String),
}

/// A question, as a model reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What it is told.
    pub text: String,
    /// The JSON schema of its answer.
    pub schema: String,
}
