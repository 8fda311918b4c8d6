//! The two records that spend, where they stand byte for byte as Codex writes them: four times as fast as any JSON.
//!
//! Nothing is passed over: what is not exactly as expected, to the line's end, is read as JSON.

use super::limits::Limits;
use super::record::{RecordKind, within};
use super::skim::{Head, count, until_quote};
use super::wire::RateLimits;
use crate::model::{ThreadId, Timestamp, Tokens};

/// What a `token_usage_record` or a `token_count` says.
pub(super) fn spend(head: &Head<'_>) -> Option<RecordKind> {
    let mut payload = Exact(head.payload);
    match head.kind {
        "token_usage_record" => payload.usage_record(),
        "event_msg" => payload.token_count(head.at),
        _ => None,
    }
}

/// What is left of a line.
struct Exact<'a>(&'a [u8]);

impl<'a> Exact<'a> {
    fn usage_record(&mut self) -> Option<RecordKind> {
        let thread = self.text(br#""thread_id":""#)?;
        let turn = self.text(br#","turn_id":""#)?;
        let root = self.text(br#","session_id":""#)?;
        let _root_turn = self.text(br#","root_turn_id":""#)?;
        let response_id = self.text(br#","response_id":""#)?;
        let usage = self.usage(br#","usage":{"#)?;
        let _of_turn = self.usage(br#","turn_token_usage":{"#)?;
        let thread_total = self.usage(br#","thread_token_usage":{"#)?;
        let some = |text: &'a str| (!text.is_empty()).then_some(text);
        (self.0 == b"}}").then(|| RecordKind::UsageRecord {
            thread: some(thread).map(ThreadId::new),
            root: some(root).map(ThreadId::new),
            turn: some(turn).map(str::to_owned),
            response_id: some(response_id).map(str::to_owned),
            usage,
            thread_total: Some(thread_total),
        })
    }

    fn token_count(&mut self, at: Timestamp) -> Option<RecordKind> {
        self.word(br#""type":"token_count","info":"#)?;
        let (mut total, mut last, mut window) = (None, None, None);
        if self.word(b"null").is_none() {
            self.word(b"{")?;
            total = Some(self.usage(br#""total_token_usage":{"#)?);
            last = Some(self.usage(br#","last_token_usage":{"#)?);
            if self.word(br#","last_usage_includes_reasoning":"#).is_some() {
                self.word(b"true").or_else(|| self.word(b"false"))?;
            }
            self.word(br#","model_context_window":"#)?;
            if self.word(b"null").is_none() {
                window = Some(self.count(b"")?);
            }
            self.word(b"}")?;
        }
        self.word(br#","rate_limits":"#)?;
        let limits = self.0.strip_suffix(b"}}")?;
        let rate_limits = if limits == b"null" {
            None
        } else {
            let limits: RateLimits<'_> = serde_json::from_slice(limits).ok().filter(|_| limits.starts_with(b"{"))?;
            Some(Limits::read(limits, Some(at)))
        };
        Some(RecordKind::TokenCount { total, last, window, rate_limits })
    }

    fn usage(&mut self, key: &[u8]) -> Option<Tokens> {
        self.word(key)?;
        let input = self.count(br#""input_tokens":"#)?;
        let cached_input = self.count(br#","cached_input_tokens":"#)?;
        // Versions before about 0.135 have none.
        let cache_write_input = self.count(br#","cache_write_input_tokens":"#).unwrap_or(0);
        let output = self.count(br#","output_tokens":"#)?;
        let reasoning_output = self.count(br#","reasoning_output_tokens":"#)?;
        let _total = self.count(br#","total_tokens":"#)?;
        self.word(b"}")?;
        Some(within(Tokens { input, cached_input, cache_write_input, output, reasoning_output }))
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(word)?;
        Some(())
    }

    fn text(&mut self, key: &[u8]) -> Option<&'a str> {
        let (text, rest) = until_quote(self.0.strip_prefix(key)?)?;
        self.0 = rest;
        Some(text)
    }

    fn count(&mut self, key: &[u8]) -> Option<u64> {
        let (number, rest) = count(self.0.strip_prefix(key)?)?;
        self.0 = rest;
        Some(number)
    }
}
