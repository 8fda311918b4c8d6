//! Steering: the agent is told what is left of a budget, each of its threads once for each crossing.

pub(in crate::decide) mod telling;

use std::collections::BTreeSet;

use crate::model::ThreadId;

use crate::decide::evaluate::due::Source;

/// What an agent's models are told when they do not say it themselves.
const FINISH: &str = "Finish what matters most, and begin nothing new.";

/// What they are told where an alert does not say it itself.
const THINK: &str = "Stop and look for the cause before you go on.";

/// Something that an agent is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steering {
    /// What wants it told.
    pub(in crate::decide) source: Source,
    /// What the model reads.
    text: String,
    /// The request whose outcome each telling is.
    request: u64,
    /// Who was told.
    told: BTreeSet<ThreadId>,
}
