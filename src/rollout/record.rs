//! What a line means to govern.

use super::limits::Limits;
use crate::model::{CommitId, ModelId, ThreadId, Timestamp, Tokens};

/// One line of a session file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When Codex wrote it, by its machine's clock.
    pub at: Option<Timestamp>,
    /// Its number in the thread; versions before about 0.150 have none.
    pub ordinal: Option<u64>,
    /// What it says.
    pub kind: RecordKind,
}

/// What a record says, as far as spend and control need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// `session_meta`: whose file this is, or from whom it was copied.
    Meta(Box<Meta>),
    /// `turn_context`: what the coming requests are made with.
    TurnContext {
        /// The turn; versions before about 0.100 have none.
        turn: Option<String>,
        /// The model that is asked.
        model: Option<ModelId>,
        /// The reasoning effort.
        effort: Option<String>,
        /// The working folder.
        cwd: Option<String>,
    },
    /// `thread_settings_applied`.
    Settings {
        /// The thread they were applied to: in copied history, another one.
        thread: Option<ThreadId>,
        /// The model from now on; a compaction before the switch still asks the old one.
        model: Option<ModelId>,
        /// Codex's name of the provider.
        provider: Option<String>,
        /// The service tier.
        tier: TierSetting,
    },
    /// `token_usage_record`: one response, written right after it and before its tools run.
    UsageRecord {
        /// The thread that asked: in copied history, another one.
        thread: Option<ThreadId>,
        /// The root of its family.
        root: Option<ThreadId>,
        /// The turn.
        turn: Option<String>,
        /// The provider's id of the response.
        response_id: Option<String>,
        /// What this response counted.
        usage: Tokens,
        /// `thread_token_usage`: the thread's running total with this response, counted from where
        /// the version that writes records took the thread over.
        thread_total: Option<Tokens>,
    },
    /// `token_count`: running totals, repeated at will.
    TokenCount {
        /// All responses that this count knows of.
        total: Option<Tokens>,
        /// The last response, or after a compaction an estimate of the context.
        last: Option<Tokens>,
        /// How many tokens the model can read at once.
        window: Option<u64>,
        /// What the provider said of the account.
        rate_limits: Option<Limits>,
    },
    /// `task_started`.
    TurnStarted {
        /// The turn.
        turn: Option<String>,
    },
    /// `task_complete` or `turn_aborted`.
    TurnEnded {
        /// Interrupted.
        aborted: bool,
        /// It has no last word: a request of it may have failed.
        wordless: bool,
        /// An answer of it broke off (0.169 and 0.171 say so).
        broke_off: bool,
    },
    /// The model has said or thought something, of an answer that may not be complete.
    Answering,
    /// The model asks for a tool that Codex runs.
    ToolCall {
        /// What its output will carry; very old kinds have none.
        call_id: Option<String>,
        /// The tool.
        name: String,
    },
    /// A tool's answer to the model.
    ToolOutput {
        /// The call.
        call_id: Option<String>,
    },
    /// A person, or whoever plays one, said something.
    UserMessage,
    /// A review begins or ends: meanwhile a thread of its own asks the model, and this one waits for it.
    Review {
        /// It begins.
        begins: bool,
    },
    /// The history was replaced by a summary. The usage record inside is a copy.
    Compacted,
    /// Anything else, known or not.
    Other,
}

/// `session_meta`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// `id`: the thread.
    pub thread: Option<ThreadId>,
    /// `session_id`: the root of the thread's family of sub-agents, from about 0.150.
    pub root: Option<ThreadId>,
    /// The thread that spawned this one.
    pub parent: Option<ThreadId>,
    /// The thread whose history this one goes on from.
    pub forked_from: Option<ThreadId>,
    /// Where that history ends, if it is referred to instead of copied.
    pub history_base: Option<HistoryBase>,
    /// `exec`, `cli`, `vscode`, `subagent`, …
    pub source: Option<String>,
    /// `user`, `subagent`, …
    pub thread_source: Option<String>,
    /// A sub-agent's role, else its nickname.
    pub role: Option<String>,
    /// Codex's own reviewer: `codex review`, `/review`.
    pub is_review: bool,
    /// The working folder at the start.
    pub cwd: Option<String>,
    /// The version that created the file; a later one may have gone on with it.
    pub cli_version: Option<String>,
    /// Codex's name of the provider.
    pub provider: Option<String>,
    /// The program that asked Codex for the session.
    pub originator: Option<String>,
    /// The commit that was checked out at the start.
    pub commit: Option<CommitId>,
    /// The git branch at the start.
    pub branch: Option<String>,
    /// The git remote's address, as Codex read it; it may hold a password.
    pub remote: Option<String>,
}

/// The end of a history that a fork goes on from without copying it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryBase {
    /// Whose history.
    pub thread: Option<ThreadId>,
    /// The first ordinal that is not part of it.
    pub end_ordinal: Option<u64>,
}

/// What settings say of the service tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TierSetting {
    /// Nothing: what was set before stays.
    Absent,
    /// None.
    Cleared,
    /// This one, in Codex's own word.
    Set(String),
}

/// Why a line could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refused {
    /// Torn, or not written by Codex.
    #[error("not valid JSON")]
    NotJson,
    /// JSON, but a list or a plain value.
    #[error("not a JSON object")]
    NotAnObject,
    /// Nobody can say what it is.
    #[error("no `type`")]
    NoType,
    /// A record that matters lacks what matters.
    #[error("`{record}` without `{field}`")]
    Incomplete {
        /// The record's type.
        record: &'static str,
        /// What it lacks.
        field: &'static str,
    },
}

/// What a response used.
pub(super) const USAGE: &str = "usage";

impl Refused {
    /// The record is a response's, and does not say what that used: a provider may tell amounts below zero.
    pub fn is_usage(self) -> bool {
        matches!(self, Self::Incomplete { field: USAGE, .. })
    }
}

/// Parts are never more than their whole, whatever the line says: prices are made of differences.
pub fn within(said: Tokens) -> Tokens {
    let cached_input = said.cached_input.min(said.input);
    Tokens {
        cached_input,
        cache_write_input: said.cache_write_input.min(said.input.saturating_sub(cached_input)),
        reasoning_output: said.reasoning_output.min(said.output),
        ..said
    }
}
