//! Pure. What a line means to govern.

use chrono::DateTime;

use super::exact;
use super::head::{self, Head, Passed, Purpose};
use super::limits::Limits;
use super::wire::{self, Either, Line, Nullable, Object, Payload, Text, Usage};
use crate::model::{ModelId, ThreadId, Timestamp, Tokens};

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
    /// The working folder at the start.
    pub cwd: Option<String>,
    /// The version that created the file; a later one may have gone on with it.
    pub cli_version: Option<String>,
    /// Codex's name of the provider.
    pub provider: Option<String>,
    /// The program that asked Codex for the session.
    pub originator: Option<String>,
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
const USAGE: &str = "usage";

impl Refused {
    /// The record is a response's, and does not say what that used: a provider may tell amounts below zero.
    pub fn is_usage(self) -> bool {
        matches!(self, Self::Incomplete { field: USAGE, .. })
    }
}

/// Reads one line, without its line feed.
pub fn read(line: &[u8]) -> Result<Record, Refused> {
    read_for(Purpose::Control, line)
}

/// As [`read`], for a reader who only wants to know what was spent: tool calls, their outputs and the ends of turns
/// are [`RecordKind::Other`] as well, so that their text need not be looked at. The same is metered by these
/// records, except what a thread does between its responses.
pub fn read_for_accounting(line: &[u8]) -> Result<Record, Refused> {
    read_for(Purpose::Accounting, line)
}

/// The whole record at the end of a line that [`read`] refuses, and where it starts, if the line starts at `position`.
///
/// A write that failed half-way (a full disk, a machine that went down) leaves no line feed, so that the next record
/// is appended to what was torn, or to the zero bytes that a file system left there.
pub fn after_torn(position: u64, line: &[u8]) -> Option<(u64, Record)> {
    let start = head::last_start(line)?;
    let record = read(line.get(start..)?).ok()?;
    Some((position.saturating_add(u64::try_from(start).ok()?), record))
}

fn read_for(purpose: Purpose, line: &[u8]) -> Result<Record, Refused> {
    let Some(head) = Head::of(line) else { return read_whole(line) };
    let kind = match head.passed_over(purpose) {
        Some(Passed::UserMessage) => RecordKind::UserMessage,
        Some(Passed::Answering) => RecordKind::Answering,
        Some(Passed::Compacted) => RecordKind::Compacted,
        Some(Passed::Review { begins }) => RecordKind::Review { begins },
        Some(Passed::ToolOutput(call_id)) => {
            RecordKind::ToolOutput { call_id: (!call_id.is_empty()).then(|| call_id.to_owned()) }
        }
        Some(Passed::Other) => RecordKind::Other,
        None => match exact::spend(&head) {
            Some(kind) => kind,
            None => return read_whole(line),
        },
    };
    Ok(Record { at: Some(head.at), ordinal: head.ordinal, kind })
}

/// Reads a line by all that is in it.
pub(super) fn read_whole(line: &[u8]) -> Result<Record, Refused> {
    let first = line.iter().find(|byte| !byte.is_ascii_whitespace());
    let line: Line<'_> = match serde_json::from_slice(line) {
        Ok(_) if first != Some(&b'{') => return Err(Refused::NotAnObject),
        Ok(line) => line,
        Err(error) => return Err(refusal(&error, first)),
    };
    let kind = line.kind.as_str().ok_or(Refused::NoType)?;
    let payload = line.payload.0.unwrap_or_default();
    let at = line.timestamp.as_str().and_then(moment);
    Ok(Record {
        at,
        ordinal: line.ordinal.0,
        kind: match kind {
            "session_meta" => meta(payload)?,
            "turn_context" => RecordKind::TurnContext {
                turn: payload.turn_id.owned(),
                model: payload.model.owned().map(ModelId::new),
                effort: payload.effort.owned(),
                cwd: payload.cwd.owned(),
            },
            "token_usage_record" => usage_record(payload)?,
            "event_msg" => event(payload, at)?,
            "response_item" => response_item(payload),
            "compacted" => RecordKind::Compacted,
            _ => RecordKind::Other,
        },
    })
}

fn refusal(error: &serde_json::Error, first: Option<&u8>) -> Refused {
    match first {
        Some(b'{') => Refused::NotJson,
        _ if error.is_data() => Refused::NotAnObject,
        _ => Refused::NotJson,
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    if let Some(at) = text.as_bytes().as_array().and_then(head::moment) {
        return Some(at);
    }
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
}

fn thread(text: Text<'_>) -> Option<ThreadId> {
    text.owned().map(ThreadId::new)
}

fn meta(payload: Payload<'_>) -> Result<RecordKind, Refused> {
    let id = thread(payload.id).ok_or(Refused::Incomplete { record: "session_meta", field: "id" })?;
    let mut parent = thread(payload.parent_thread_id);
    let mut nickname = payload.agent_nickname.owned();
    let mut role = payload.agent_role.owned();
    let source = match payload.source {
        Either::Neither => None,
        Either::Text(text) => Some(text.into_owned()),
        Either::Object(source) => match source.subagent {
            Either::Neither => None,
            Either::Text(_) => Some("subagent".to_owned()),
            Either::Object(subagent) => {
                if let Some(spawn) = subagent.thread_spawn.0 {
                    parent = parent.or_else(|| thread(spawn.parent_thread_id));
                    nickname = nickname.or_else(|| spawn.agent_nickname.owned());
                    role = role.or_else(|| spawn.agent_role.owned());
                }
                Some("subagent".to_owned())
            }
        },
    };
    let (branch, remote) =
        payload.git.0.map(|git| (git.branch.owned(), git.repository_url.owned())).unwrap_or_default();
    Ok(RecordKind::Meta(Box::new(Meta {
        thread: Some(id),
        root: thread(payload.session_id),
        parent,
        forked_from: thread(payload.forked_from_id),
        history_base: payload
            .history_base
            .0
            .map(|base| HistoryBase { thread: thread(base.thread_id), end_ordinal: base.end_ordinal_exclusive.0 }),
        source,
        thread_source: payload.thread_source.owned(),
        role: role.or(nickname),
        cwd: payload.cwd.owned(),
        cli_version: payload.cli_version.owned(),
        provider: payload.model_provider.owned(),
        originator: payload.originator.owned(),
        branch,
        remote,
    })))
}

fn usage_record(payload: Payload<'_>) -> Result<RecordKind, Refused> {
    let usage = tokens(&payload.usage).ok_or(Refused::Incomplete { record: "token_usage_record", field: USAGE })?;
    Ok(RecordKind::UsageRecord {
        thread: thread(payload.thread_id),
        root: thread(payload.session_id),
        turn: payload.turn_id.owned(),
        response_id: payload.response_id.owned(),
        usage,
        thread_total: tokens(&payload.thread_token_usage),
    })
}

fn event(payload: Payload<'_>, at: Option<Timestamp>) -> Result<RecordKind, Refused> {
    Ok(match payload.kind.as_str() {
        Some("token_count") => {
            let info = payload.info.0.unwrap_or_default();
            let total = tokens(&info.total_token_usage);
            if total.is_none() && info.total_token_usage.0.is_some() {
                return Err(Refused::Incomplete { record: "token_count", field: USAGE });
            }
            RecordKind::TokenCount {
                total,
                last: tokens(&info.last_token_usage),
                window: info.model_context_window.0,
                rate_limits: payload.rate_limits.0.map(|limits| Limits::read(limits, at)),
            }
        }
        // Later versions say turn, where earlier ones said task.
        Some("task_started" | "turn_started") => RecordKind::TurnStarted { turn: payload.turn_id.owned() },
        Some("task_complete" | "turn_complete") => {
            let why = payload.error.0.unwrap_or_default().message;
            RecordKind::TurnEnded {
                aborted: false,
                wordless: payload.last_agent_message.as_str().is_none(),
                broke_off: why.as_str().is_some_and(broke_off),
            }
        }
        Some("turn_aborted") => RecordKind::TurnEnded { aborted: true, wordless: true, broke_off: false },
        Some("agent_message" | "agent_reasoning") => RecordKind::Answering,
        Some("user_message") => RecordKind::UserMessage,
        // Versions before items.
        Some("entered_review_mode") => RecordKind::Review { begins: true },
        Some("exited_review_mode") => RecordKind::Review { begins: false },
        Some("item_completed") => match payload.item.0.and_then(|item| item.kind.0).as_deref() {
            Some("UserMessage") => RecordKind::UserMessage,
            Some("EnteredReviewMode") => RecordKind::Review { begins: true },
            Some("ExitedReviewMode") => RecordKind::Review { begins: false },
            Some("AgentMessage" | "Reasoning") => RecordKind::Answering,
            _ => RecordKind::Other,
        },
        Some("thread_settings_applied") => {
            let settings = payload.thread_settings.0.unwrap_or_default();
            RecordKind::Settings {
                thread: thread(payload.thread_id),
                model: settings.model.owned().map(ModelId::new),
                provider: settings.model_provider_id.owned(),
                tier: match settings.service_tier {
                    Nullable::Absent => TierSetting::Absent,
                    Nullable::Null => TierSetting::Cleared,
                    Nullable::Text(tier) => TierSetting::Set(tier.into_owned()),
                },
            }
        }
        _ => RecordKind::Other,
    })
}

/// So Codex tells of a request that was perhaps served, unlike one that was refused (0.118 to 0.171).
pub fn broke_off(error: &str) -> bool {
    error.starts_with("stream disconnected before completion")
}

fn response_item(payload: Payload<'_>) -> RecordKind {
    let call_id = payload.call_id.owned();
    match payload.kind.as_str() {
        Some("function_call" | "custom_tool_call") => {
            RecordKind::ToolCall { call_id, name: payload.name.owned().unwrap_or_default() }
        }
        Some("local_shell_call") => RecordKind::ToolCall { call_id, name: "local_shell".to_owned() },
        // The provider runs a search of its own; only one that the client runs will get an output.
        Some("tool_search_call") if payload.execution.as_str() == Some("client") => {
            RecordKind::ToolCall { call_id, name: "tool_search".to_owned() }
        }
        Some("function_call_output" | "custom_tool_call_output" | "mcp_tool_call_output" | "tool_search_output") => {
            RecordKind::ToolOutput { call_id }
        }
        _ => RecordKind::Other,
    }
}

fn tokens(usage: &Object<Usage>) -> Option<Tokens> {
    let usage = usage.0.as_ref()?;
    let part = |count: wire::Count| count.0.unwrap_or(0);
    Some(within(Tokens {
        input: usage.input_tokens.0?,
        cached_input: part(usage.cached_input_tokens),
        cache_write_input: part(usage.cache_write_input_tokens),
        output: usage.output_tokens.0?,
        reasoning_output: part(usage.reasoning_output_tokens),
    }))
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

#[cfg(test)]
mod tests;
