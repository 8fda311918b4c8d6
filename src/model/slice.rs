//! Responses of one origin and one piece of time, added up: what reports are made of.

use super::{AgentName, Attribution, Billing, Dimension, ModelId, RunId, Source, Sum, ThreadId, Timestamp, WorkClass};

/// What responses with the same origin come to in a piece of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The start of its piece of time; `None` where time was not asked apart.
    pub start: Option<Timestamp>,
    /// The run, where runs were asked apart; `None` otherwise and for imported history.
    pub run: Option<RunId>,
    /// The thread, where threads were asked apart.
    pub thread: Option<ThreadId>,
    /// The agent; `None` for imported history.
    pub agent: Option<AgentName>,
    /// Who answered; `None` where the file does not say.
    pub model: Option<ModelId>,
    /// The class of work, where classes were asked apart; `None` otherwise, and where nobody has looked.
    pub work: Option<WorkClass>,
    /// Who told of it first; `None`: nobody did.
    pub source: Option<Source>,
    /// Who is paid, and how.
    pub billing: Billing,
    /// Where it belongs.
    pub attribution: Attribution,
    /// What they come to.
    pub sum: Sum,
}

impl Slice {
    /// Its value along a dimension; `None` is "unknown".
    pub fn get(&self, dimension: &Dimension) -> Option<&str> {
        match dimension {
            Dimension::Run => self.run.as_ref().map(RunId::as_str),
            Dimension::Agent => self.agent.as_ref().map(AgentName::as_str),
            Dimension::Thread => self.thread.as_ref().map(ThreadId::as_str),
            Dimension::Model => self.model.as_ref().map(ModelId::as_str),
            Dimension::Work => self.work.map(WorkClass::as_str),
            Dimension::Team
            | Dimension::Project
            | Dimension::Client
            | Dimension::User
            | Dimension::Task
            | Dimension::Branch
            | Dimension::Label(_) => self.attribution.get(dimension),
        }
    }
}
