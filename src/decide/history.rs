//! What is known of a run's agents before it begins: from its own life before, and from earlier runs.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{AgentName, Response};

/// What is known before a run begins; nothing, of a first one.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// The last responses of a run that goes on, oldest first: they foretell its next one.
    pub responses: Vec<Response>,
    /// How long each agent of a run that goes on was active.
    pub active: BTreeMap<AgentName, Duration>,
    /// The first answers of each agent's last runs, the newest first: they foretell the first one of a new run.
    pub firsts: BTreeMap<AgentName, Vec<Response>>,
    /// Questions to the governor model that a run that goes on had no answer to: they may have cost something.
    pub unanswered: u32,
}
