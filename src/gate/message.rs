//! What is said over a run's socket: one JSON line each way.

use serde::{Deserialize, Serialize};

use crate::model::{Answerer, ApprovalId, Brake, Live, ModelId, TokenHash};

/// The longest line that is read: anything larger is not from govern.
pub const MAX_LINE: usize = 64 * 1024;

/// The longest reply: a run of some thousand agents tells how each stands.
pub const MAX_REPLY: usize = 4 * 1024 * 1024;

/// Said to a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "lowercase", deny_unknown_fields)]
pub enum Message {
    /// A person answers a question.
    Answer {
        /// Which.
        approval: ApprovalId,
        /// What.
        wish: Wish,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reason: Option<String>,
        /// Who, where it is not the user of the process that speaks: believed of the sender of notices alone.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        who: Option<Answerer>,
        /// What the message had that put the question to somebody.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        token: Option<String>,
    },
    /// The sender of notices puts a question to somebody, with a token to answer by.
    Token {
        /// Which question; `None`: whether the run, which is paused, goes on.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        approval: Option<ApprovalId>,
        /// Of the token.
        hash: TokenHash,
        /// Who gets it.
        who: Answerer,
    },
    /// Somebody shows a token and does not answer yet: whose is it?
    Whose {
        /// Of which question.
        approval: ApprovalId,
        /// As it was typed.
        token: String,
    },
    /// A person uses the emergency brake.
    Brake {
        /// What they do.
        brake: Brake,
        /// Only on the agents of this team.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        team: Option<String>,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reason: Option<String>,
        /// What the message had that told somebody of the pause.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        token: Option<String>,
    },
    /// A person gave a grant, or took one back.
    Granted {
        /// The link of the ledger's own chain that says so.
        link: i64,
    },
    /// Somebody asks to have a limit lifted before it is met; an agent may.
    Request {
        /// By how much, as typed.
        by: String,
        /// Whose limit; none: the one that it comes to first.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        budget: Option<String>,
        /// For which agent, where it does not come from one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        agent: Option<String>,
        /// Why.
        reason: String,
    },
    /// The ledger has news for this run.
    Wake,
    /// Somebody looks: how does the run stand? Changes nothing.
    Status,
}

/// What a person wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wish", rename_all = "lowercase", deny_unknown_fields)]
pub enum Wish {
    /// Go on with so much more, as typed (`2 usd`); `None` is what the question offers.
    Extend {
        /// As typed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        by: Option<String>,
    },
    /// Let the tool run, and the same call again.
    Allow {
        /// For so many seconds; none: as long as the run lives.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        seconds: Option<u64>,
    },
    /// Go on with the next model of the ladder.
    Route {
        /// The model the person expects it to be, if they named one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        model: Option<ModelId>,
    },
    /// End at a safe point.
    Stop,
    /// End now.
    Kill,
}

/// Said back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "lowercase", deny_unknown_fields)]
pub enum Reply {
    /// Done; what now holds, for a person.
    Done {
        /// Such as `extended by $1.00`.
        what: String,
    },
    /// Not done, and why.
    Refused {
        /// For a person.
        why: String,
        /// What to do instead.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        hint: Option<String>,
    },
}

/// Said back to [`Message::Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stands {
    /// How the run stands.
    pub stands: Live,
}
