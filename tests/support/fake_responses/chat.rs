//! Chat Completions, as OpenAI's own server writes them.

use serde_json::{Value, json};

use super::reply::Usage;

/// The text of what is answered.
fn text(items: &[Value]) -> String {
    let parts = items.iter().filter_map(|item| item.get("content")?.as_array()).flatten();
    parts.filter_map(|part| part.get("text")?.as_str()).collect()
}

fn usage(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.input,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens": usage.output,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    })
}

/// A completion in one piece.
pub(super) fn whole(items: &[Value], number: usize, model: &str, used: Usage) -> Value {
    json!({
        "id": format!("chatcmpl-{number}"), "object": "chat.completion", "created": 0, "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text(items)}, "finish_reason": "stop"}],
        "usage": usage(used),
    })
}

/// The same as a stream; it tells its usage where that is asked for.
pub(super) fn chunks(items: &[Value], number: usize, body: &Value, used: Usage) -> Vec<Value> {
    let tells = body.pointer("/stream_options/include_usage").and_then(Value::as_bool).unwrap_or(false);
    let chunk = |choices: Value, used: Value| {
        let mut chunk = json!({
            "id": format!("chatcmpl-{number}"), "object": "chat.completion.chunk", "created": 0,
            "model": body.get("model"), "choices": choices,
        });
        if let Some(fields) = chunk.as_object_mut().filter(|_| tells) {
            fields.insert("usage".to_owned(), used);
        }
        chunk
    };
    let delta = |delta: Value, end: Value| json!([{"index": 0, "delta": delta, "finish_reason": end}]);
    let mut all = vec![
        chunk(delta(json!({"role": "assistant", "content": ""}), Value::Null), Value::Null),
        chunk(delta(json!({"content": text(items)}), Value::Null), Value::Null),
        chunk(delta(json!({}), json!("stop")), Value::Null),
    ];
    if tells {
        all.push(chunk(json!([]), usage(used)));
    }
    all
}
