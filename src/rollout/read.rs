//! Reads a line: by what its beginning says where that is enough, else by all that is in it.

use chrono::DateTime;

use super::fast_path;
use super::limits::Limits;
use super::record::{HistoryBase, Meta, Record, RecordKind, Refused, TierSetting, USAGE, within};
use super::skim::{self, Head, Passed, Purpose};
use super::wire::{self, Either, Line, Nullable, Object, Payload, Text, Usage};
use crate::model::{CommitId, ModelId, ThreadId, Timestamp, Tokens};

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
    let start = skim::last_start(line)?;
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
        None => match fast_path::spend(&head) {
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
    if let Some(at) = text.as_bytes().as_array().and_then(skim::moment) {
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
    let mut is_review = false;
    let source = match payload.source {
        Either::Neither => None,
        Either::Text(text) => Some(text.into_owned()),
        Either::Object(source) => match source.subagent {
            Either::Neither => None,
            Either::Text(kind) => {
                is_review = kind == "review";
                Some("subagent".to_owned())
            }
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
    let git = payload.git.0.unwrap_or_default();
    let (branch, remote) = (git.branch.owned(), git.repository_url.owned());
    let commit = git.commit_hash.owned().and_then(|hash| CommitId::parse(&hash));
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
        is_review,
        cwd: payload.cwd.owned(),
        cli_version: payload.cli_version.owned(),
        provider: payload.model_provider.owned(),
        originator: payload.originator.owned(),
        commit,
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

#[cfg(test)]
mod tests;
