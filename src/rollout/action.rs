//! What an agent did, as its session file tells it: commands with how they ended, and files that were changed.
//!
//! Codex from about 0.150 writes an `item_completed` for each command and patch, also for those that a cell of code mode
//! runs. Earlier ones write the call and its output; what came of it stands in the output's first lines. These lines are
//! read apart from [`super::read`], so that they cost nothing where no rule asks for progress.

use serde_json::Value;

use super::skim::Head;
use crate::model::Timestamp;

/// Something that an agent did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// When Codex wrote it.
    pub at: Timestamp,
    /// The call that it belongs to: a copy of a history names it again.
    pub call: String,
    /// What.
    pub kind: DeedKind,
}

/// What an agent did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeedKind {
    /// A command is asked for.
    Asked(String),
    /// What became of a command that went on in the background is asked for.
    Polled(u64),
    /// What was asked for has come to this.
    Returned(Outcome),
    /// A command was asked for and has ended with this exit code.
    Ran {
        /// The command line.
        command: String,
        /// How it ended.
        code: i64,
    },
    /// A patch changed these files.
    Changed(Vec<String>),
}

/// What a call's output says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The command's exit code, if it has ended.
    pub code: Option<i64>,
    /// It goes on in the background under this number.
    pub session: Option<u64>,
    /// The files that a patch changed.
    pub files: Vec<String>,
}

/// What a line says that an agent did; `None` where it says nothing of the kind.
pub fn deed(line: &[u8]) -> Option<Deed> {
    let head = Head::of(line)?;
    let wanted: &[&[u8]] = match head.kind {
        "response_item" => {
            &[br#""type":"function_call"#, br#""type":"custom_tool_call"#, br#""type":"local_shell_call""#]
        }
        "event_msg" => &[br#""type":"item_completed""#],
        _ => return None,
    };
    if !wanted.iter().any(|start| head.payload.starts_with(start)) {
        return None;
    }
    let line: Value = serde_json::from_slice(line).ok()?;
    let payload = line.get("payload")?;
    let (call, kind) = match text(payload, "type")? {
        "item_completed" => item(payload.get("item")?)?,
        "function_call_output" | "custom_tool_call_output" => {
            (text(payload, "call_id")?, DeedKind::Returned(outcome(payload.get("output")?)?))
        }
        "function_call" | "custom_tool_call" => (text(payload, "call_id")?, asked(payload)?),
        "local_shell_call" => {
            let command = command_line(payload.get("action")?.get("command")?)?;
            (text(payload, "call_id")?, DeedKind::Asked(command))
        }
        _ => return None,
    };
    Some(Deed { at: head.at, call: call.to_owned(), kind })
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

/// `exec_command`, `shell`, `shell_command` and whatever else names a command; a patch says itself what it changed.
fn asked(payload: &Value) -> Option<DeedKind> {
    let arguments: Value = serde_json::from_str(text(payload, "arguments")?).ok()?;
    if text(payload, "name") == Some("write_stdin") {
        return Some(DeedKind::Polled(arguments.get("session_id")?.as_u64()?));
    }
    let command = arguments.get("cmd").or_else(|| arguments.get("command"))?;
    command_line(command).map(DeedKind::Asked)
}

fn item(item: &Value) -> Option<(&str, DeedKind)> {
    let id = text(item, "id")?;
    match text(item, "type")? {
        "CommandExecution" => {
            // What a person runs, and what is typed into a command that runs already, is no command of the agent's.
            let own =
                text(item, "source").is_none_or(|source| !source.contains("interaction") && source != "user_shell");
            let command = command_line(item.get("command")?).filter(|_| own)?;
            Some((id, DeedKind::Ran { command, code: item.get("exit_code")?.as_i64()? }))
        }
        "FileChange" if text(item, "status") == Some("completed") => {
            let files = item.get("changes")?.as_object()?.keys().cloned().collect();
            Some((id, DeedKind::Changed(files)))
        }
        _ => None,
    }
}

/// `["bash", "-lc", "make test"]` is `make test`.
fn command_line(command: &Value) -> Option<String> {
    if let Some(command) = command.as_str() {
        return Some(command.to_owned());
    }
    let words: Vec<&str> = command.as_array()?.iter().filter_map(Value::as_str).collect();
    match words.as_slice() {
        [] => None,
        [_, "-lc" | "-c", script] => Some((*script).to_owned()),
        words => Some(words.join(" ")),
    }
}

/// What an output's first lines say; `None` where it is no command's and no patch's.
fn outcome(output: &Value) -> Option<Outcome> {
    let output = output.as_str()?;
    if let Ok(Value::Object(fields)) = serde_json::from_str(output) {
        let code = fields.get("metadata")?.get("exit_code")?.as_i64()?;
        let files = fields.get("output").and_then(Value::as_str).map(changed_files).unwrap_or_default();
        return Some(Outcome { code: Some(code), session: None, files });
    }
    let (above, below) = output.split_once("Output:\n")?;
    let number = |start: &str| above.lines().rev().find_map(|line| line.strip_prefix(start)?.trim().parse().ok());
    let code = number("Process exited with code ").or_else(|| number("Exit code: "));
    let session = number("Process running with session ID ").and_then(|session| u64::try_from(session).ok());
    (code.is_some() || session.is_some()).then(|| Outcome { code, session, files: changed_files(below) })
}

/// The files that `apply_patch` says it changed.
fn changed_files(output: &str) -> Vec<String> {
    let Some(list) = output.strip_prefix("Success. Updated the following files:\n") else { return Vec::new() };
    let file = |line: &str| ["A ", "M ", "D "].iter().find_map(|mark| line.strip_prefix(mark).map(str::to_owned));
    list.lines().map_while(file).collect()
}

#[cfg(test)]
mod tests;
