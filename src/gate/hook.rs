//! What Codex tells a hook, what a hook tells its supervisor, and what it prints: each as it stands on the wire.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use crate::codex::HookEvent;
use crate::model::{ModelId, ThreadId, Tokens};
use crate::rollout::SessionName;
use crate::rollout::broke_off;
use crate::rollout::record::within;
use crate::usage::pairing::{Attempt, Telling};

/// The largest input that a hook passes on, in bytes: a patch may be large, anything beyond is refused.
pub const MAX_INPUT: usize = 16 * 1024 * 1024;

/// What Codex writes to a hook's stdin, as far as govern needs it. Fields seen with 0.135, 0.169 and 0.171; others are let
/// be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct HookInput {
    /// The root of the thread's family.
    pub session_id: ThreadId,
    /// The thread itself (0.171, about requests).
    #[serde(default)]
    thread_id: Option<ThreadId>,
    /// The thread itself, in a sub-agent.
    #[serde(default)]
    agent_id: Option<ThreadId>,
    /// The turn.
    #[serde(default)]
    turn_id: Option<String>,
    /// What happened, by Codex's name for it.
    pub hook_event_name: String,
    /// The thread's session file; none with `--ephemeral`.
    #[serde(default)]
    pub transcript_path: Option<PathBuf>,
    /// The session file of a sub-agent that ends.
    #[serde(default)]
    agent_transcript_path: Option<PathBuf>,
    /// The folder that the session works in.
    #[serde(default)]
    pub cwd: Option<PathBuf>,
    /// The model that is asked next, or was.
    #[serde(default)]
    pub model: Option<ModelId>,
    /// `Bash`, `apply_patch`, `spawn_agent`, an MCP tool's name.
    #[serde(default)]
    pub tool_name: Option<String>,
    /// What the tool is given.
    #[serde(default)]
    pub tool_input: serde_json::Value,
    /// The call, by the id that its session file has of it.
    #[serde(default)]
    pub tool_use_id: Option<String>,
    /// What a request is for: `sampling`, `foreground_compaction`, … (0.171).
    #[serde(default)]
    kind: Option<String>,
    /// The request, by Codex's own id (0.171).
    #[serde(default)]
    pub request_id: Option<String>,
    /// Which try of the request, from 1 (0.171).
    #[serde(default)]
    attempt_number: Option<u32>,
    /// The provider's id of the response (0.171).
    #[serde(default)]
    response_id: Option<String>,
    /// `completed` or `failed`.
    #[serde(default)]
    status: Option<String>,
    /// What the request used; null where it failed, and where its provider did not say. Codex passes on whatever that says,
    /// amounts below zero too: those say nothing.
    #[serde(default, deserialize_with = "readable")]
    token_usage: Option<TokenUsage>,
    /// Why it failed.
    #[serde(default)]
    error: serde_json::Value,
}

/// Six counters, as usage records have them. One that is missing is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct TokenUsage {
    input_tokens: u64,
    cached_input_tokens: u64,
    cache_write_input_tokens: u64,
    output_tokens: u64,
    reasoning_output_tokens: u64,
}

fn readable<'de, D: Deserializer<'de>>(usage: D) -> Result<Option<TokenUsage>, D::Error> {
    let usage = serde_json::Value::deserialize(usage)?;
    Ok(serde_json::from_value(usage).unwrap_or_default())
}

impl HookInput {
    /// Reads a hook's stdin; `None` if it is not what Codex would write for this event.
    pub fn read(event: HookEvent, bytes: &[u8]) -> Option<Self> {
        let input: Self = serde_json::from_slice(bytes).ok()?;
        (input.hook_event_name == event.name()).then_some(input)
    }

    /// The session file of the thread that it is about.
    pub fn session_file(&self) -> Option<&Path> {
        self.agent_transcript_path.as_deref().or(self.transcript_path.as_deref())
    }

    /// The thread that it is about: a review's has no name of its own but that of its session file (0.169).
    pub fn thread(&self) -> ThreadId {
        let file = self.transcript_path.as_ref().and_then(|path| path.file_name()?.to_str());
        let by_file = || Some(SessionName::parse(file?)?.thread);
        let named = self.thread_id.clone().or_else(|| self.agent_id.clone());
        named.or_else(by_file).unwrap_or_else(|| self.session_id.clone())
    }

    /// The turn, where it is about one.
    pub fn turn(&self) -> Option<&str> {
        self.turn_id.as_deref()
    }

    /// The thread writes no session file: `--ephemeral`, a side chat.
    pub fn has_no_file(&self) -> bool {
        self.session_file().is_none()
    }

    /// The request is a compaction's.
    pub fn compacts(&self) -> bool {
        self.kind.as_ref().is_some_and(|kind| kind.contains("compaction"))
    }

    /// It has no answer. One that broke off at the longest that it may be is paid for and recorded, although Codex calls
    /// that a failure: only then the tokens of one are told.
    fn failed(&self) -> bool {
        let is_said = !matches!(self.status.as_deref(), Some("completed") | None);
        is_said && self.token_usage.is_none()
    }

    /// A request that failed was perhaps served: not one that was refused. The words are those of 0.169 and 0.171, which
    /// tell of each try.
    fn broke_off(&self) -> bool {
        self.status.as_deref() != Some("failed") || self.error.as_str().is_some_and(broke_off)
    }

    /// What Codex tells of a request that is over.
    pub fn telling(&self) -> Telling {
        let attempt = self.request_id.clone();
        Telling {
            attempt: attempt.map(|request| Attempt { request, number: self.attempt_number.unwrap_or(1) }),
            response: self.response_id.clone(),
            turn: self.turn_id.clone(),
            failed: self.failed(),
            cut_off: self.failed() && self.broke_off(),
            // As they are read from a session file.
            tokens: self.token_usage.map(|tokens| {
                within(Tokens {
                    input: tokens.input_tokens,
                    cached_input: tokens.cached_input_tokens,
                    cache_write_input: tokens.cache_write_input_tokens,
                    output: tokens.output_tokens,
                    reasoning_output: tokens.reasoning_output_tokens,
                })
            }),
            has_file: !self.has_no_file(),
        }
    }
}

/// The line before a hook's input, which follows in so many bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookHeader {
    /// By [`HookEvent::verb`].
    pub hook: String,
    /// How many bytes follow.
    pub length: usize,
}

/// What a hook is told to do, in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
pub enum HookReply {
    /// Print this and end well; nothing to print means: go on.
    Print {
        /// What Codex reads.
        #[serde(skip_serializing_if = "String::is_empty", default)]
        text: String,
    },
    /// End as if nobody had answered.
    Fail {
        /// Why, for a person.
        why: String,
    },
}

/// What a hook says of itself while it waits, in one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "gone", rename_all = "lowercase", deny_unknown_fields)]
pub enum HookWord {
    /// Codex no longer listens: the turn was interrupted.
    Withdrawn,
    /// The shell that called it was killed, and Codex waits still.
    Orphaned,
}

/// What a decision says to Codex.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookAnswer {
    /// The tool must not run, and the model reads why; or the prompt is not sent, and who wrote it reads why.
    pub deny: Option<String>,
    /// What the person at Codex's screen is told.
    pub message: Option<String>,
    /// What the model reads before its next request.
    pub context: Option<String>,
}

/// What refuses a prompt, and tells the person who typed it why.
pub fn blocked_prompt(reason: &str) -> String {
    serde_json::json!({ "decision": "block", "reason": reason }).to_string()
}

impl HookAnswer {
    /// As Codex reads it from a hook's stdout; empty where there is nothing to say.
    pub fn text(&self, event: HookEvent) -> String {
        let mut answer = serde_json::Map::new();
        if let Some(message) = self.message.as_ref().filter(|_| event.shows_messages()) {
            answer.insert("systemMessage".to_owned(), message.as_str().into());
        }
        if let Some(reason) = self.deny.as_ref().filter(|_| event == HookEvent::UserPromptSubmit) {
            answer.insert("decision".to_owned(), "block".into());
            answer.insert("reason".to_owned(), reason.as_str().into());
        }
        let deny = self.deny.as_ref().filter(|_| event == HookEvent::PreToolUse);
        let context = self.context.as_ref().filter(|_| event.adds_context());
        if deny.is_some() || context.is_some() {
            let mut output = serde_json::Map::new();
            output.insert("hookEventName".to_owned(), event.name().into());
            if let Some(reason) = deny {
                output.insert("permissionDecision".to_owned(), "deny".into());
                output.insert("permissionDecisionReason".to_owned(), reason.as_str().into());
            }
            if let Some(context) = context {
                output.insert("additionalContext".to_owned(), context.as_str().into());
            }
            answer.insert("hookSpecificOutput".to_owned(), output.into());
        }
        if answer.is_empty() { String::new() } else { serde_json::Value::Object(answer).to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As 0.169 wrote it, in a sub-agent.
    const TOOL: &str = r#"{"session_id":"root","turn_id":"t","transcript_path":"/h/sessions/rollout-x.jsonl","cwd":"/w",
        "hook_event_name":"PreToolUse","model":"gpt-6.1-sol","permission_mode":"bypassPermissions","agent_id":"sub",
        "agent_type":"default","tool_name":"Bash","tool_input":{"command":"echo hi"},"tool_use_id":"c0"}"#;

    #[test]
    fn an_input_tells_its_thread_model_and_tool() {
        let input = HookInput::read(HookEvent::PreToolUse, TOOL.as_bytes()).unwrap();
        assert_eq!(input.thread(), ThreadId::new("sub"));
        assert_eq!(input.session_id, ThreadId::new("root"));
        assert_eq!(input.model, Some(ModelId::new("gpt-6.1-sol")));
        assert_eq!(input.tool_name.as_deref(), Some("Bash"));
        assert_eq!(input.tool_input["command"], "echo hi");
        let root = TOOL.replace("\"agent_id\":\"sub\",", "");
        let input = HookInput::read(HookEvent::PreToolUse, root.as_bytes()).unwrap();
        assert_eq!(input.thread(), ThreadId::new("root"));
        let review = root.replace("rollout-x.jsonl", "rollout-2026-11-22T05-58-15-01a2.jsonl");
        let input = HookInput::read(HookEvent::PreToolUse, review.as_bytes()).unwrap();
        assert_eq!(input.thread(), ThreadId::new("01a2"));
    }

    #[test]
    fn a_request_has_failed_where_no_tokens_are_told() {
        // As 0.171 tells of an answer that reached its greatest length, of one that broke off, and of one that was refused.
        let tokens = r#"{"input_tokens":10,"output_tokens":5}"#;
        for (status, error, tokens, failed, cut_off) in [
            ("completed", "null", tokens, false, false),
            ("failed", r#""Incomplete response returned, reason: max_output_tokens""#, tokens, false, false),
            ("failed", r#""stream disconnected before completion: x""#, "null", true, true),
            ("failed", r#""unexpected status 400""#, "null", true, false),
            ("completed", "null", "null", false, false),
            ("completed", "null", r#"{"input_tokens":-1000,"output_tokens":10}"#, false, false),
        ] {
            let text = format!(
                r#"{{"session_id":"root","hook_event_name":"PostModelRequest","status":"{status}","error":{error},"token_usage":{tokens}}}"#
            );
            let telling = HookInput::read(HookEvent::PostModelRequest, text.as_bytes()).unwrap().telling();
            assert_eq!((telling.failed, telling.cut_off), (failed, cut_off), "{text}");
        }
    }

    #[test]
    fn parts_are_no_more_than_their_whole_as_in_session_files() {
        let text = r#"{"session_id":"root","hook_event_name":"PostModelRequest","status":"completed",
            "token_usage":{"input_tokens":100,"cached_input_tokens":250,"output_tokens":10,"reasoning_output_tokens":40}}"#;
        let telling = HookInput::read(HookEvent::PostModelRequest, text.as_bytes()).unwrap().telling();
        let tokens = telling.tokens.unwrap();
        assert_eq!((tokens.input, tokens.cached_input, tokens.reasoning_output), (100, 100, 10));
    }

    #[test]
    fn what_codex_would_not_write_is_no_input() {
        for (event, text) in [
            (HookEvent::PreModelRequest, TOOL),
            (HookEvent::PreToolUse, ""),
            (HookEvent::PreToolUse, "{}"),
            (HookEvent::PreToolUse, "[1"),
            (HookEvent::PreToolUse, r#"{"session_id":1,"hook_event_name":"PreToolUse"}"#),
        ] {
            assert_eq!(HookInput::read(event, text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn an_answer_says_what_its_event_can_say() {
        let all = HookAnswer { deny: Some("no \"push\"".to_owned()), message: Some("80%".to_owned()), context: None };
        for (event, answer, text) in [
            (HookEvent::PreToolUse, HookAnswer::default(), ""),
            (
                HookEvent::PreToolUse,
                all.clone(),
                r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"no \"push\""},"systemMessage":"80%"}"#,
            ),
            (
                HookEvent::UserPromptSubmit,
                HookAnswer { context: Some("$1 left".to_owned()), ..HookAnswer::default() },
                r#"{"hookSpecificOutput":{"additionalContext":"$1 left","hookEventName":"UserPromptSubmit"}}"#,
            ),
            (
                HookEvent::UserPromptSubmit,
                HookAnswer { deny: Some("no".to_owned()), ..HookAnswer::default() },
                r#"{"decision":"block","reason":"no"}"#,
            ),
            (HookEvent::PreModelRequest, HookAnswer { context: Some("$1 left".to_owned()), ..all.clone() }, ""),
            (HookEvent::Stop, all, r#"{"systemMessage":"80%"}"#),
        ] {
            assert_eq!(answer.text(event), text);
        }
    }
}
