//! Tools that meet a gate of the policy: refused, or held until a person answers.

pub(super) mod answered;
pub(super) mod gated;
pub(super) mod questions;

use std::time::Duration;

use crate::model::{ApprovalId, BudgetKey};

use super::message::Question;

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
