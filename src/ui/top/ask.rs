//! Keys, and what they ask of others.

use crate::model::{ApprovalId, Brake, RunId};
use crate::report::overview::agent::AgentKey;

/// A key, as far as anything hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// What it writes.
    Char(char),
    /// Return.
    Enter,
    /// Escape.
    Esc,
    /// One up.
    Up,
    /// One down.
    Down,
    /// A screen up.
    PageUp,
    /// A screen down.
    PageDown,
    /// To the first.
    Home,
    /// To the last.
    End,
    /// Takes back what was typed last.
    Backspace,
    /// Ctrl-C.
    Interrupt,
}

/// What a key asks of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// To leave.
    Quit,
    /// To look at an agent more closely.
    Look(AgentKey),
    /// To use the brake on a run.
    Brake {
        /// What.
        brake: Brake,
        /// On which.
        run: RunId,
    },
    /// To answer a question.
    Answer {
        /// Which.
        approval: ApprovalId,
        /// What.
        wanted: TypedAnswer,
        /// Why.
        reason: Option<String>,
    },
}

/// An answer, as `govern approve` and `deny` have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypedAnswer {
    /// `approve`.
    Approve,
    /// `approve --extend AMOUNT`.
    Extend(String),
    /// `approve --route`.
    Route,
    /// `approve --run`.
    Run,
    /// `deny`.
    Deny,
    /// `deny --kill`.
    Kill,
}

impl TypedAnswer {
    /// In words, before it is done.
    pub(super) fn words(&self, id: ApprovalId) -> String {
        match self {
            Self::Approve => format!("approve question {id}"),
            Self::Extend(amount) => format!("approve question {id}, extended by {amount}"),
            Self::Route => format!("answer question {id}: the ladder's next model"),
            Self::Run => format!("approve question {id} for the rest of the run"),
            Self::Deny => format!("deny question {id}"),
            Self::Kill => format!("deny question {id} and end its agent now"),
        }
    }
}
