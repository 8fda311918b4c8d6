//! What Codex says of itself in the headers of its requests.

use http::HeaderMap;
use serde::Deserialize;

use super::messages::CodexAsks;
use crate::model::ThreadId;

/// What it says of the turn (0.150 to 0.171).
const METADATA: &str = "x-codex-turn-metadata";

#[derive(Deserialize)]
struct Metadata {
    thread_id: Option<String>,
    thread_source: Option<String>,
}

/// What a Codex says of a request; `None`: it is another program's.
pub(super) fn asks(headers: &HeaderMap) -> Option<CodexAsks> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_codex = text("originator").is_some_and(|name| name.starts_with("codex"));
    let Some(metadata) = text(METADATA) else { return is_codex.then(CodexAsks::default) };
    let read = serde_json::from_str::<Metadata>(metadata).ok();
    let (thread, source) = read.map(|said| (said.thread_id, said.thread_source)).unwrap_or_default();
    Some(CodexAsks { thread: thread.map(ThreadId::new), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codex_is_known_by_what_it_says_of_itself() {
        let of = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            asks(&headers)
        };
        let title = of(METADATA, r#"{"thread_id":"t","thread_source":"thread_title","turn_id":"x"}"#);
        assert_eq!(
            title,
            Some(CodexAsks { thread: Some(ThreadId::new("t")), source: Some("thread_title".to_owned()) })
        );
        assert_eq!(of(METADATA, "{"), Some(CodexAsks::default()));
        assert_eq!(of("originator", "codex_exec"), Some(CodexAsks::default()));
        assert_eq!(of("originator", "other"), None);
        assert_eq!(of("user-agent", "Agents/Python 0.24.0"), None);
    }
}
