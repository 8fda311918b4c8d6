//! What the fake Responses server is told to answer, to whom, and when.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

/// Which requests a scripted reply is for; all that is set must match.
#[derive(Clone, Debug, Default)]
pub struct Select {
    subagent: Option<bool>,
    model: Option<String>,
    containing: Option<String>,
}

impl Select {
    /// All requests.
    pub fn any() -> Self {
        Self::default()
    }

    /// Only those of root threads. A Codex that does not say is taken for one.
    pub fn root() -> Self {
        Self { subagent: Some(false), ..Self::default() }
    }

    /// Only those of sub-agents.
    pub fn subagent() -> Self {
        Self { subagent: Some(true), ..Self::default() }
    }

    /// Only those that ask for this model.
    pub fn model(mut self, model: &str) -> Self {
        self.model = Some(model.to_owned());
        self
    }

    /// Only those whose body holds this text, such as a word of the prompt.
    pub fn containing(mut self, text: &str) -> Self {
        self.containing = Some(text.to_owned());
        self
    }

    pub(super) fn matches(&self, source: Option<&str>, model: &str, body: &str) -> bool {
        let is_subagent = source == Some("subagent");
        // Titles, memories and the like are neither: they get the default answer unless asked for by model or text.
        let is_root = matches!(source, None | Some("user"));
        self.subagent.is_none_or(|wanted| if wanted { is_subagent } else { is_root })
            && self.model.as_deref().is_none_or(|wanted| wanted == model)
            && self.containing.as_deref().is_none_or(|text| body.contains(text))
    }
}

/// What a response counts. `cached` and `cache_write` are parts of `input`, `reasoning` is a part of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All input tokens.
    pub input: u64,
    /// Read from cache.
    pub cached: u64,
    /// Written to cache.
    pub cache_write: u64,
    /// All output tokens.
    pub output: u64,
    /// Spent on reasoning.
    pub reasoning: u64,
}

impl Usage {
    /// Input, cached input and output.
    pub const fn new(input: u64, cached: u64, output: u64) -> Self {
        Self { input, cached, cache_write: 0, output, reasoning: 0 }
    }

    pub(super) fn wire(self) -> Value {
        json!({
            "input_tokens": self.input,
            "input_tokens_details": {"cached_tokens": self.cached, "cache_write_tokens": self.cache_write},
            "output_tokens": self.output,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.input + self.output,
        })
    }
}

impl Usage {
    pub(super) fn wire_in_floats(self) -> Value {
        json!({
            "input_tokens": self.input as f64,
            "input_tokens_details": {"cached_tokens": self.cached as f64},
            "output_tokens": self.output as f64,
            "output_tokens_details": {"reasoning_tokens": self.reasoning as f64},
            "total_tokens": (self.input + self.output) as f64,
        })
    }
}

impl std::ops::Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            input: self.input + other.input,
            cached: self.cached + other.cached,
            cache_write: self.cache_write + other.cache_write,
            output: self.output + other.output,
            reasoning: self.reasoning + other.reasoning,
        }
    }
}

impl std::iter::Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), |sum, usage| sum + usage)
    }
}

/// What an answer says of what it used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tells {
    Usage,
    Null,
    BelowZero,
    /// `12.0` for twelve.
    Floats,
}

/// One scripted answer.
#[derive(Clone)]
pub struct Reply {
    pub(super) answer: Answer,
    pub(super) usage: Usage,
    /// Who answers a client that does not stream; `None`: the model that was asked.
    pub(super) model: Option<String>,
    pub(super) repeats_its_id: bool,
    pub(super) tells: Tells,
    pub(super) end: End,
    pub(super) headers: Vec<(String, String)>,
    pub(super) before: Duration,
    pub(super) mid: Duration,
    pub(super) gate_before: Option<Gate>,
    pub(super) gate_mid: Option<Gate>,
    pub(super) opens: Option<Gate>,
}

#[derive(Clone)]
pub(super) enum Answer {
    Items(Vec<Value>),
    Refuse(u16),
}

/// How an answer's stream ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As it should.
    Completed,
    /// With a word that it may be no longer; what there is counts.
    Incomplete,
    /// With a word that it has failed, and what it used.
    Failed,
    /// Before it is completed.
    Torn,
}

/// With gpt-6.1-sol this is $0.0212: 8,000 plain and 2,000 cached input tokens, 500 output tokens.
pub const USUAL: Usage = Usage { input: 10_000, cached: 2_000, cache_write: 0, output: 500, reasoning: 100 };

impl Reply {
    fn new(answer: Answer) -> Self {
        Self {
            answer,
            usage: USUAL,
            model: None,
            repeats_its_id: false,
            tells: Tells::Usage,
            end: End::Completed,
            headers: Vec::new(),
            before: Duration::ZERO,
            mid: Duration::ZERO,
            gate_before: None,
            gate_mid: None,
            opens: None,
        }
    }

    /// Another model than was asked answers, a client that does not stream.
    pub fn by(mut self, model: &str) -> Self {
        self.model = Some(model.to_owned());
        self
    }

    /// All answers to clients that do not stream have one id.
    pub fn repeating_its_id(mut self) -> Self {
        self.repeats_its_id = true;
        self
    }

    /// The agent's last word of a turn.
    pub fn message(text: &str) -> Self {
        Self::new(Answer::Items(vec![message(text)]))
    }

    /// Runs a shell command.
    pub fn exec(command: &str) -> Self {
        // `yield_time_ms`: how long Codex waits for it before the model is asked again; otherwise 10 s.
        let arguments = json!({"cmd": command, "yield_time_ms": 60_000}).to_string();
        Self::item(json!({"type": "function_call", "name": "exec_command", "arguments": arguments}))
    }

    /// Starts a sub-agent (offered only with a model that Codex's catalogue does not know).
    pub fn spawn_agent(message: &str) -> Self {
        Self::item(spawn_agent(message))
    }

    /// Any output item of the Responses API.
    pub fn item(item: Value) -> Self {
        Self::new(Answer::Items(vec![item]))
    }

    /// An HTTP error instead of an answer.
    pub fn refuse(code: u16) -> Self {
        Self { usage: Usage::default(), ..Self::new(Answer::Refuse(code)) }
    }

    /// One more item in the same response.
    pub fn and(mut self, item: Value) -> Self {
        if let Answer::Items(items) = &mut self.answer {
            items.push(item);
        }
        self
    }

    /// What the response counts.
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// Says `null` where what it used belongs, as some other providers and proxies do.
    pub fn without_usage(mut self) -> Self {
        (self.usage, self.tells) = (Usage::default(), Tells::Null);
        self
    }

    /// Says that it used less than nothing, as a broken provider may.
    pub fn below_zero(mut self) -> Self {
        (self.usage, self.tells) = (Usage::default(), Tells::BelowZero);
        self
    }

    /// Says what it used in numbers with a point, as a careless provider may.
    pub fn in_floats(mut self) -> Self {
        self.tells = Tells::Floats;
        self
    }

    /// The response has failed on the way, and says what it used.
    pub fn failed(mut self) -> Self {
        self.end = End::Failed;
        self
    }

    /// The stream ends before the response is completed.
    pub fn torn(mut self) -> Self {
        (self.usage, self.end) = (Usage::default(), End::Torn);
        self
    }

    /// The response has reached the length that was asked for at most.
    pub fn cut_short(mut self) -> Self {
        self.end = End::Incomplete;
        self
    }

    /// One more header of the answer, such as `x-codex-primary-used-percent`.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Thinks so long before the first byte.
    pub fn before(mut self, delay: Duration) -> Self {
        self.before = delay;
        self
    }

    /// Stalls so long in the middle of the answer.
    pub fn mid(mut self, delay: Duration) -> Self {
        self.mid = delay;
        self
    }

    /// Sends nothing until the gate is open.
    pub fn held_at(mut self, gate: &Gate) -> Self {
        self.gate_before = Some(gate.clone());
        self
    }

    /// Sends the beginning, and the rest when the gate is open.
    pub fn held_midway_at(mut self, gate: &Gate) -> Self {
        self.gate_mid = Some(gate.clone());
        self
    }

    /// Opens a gate once this reply was served.
    pub fn opens(mut self, gate: &Gate) -> Self {
        self.opens = Some(gate.clone());
        self
    }
}

/// An assistant's message as an output item.
pub fn message(text: &str) -> Value {
    json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]})
}

/// A sub-agent's start as an output item.
pub fn spawn_agent(message: &str) -> Value {
    json!({
        "type": "function_call", "namespace": "multi_agent_v1", "name": "spawn_agent",
        "arguments": json!({"message": message}).to_string(),
    })
}

/// What a reply can wait for; closed until it is opened, once for all.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// A closed one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets all pass that wait, and all that come.
    pub fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// True if it is open within this time.
    pub(super) fn wait(&self, at_most: Duration) -> bool {
        let open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        *self.0.1.wait_timeout_while(open, at_most, |open| !*open).unwrap_or_else(PoisonError::into_inner).0
    }
}
