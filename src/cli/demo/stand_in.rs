//! A stand-in for Codex, for the demonstration alone: it asks the server, runs the tools, and writes the session file that
//! the real one would write.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{BASE_URL, DEAR, STAND_IN};
use crate::cli::format::put;
use crate::exit::Exit;
use crate::report::text::rfc3339;
use crate::{clock, process};

/// The demonstration calls its own govern `codex`, and says so in its environment.
pub(in crate::cli) fn is_meant(called: Option<&OsStr>) -> bool {
    let name = called.map(Path::new).and_then(Path::file_name);
    name == Some(OsStr::new("codex")) && crate::cli::env(STAND_IN).is_some()
}

/// `codex exec [FLAG…] [resume THREAD] [-m MODEL] [PROMPT]`. Whatever else a Codex can do, this one cannot.
pub(in crate::cli) fn run(arguments: impl Iterator<Item = String>) -> Exit {
    let arguments: Vec<String> = arguments.collect();
    if !arguments.iter().any(|word| word == "exec") {
        return Exit::Child(2);
    }
    match work(&arguments) {
        Ok(()) => Exit::Success,
        Err(error) => {
            crate::cli::to_stderr(&format!("codex (a stand-in): {error}\n"));
            Exit::Child(1)
        }
    }
}

fn work(arguments: &[String]) -> io::Result<()> {
    let after = |name: &str| arguments.iter().skip_while(|word| *word != name).nth(1).cloned();
    let variable = |name: &str| {
        let missing = || io::Error::other(format!("{name} is not set"));
        crate::cli::env(name).and_then(|value| value.into_string().ok()).ok_or_else(missing)
    };
    let model = after("-m").unwrap_or_else(|| DEAR.to_owned());
    let base_url = variable(BASE_URL)?;
    let resumed = after("resume");
    let mut session = Session::open(Path::new(&variable("CODEX_HOME")?), resumed.as_deref())?;
    let cwd = std::env::current_dir()?;
    if resumed.is_none() {
        let thread = session.thread.clone();
        session.line(
            "session_meta",
            &json!({
                "id": thread, "session_id": thread, "cwd": cwd, "source": "exec", "thread_source": "user",
                "originator": "codex_exec", "cli_version": "0.169.0", "model_provider": "demo",
            }),
        )?;
    }
    say(&format!("a stand-in for Codex, with {model}"));
    session.line("turn_context", &json!({ "model": model, "cwd": cwd }))?;
    session.line("event_msg", &json!({ "type": "task_started" }))?;
    while !session.respond(&base_url, &model)? {}
    session.line("event_msg", &json!({ "type": "task_complete" }))
}

/// Nobody reading is no reason to stop.
fn say(text: &str) {
    let _unread = put(&mut io::stdout().lock(), &format!("{text}\n"));
}

struct Session {
    thread: String,
    file: File,
}

impl Session {
    fn open(home: &Path, resumed: Option<&str>) -> io::Result<Self> {
        let now = clock::now();
        let folder = home.join(now.format("sessions/%Y/%m/%d").to_string());
        let thread = resumed.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned);
        let named = |path: &PathBuf| path.to_string_lossy().ends_with(&format!("{thread}.jsonl"));
        let earlier = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).find(named);
        let new = || folder.join(format!("rollout-{}-{thread}.jsonl", now.format("%Y-%m-%dT%H-%M-%S")));
        fs::create_dir_all(&folder)?;
        // Held open as long as the thread lives, like the real one's.
        let file = OpenOptions::new().create(true).append(true).open(earlier.unwrap_or_else(new))?;
        Ok(Self { thread, file })
    }

    fn line(&mut self, kind: &str, payload: &Value) -> io::Result<()> {
        let at = rfc3339(clock::now());
        self.file
            .write_all(format!("{{\"timestamp\":\"{at}\",\"type\":\"{kind}\",\"payload\":{payload}}}\n").as_bytes())
    }

    /// One request and its tools; true if that was the last word of the turn.
    fn respond(&mut self, base_url: &str, model: &str) -> io::Result<bool> {
        let mut commands = Vec::new();
        for event in self.ask(base_url, model)? {
            let item = event.get("item").unwrap_or(&Value::Null);
            let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            match (text(&event, "type").as_str(), text(item, "type").as_str()) {
                ("response.completed", _) => self.usage(&event)?,
                (_, "function_call") => {
                    let arguments: Value = serde_json::from_str(&text(item, "arguments")).unwrap_or_default();
                    commands.push((text(item, "call_id"), text(&arguments, "cmd")));
                    self.line("response_item", item)?;
                }
                _ => {}
            }
        }
        for (call, command) in &commands {
            say(&format!("exec: {command}"));
            process::carry_out(Path::new("sh"), &[OsStr::new("-c"), OsStr::new(command)])?;
            self.line("response_item", &json!({ "type": "function_call_output", "call_id": call, "output": "" }))?;
        }
        Ok(commands.is_empty())
    }

    fn usage(&mut self, event: &Value) -> io::Result<()> {
        let response = event.get("response").unwrap_or(&Value::Null);
        let count = |path: &str| response.pointer(path).and_then(Value::as_u64).unwrap_or_default();
        let usage = json!({
            "input_tokens": count("/usage/input_tokens"),
            "cached_input_tokens": count("/usage/input_tokens_details/cached_tokens"),
            "cache_write_input_tokens": count("/usage/input_tokens_details/cache_write_tokens"),
            "output_tokens": count("/usage/output_tokens"),
            "reasoning_output_tokens": count("/usage/output_tokens_details/reasoning_tokens"),
            "total_tokens": count("/usage/total_tokens"),
        });
        let thread = self.thread.clone();
        let record = json!({
            "thread_id": thread, "session_id": thread, "turn_id": "turn", "root_turn_id": "turn",
            "response_id": response.get("id"), "usage": usage,
        });
        self.line("token_usage_record", &record)
    }

    fn ask(&self, base_url: &str, model: &str) -> io::Result<Vec<Value>> {
        let authority = base_url.trim_start_matches("http://").split('/').next().unwrap_or_default();
        let mut stream = TcpStream::connect(authority)?;
        let body = json!({ "model": model, "stream": true }).to_string();
        let length = body.len();
        write!(
            stream,
            "POST /v1/responses HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = BufReader::new(&stream);
        let mut status = String::new();
        answer.read_line(&mut status)?;
        if !status.contains(" 200 ") {
            return Err(io::Error::other(format!("the server said {}", status.trim())));
        }
        let mut text = String::new();
        answer.read_to_string(&mut text)?;
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        Ok(data.filter_map(|data| serde_json::from_str(data).ok()).collect())
    }
}
