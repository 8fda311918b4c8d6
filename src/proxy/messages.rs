//! The words between the gateway and its run: it asks as a hook does, and tells in the order in which things happen.

use tokio::sync::oneshot;

use crate::model::{Billing, ModelId, ServiceTier, ThreadId, Tokens};

/// Said to the run.
#[derive(Debug)]
pub enum GatewayMessage {
    /// A request waits to be let through.
    Asks(Box<Ask>),
    /// One that was let through is over.
    Over {
        /// Which.
        number: u64,
        /// How it ended.
        how: RequestEnd,
    },
    /// One that waited is gone: its client has hung up.
    Leaves(u64),
    /// Something that is to be said once.
    Says(String),
}

/// A request that asks a model.
#[derive(Debug)]
pub struct Ask {
    /// Counts from 1.
    pub number: u64,
    /// The process that asks.
    pub pid: i32,
    /// Who asks, by its own word.
    pub agent: Option<String>,
    /// A Codex asks.
    pub codex: Option<CodexAsks>,
    /// Which model it asks.
    pub model: Option<ModelId>,
    /// On which tier.
    pub tier: Option<ServiceTier>,
    /// It is a compaction's.
    pub compacts: bool,
    /// Who is paid.
    pub billing: Billing,
    /// Codex's name for the provider.
    pub provider: Option<String>,
    /// What becomes of it.
    pub answer: oneshot::Sender<Verdict>,
}

/// What a Codex says of its request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodexAsks {
    /// On which thread.
    pub thread: Option<ThreadId>,
    /// For whom: `user`, `subagent`, `thread_title`, …; earlier versions do not say.
    pub source: Option<String>,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Pass,
    /// It does not.
    Refuse(Refused),
}

/// Why a request is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// For a person.
    pub message: String,
    /// The budget or the rule that refuses it.
    pub rule: Option<String>,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestEnd {
    /// It was answered.
    Answered {
        /// The provider's id of the answer.
        id: Option<String>,
        /// Who answered, where that is said.
        model: Option<ModelId>,
        /// On which tier, where that is said.
        tier: Option<ServiceTier>,
        /// What it used.
        tokens: Tokens,
        /// That was not said: it is an estimate, by what was sent and what had come.
        estimated: bool,
    },
    /// It was refused, or never reached the server.
    Failed,
}
