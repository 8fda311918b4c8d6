//! What is told of a request, each once: whoever holds its ticket and goes away without a word tells by that, too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

use super::messages::{GatewayMessage, RequestEnd};
use super::reader::Reader;
use super::usage::Stage;
use crate::model::Tokens;

/// Bytes of a text that make about one token.
const BYTES_PER_TOKEN: u64 = 4;

/// Responses that are worked on in the background, by their ids: the requests that asked for them.
#[derive(Debug, Default)]
pub(super) struct Background(Mutex<HashMap<String, u64>>);

impl Background {
    fn all(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It waits to be let through.
    Waits,
    /// It was sent.
    Sent,
    /// It was told how it ended.
    Told,
}

/// One request, until it was told how it ended.
pub(super) struct Ticket {
    number: u64,
    news: UnboundedSender<GatewayMessage>,
    background: Arc<Background>,
    way: Way,
    /// The size of what was sent.
    bytes: u64,
    /// The answer is fetched later.
    later: bool,
}

impl Ticket {
    pub(super) fn new(number: u64, news: UnboundedSender<GatewayMessage>, background: Arc<Background>) -> Self {
        Self { number, news, background, way: Way::Waits, bytes: 0, later: false }
    }

    /// It was let through, and is sent.
    pub(super) fn is_sent(&mut self, bytes: usize, later: bool) {
        (self.way, self.bytes, self.later) = (Way::Sent, bytes as u64, later);
    }

    /// It was not let through: whoever decided that knows.
    pub(super) fn is_refused(&mut self) {
        self.way = Way::Told;
    }

    /// It never reached the server, or was refused there.
    pub(super) fn fails(&mut self) {
        self.tell(RequestEnd::Failed);
    }

    fn tell(&mut self, how: RequestEnd) {
        if self.way != Way::Told {
            self.way = Way::Told;
            // A run that is over hears nothing more.
            let _over = self.news.send(GatewayMessage::Over { number: self.number, how });
        }
    }

    /// Nothing more comes of its answer.
    pub(super) fn settle(&mut self, reader: &Reader) {
        let said = reader.said();
        let works = said.stage == Stage::Working || (self.later && said.stage != Stage::Over);
        if let (true, Some(id), Way::Sent) = (works, &said.id, self.way) {
            self.background.all().insert(id.clone(), self.number);
            self.way = Way::Told;
            return;
        }
        self.tell(over(reader, self.bytes));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        match self.way {
            Way::Waits => {
                let _over = self.news.send(GatewayMessage::Leaves(self.number));
            }
            Way::Sent => self.tell(unanswered(self.bytes)),
            Way::Told => {}
        }
    }
}

/// It was sent, and nothing came of it: the server may have served it all the same.
fn unanswered(sent: u64) -> RequestEnd {
    let tokens = Tokens { input: sent.div_ceil(BYTES_PER_TOKEN), ..Tokens::default() };
    RequestEnd::Answered { id: None, model: None, tier: None, tokens, estimated: true }
}

/// How a request ended by what its answer has said.
fn over(reader: &Reader, sent: u64) -> RequestEnd {
    let said = reader.said();
    let (tokens, estimated) = match said.tokens {
        Some(tokens) => (tokens, false),
        None if said.failed => return RequestEnd::Failed,
        None => {
            let estimate = Tokens {
                input: sent.div_ceil(BYTES_PER_TOKEN),
                output: reader.written().div_ceil(BYTES_PER_TOKEN),
                ..Tokens::default()
            };
            (estimate, true)
        }
    };
    RequestEnd::Answered { id: said.id.clone(), model: said.model.clone(), tier: said.tier.clone(), tokens, estimated }
}

/// Somebody asks how a response stands: one that is over by now is told as its request's.
pub(super) fn fetched(reader: &Reader, news: &UnboundedSender<GatewayMessage>, background: &Background) {
    let said = reader.said();
    if said.stage != Stage::Over {
        return;
    }
    let asked = said.id.as_ref().and_then(|id| background.all().remove(id));
    if let Some(number) = asked {
        let _over = news.send(GatewayMessage::Over { number, how: over(reader, 0) });
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::super::reader::Api;
    use super::*;

    fn ticket() -> (Ticket, UnboundedReceiver<GatewayMessage>, Arc<Background>) {
        let (news, heard) = unbounded_channel();
        let background = Arc::new(Background::default());
        (Ticket::new(7, news, Arc::clone(&background)), heard, background)
    }

    fn read(text: &str) -> Reader {
        let mut reader = Reader::new(Api::Responses, "text/event-stream", false, false);
        reader.feed(text.as_bytes());
        reader.end();
        reader
    }

    fn heard(heard: &mut UnboundedReceiver<GatewayMessage>) -> Vec<String> {
        std::iter::from_fn(|| heard.try_recv().ok())
            .map(|news| match news {
                GatewayMessage::Over { how: RequestEnd::Answered { tokens, estimated, .. }, .. } => {
                    format!("{} in, {} out{}", tokens.input, tokens.output, if estimated { ", estimated" } else { "" })
                }
                other => format!("{other:?}"),
            })
            .collect()
    }

    const DELTA: &str = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"12345\"}\n\n";

    #[test]
    fn each_end_is_told_once_and_in_its_own_words() {
        let completed = "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"usage\":{\"input_tokens\":9,\"output_tokens\":3}}}\n\n";
        let failed =
            "data: {\"type\":\"response.failed\",\"response\":{\"id\":\"r\",\"status\":\"failed\",\"usage\":null}}\n\n";
        for (what, text, told) in [
            ("answered", completed.to_owned(), "9 in, 3 out"),
            ("broken off", DELTA.to_owned(), "25 in, 2 out, estimated"),
            (
                "without a word of usage",
                DELTA.to_owned()
                    + &completed.replace("\"usage\":{\"input_tokens\":9,\"output_tokens\":3}", "\"usage\":null"),
                "25 in, 2 out, estimated",
            ),
            ("failed", failed.to_owned(), "Over { number: 7, how: Failed }"),
        ] {
            let (mut one, mut news, _) = ticket();
            one.is_sent(100, false);
            one.settle(&read(&text));
            one.settle(&read(&text));
            drop(one);
            assert_eq!(heard(&mut news), [told], "{what}");
        }
    }

    #[test]
    fn whoever_goes_away_tells_by_that_how_far_it_was() {
        let (one, mut news, _) = ticket();
        drop(one);
        assert_eq!(heard(&mut news), ["Leaves(7)"]);
        let (mut one, mut news, _) = ticket();
        one.is_sent(100, false);
        drop(one);
        assert_eq!(heard(&mut news), ["25 in, 0 out, estimated"]);
        let (mut one, mut news, _) = ticket();
        one.is_refused();
        drop(one);
        assert!(heard(&mut news).is_empty());
    }

    #[test]
    fn a_response_in_the_background_is_told_when_it_is_fetched_and_over() {
        let whole = |status: &str, usage: &str| {
            let mut reader = Reader::new(Api::Responses, "application/json", false, false);
            reader.feed(format!("{{\"id\":\"r\",\"status\":\"{status}\",\"usage\":{usage}}}").as_bytes());
            reader.end();
            reader
        };
        let (mut one, mut news, background) = ticket();
        one.is_sent(100, true);
        one.settle(&whole("queued", "null"));
        let sender = one.news.clone();
        drop(one);
        fetched(&whole("in_progress", "null"), &sender, &background);
        assert!(heard(&mut news).is_empty());
        let over = whole("completed", "{\"input_tokens\":9,\"output_tokens\":3}");
        fetched(&over, &sender, &background);
        fetched(&over, &sender, &background);
        assert_eq!(heard(&mut news), ["9 in, 3 out"]);
    }
}
