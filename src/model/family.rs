//! A root thread with its sub-agents, and what it took: what is compared with others.

use super::{Dimension, ModelId, Money, RunId, ThreadId, Timestamp, WorkClass};

/// What a root thread and its sub-agents took together, in a run or as imported history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The root thread.
    pub root: ThreadId,
    /// The run; `None` for imported history.
    pub run: Option<RunId>,
    /// The day of its last response, as it begins in UTC.
    pub at: Timestamp,
    /// `project`, where that is known.
    pub project: Option<String>,
    /// `task`, where that is known.
    pub task: Option<String>,
    /// The class of work on which most was spent.
    pub work: Option<WorkClass>,
    /// The model on which most was spent.
    pub model: Option<ModelId>,
    /// How many responses.
    pub responses: u64,
    /// What they cost, as far as they have a price.
    pub cost: Money,
    /// How many of them have no price.
    pub unpriced: u64,
}

impl Family {
    /// Its value along a dimension that families are compared by; `None` is "unknown".
    pub fn get(&self, dimension: &Dimension) -> Option<&str> {
        match dimension {
            Dimension::Run => self.run.as_ref().map(RunId::as_str),
            Dimension::Thread => Some(self.root.as_str()),
            Dimension::Project => self.project.as_deref(),
            Dimension::Task => self.task.as_deref(),
            Dimension::Model => self.model.as_ref().map(ModelId::as_str),
            Dimension::Work => self.work.map(WorkClass::as_str),
            Dimension::Agent
            | Dimension::Team
            | Dimension::Client
            | Dimension::User
            | Dimension::Branch
            | Dimension::Label(_) => None,
        }
    }
}
