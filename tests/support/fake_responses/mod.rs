//! A Responses API of our own on loopback: it answers what a test has scripted, and remembers what it served.
//!
//! Threads and blocking sockets only, so that tests, benches and examples can include it by path. Nothing is ever
//! answered late unless a reply says so: a test that must catch a moment holds a reply at a [`Gate`] and opens it.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

mod chat;
mod reply;

pub use reply::{Gate, Reply, Select, USUAL, Usage, message, spawn_agent};

use reply::{Answer, End, Tells};

/// A running server; its port is the system's choice.
#[derive(Clone)]
pub struct FakeResponses {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    started: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    rules: Vec<Rule>,
    fallback: Reply,
    requests: Vec<Request>,
    /// `GET`s, by path.
    other: HashMap<String, usize>,
}

struct Rule {
    select: Select,
    replies: Vec<Reply>,
    forever: bool,
    /// How many replies each thread has had from this rule.
    given: HashMap<String, usize>,
}

/// One `POST /v1/responses`.
#[derive(Clone, Debug)]
pub struct Request {
    /// Counts from 0 in order of arrival.
    pub number: usize,
    /// The id its response had, `resp_N`.
    pub response_id: String,
    /// When it came, since the server's start.
    pub at: Duration,
    /// When its fate was known.
    pub done: Option<Duration>,
    /// The model asked for.
    pub model: String,
    /// The session that asks.
    pub thread: String,
    /// The session that spawned it.
    pub parent: Option<String>,
    /// `user`, `subagent`, `thread_title`, …; `None` from a Codex that does not say.
    pub source: Option<String>,
    /// What became of it.
    pub fate: Fate,
    /// What its answer counted (nothing, unless it was answered).
    pub usage: Usage,
    /// What was sent.
    pub body: String,
}

impl Request {
    /// A sub-agent asked.
    pub fn is_subagent(&self) -> bool {
        self.source.as_deref() == Some("subagent")
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Not answered yet, or the client has not read the answer yet.
    Open,
    /// Answered in full, and the client has read it all.
    Served,
    /// The client went away before it had the whole answer.
    Gone,
    /// Answered with this HTTP error.
    Refused(u16),
}

impl FakeResponses {
    /// Starts listening.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            started: Instant::now(),
            state: Mutex::new(State {
                rules: Vec::new(),
                fallback: Reply::message("done"),
                requests: Vec::new(),
                other: HashMap::new(),
            }),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        thread::Builder::new().name("fake-responses".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&accepting);
                // A connection's own trouble is the client's to notice.
                thread::spawn(move || shared.serve(stream));
            }
        })?;
        Ok(Self { port, shared })
    }

    /// What a provider's `base_url` must be.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// Each thread that `select` matches gets these replies in order, then falls through to later rules.
    pub fn script(&self, select: Select, replies: impl IntoIterator<Item = Reply>) {
        self.rule(select, replies.into_iter().collect(), false);
    }

    /// Every request that `select` matches gets this reply.
    pub fn always(&self, select: Select, reply: Reply) {
        self.rule(select, vec![reply], true);
    }

    fn rule(&self, select: Select, replies: Vec<Reply>, forever: bool) {
        self.shared.lock().rules.push(Rule { select, replies, forever, given: HashMap::new() });
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// Those that were served.
    pub fn served(&self) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.fate == Fate::Served).collect()
    }

    /// How often a path was asked for by `GET`.
    pub fn gets(&self, path: &str) -> usize {
        self.shared.lock().other.get(path).copied().unwrap_or_default()
    }

    /// Waits until the requests satisfy `enough`; the error lists what came instead.
    pub fn wait_until(
        &self,
        what: &str,
        within: Duration,
        enough: impl Fn(&[Request]) -> bool,
    ) -> Result<Vec<Request>, String> {
        let deadline = Instant::now() + within;
        let mut state = self.shared.lock();
        loop {
            if enough(&state.requests) {
                return Ok(state.requests.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let seen: Vec<String> = state.requests.iter().map(Request::brief).collect();
                return Err(format!("not within {within:?}: {what}; requests:\n{}", seen.join("\n")));
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until so many requests have come, whatever became of them.
    pub fn wait_for_requests(&self, count: usize, within: Duration) -> Result<Vec<Request>, String> {
        self.wait_until(&format!("{count} requests"), within, |requests| requests.len() >= count)
    }

    /// Waits until so many were served.
    pub fn wait_for_served(&self, count: usize, within: Duration) -> Result<Vec<Request>, String> {
        self.wait_until(&format!("{count} served"), within, |requests| {
            requests.iter().filter(|request| request.fate == Fate::Served).count() >= count
        })
    }
}

impl Request {
    /// One line for a failing test's message.
    pub fn brief(&self) -> String {
        let Self { number, at, model, thread, source, fate, .. } = self;
        let source = source.as_deref().unwrap_or("-");
        format!("  {number:>2} at {:>6} ms {model} {source} {thread} {fate:?}", at.as_millis())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) {
        if let Err(error) = self.exchange(&stream)
            && error.kind() == io::ErrorKind::InvalidData
        {
            let _ = plain(&stream, 400, &format!("{{\"error\":\"{error}\"}}"));
        }
    }

    fn exchange(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let Some(head) = Head::read(&mut BufReader::new(stream))? else { return Ok(()) };
        match (head.method.as_str(), head.path.as_str()) {
            ("POST", path) if path.ends_with("/responses") || path.ends_with("/chat/completions") => {
                self.respond(stream, &head)
            }
            ("GET", path) => {
                *self.lock().other.entry(path.to_owned()).or_default() += 1;
                self.changed.notify_all();
                if let Some(number) = path.rsplit_once("/responses/resp_").and_then(|(_, number)| number.parse().ok()) {
                    return self.tell_later(stream, path, number);
                }
                // Codex tries a WebSocket first; 426 sends it to plain HTTP at once.
                if path.ends_with("/responses") {
                    plain(stream, 426, "")
                } else {
                    plain(stream, 200, r#"{"models":[]}"#)
                }
            }
            _ => plain(stream, 404, "{}"),
        }
    }

    fn respond(&self, stream: &TcpStream, head: &Head) -> io::Result<()> {
        let (number, reply) = self.admit(head);
        let fate = match self.answer(stream, number, &reply, head) {
            Ok(fate) => fate,
            Err(_) => Fate::Gone,
        };
        {
            let mut state = self.lock();
            if let Some(request) = state.requests.get_mut(number) {
                request.fate = fate;
                request.done = Some(self.started.elapsed());
                if fate == Fate::Served {
                    request.usage = reply.usage;
                }
            }
        }
        self.changed.notify_all();
        if fate == Fate::Served
            && let Some(gate) = &reply.opens
        {
            gate.open();
        }
        Ok(())
    }

    /// Takes down the request and chooses its reply, in one step.
    fn admit(&self, head: &Head) -> (usize, Reply) {
        let mut state = self.lock();
        let number = state.requests.len();
        let request = head.request(number, self.started.elapsed());
        let reply = state.choose(&request);
        state.requests.push(request);
        drop(state);
        self.changed.notify_all();
        (number, reply)
    }

    /// A response in the background: it is worked on when it is asked for first, and over when it is asked for again.
    fn tell_later(&self, stream: &TcpStream, path: &str, number: usize) -> io::Result<()> {
        let state = self.lock();
        let asked = state.other.get(path).copied().unwrap_or_default();
        let Some(Request { usage, model, .. }) = state.requests.get(number).cloned() else {
            drop(state);
            return plain(stream, 404, "{}");
        };
        drop(state);
        let mut response = whole(&[message("done")], number, &model, usage);
        if asked < 2
            && let Some(fields) = response.as_object_mut()
        {
            fields.insert("status".to_owned(), json!("in_progress"));
            fields.insert("usage".to_owned(), Value::Null);
        }
        plain(stream, 200, &response.to_string())
    }

    fn answer(&self, mut stream: &TcpStream, number: usize, reply: &Reply, head: &Head) -> io::Result<Fate> {
        pause(stream, reply.before, reply.gate_before.as_ref())?;
        let body: Value = serde_json::from_str(&head.body).unwrap_or_default();
        let asks = |key: &str| body.get(key).and_then(Value::as_bool).unwrap_or(false);
        let asked = body.get("model").and_then(Value::as_str).unwrap_or_default();
        let model = reply.model.as_deref().unwrap_or(asked);
        let named = if reply.repeats_its_id { 0 } else { number };
        let chats = head.path.ends_with("/chat/completions");
        match &reply.answer {
            Answer::Refuse(code) => {
                plain(stream, *code, r#"{"error":{"message":"scripted refusal"}}"#)?;
                return Ok(Fate::Refused(*code));
            }
            Answer::Items(_) if asks("background") => {
                let queued =
                    json!({"id": format!("resp_{number}"), "object": "response", "status": "queued", "model": model});
                plain(stream, 200, &queued.to_string())?;
            }
            Answer::Items(items) if chats && asks("stream") => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")?;
                for chunk in chat::chunks(items, number, &body, reply.usage) {
                    stream.write_all(format!("data: {chunk}\n\n").as_bytes())?;
                }
                stream.write_all(b"data: [DONE]\n\n")?;
            }
            Answer::Items(items) if chats => {
                plain(stream, 200, &chat::whole(items, named, model, reply.usage).to_string())?;
            }
            Answer::Items(items) if !asks("stream") => {
                plain(stream, 200, &whole(items, named, model, reply.usage).to_string())?;
            }
            Answer::Items(items) => {
                let more = reply.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n";
                stream.write_all(format!("{head}{}\r\n", more.collect::<String>()).as_bytes())?;
                let id = format!("resp_{number}");
                event(stream, &json!({"type": "response.created", "response": {"id": id}}))?;
                pause(stream, reply.mid, reply.gate_mid.as_ref())?;
                for (index, item) in items.iter().enumerate() {
                    let item = with_ids(item, number, index);
                    event(stream, &json!({"type": "response.output_item.done", "output_index": index, "item": item}))?;
                }
                let usage = match reply.tells {
                    Tells::Usage => reply.usage.wire(),
                    Tells::Null => Value::Null,
                    Tells::Floats => reply.usage.wire_in_floats(),
                    Tells::BelowZero => json!({"input_tokens": -1000, "output_tokens": 10, "total_tokens": -990}),
                };
                match reply.end {
                    End::Completed => {
                        event(stream, &json!({"type": "response.completed", "response": {"id": id, "usage": usage}}))?;
                    }
                    End::Incomplete => {
                        let why = json!({"reason": "max_output_tokens"});
                        let response =
                            json!({"id": id, "status": "incomplete", "incomplete_details": why, "usage": usage});
                        event(stream, &json!({"type": "response.incomplete", "response": response}))?;
                    }
                    End::Failed => {
                        let error = json!({"code": "server_error", "message": "it broke"});
                        let response = json!({"id": id, "status": "failed", "error": error, "usage": usage});
                        event(stream, &json!({"type": "response.failed", "response": response}))?;
                    }
                    End::Torn => {}
                }
            }
        }
        stream.shutdown(std::net::Shutdown::Write)?;
        // A client that closes without having read all resets the connection; one that has, ends it.
        match io::copy(&mut stream, &mut io::sink()) {
            Ok(_) => Ok(Fate::Served),
            Err(_) => Ok(Fate::Gone),
        }
    }
}

impl State {
    fn choose(&mut self, request: &Request) -> Reply {
        for rule in &mut self.rules {
            if !rule.select.matches(request.source.as_deref(), &request.model, &request.body) {
                continue;
            }
            let given = rule.given.entry(request.thread.clone()).or_default();
            let index = if rule.forever { 0 } else { *given };
            if let Some(reply) = rule.replies.get(index) {
                *given += 1;
                return reply.clone();
            }
        }
        self.fallback.clone()
    }
}

struct Head {
    method: String,
    path: String,
    headers: HashMap<String, String>,
    body: String,
}

impl Head {
    /// `None` if the client closed without a word.
    fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace();
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no request line"));
        };
        let path = target.split('?').next().unwrap_or_default().to_owned();
        let method = method.to_owned();
        let mut headers = HashMap::new();
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? == 0 || header.trim_end().is_empty() {
                break;
            }
            if let Some((name, value)) = header.split_once(':') {
                headers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
            }
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok(Some(Self { method, path, headers, body: String::from_utf8_lossy(&body).into_owned() }))
    }

    fn request(&self, number: usize, at: Duration) -> Request {
        let metadata = self.headers.get("x-codex-turn-metadata");
        let metadata: Value = metadata.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        // A Codex from before the metadata names its session in a header or as the cache key.
        let thread = text(&metadata, "thread_id")
            .or_else(|| ["session_id", "conversation_id"].iter().find_map(|name| self.headers.get(*name).cloned()))
            .or_else(|| text(&body, "prompt_cache_key"));
        Request {
            number,
            response_id: format!("resp_{number}"),
            at,
            done: None,
            model: text(&body, "model").unwrap_or_default(),
            thread: thread.unwrap_or_default(),
            parent: text(&metadata, "parent_thread_id"),
            source: text(&metadata, "thread_source"),
            fate: Fate::Open,
            usage: Usage::default(),
            body: self.body.clone(),
        }
    }
}

/// A response in one piece, for clients that do not stream: Codex always does, the OpenAI libraries where they are told to.
fn whole(items: &[Value], number: usize, model: &str, usage: Usage) -> Value {
    let items: Vec<Value> = items.iter().enumerate().map(|(index, item)| with_ids(item, number, index)).collect();
    json!({
        "id": format!("resp_{number}"), "object": "response", "created_at": 0, "status": "completed", "model": model,
        "output": items, "usage": usage.wire(), "tools": [], "tool_choice": "auto", "parallel_tool_calls": true,
    })
}

/// Calls must have ids that are unique in their thread.
fn with_ids(item: &Value, number: usize, index: usize) -> Value {
    let mut item = item.clone();
    if let Some(fields) = item.as_object_mut() {
        fields.entry("id").or_insert_with(|| json!(format!("item_{number}_{index}")));
        if fields.get("type").and_then(Value::as_str) == Some("function_call") {
            fields.entry("call_id").or_insert_with(|| json!(format!("call_{number}_{index}")));
        }
    }
    item
}

/// Waits out a delay and a gate; an error as soon as the client is gone.
fn pause(stream: &TcpStream, delay: Duration, gate: Option<&Gate>) -> io::Result<()> {
    if !delay.is_zero() {
        thread::sleep(delay);
    }
    let Some(gate) = gate else { return Ok(()) };
    let mut byte = [0];
    while !gate.wait(Duration::from_millis(2)) {
        stream.set_nonblocking(true)?;
        let peeked = stream.peek(&mut byte);
        stream.set_nonblocking(false)?;
        match peeked {
            Ok(0) => return Err(io::ErrorKind::ConnectionReset.into()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

fn event(mut stream: &TcpStream, event: &Value) -> io::Result<()> {
    let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
    stream.write_all(format!("event: {kind}\ndata: {event}\n\n").as_bytes())
}

fn plain(mut stream: &TcpStream, code: u16, body: &str) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {code} Scripted\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}
