//! What a Codex itself says of its hooks: the question to its app server, and the answer.
//!
//! `hooks/list` over JSON-RPC on stdio, a line a message, as 0.135, 0.169 and 0.171 answered it; 0.118 does not know the
//! method. It lists the hooks that a Codex would have that is started in that folder; none where they are turned off.

use std::path::Path;

use serde_json::{Value, json};

use super::HookEvent;
use super::installed::is_own;

/// The command that answers.
pub const SERVER: &str = "app-server";

/// The number of the question.
const LIST: u64 = 1;

/// A hook of govern's, as a Codex lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// When it is called.
    pub event: HookEvent,
    /// It would be called: it is on, and trusted or managed.
    pub runs: bool,
}

/// What a Codex answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// These are govern's.
    Hooks {
        /// Each of them.
        own: Vec<Listed>,
        /// What it could not read of its configuration.
        errors: Vec<String>,
    },
    /// It knows of no hooks.
    NoHooks,
    /// It refuses to say, and why.
    Refused(String),
}

/// What is written to it.
pub fn question(folder: &Path) -> Vec<u8> {
    let client = json!({ "name": "govern", "version": env!("CARGO_PKG_VERSION") });
    let messages = [
        json!({ "id": 0, "method": "initialize", "params": { "clientInfo": client } }),
        json!({ "method": "initialized" }),
        json!({ "id": LIST, "method": "hooks/list", "params": { "cwds": [folder.to_string_lossy()] } }),
    ];
    messages.iter().map(|message| format!("{message}\n")).collect::<String>().into_bytes()
}

/// Reads a line of it; `None` for one that is not the answer.
pub fn answer(line: &str) -> Option<Listing> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message.get("id").and_then(Value::as_u64) != Some(LIST) || message.get("method").is_some() {
        return None;
    }
    if let Some(error) = message.get("error") {
        let text: String = error.get("message").and_then(Value::as_str).unwrap_or("?").chars().take(200).collect();
        let unknown = text.contains("unknown variant `hooks/list`") || error.get("code") == Some(&json!(-32601));
        return Some(if unknown { Listing::NoHooks } else { Listing::Refused(text) });
    }
    let folders = message.get("result")?.get("data")?.as_array()?;
    let parts = |name: &'static str| folders.iter().filter_map(move |of| of.get(name)?.as_array()).flatten();
    let error = |error: &Value| Some(error.get("message")?.as_str()?.chars().take(200).collect());
    Some(Listing::Hooks {
        own: parts("hooks").filter_map(listed).collect(),
        errors: parts("errors").filter_map(error).collect(),
    })
}

fn listed(hook: &Value) -> Option<Listed> {
    let text = |name: &str| hook.get(name).and_then(Value::as_str);
    if !is_own(text("command")?) {
        return None;
    }
    let name = text("eventName")?;
    let event = HookEvent::ALL.into_iter().find(|event| event.name().eq_ignore_ascii_case(name))?;
    let is = |name: &str| hook.get(name).and_then(Value::as_bool);
    let trusted = text("trustStatus") == Some("trusted") || is("isManaged") == Some(true);
    Some(Listed { event, runs: trusted && is("enabled") != Some(false) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As 0.171 wrote it.
    fn hook(event: &str, trust: &str, more: &Value) -> Value {
        let command = "'/opt/govern' hook --installed pre-tool-use --home '/g' || true";
        let mut hook = json!({ "key": "/h/config.toml:pre_tool_use:0:0", "eventName": event, "command": command,
            "handlerType": "command", "source": "user", "enabled": true, "isManaged": false, "trustStatus": trust });
        hook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        hook
    }

    fn line(hooks: &[Value]) -> String {
        json!({ "id": 1, "result": { "data": [{ "cwd": "/w", "hooks": hooks, "warnings": [], "errors": [] }] } })
            .to_string()
    }

    #[test]
    fn a_hook_runs_where_codex_trusts_it_or_it_is_managed_and_on() {
        let none = json!({});
        for (trust, more, runs) in [
            ("trusted", none.clone(), true),
            ("untrusted", none.clone(), false),
            ("modified", none, false),
            ("managed", json!({ "isManaged": true }), true),
            ("trusted", json!({ "enabled": false }), false),
        ] {
            let read = answer(&line(&[hook("preToolUse", trust, &more)]));
            let own = vec![Listed { event: HookEvent::PreToolUse, runs }];
            assert_eq!(read, Some(Listing::Hooks { own, errors: Vec::new() }), "{trust} {more}");
        }
        let others = hook("preToolUse", "trusted", &json!({ "command": "his" }));
        let unknown = hook("preDinner", "trusted", &json!({}));
        assert_eq!(
            answer(&line(&[others, unknown])),
            Some(Listing::Hooks { own: Vec::new(), errors: Vec::new() }),
            "another's, and an event that is not known"
        );
    }

    #[test]
    fn what_is_no_answer_is_passed_over_and_nothing_makes_it_panic() {
        for other in ["", "{", "[]", "1", r#"{"id":0,"result":{}}"#, r#"{"method":"x"}"#, r#"{"id":1,"result":{}}"#] {
            assert_eq!(answer(other), None, "{other}");
        }
        let old =
            r#"{"error":{"code":-32600,"message":"Invalid request: unknown variant `hooks/list`, expected"},"id":1}"#;
        assert_eq!(answer(old), Some(Listing::NoHooks));
        let broken = r#"{"id":1,"result":{"data":[{"cwd":"/w","hooks":[],"errors":[{"path":"/w","message":"1:6: unclosed"}]}]}}"#;
        let errors = vec!["1:6: unclosed".to_owned()];
        assert_eq!(answer(broken), Some(Listing::Hooks { own: Vec::new(), errors }));
        assert_eq!(answer(r#"{"id":1,"error":{"message":"no"}}"#), Some(Listing::Refused("no".to_owned())));
    }

    #[test]
    fn the_question_is_a_line_a_message() {
        let text = String::from_utf8(question(Path::new("/a \"b\""))).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[2]["params"]["cwds"][0], "/a \"b\"");
    }
}
