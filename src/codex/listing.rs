//! Whether an installed Codex tells hooks what its requests used: asked of its own app server (`hooks/list`, 0.135
//! and later), which lists the hooks that it would run. An earlier one, or one that does not know the event, lists none.

use std::ffi::OsString;
use std::path::Path;

use serde_json::{Value, json};

use super::hooks::{Failing, HookEvent, HookTarget};
use super::invocation::Invocation;

/// The number of the question that matters.
const QUESTION: u64 = 2;

/// The command that starts the app server of the same Codex with a run's hooks; `None` where it takes none.
pub fn app_server(of: &Invocation) -> Option<Vec<OsString>> {
    let mut argv = of.launcher().to_vec();
    argv.push("app-server".into());
    let target = HookTarget {
        running: None,
        govern: Path::new("/govern"),
        socket: Path::new("/socket"),
        failed: Path::new("/failed"),
        failing: Failing::Open,
        posix_shell: true,
    };
    Invocation::parse(&argv)?.with_hooks(&target).ok()
}

/// What is said to the app server, a line each.
pub fn questions(folder: &Path) -> Vec<String> {
    [
        json!({"id": 1, "method": "initialize", "params": {"clientInfo": {"name": "govern", "version": "1"}}}),
        json!({"method": "initialized"}),
        json!({"id": QUESTION, "method": "hooks/list", "params": {"cwds": [folder]}}),
    ]
    .map(|line| line.to_string())
    .to_vec()
}

/// This line is its answer.
pub fn is_answer(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|line| line.get("id") == Some(&QUESTION.into()))
}

/// By that answer govern's hooks before and after each request would both run.
pub fn tells_of_requests(answer: &str) -> bool {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let folders = answer.pointer("/result/data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let hooks: Vec<&Value> = folders.iter().filter_map(|folder| folder.get("hooks")?.as_array()).flatten().collect();
    let runs = |event: HookEvent| {
        let is_it = |hook: &&&Value| {
            let text = |key: &str| hook.get(key).and_then(Value::as_str).unwrap_or_default();
            text("trustStatus") == "trusted" && text("command").contains(&format!("hook {} ", event.verb()))
        };
        hooks.iter().any(|hook| is_it(&hook))
    };
    runs(HookEvent::PreModelRequest) && runs(HookEvent::PostModelRequest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codex_tells_of_requests_if_it_would_run_both_hooks() {
        let listed = |hooks: &[(&str, &str)]| {
            let hook = |(verb, trust): &(&str, &str)| json!({"command": format!("'/govern' hook {verb} '/socket' || true"), "trustStatus": trust});
            let hooks: Vec<Value> = hooks.iter().map(hook).collect();
            json!({"id": 2, "result": {"data": [{"cwd": "/w", "hooks": hooks}]}}).to_string()
        };
        let (before, after) = (("pre-model-request", "trusted"), ("post-model-request", "trusted"));
        for (answer, tells) in [
            (listed(&[before, after]), true),
            (listed(&[before]), false),
            (listed(&[after]), false),
            (listed(&[before, ("post-model-request", "untrusted")]), false),
            (listed(&[]), false),
            (json!({"id": 2, "error": {"code": -32600, "message": "unknown method"}}).to_string(), false),
            (String::new(), false),
        ] {
            assert_eq!(tells_of_requests(&answer), tells, "{answer}");
        }
        assert!(is_answer(&listed(&[])) && !is_answer(r#"{"id":1,"result":{}}"#) && !is_answer("{"));
    }

    #[test]
    fn the_same_codex_is_asked() {
        let asked = |command: &str| {
            let words: Vec<OsString> = command.split(' ').map(OsString::from).collect();
            let argv = app_server(&Invocation::parse(&words)?)?;
            Some(argv.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" "))
        };
        let plain = asked("codex exec --ephemeral hi").unwrap();
        assert!(plain.starts_with("codex app-server -c hooks."), "{plain}");
        assert!(plain.contains("hook post-model-request"), "{plain}");
        assert!(asked("npx @openai/codex exec hi").unwrap().starts_with("npx @openai/codex app-server"));
    }
}
