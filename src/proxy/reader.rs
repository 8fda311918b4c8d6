//! Reads an answer as its bytes pass: what it used is known before the client has the last of it.

use serde::Deserialize;
use serde_json::Value;

use super::events::{Events, data};
use super::usage::{Said, Stage};

/// The largest body in one piece that is read.
const LARGEST: usize = 64 * 1024 * 1024;

/// Which API answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    /// `/responses`.
    Responses,
    /// `/chat/completions`.
    Chat,
}

/// An answer under way.
#[derive(Debug)]
pub(super) struct Reader {
    api: Api,
    form: Form,
    said: Said,
    /// Usage was asked for in the client's place: it does not read of it.
    strips: bool,
    /// How many bytes of text have come.
    written: u64,
}

#[derive(Debug)]
enum Form {
    /// One JSON text.
    Whole(Vec<u8>),
    /// Server-sent events.
    Events(Events),
    /// Nothing that can be read.
    Unread,
}

/// An event of either API, as far as it is read.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    delta: Value,
}

impl Reader {
    /// One for an answer of this kind of content.
    pub(super) fn new(api: Api, content_type: &str, encoded: bool, strips: bool) -> Self {
        let form = match content_type.split(';').next().unwrap_or_default().trim() {
            _ if encoded => Form::Unread,
            "text/event-stream" => Form::Events(Events::default()),
            "application/json" => Form::Whole(Vec::new()),
            _ => Form::Unread,
        };
        Self { api, form, said: Said::default(), strips, written: 0 }
    }

    /// It comes in one piece, which is passed on when it is whole.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.form, Form::Whole(_))
    }

    /// Takes bytes, and gives those that are passed on.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        match &mut self.form {
            Form::Unread => {
                self.written += bytes.len() as u64;
                bytes.to_vec()
            }
            Form::Whole(whole) => {
                whole.extend_from_slice(bytes);
                if whole.len() <= LARGEST {
                    return Vec::new();
                }
                let whole = std::mem::take(whole);
                self.written = whole.len() as u64;
                self.form = Form::Unread;
                whole
            }
            Form::Events(events) => {
                let found = events.feed(bytes);
                let mut passed = Vec::new();
                for event in found {
                    let keeps = self.event(&event);
                    if self.strips && keeps {
                        passed.extend(without_null_usage(event));
                    }
                }
                if self.strips { passed } else { bytes.to_vec() }
            }
        }
    }

    /// Nothing more comes; gives what is left to be passed on.
    pub(super) fn end(&mut self) -> Vec<u8> {
        match &mut self.form {
            Form::Unread => Vec::new(),
            Form::Whole(whole) => {
                let whole = std::mem::take(whole);
                self.written = whole.len() as u64;
                if let Ok(value) = serde_json::from_slice::<Value>(&whole) {
                    let said = match self.api {
                        Api::Responses => Said::of_response(&value),
                        Api::Chat => Said { stage: Stage::Over, ..Said::of_chat(&value) },
                    };
                    self.said.add(said);
                }
                whole
            }
            Form::Events(events) => {
                let rest = events.rest();
                if !rest.is_empty() {
                    self.event(&rest);
                }
                // A server may leave out the last word of a completion.
                if self.api == Api::Chat && self.said.tokens.is_some() {
                    self.said.stage = Stage::Over;
                }
                if self.strips { rest } else { Vec::new() }
            }
        }
    }

    /// What the answer has said by now.
    pub(super) fn said(&self) -> &Said {
        &self.said
    }

    /// It is over, and nothing that follows says more.
    pub(super) fn is_over(&self) -> bool {
        self.said.stage == Stage::Over && !self.is_whole()
    }

    /// Bytes of text that have come: what an answer that breaks off is estimated by.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Reads an event; says whether the client is to have it.
    fn event(&mut self, event: &[u8]) -> bool {
        let data = data(event);
        if data.is_empty() {
            return true;
        }
        match self.api {
            Api::Responses => {
                self.response_event(&data);
                true
            }
            Api::Chat => self.chunk(&data),
        }
    }

    fn response_event(&mut self, data: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Event>(data) else { return };
        if let Some(delta) = event.delta.as_str() {
            self.written += delta.len() as u64;
        }
        let stage = match event.kind.as_str() {
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" => Stage::Over,
            "response.created" | "response.queued" | "response.in_progress" => Stage::Unknown,
            _ => return,
        };
        let value = serde_json::from_slice::<Value>(data).unwrap_or_default();
        let response = value.get("response").map(Said::of_response).unwrap_or_default();
        // One that streams is under way, whatever it says of itself.
        self.said.add(Said { stage, ..response });
    }

    fn chunk(&mut self, data: &[u8]) -> bool {
        if data == b"[DONE]" {
            self.said.stage = Stage::Over;
            return true;
        }
        let Ok(chunk) = serde_json::from_slice::<Value>(data) else { return true };
        let choices = chunk.get("choices").and_then(Value::as_array);
        for choice in choices.into_iter().flatten() {
            self.written += written(choice);
        }
        self.said.add(Said::of_chat(&chunk));
        !(choices.is_some_and(Vec::is_empty) && chunk.get("usage").is_some_and(Value::is_object))
    }
}

/// The text of a choice: its content, or the arguments of its calls.
fn written(choice: &Value) -> u64 {
    let Some(delta) = choice.get("delta").or_else(|| choice.get("message")) else {
        return choice.get("text").and_then(Value::as_str).map_or(0, |text| text.len() as u64);
    };
    let content = delta.get("content").and_then(Value::as_str).map_or(0, str::len);
    let calls = delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
    let arguments = calls.filter_map(|call| call.get("function")?.get("arguments")?.as_str());
    (content + arguments.map(str::len).sum::<usize>()) as u64
}

/// With usage asked for, each chunk says that it has none yet: the client did not ask, and does not read it.
fn without_null_usage(event: Vec<u8>) -> Vec<u8> {
    // Within a text the quotes would be escaped.
    for null in [&b",\"usage\":null"[..], b", \"usage\": null"] {
        if let Some(at) = memchr::memmem::rfind(&event, null) {
            let (before, after) =
                (event.get(..at).unwrap_or_default(), event.get(at + null.len()..).unwrap_or_default());
            return [before, after].concat();
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Tokens;

    const STREAM: &str = concat!(
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"status\":\"in_progress\",\"usage\":null}}\n\n",
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"hello\"}\n\n",
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-6-luna\",",
        "\"status\":\"completed\",\"usage\":{\"input_tokens\":10,\"output_tokens\":5}}}\n\n",
    );

    const CHUNKS: &str = concat!(
        "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"delta\":{\"content\":\"hel\"}}],\"usage\":null}\n\n",
        "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"delta\":{\"content\":\",\\\"usage\\\":null\"}}],\"usage\":null}\n\n",
        "data: {\"id\":\"chatcmpl-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}\n\n",
        "data: [DONE]\n\n",
    );

    fn used(input: u64, output: u64) -> Option<Tokens> {
        Some(Tokens { input, output, ..Tokens::default() })
    }

    #[test]
    fn a_stream_is_over_with_the_event_that_tells_its_usage() {
        let mut reader = Reader::new(Api::Responses, "text/event-stream; charset=utf-8", false, false);
        let (begins, ends) = STREAM.split_at(STREAM.find("event: response.completed").unwrap());
        assert_eq!(reader.feed(begins.as_bytes()), begins.as_bytes());
        assert!(!reader.is_over());
        assert_eq!((reader.said().id.as_deref(), reader.written()), (Some("resp_1"), 5));
        assert_eq!(reader.feed(ends.as_bytes()), ends.as_bytes());
        assert!(reader.is_over());
        assert_eq!(reader.said().tokens, used(10, 5));
    }

    #[test]
    fn every_last_word_of_a_stream_ends_it_and_its_usage_counts() {
        for kind in ["response.completed", "response.incomplete", "response.failed"] {
            let mut reader = Reader::new(Api::Responses, "text/event-stream", false, false);
            reader.feed(STREAM.replace("response.completed", kind).as_bytes());
            assert!(reader.is_over() && reader.said().tokens == used(10, 5), "{kind}");
        }
    }

    #[test]
    fn usage_that_the_client_did_not_ask_for_is_read_and_taken_out() {
        let mut reader = Reader::new(Api::Chat, "text/event-stream", false, true);
        let passed = String::from_utf8(reader.feed(CHUNKS.as_bytes())).unwrap();
        let wanted = concat!(
            "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"delta\":{\"content\":\"hel\"}}]}\n\n",
            "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"delta\":{\"content\":\",\\\"usage\\\":null\"}}]}\n\n",
            "data: [DONE]\n\n",
        );
        assert_eq!(passed, wanted);
        assert!(reader.is_over() && reader.said().tokens == used(10, 5));
        let mut asked = Reader::new(Api::Chat, "text/event-stream", false, false);
        assert_eq!(asked.feed(CHUNKS.as_bytes()), CHUNKS.as_bytes(), "who asked for it has it");
    }

    #[test]
    fn an_answer_in_one_piece_is_passed_on_when_it_is_whole() {
        let text = br#"{"id":"resp_1","status":"completed","usage":{"input_tokens":10,"output_tokens":5}}"#;
        let mut reader = Reader::new(Api::Responses, "application/json", false, false);
        assert!(reader.feed(&text[..20]).is_empty() && reader.feed(&text[20..]).is_empty());
        assert_eq!(reader.end(), text);
        assert_eq!((reader.said().stage, reader.said().tokens), (Stage::Over, used(10, 5)));
    }

    #[test]
    fn what_cannot_be_read_passes_as_it_is() {
        for (kind, encoded) in [("application/json", true), ("text/html", false), ("", false)] {
            let mut reader = Reader::new(Api::Responses, kind, encoded, false);
            assert_eq!(reader.feed(b"\x1f\x8b..."), b"\x1f\x8b...");
            assert!(reader.end().is_empty() && !reader.is_over());
            assert_eq!(reader.said(), &Said::default());
        }
    }

    proptest! {
        #[test]
        fn what_is_read_does_not_depend_on_how_the_bytes_come(cuts in proptest::collection::vec(1_usize..60, 0..40)) {
            for (api, text, strips) in [(Api::Responses, STREAM, false), (Api::Chat, CHUNKS, false), (Api::Chat, CHUNKS, true)] {
                let mut whole = Reader::new(api, "text/event-stream", false, strips);
                let passed = [whole.feed(text.as_bytes()), whole.end()].concat();
                let mut pieces = Reader::new(api, "text/event-stream", false, strips);
                let (mut found, mut at) = (Vec::new(), 0);
                for cut in &cuts {
                    let end = (at + cut).min(text.len());
                    found.extend(pieces.feed(&text.as_bytes()[at..end]));
                    at = end;
                }
                found.extend(pieces.feed(&text.as_bytes()[at..]));
                found.extend(pieces.end());
                prop_assert_eq!(found, passed);
                prop_assert_eq!(pieces.said(), whole.said());
                prop_assert_eq!(pieces.written(), whole.written());
            }
        }
    }
}
