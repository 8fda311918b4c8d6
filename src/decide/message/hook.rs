//! Codex stands at the gate: what it is about to do, and what is known of it.

use crate::model::{AgentName, ModelId, ServiceTier, ThreadId};
use crate::policy::rule::GateVerb;

use super::ids::HookId;

/// Codex stands at the gate until it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Which call.
    pub id: HookId,
    /// Whose Codex.
    pub agent: AgentName,
    /// On which thread.
    pub thread: ThreadId,
    /// The root of its family.
    pub root: ThreadId,
    /// The thread whose tool has started this Codex, where that is known.
    pub inside: Option<ThreadId>,
    /// The model that the thread is on.
    pub model: Option<ModelId>,
    /// The service tier that its next request asks for, where its session file is known.
    pub tier: Option<ServiceTier>,
    /// That model has no price where it would be paid for.
    pub unpriced: bool,
    /// What for.
    pub wants: Wants,
    /// Which request, where it is one.
    pub asked: Asked,
    /// The thread writes a session file, so that its responses are recorded.
    pub has_file: bool,
}

/// What a thread asks for next, as its Codex names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asks {
    /// On which thread.
    pub thread: ThreadId,
    /// The root of its family.
    pub root: ThreadId,
    /// Which model.
    pub model: Option<ModelId>,
    /// On which service tier.
    pub tier: Option<ServiceTier>,
    /// It has no price where it would be paid for.
    pub unpriced: bool,
}

/// What Codex is about to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wants {
    /// To begin a thread: it tells that hooks work.
    Session,
    /// To begin a turn.
    Turn,
    /// To ask the model.
    Request,
    /// To ask for a compaction.
    Compaction,
    /// To run a tool.
    Tool(ToolCall),
    /// To end a turn.
    TurnEnd,
}

/// A tool that is about to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// `Bash`, `apply_patch`, `spawn_agent`, an MCP tool's name.
    pub tool: String,
    /// SHA-256 of its input as compact JSON with its keys sorted, hex.
    pub digest: String,
    /// Its input in short, secrets redacted.
    pub short: String,
    /// What the policy's gates say to it; `None`: it meets none.
    pub judged: Option<Judged>,
    /// The call, by the id that its session file has of it; `None` where Codex names none.
    pub call: Option<String>,
}

/// What gates say to a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The gate that decides.
    pub rule: String,
    /// What it does.
    pub verb: GateVerb,
    /// Why, secrets redacted.
    pub because: String,
    /// It only observes.
    pub would: bool,
}

/// Why a hook waits no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// A person interrupted the turn: Codex asks nothing and runs nothing.
    Withdrawn,
    /// It was ended by somebody else: Codex may go on unasked.
    Broken,
}

impl Wants {
    /// The model will be asked, which costs.
    pub fn spends(&self) -> bool {
        match self {
            Self::Request | Self::Compaction => true,
            Self::Session | Self::Turn | Self::Tool(_) | Self::TurnEnd => false,
        }
    }

    /// It tells that its Codex asks here before its requests. A compaction does not: 0.135 asks before those alone.
    pub fn asks_first(&self) -> bool {
        *self == Self::Request
    }

    /// The agent would do something next; not so where it only begins or ends.
    pub fn is_work(&self) -> bool {
        match self {
            Self::Turn | Self::Request | Self::Compaction | Self::Tool(_) => true,
            Self::Session | Self::TurnEnd => false,
        }
    }
}

/// What asks at the gate: one request may ask twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Codex's own id of the request: a retry keeps it (0.171; earlier versions have none).
    pub request: Option<String>,
    /// It is a compaction's. 0.171 asks by `PreCompact`, and then by `PreModelRequest`.
    pub compacts: bool,
}
