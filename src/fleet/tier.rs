//! From the tier that an agent registers to a command line that names its model.

use std::ffi::OsString;

use crate::codex::{self, CannotStartOn, Invocation};
use crate::model::ModelId;
use crate::policy::rule::Models;
use crate::policy::suggest;

/// Why an agent cannot start on the tier or model that it registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotStart {
    /// The policy has no such tier.
    #[error("there is no tier `{tier}`")]
    NoTier {
        /// The tier.
        tier: String,
        /// What may be meant.
        hint: String,
    },
    /// Only Codex is known to take a model.
    #[error("the agent cannot start on `{model}`: `{program}` is not Codex itself")]
    NotCodex {
        /// The model.
        model: ModelId,
        /// The command's program.
        program: String,
    },
    /// This Codex takes no model, or has one.
    #[error("the agent cannot start on `{model}`: {reason}")]
    Codex {
        /// The model.
        model: ModelId,
        /// Why.
        reason: CannotStartOn,
    },
}

impl CannotStart {
    /// What to do about it.
    pub fn hint(&self) -> &str {
        match self {
            Self::NoTier { hint, .. } => hint,
            Self::NotCodex { .. } => "let the command choose its model, or start Codex itself: `codex …`",
            Self::Codex { reason: CannotStartOn::Named(_) | CannotStartOn::Local, .. } => "leave one of the two out",
            Self::Codex { reason: CannotStartOn::NoSession(_), .. } => "only `codex` and `codex exec` take a model",
        }
    }
}

/// The model that a tier of the policy stands for.
pub fn model_of<'m>(tier: &str, models: &'m Models) -> Result<&'m ModelId, CannotStart> {
    models.tiers.get(tier).ok_or_else(|| {
        let known: Vec<&str> = models.tiers.keys().map(String::as_str).collect();
        let hint = if known.is_empty() {
            "the policy has none: add `tiers = { standard = \"gpt-6.2-sol\" }` to its `[models]`".to_owned()
        } else {
            suggest::hint(tier, &known)
        };
        CannotStart::NoTier { tier: tier.to_owned(), hint }
    })
}

/// The command with the model in it.
pub fn on_model(command: &[OsString], model: &ModelId) -> Result<Vec<OsString>, CannotStart> {
    let Some(invocation) = Invocation::parse(command) else {
        let program = command.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
        return Err(CannotStart::NotCodex { model: model.clone(), program });
    };
    codex::on_model(&invocation, model).map_err(|reason| CannotStart::Codex { model: model.clone(), reason })
}
