//! Spend that could not be seen: where it belongs is known, how much it was is not.

use super::{AgentName, Attribution, Billing, Dimension, RunId, Slice, Sum, Timestamp};

/// That part, or all, of what an agent spent could not be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unobserved {
    /// When that was found.
    pub at: Timestamp,
    /// In which run.
    pub run: RunId,
    /// Whose.
    pub agent: AgentName,
    /// Where it belongs.
    pub attribution: Attribution,
}

impl Unobserved {
    /// Its value along a dimension; `None` is "unknown", as thread, model and work always are.
    pub fn get(&self, dimension: &Dimension) -> Option<&str> {
        match dimension {
            Dimension::Run => Some(self.run.as_str()),
            Dimension::Agent => Some(self.agent.as_str()),
            Dimension::Thread | Dimension::Model | Dimension::Work => None,
            Dimension::Team
            | Dimension::Project
            | Dimension::Client
            | Dimension::User
            | Dimension::Task
            | Dimension::Branch
            | Dimension::Label(_) => self.attribution.get(dimension),
        }
    }

    /// As a slice of nothing that was read, in the piece of time that begins with `start`.
    pub fn slice(&self, start: Option<Timestamp>) -> Slice {
        Slice {
            start,
            run: Some(self.run.clone()),
            thread: None,
            agent: Some(self.agent.clone()),
            model: None,
            work: None,
            source: None,
            billing: Billing::Unknown,
            attribution: self.attribution.clone(),
            sum: Sum::default(),
        }
    }
}
