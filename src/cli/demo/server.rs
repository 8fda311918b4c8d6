//! A small Responses API on loopback, which the demonstration's agent asks: it never says that the work is done.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// How long it thinks, so that a person can follow.
const THINKS: Duration = Duration::from_millis(400);

/// What each answer counts: at the dear model's price about two cents.
const INPUT: u64 = 10_000;
const CACHED: u64 = 2_000;
const OUTPUT: u64 = 500;

/// What an agent is told to do, again and again.
const STEP: &str = "date >> notes.txt; sleep 1";

/// The most that a request may have: whoever asks is Codex, or its stand-in.
const MOST: u64 = 16 << 20;

/// A running server.
pub(super) struct Server {
    port: u16,
    served: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Listens on a port of the system's choice, as long as the process lives.
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let served = Arc::new(Mutex::new(Vec::new()));
        let counts = Arc::clone(&served);
        thread::Builder::new().name("demo".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let counts = Arc::clone(&counts);
                // A connection's own trouble is the client's to notice.
                thread::spawn(move || exchange(&stream, &counts).unwrap_or_default());
            }
        })?;
        Ok(Self { port, served })
    }

    /// What a provider's `base_url` must be.
    pub(super) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// The models that answered in full, in order.
    pub(super) fn served(&self) -> Vec<String> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What so many answers count: input, cached ones included, and output.
    pub(super) fn counted(answers: u64) -> (u64, u64) {
        (answers * INPUT, answers * OUTPUT)
    }
}

fn exchange(stream: &TcpStream, served: &Mutex<Vec<String>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.take(MOST));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    match (method, path.ends_with("/responses")) {
        ("POST", true) => {
            let body = body(&mut reader)?;
            let model = body.get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
            thread::sleep(THINKS);
            let mut served = served.lock().unwrap_or_else(PoisonError::into_inner);
            answer(stream, served.len())?;
            served.push(model);
            Ok(())
        }
        // Codex tries a WebSocket first; 426 sends it to plain HTTP at once.
        ("GET", true) => plain(stream, 426, ""),
        ("GET", false) => plain(stream, 200, r#"{"models":[]}"#),
        _ => plain(stream, 404, "{}"),
    }
}

/// What was sent, past its headers.
fn body(reader: &mut impl BufRead) -> io::Result<Value> {
    let mut length = 0_u64;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or_default();
        }
    }
    let mut body = Vec::new();
    reader.take(length.min(MOST)).read_to_end(&mut body)?;
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}

fn answer(mut stream: &TcpStream, number: usize) -> io::Result<()> {
    let id = format!("resp_{number}");
    let arguments = json!({ "cmd": STEP, "yield_time_ms": 60_000 }).to_string();
    let item = json!({
        "id": format!("item_{number}"), "type": "function_call", "name": "exec_command",
        "call_id": format!("call_{number}"), "arguments": arguments,
    });
    let usage = json!({
        "input_tokens": INPUT, "input_tokens_details": { "cached_tokens": CACHED }, "output_tokens": OUTPUT,
        "output_tokens_details": { "reasoning_tokens": 100 }, "total_tokens": INPUT + OUTPUT,
    });
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")?;
    for event in [
        json!({ "type": "response.created", "response": { "id": id } }),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": item }),
        json!({ "type": "response.completed", "response": { "id": id, "usage": usage } }),
    ] {
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
        stream.write_all(format!("event: {kind}\ndata: {event}\n\n").as_bytes())?;
    }
    stream.shutdown(std::net::Shutdown::Write)
}

fn plain(mut stream: &TcpStream, code: u16, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {code} Demo\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes())
}
