//! How a request that waits at the gate stands with budgets that are kept elsewhere.
//!
//! A request that fits here is asked for there, and waits: it is pending. It goes on in the turn in which it is granted, or
//! what was reserved goes back in that turn; so a grant is never kept for later. Where it is refused, the budget's own step
//! applies by what is left; where nobody answers, what the governor was set to. What a request waited for that may no
//! longer be sent, because somebody paused its agent or that was ended, is given up. Whatever was reserved is released
//! once: by the response, where that is known, else by what is likeliest.
//!
//! Not reserved before they are sent are requests of a Codex that does not ask at the gate, and those of the governor
//! model; nor are tool calls and minutes, which no request is predicted to take.

pub(super) mod answers;
pub(super) mod asking;
pub(super) mod closing;
pub mod kept;

use super::message::{Amount, RequestId};

/// How a request that waits at the gate stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reserving {
    /// It was asked for, and the answer has not come.
    Pending {
        /// The try.
        request: RequestId,
        /// What it is likely to take.
        amounts: Vec<Amount>,
        /// What was heard before.
        before: Before,
    },
    /// It is reserved: the request is sent in this turn, or not at all by this try.
    Granted {
        /// The try.
        request: RequestId,
        /// What was reserved.
        amounts: Vec<Amount>,
    },
    /// It does not fit: what a budget's own step does with it is done in this turn, or else the agent is stopped.
    Refused {
        /// Why, for a person.
        because: String,
    },
    /// Nobody answered: it waits until it asks once more.
    Unanswered {
        /// The try.
        request: RequestId,
    },
    /// It asks once more, as soon as it may go on here.
    OnceMore,
}

/// What was heard of a request before it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing: it is its first try.
    Nothing,
    /// Nobody answered, which was said.
    Silence,
}

impl Reserving {
    /// Nobody answered it so far.
    pub(super) fn is_unanswered(&self) -> bool {
        match self {
            Self::Unanswered { .. } | Self::OnceMore | Self::Pending { before: Before::Silence, .. } => true,
            Self::Pending { before: Before::Nothing, .. } | Self::Granted { .. } | Self::Refused { .. } => false,
        }
    }
}
