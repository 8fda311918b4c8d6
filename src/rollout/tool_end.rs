//! A tool that ran, as Codex from about 0.150 on records it: by the id with which it has asked its hooks.
//!
//! Codex writes an `item_completed` for each command, patch, call of an MCP server and sub-agent that was let run, also for
//! those that a cell of code mode has called, and none for what a hook refused or what never came to run. The item's id is
//! the `tool_use_id` of `PreToolUse` (seen with 0.150, 0.160, 0.169 and 0.171; 0.135 writes none).

use std::borrow::Cow;

use serde::Deserialize;

use super::skim::{Head, until_quote};
use crate::model::{ThreadId, Timestamp};

/// A tool that ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RanTool {
    /// When Codex wrote it.
    pub at: Timestamp,
    /// Whose: in copied history, another thread's.
    pub thread: ThreadId,
    /// The id by which it has asked.
    pub call: String,
    /// As hooks name it: `Bash`, `apply_patch`, `spawn_agent`, `mcp__server__tool`.
    pub tool: String,
    /// The command line that a shell was given, where Codex tells it so.
    pub command: Option<String>,
}

/// The server under which Codex records tools of its own.
const OWN_SERVER: &str = "codex";

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    payload: Payload<'a>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    item: Item<'a>,
}

/// What of an item tells whether a tool ran that has to ask.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(default, borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    source: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    server: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    tool: Option<Cow<'a, str>>,
    #[serde(default)]
    command: serde_json::Value,
}

/// The tool that a line says has run; `None` where it says nothing of the kind, or of a tool that never asks.
pub fn ran(line: &[u8]) -> Option<RanTool> {
    let head = Head::of(line).filter(|head| head.kind == "event_msg")?;
    let rest = head.payload.strip_prefix(br#""type":"item_completed","thread_id":""#)?;
    let (thread, rest) = until_quote(rest)?;
    let (_, rest) = until_quote(rest.strip_prefix(br#","turn_id":""#)?)?;
    let (kind, _) = until_quote(rest.strip_prefix(br#","item":{"type":""#)?)?;
    if !matches!(kind, "CommandExecution" | "FileChange" | "McpToolCall" | "CollabAgentToolCall") {
        return None;
    }
    let item = serde_json::from_slice::<Line<'_>>(line).ok()?.payload.item;
    let tool = item.tool_that_asks()?;
    let command = item.given_to_shell();
    Some(RanTool { at: head.at, thread: ThreadId::new(thread), call: item.id.into_owned(), tool, command })
}

impl Item<'_> {
    /// `["/bin/bash", "-lc", "ls"]`: its last word.
    fn given_to_shell(&self) -> Option<String> {
        match self.command.as_array()?.as_slice() {
            [_, flag, line] if matches!(flag.as_str()?, "-c" | "-lc") => line.as_str().map(str::to_owned),
            _ => None,
        }
    }

    fn tool_that_asks(&self) -> Option<String> {
        let is = |wanted: &str| self.status.as_deref() == Some(wanted);
        match &*self.kind {
            // What a person runs, and what is typed into a command that runs already, asks nothing.
            "CommandExecution" if is("completed") || is("failed") => {
                let source = self.source.as_deref()?;
                let asks = !source.contains("interaction") && source != "user_shell";
                asks.then(|| "Bash".to_owned())
            }
            "FileChange" if is("completed") => Some("apply_patch".to_owned()),
            "McpToolCall" if is("completed") => {
                let (server, tool) = (self.server.as_deref()?, self.tool.as_deref()?);
                Some(if server == OWN_SERVER { tool.to_owned() } else { format!("mcp__{server}__{tool}") })
            }
            "CollabAgentToolCall" if is("completed") => {
                self.tool.as_deref().filter(|tool| *tool == "spawn_agent").map(str::to_owned)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(item: &str) -> Option<(String, String)> {
        let line = format!(
            r#"{{"timestamp":"2026-11-30T02:03:26.218Z","ordinal":15,"type":"event_msg","payload":{{"type":"item_completed","thread_id":"t","turn_id":"u","item":{item},"completed_at_ms":1}}}}"#
        );
        let ran = ran(line.as_bytes())?;
        assert_eq!(ran.thread, ThreadId::new("t"));
        Some((ran.tool, ran.call))
    }

    #[test]
    fn what_ran_is_told_by_the_name_and_id_with_which_it_has_asked() {
        for (item, name, call) in [
            // 0.171: by itself, and from a cell of code mode.
            (
                r#"{"type":"CommandExecution","id":"call_1","process_id":"48599","command":["/bin/bash","-lc","echo \"one\""],"source":"unified_exec_startup","status":"completed","aggregated_output":"one\n","exit_code":0}"#,
                "Bash",
                "call_1",
            ),
            (
                r#"{"type":"CommandExecution","id":"exec-1","command":["bash","-lc","exit 6"],"source":"unified_exec_startup","status":"failed","exit_code":6}"#,
                "Bash",
                "exec-1",
            ),
            (
                r#"{"type":"CommandExecution","id":"c","command":["ls"],"source":"agent","status":"completed"}"#,
                "Bash",
                "c",
            ),
            (
                r#"{"type":"FileChange","id":"call_p","changes":{"/w/a.txt":{"type":"add","content":"hi\n"}},"status":"completed"}"#,
                "apply_patch",
                "call_p",
            ),
            (
                r#"{"type":"McpToolCall","id":"call_m","server":"t","tool":"hello","arguments":{"name":"x"},"status":"completed","result":{"content":[]}}"#,
                "mcp__t__hello",
                "call_m",
            ),
            (
                r#"{"type":"McpToolCall","id":"call_l","server":"codex","tool":"list_mcp_resources","status":"completed"}"#,
                "list_mcp_resources",
                "call_l",
            ),
            (
                r#"{"type":"CollabAgentToolCall","id":"call_s","tool":"spawn_agent","status":"completed"}"#,
                "spawn_agent",
                "call_s",
            ),
        ] {
            assert_eq!(tool(item), Some((name.to_owned(), call.to_owned())), "{item}");
        }
    }

    #[test]
    fn what_asks_nothing_and_what_did_not_run_is_not_told() {
        for item in [
            r#"{"type":"CommandExecution","id":"x","command":["ls"],"source":"user_shell","status":"completed"}"#,
            r#"{"type":"CommandExecution","id":"x","command":["ls"],"source":"unified_exec_interaction","status":"completed"}"#,
            r#"{"type":"CommandExecution","id":"x","command":["ls"],"source":"agent","status":"declined"}"#,
            r#"{"type":"CommandExecution","id":"x","command":["ls"],"status":"completed"}"#,
            r#"{"type":"FileChange","id":"x","changes":{},"status":"declined"}"#,
            r#"{"type":"McpToolCall","id":"x","server":"t","tool":"hello","status":"failed"}"#,
            r#"{"type":"CollabAgentToolCall","id":"x","tool":"wait","status":"completed"}"#,
            r#"{"type":"WebSearch","id":"ws_1","query":"x"}"#,
            r#"{"type":"AgentMessage","id":"x","content":[]}"#,
        ] {
            assert_eq!(tool(item), None, "{item}");
        }
        assert_eq!(ran(br#"{"timestamp":"2026-11-30T02:03:26.218Z","type":"response_item","payload":{"type":"function_call","name":"exec_command","call_id":"c"}}"#), None);
        assert_eq!(ran(b"torn"), None);
    }
}
