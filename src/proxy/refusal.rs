//! What a client reads where a request is not sent, or comes to nothing: what it shows and does not repeat.

use serde_json::json;

use super::messages::Refused;

/// A whole answer of the gateway's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GatewayAnswer {
    /// The status.
    pub(super) status: u16,
    /// The kind of the body.
    pub(super) content_type: &'static str,
    /// The body.
    pub(super) body: String,
}

const JSON: &str = "application/json";

/// The policy refuses it. The libraries raise a 402 at once, with all of it; Codex repeats every status but 400, and shows a
/// plain text as it is.
pub(super) fn refused(refused: &Refused, to_codex: bool) -> GatewayAnswer {
    if to_codex {
        let body = format!("{}\n", refused.message);
        return GatewayAnswer { status: 400, content_type: "text/plain; charset=utf-8", body };
    }
    GatewayAnswer {
        status: 402,
        content_type: JSON,
        body: error("budget_exceeded", &refused.message, refused.rule.as_deref()),
    }
}

/// The server could not be reached, or broke off before it answered.
pub(super) fn unreachable(why: &str) -> GatewayAnswer {
    GatewayAnswer { status: 502, content_type: JSON, body: error("upstream_error", &format!("govern: {why}"), None) }
}

/// The request itself is one that the gateway does not take.
pub(super) fn not_taken(status: u16, why: &str) -> GatewayAnswer {
    GatewayAnswer { status, content_type: JSON, body: error("invalid_request_error", &format!("govern: {why}"), None) }
}

fn error(kind: &str, message: &str, param: Option<&str>) -> String {
    json!({"error": {"type": kind, "code": "govern", "message": message, "param": param}}).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_refusal_names_its_rule_to_a_library_and_is_a_plain_text_to_codex() {
        let why =
            Refused { message: "budget `each run`: $1.00 of $1.00".to_owned(), rule: Some("each run".to_owned()) };
        let told = refused(&why, false);
        let body: Value = serde_json::from_str(&told.body).unwrap();
        assert_eq!(told.status, 402);
        let wanted = json!({"type": "budget_exceeded", "code": "govern", "message": why.message, "param": "each run"});
        assert_eq!(body["error"], wanted);
        let told = refused(&why, true);
        assert_eq!((told.status, told.content_type), (400, "text/plain; charset=utf-8"));
        assert_eq!(told.body, "budget `each run`: $1.00 of $1.00\n");
    }
}
