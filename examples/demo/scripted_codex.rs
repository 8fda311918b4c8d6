//! A stand-in for Codex: asks the server, runs the tools, and writes the session file that the real one would write.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// `codex exec [FLAG…] [resume THREAD] [-m MODEL] [PROMPT]`.
pub(crate) fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("codex: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |name: &str| arguments.iter().skip_while(|word| *word != name).nth(1).cloned();
    let home = PathBuf::from(std::env::var("CODEX_HOME")?);
    let config = fs::read_to_string(home.join("config.toml"))?;
    let setting = |key: &str| {
        let line = config.lines().find(|line| line.starts_with(&format!("{key} = ")))?;
        Some(line.split('"').nth(1)?.to_owned())
    };
    let model = after("-m").or_else(|| setting("model")).ok_or("no model")?;
    let base_url = setting("base_url").ok_or("no base_url")?;
    let resumed = after("resume");
    let mut session = Session::open(&home, resumed.as_deref())?;
    if resumed.is_none() {
        session.line(
            "session_meta",
            json!({
                "id": session.thread, "session_id": session.thread, "cwd": std::env::current_dir()?, "source": "exec",
                "thread_source": "user", "originator": "codex_exec", "cli_version": "0.169.0", "model_provider": "demo",
            }),
        )?;
    }
    println!("a scripted Codex with {model}");
    session.line("turn_context", json!({"model": model, "cwd": std::env::current_dir()?}))?;
    session.line("event_msg", json!({"type": "task_started"}))?;
    while !session.respond(&base_url, &model)? {}
    session.line("event_msg", json!({"type": "task_complete"}))
}

struct Session {
    thread: String,
    file: File,
}

impl Session {
    fn open(home: &Path, resumed: Option<&str>) -> Result<Self> {
        let folder = home.join("sessions/2026/11/22");
        fs::create_dir_all(&folder)?;
        let own = format!("01a201c2-290f-70e3-a3f3-{:012x}", std::process::id());
        let thread = resumed.map_or(own, str::to_owned);
        let path = folder.join(format!("rollout-2026-11-22T05-37-11-{thread}.jsonl"));
        // Held open as long as the thread lives, like the real one's.
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { thread, file })
    }

    fn line(&mut self, kind: &str, payload: Value) -> Result<()> {
        let at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let line = format!("{{\"timestamp\":\"{at}\",\"type\":\"{kind}\",\"payload\":{payload}}}\n");
        Ok(self.file.write_all(line.as_bytes())?)
    }

    /// One request and its tools; true if that was the last word of the turn.
    fn respond(&mut self, base_url: &str, model: &str) -> Result<bool> {
        let mut is_done = true;
        let mut commands = Vec::new();
        for event in self.ask(base_url, model)? {
            let item = event.get("item").unwrap_or(&Value::Null);
            let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            match (text(&event, "type").as_str(), text(item, "type").as_str()) {
                ("response.completed", _) => self.usage(&event)?,
                (_, "function_call") => {
                    let arguments: Value = serde_json::from_str(&text(item, "arguments"))?;
                    commands.push((text(item, "call_id"), text(&arguments, "cmd")));
                    self.line("response_item", item.clone())?;
                    is_done = false;
                }
                (_, "message") => {
                    println!("{}", item.pointer("/content/0/text").and_then(Value::as_str).unwrap_or_default());
                }
                _ => {}
            }
        }
        for (call, command) in commands {
            println!("exec: {command}");
            Command::new("sh").arg("-c").arg(command).stdout(Stdio::null()).status()?;
            self.line("response_item", json!({"type": "function_call_output", "call_id": call, "output": ""}))?;
        }
        Ok(is_done)
    }

    fn usage(&mut self, event: &Value) -> Result<()> {
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
        self.line("token_usage_record", record)
    }

    fn ask(&self, base_url: &str, model: &str) -> Result<Vec<Value>> {
        let authority = base_url.trim_start_matches("http://").split('/').next().unwrap_or_default();
        let mut stream = TcpStream::connect(authority)?;
        let body = json!({"model": model, "stream": true}).to_string();
        let about = json!({"thread_id": self.thread, "thread_source": "user"});
        write!(
            stream,
            "POST /v1/responses HTTP/1.1\r\nhost: {authority}\r\nx-codex-turn-metadata: {about}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = BufReader::new(&stream);
        let mut status = String::new();
        answer.read_line(&mut status)?;
        if !status.contains(" 200 ") {
            return Err(format!("the server said {}", status.trim()).into());
        }
        let mut text = String::new();
        answer.read_to_string(&mut text)?;
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        Ok(data.filter_map(|data| serde_json::from_str(data).ok()).collect())
    }
}
