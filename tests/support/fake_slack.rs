//! A Slack workspace of our own on loopback: the methods of its Web API that govern calls, and Socket Mode.
//!
//! Threads and blocking sockets only. It holds messages to Slack's own bounds, and is held itself against Slack's official
//! clients (`slack::the_workspace_is_one_that_slacks_own_clients_take`).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use super::process::LONG;

/// The bot token that it takes.
pub const BOT: &str = "xoxb-1-2-bot-hunter2";
/// The app token that it takes.
pub const APP: &str = "xapp-1-A-2-app-hunter2";
/// The id of `#agents`.
pub const CHANNEL: &str = "C0AGENTS01";

/// A workspace.
pub struct FakeSlack {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    sockets: u16,
    state: Mutex<State>,
    news: Condvar,
}

/// What it holds.
#[derive(Default)]
pub struct State {
    /// Every call, in order.
    pub calls: Vec<Call>,
    /// Messages by their `ts`, as they stand.
    pub messages: BTreeMap<String, Value>,
    /// What only one person sees: who, and what.
    pub whispers: Vec<(String, String)>,
    /// Forms that were opened.
    pub views: Vec<Value>,
    /// Envelopes that were acknowledged, and by which connection.
    pub acks: Vec<(String, usize)>,
    /// Who is in which group.
    pub groups: HashMap<String, Vec<String>>,
    /// Connections, the newest last.
    connections: Vec<Connection>,
    /// What a method answers next, in the place of what it would.
    answers: HashMap<String, VecDeque<(u16, String, Value)>>,
    count: usize,
}

struct Connection {
    out: Sender<Out>,
    open: bool,
}

enum Out {
    Text(String),
    Close,
}

/// One call of a method.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its name.
    pub method: String,
    /// What was said, whether as JSON or as a form.
    pub body: Value,
}

impl FakeSlack {
    /// One on a port of the system's choice.
    pub fn start() -> Self {
        let (http, sockets) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let port = http.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            sockets: sockets.local_addr().unwrap().port(),
            state: Mutex::default(),
            news: Condvar::new(),
        });
        let (of_http, of_sockets) = (Arc::clone(&shared), Arc::clone(&shared));
        thread::spawn(move || {
            for stream in http.incoming().flatten() {
                let shared = Arc::clone(&of_http);
                thread::spawn(move || shared.answer(stream));
            }
        });
        thread::spawn(move || {
            for stream in sockets.incoming().flatten() {
                let shared = Arc::clone(&of_sockets);
                thread::spawn(move || shared.socket(stream));
            }
        });
        Self { port, shared }
    }

    /// The base of its API.
    pub fn api(&self) -> String {
        format!("http://127.0.0.1:{}/api/", self.port)
    }

    /// `[notify.slack]` with this workspace, and what goes there.
    pub fn policy(&self, on: &str) -> String {
        format!(
            "[notify.slack]\nbot_token = {{ env = \"SLACK_BOT\" }}\napp_token = {{ env = \"SLACK_APP\" }}\nchannel = \"#agents\"\n\
             api = \"{}\"\n[[notify.route]]\non = {on}\nto = [\"slack\"]\n",
            self.api()
        )
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }

    /// Looks.
    pub fn look<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.lock())
    }

    /// What a method answers next: status, a header line or none, body.
    pub fn answers(&self, method: &str, status: u16, header: &str, body: Value) {
        self.lock().answers.entry(method.to_owned()).or_default().push_back((status, header.to_owned(), body));
    }

    /// Waits until something is found.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, find: impl Fn(&State) -> Option<T>) -> T {
        let state = self.lock();
        let (state, late) = self.shared.news.wait_timeout_while(state, LONG, |state| find(state).is_none()).unwrap();
        assert!(
            !late.timed_out(),
            "no {what}:\n{:#?}\n{:#?}\n{:?}\n{:?}",
            state.calls,
            state.messages,
            state.whispers,
            state.acks
        );
        find(&state).unwrap()
    }

    /// Waits for a message whose JSON holds this text, and gives its `ts`.
    #[track_caller]
    pub fn message_with(&self, text: &str) -> String {
        self.wait_for(&format!("message with `{text}`"), |state| {
            state.messages.iter().find(|(_, message)| message.to_string().contains(text)).map(|(ts, _)| ts.clone())
        })
    }

    /// Waits until a message holds this text.
    #[track_caller]
    pub fn becomes(&self, ts: &str, text: &str) -> Value {
        self.wait_for(&format!("`{text}` in message {ts}"), |state| {
            state.messages.get(ts).filter(|message| message.to_string().contains(text)).cloned()
        })
    }

    /// Waits until a person is whispered this text.
    #[track_caller]
    pub fn whispered(&self, user: &str, text: &str) {
        self.wait_for(&format!("whisper `{text}` to {user}"), |state| {
            state.whispers.iter().any(|(to, said)| to == user && said.contains(text)).then_some(())
        });
    }

    /// The labels of a message's buttons.
    pub fn buttons(&self, ts: &str) -> Vec<String> {
        let state = self.lock();
        let blocks = state.messages[ts]["blocks"].as_array().unwrap().clone();
        let elements =
            blocks.iter().filter(|block| block["type"] == "actions").flat_map(|block| block["elements"].as_array());
        elements.flatten().map(|button| button["text"]["text"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits for a connection, and gives how many there have been.
    #[track_caller]
    pub fn connected(&self, at_least: usize) -> usize {
        self.wait_for("connection", |state| Some(state.connections.len()).filter(|count| *count >= at_least))
    }

    /// Somebody presses a button of a message as it stands; its envelope's id.
    #[track_caller]
    pub fn click(&self, user: &str, ts: &str, action: &str) -> String {
        let message = self.lock().messages[ts].clone();
        let blocks = message["blocks"].as_array().unwrap();
        let buttons = blocks.iter().filter_map(|block| block["elements"].as_array()).flatten();
        let button = buttons.clone().find(|element| element["action_id"] == action);
        let button = button.unwrap_or_else(|| panic!("no button `{action}` in {message:#}"));
        self.press(user, ts, action, button["value"].as_str().unwrap())
    }

    /// Presses a button that is no more, or never was.
    pub fn press(&self, user: &str, ts: &str, action: &str, value: &str) -> String {
        let number = self.next();
        self.send(&json!({
            "type": "block_actions", "user": { "id": user, "username": "somebody", "team_id": "T0" }, "api_app_id": "A0",
            "trigger_id": format!("trigger.{number}"), "channel": { "id": CHANNEL, "name": "agents" },
            "container": { "type": "message", "message_ts": ts, "channel_id": CHANNEL, "is_ephemeral": false },
            "response_url": "https://hooks.slack.com/actions/T0/1/x",
            "actions": [{ "type": "button", "action_id": action, "block_id": "b", "value": value,
                          "action_ts": format!("17000{number}.0") }],
        }))
    }

    /// Fills in the newest form.
    pub fn submit(&self, user: &str, amount: &str, reason: &str) -> String {
        let view = self.wait_for("form", |state| state.views.last().cloned());
        self.send(&json!({
            "type": "view_submission", "user": { "id": user }, "view": {
                "id": format!("V{}", self.next()), "callback_id": view["callback_id"],
                "private_metadata": view["private_metadata"],
                "state": { "values": { "amount": { "amount": { "type": "plain_text_input", "value": amount } },
                                       "reason": { "reason": { "type": "plain_text_input", "value": reason } } } },
            },
        }))
    }

    fn next(&self) -> usize {
        let mut state = self.lock();
        state.count += 1;
        state.count
    }

    /// To the newest connection that is open.
    fn send(&self, payload: &Value) -> String {
        let id = format!("envelope-{}", self.next());
        self.deliver(&id, payload);
        id
    }

    /// The same envelope again has the same id.
    pub fn deliver(&self, id: &str, payload: &Value) {
        let text =
            json!({ "type": "interactive", "envelope_id": id, "payload": payload, "accepts_response_payload": true });
        let state = self.lock();
        let open = state.connections.iter().rev().find(|connection| connection.open).unwrap();
        open.out.send(Out::Text(text.to_string())).unwrap();
    }

    /// Says that a connection is to end soon, as Slack does every some hours; which one it is.
    pub fn ask_to_refresh(&self) -> usize {
        let state = self.lock();
        let newest = state.connections.len() - 1;
        let text =
            json!({ "type": "disconnect", "reason": "refresh_requested", "debug_info": { "host": "applink-1" } });
        state.connections[newest].out.send(Out::Text(text.to_string())).unwrap();
        newest
    }

    /// Ends a connection.
    pub fn close(&self, number: usize) {
        let mut state = self.lock();
        state.connections[number].open = false;
        let _gone = state.connections[number].out.send(Out::Close);
    }

    /// Waits until an envelope was acknowledged.
    #[track_caller]
    pub fn acknowledged(&self, id: &str) {
        self.wait_for("acknowledgement", |state| state.acks.iter().any(|(known, _)| known == id).then_some(()));
    }
}

impl Shared {
    fn answer(&self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        let mut buffer = [0; 8_192];
        // Official clients keep a connection.
        loop {
            let Some((head, body, length)) = request(&bytes) else {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => return,
                    Ok(read) => bytes.extend_from_slice(&buffer[..read]),
                }
                continue;
            };
            bytes.drain(..length);
            let (status, header, said) = self.reply(&head, &body);
            let said = said.to_string();
            let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
            let answer = format!(
                "HTTP/1.1 {status} Said\r\ncontent-type: application/json; charset=utf-8\r\n{header}content-length: {}\r\n\r\n{said}",
                said.len()
            );
            self.news.notify_all();
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn reply(&self, head: &str, body: &str) -> (u16, String, Value) {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let method = path.strip_prefix("/api/").unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
        let header = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(':'));
            lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
        };
        let is_json = header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        let mut body = if is_json { serde_json::from_str(body).unwrap_or(Value::Null) } else { form(body) };
        let token = header("authorization").and_then(|value| value.strip_prefix("Bearer ").map(str::to_owned));
        let token = token.or_else(|| body["token"].as_str().map(str::to_owned)).unwrap_or_default();
        if let Some(body) = body.as_object_mut() {
            body.remove("token");
        }
        let mut state = self.state.lock().unwrap();
        state.calls.push(Call { method: method.clone(), body: body.clone() });
        if let Some(scripted) = state.answers.get_mut(&method).and_then(VecDeque::pop_front) {
            return scripted;
        }
        let wanted = if method == "apps.connections.open" { APP } else { BOT };
        if token != wanted {
            return (200, String::new(), json!({ "ok": false, "error": "invalid_auth" }));
        }
        (200, String::new(), self.method(&mut state, &method, &body))
    }

    fn method(&self, state: &mut State, method: &str, body: &Value) -> Value {
        let error = |word: &str| json!({ "ok": false, "error": word });
        let of = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        match method {
            "auth.test" => json!({ "ok": true, "user": "govern", "team": "Acme", "user_id": "U0BOT", "team_id": "T0" }),
            "apps.connections.open" => {
                json!({ "ok": true, "url": format!("ws://127.0.0.1:{}/link/?ticket=1", self.sockets) })
            }
            "chat.postMessage" => {
                if !matches!(of("channel").as_str(), "#agents" | CHANNEL) {
                    return error("channel_not_found");
                }
                if let Some(wrong) = wrong(body) {
                    return json!({ "ok": false, "error": "invalid_blocks", "response_metadata": { "messages": [wrong] } });
                }
                state.count += 1;
                let ts = format!("1700000000.{:06}", state.count);
                state.messages.insert(ts.clone(), body.clone());
                json!({ "ok": true, "channel": CHANNEL, "ts": ts, "message": body })
            }
            "chat.update" => {
                // Only an id will do here.
                if of("channel") != CHANNEL {
                    return error("channel_not_found");
                }
                let Some(message) = state.messages.get_mut(&of("ts")) else { return error("message_not_found") };
                if wrong(body).is_some() {
                    return error("invalid_blocks");
                }
                *message = body.clone();
                json!({ "ok": true, "channel": CHANNEL, "ts": of("ts"), "text": of("text") })
            }
            "chat.postEphemeral" => {
                state.whispers.push((of("user"), of("text")));
                json!({ "ok": true, "message_ts": "1.1" })
            }
            "views.open" if !of("trigger_id").starts_with("trigger.") => error("invalid_trigger_id"),
            "views.open" => {
                state.views.push(body["view"].clone());
                json!({ "ok": true, "view": { "id": "V1" } })
            }
            "usergroups.users.list" => match state.groups.get(&of("usergroup")) {
                Some(users) => json!({ "ok": true, "users": users }),
                None => error("no_such_subteam"),
            },
            _ => error("unknown_method"),
        }
    }

    fn socket(&self, stream: TcpStream) {
        let Ok(mut socket) = tungstenite::accept(stream) else { return };
        let (out, sent) = mpsc::channel();
        let hello = json!({ "type": "hello", "num_connections": 1, "debug_info": { "host": "applink-1" },
                            "connection_info": { "app_id": "A0" } });
        socket.send(Message::text(hello.to_string())).unwrap();
        socket.get_ref().set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let number = {
            let mut state = self.state.lock().unwrap();
            state.connections.push(Connection { out, open: true });
            state.connections.len() - 1
        };
        self.news.notify_all();
        while let Ok(goes_on) = self.turn(&mut socket, number, &sent) {
            if !goes_on {
                break;
            }
        }
        self.state.lock().unwrap().connections[number].open = false;
        self.news.notify_all();
    }

    fn turn(
        &self,
        socket: &mut WebSocket<TcpStream>,
        number: usize,
        sent: &mpsc::Receiver<Out>,
    ) -> Result<bool, tungstenite::Error> {
        while let Ok(out) = sent.try_recv() {
            match out {
                Out::Text(text) => socket.send(Message::text(text))?,
                Out::Close => {
                    socket.close(None)?;
                    return Ok(false);
                }
            }
        }
        match socket.read() {
            Ok(Message::Text(text)) => {
                let id = serde_json::from_str::<Value>(&text)
                    .ok()
                    .and_then(|ack| ack["envelope_id"].as_str().map(str::to_owned));
                if let Some(id) = id {
                    self.state.lock().unwrap().acks.push((id, number));
                    self.news.notify_all();
                }
            }
            Ok(_) => {}
            Err(tungstenite::Error::Io(error))
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }
}

/// A whole request, and how many bytes it took.
fn request(bytes: &[u8]) -> Option<(String, String, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut length =
        lines.filter(|(key, _)| key.eq_ignore_ascii_case("content-length")).map(|(_, value)| value.trim().to_owned());
    let length: usize = length.next_back().and_then(|length| length.parse().ok()).unwrap_or(0);
    let body = bytes.get(end..end + length)?;
    Some((head, String::from_utf8_lossy(body).into_owned(), end + length))
}

/// The fields of a form; what is JSON in it is read as that, as Slack does.
fn form(body: &str) -> Value {
    let field = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        let value = unquoted(value);
        let structured = matches!(key, "blocks" | "view").then(|| serde_json::from_str(&value).ok()).flatten();
        Some((key.to_owned(), structured.unwrap_or(Value::String(value))))
    };
    Value::Object(body.split('&').filter_map(field).collect())
}

fn unquoted(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&hex, 16).unwrap_or(b'?')
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What Slack would not take of a message.
fn wrong(body: &Value) -> Option<String> {
    let blocks = body["blocks"].as_array()?;
    let too_long =
        |text: &Value, most: usize| text.as_str().is_some_and(|text| text.is_empty() || text.chars().count() > most);
    let of_block = |block: &Value| match block["type"].as_str() {
        Some("section") => too_long(&block["text"]["text"], 3_000).then(|| "a section's text".to_owned()),
        Some("context") => (block["elements"].as_array()?.len() > 10).then(|| "a context's elements".to_owned()),
        Some("actions") => {
            let elements = block["elements"].as_array()?;
            let bad = |button: &Value| {
                too_long(&button["text"]["text"], 75)
                    || too_long(&button["value"], 2_000)
                    || too_long(&button["action_id"], 255)
            };
            (elements.is_empty() || elements.len() > 25 || elements.iter().any(bad)).then(|| "a button".to_owned())
        }
        other => Some(format!("a block {other:?}")),
    };
    (blocks.len() > 50).then(|| "too many blocks".to_owned()).or_else(|| blocks.iter().find_map(of_block))
}
