//! Pure. Tools that meet a gate of the policy: refused, or held until a person answers.

mod asking;

use std::time::Duration;

use crate::model::{ApprovalId, BudgetKey};

use super::effect::Question;
use super::gate::Gate;

/// A question about a tool that waits. Equal calls have one question, and each waits for its answer.
#[derive(Clone, Debug)]
pub struct CallAsk {
    pub(super) question: Question,
    /// People were asked.
    pub(super) put: bool,
    pub(super) approval: Option<ApprovalId>,
}

impl CallAsk {
    /// It was put, and has no number yet.
    pub(super) fn is_unnumbered(&self) -> bool {
        self.put && self.approval.is_none()
    }
}

impl Gate {
    /// A tool is asked about, or about to be.
    pub(super) fn is_asking(&self) -> bool {
        !self.asks.is_empty()
    }

    /// The next question that was not put yet, taken as put.
    pub(super) fn next_question(&mut self) -> Option<Question> {
        // One that was put has no number for a moment only.
        if self.asks.values().any(CallAsk::is_unnumbered) {
            return None;
        }
        let next = self.asks.values().find(|ask| !ask.put)?.question.clone();
        self.asks.values_mut().filter(|ask| ask.question.key == next.key).for_each(|ask| ask.put = true);
        Some(next)
    }

    /// The question of this number, if it is about a tool.
    pub(super) fn question(&self, approval: ApprovalId) -> Option<&Question> {
        self.asks.values().find(|ask| ask.approval == Some(approval)).map(|ask| &ask.question)
    }

    /// The number of a question about a tool.
    pub fn approval(&self, question: &Question) -> Option<ApprovalId> {
        self.asks.values().find(|ask| ask.question == *question)?.approval
    }

    /// A question about a tool.
    pub(super) fn asked(&self) -> Option<ApprovalId> {
        self.asks.values().find_map(|ask| ask.approval)
    }
}

/// A call that a person let run more than once, in this life of the run.
#[derive(Clone, Debug)]
pub struct Allowed {
    key: BudgetKey,
    /// By uptime; `None`: as long as the run lives.
    until: Option<Duration>,
    by: String,
}

/// Who let a call run, and in answer to what.
pub(super) fn said_in(by: &str, approval: ApprovalId) -> String {
    format!("{by}, approval {approval}")
}
