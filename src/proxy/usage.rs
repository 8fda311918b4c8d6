//! What an answer says of itself: its id, the model that answered, and what it used.

use serde_json::Value;

use crate::model::{ModelId, ServiceTier, Tokens};
use crate::rollout::record::within;

/// How far an answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing says so yet.
    #[default]
    Unknown,
    /// It is worked on in the background.
    Working,
    /// It is over: completed, broken off at its greatest length, cancelled, or failed after it began.
    Over,
}

/// What an answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The provider's id.
    pub(super) id: Option<String>,
    /// Who answered.
    pub(super) model: Option<ModelId>,
    /// On which tier.
    pub(super) tier: Option<ServiceTier>,
    /// How far it is.
    pub(super) stage: Stage,
    /// What it used.
    pub(super) tokens: Option<Tokens>,
    /// It came to nothing, as the server says.
    pub(super) failed: bool,
}

impl Said {
    /// Adds what is said later; what was said before stays where nothing is.
    pub(super) fn add(&mut self, later: Self) {
        self.id = later.id.or_else(|| self.id.take());
        self.model = later.model.or_else(|| self.model.take());
        self.tier = later.tier.or_else(|| self.tier.take());
        self.tokens = later.tokens.or(self.tokens);
        self.failed |= later.failed;
        if later.stage != Stage::Unknown {
            self.stage = later.stage;
        }
    }

    /// Of a response of the Responses API, also of a compaction.
    pub(super) fn of_response(response: &Value) -> Self {
        let stage = match text(response, "status") {
            Some("queued" | "in_progress") => Stage::Working,
            Some(_) => Stage::Over,
            None if response.get("usage").is_some_and(Value::is_object) => Stage::Over,
            None => Stage::Unknown,
        };
        let failed = text(response, "status") == Some("failed");
        Self { stage, failed, tokens: response.get("usage").and_then(of_responses_usage), ..Self::named(response) }
    }

    /// Of a completion or of a chunk of one.
    pub(super) fn of_chat(chunk: &Value) -> Self {
        Self { tokens: chunk.get("usage").and_then(of_chat_usage), ..Self::named(chunk) }
    }

    fn named(value: &Value) -> Self {
        Self {
            id: text(value, "id").filter(|id| !id.is_empty()).map(str::to_owned),
            model: text(value, "model").filter(|model| !model.is_empty()).map(ModelId::new),
            tier: text(value, "service_tier").map(ServiceTier::from_codex),
            ..Self::default()
        }
    }
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

/// A count, as some servers write it: `12.0` for twelve. What is below zero is no count.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole, not below zero and small")]
fn count(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    let fits = |number: &f64| (0.0..9.0e15).contains(number) && number.fract() == 0.0;
    value.as_u64().or_else(|| value.as_f64().filter(fits).map(|number| number as u64))
}

fn of_responses_usage(usage: &Value) -> Option<Tokens> {
    let input = usage.get("input_tokens_details");
    let part = |of: Option<&Value>, key: &str| count(of.and_then(|of| of.get(key))).unwrap_or_default();
    Some(within(Tokens {
        input: count(usage.get("input_tokens"))?,
        cached_input: part(input, "cached_tokens"),
        cache_write_input: part(input, "cache_write_tokens"),
        output: count(usage.get("output_tokens"))?,
        reasoning_output: part(usage.get("output_tokens_details"), "reasoning_tokens"),
    }))
}

fn of_chat_usage(usage: &Value) -> Option<Tokens> {
    let input = usage.get("prompt_tokens_details");
    let part = |of: Option<&Value>, key: &str| count(of.and_then(|of| of.get(key))).unwrap_or_default();
    Some(within(Tokens {
        input: count(usage.get("prompt_tokens"))?,
        cached_input: part(input, "cached_tokens"),
        cache_write_input: part(input, "cache_write_tokens"),
        output: count(usage.get("completion_tokens")).unwrap_or_default(),
        reasoning_output: part(usage.get("completion_tokens_details"), "reasoning_tokens"),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tokens(input: u64, cached: u64, output: u64, reasoning: u64) -> Option<Tokens> {
        Some(Tokens { input, cached_input: cached, cache_write_input: 0, output, reasoning_output: reasoning })
    }

    #[test]
    fn usage_is_read_as_either_api_writes_it() {
        for (usage, is) in [
            (json!({"input_tokens": 10, "output_tokens": 5}), tokens(10, 0, 5, 0)),
            (
                json!({"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5,
                    "output_tokens_details": {"reasoning_tokens": 2}}),
                tokens(10, 4, 5, 2),
            ),
            (json!({"input_tokens": 10.0, "output_tokens": 5.0}), tokens(10, 0, 5, 0)),
            (json!({"input_tokens": -10, "output_tokens": 5}), None),
            (json!({"input_tokens": 1.5, "output_tokens": 5}), None),
            (
                json!({"input_tokens": 10, "input_tokens_details": {"cached_tokens": 40}, "output_tokens": 5}),
                tokens(10, 10, 5, 0),
            ),
            (json!({}), None),
            (Value::Null, None),
        ] {
            assert_eq!(Said::of_response(&json!({"usage": usage})).tokens, is, "{usage}");
        }
        for (usage, is) in [
            (json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}), tokens(10, 0, 5, 0)),
            (
                json!({"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens": 5,
                    "completion_tokens_details": {"reasoning_tokens": 2}}),
                tokens(10, 4, 5, 2),
            ),
            (Value::Null, None),
        ] {
            assert_eq!(Said::of_chat(&json!({"usage": usage})).tokens, is, "{usage}");
        }
    }

    #[test]
    fn an_answer_in_the_background_is_not_over_before_it_says_so() {
        for (status, stage) in [
            ("queued", Stage::Working),
            ("in_progress", Stage::Working),
            ("completed", Stage::Over),
            ("incomplete", Stage::Over),
            ("failed", Stage::Over),
            ("cancelled", Stage::Over),
        ] {
            assert_eq!(Said::of_response(&json!({"status": status})).stage, stage, "{status}");
        }
        assert_eq!(Said::of_response(&json!({})).stage, Stage::Unknown);
    }

    #[test]
    fn what_is_said_later_adds_to_what_was_said_before() {
        let mut said = Said::of_chat(&json!({"id": "chatcmpl-1", "model": "gpt-6-luna", "usage": null}));
        said.add(Said::of_chat(&json!({"id": "chatcmpl-1", "usage": {"prompt_tokens": 3, "completion_tokens": 1}})));
        assert_eq!(said.id.as_deref(), Some("chatcmpl-1"));
        assert_eq!(said.model, Some(ModelId::new("gpt-6-luna")));
        assert_eq!(said.tokens, tokens(3, 0, 1, 0));
    }
}
