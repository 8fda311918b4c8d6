//! How often a policy's gates would have asked: the tools of recorded sessions, held against them.
//!
//! `cargo run --example questions -- policies/gated.toml ~/.codex/sessions` reads each session file below the folders that are
//! named and prints how many calls it has, how many meet a gate, and which. Nothing is run, and nothing is written.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "an example; JSON has no bounds"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use govern::policy::gate::{self, ToolCall};
use govern::policy::layers::{FlagRules, load};
use govern::policy::mistake::LayerText;
use govern::policy::rule::{Gate, Layer};
use govern::shell::CommandLine;
use serde_json::Value;

/// A tool call of a session, as a hook would name it.
struct Called {
    tool: String,
    command: Option<String>,
}

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(policy) = args.next() else {
        eprintln!("usage: questions POLICY FOLDER…");
        return ExitCode::from(2);
    };
    let gates = match gates(&policy) {
        Ok(gates) => gates,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let mut files = Vec::new();
    args.for_each(|folder| session_files(&folder, &mut files));
    files.sort();
    let (mut sessions, mut calls, mut questions, mut asked) = (0, 0, 0, 0);
    for file in files {
        let called = calls_of(&fs::read_to_string(&file).unwrap_or_default());
        if called.is_empty() {
            continue;
        }
        sessions += 1;
        calls += called.len();
        let met: Vec<String> = called.iter().filter_map(|call| because(&gates, call)).collect();
        questions += met.len();
        asked += usize::from(!met.is_empty());
        met.iter().for_each(|why| println!("{}: {why}", file.display()));
    }
    println!("{sessions} sessions, {calls} calls, {questions} questions, in {asked} sessions");
    ExitCode::SUCCESS
}

fn gates(policy: &Path) -> Result<Vec<Gate>, String> {
    let text = fs::read_to_string(policy).map_err(|error| format!("{}: {error}", policy.display()))?;
    let layer = LayerText { layer: Layer::User, path: Some(policy.to_owned()), text };
    match load(vec![layer], FlagRules::default()) {
        Ok(loaded) => Ok(loaded.policy.gates.into_iter().filter(|gate| !gate.observe).collect()),
        Err(mistakes) => Err(govern::policy::diagnostic::render(&mistakes, false)),
    }
}

fn session_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            session_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "jsonl") {
            found.push(path);
        }
    }
}

/// Each call once: as it was asked for, or as it ran from a cell of code mode.
fn calls_of(session: &str) -> Vec<Called> {
    session.lines().filter_map(|line| call(&serde_json::from_str(line).ok()?)).collect()
}

fn call(line: &Value) -> Option<Called> {
    let payload = &line["payload"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match payload["type"].as_str()? {
        "function_call" => {
            let arguments: Value = serde_json::from_str(payload["arguments"].as_str()?).ok()?;
            let command = text(&arguments["cmd"]).or_else(|| words(&arguments["command"]));
            let name = payload["name"].as_str()?;
            let tool = if command.is_some() { "Bash" } else { name };
            (name != "write_stdin").then(|| Called { tool: tool.to_owned(), command })
        }
        "custom_tool_call" if payload["name"] == "apply_patch" => {
            Some(Called { tool: "apply_patch".to_owned(), command: text(&payload["input"]) })
        }
        "item_completed" if payload["item"]["id"].as_str()?.starts_with("exec-") => {
            let item = &payload["item"];
            let is_command = item["type"] == "CommandExecution";
            is_command.then(|| Called { tool: "Bash".to_owned(), command: words(&item["command"]) })
        }
        _ => None,
    }
}

/// `["bash", "-lc", "make test"]` is `make test`.
fn words(command: &Value) -> Option<String> {
    if let Some(command) = command.as_str() {
        return Some(command.to_owned());
    }
    let words: Vec<&str> = command.as_array()?.iter().filter_map(Value::as_str).collect();
    match words.as_slice() {
        [_, "-lc" | "-c", script] => Some((*script).to_owned()),
        words => Some(words.join(" ")),
    }
}

fn because(gates: &[Gate], called: &Called) -> Option<String> {
    let call = ToolCall {
        tool: &called.tool,
        command: called.command.as_deref().map(CommandLine::Text),
        paths: &[],
        model: None,
        value: &|_| None,
        next_cost: None,
    };
    Some(gate::judge(gates, &call)?.because.join("; "))
}
