//! What Slack says where it does not do what it was asked, in words that say what to do.

use std::time::Duration;

use crate::notify::sent::Sent;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Trouble {
    /// Why, and what to do about it.
    pub why: String,
    /// How long Slack wants to be left alone.
    pub after: Option<Duration>,
    /// It will be no different later.
    pub lasting: bool,
}

impl Trouble {
    /// Something that may be over by the next time.
    pub(super) fn passing(why: impl Into<String>) -> Self {
        Self { why: why.into(), after: None, lasting: false }
    }

    /// Slack has answered `"ok": false`. What it says is shown only as far as it is a word of its own.
    pub(super) fn said(method: &str, error: &str, needed: Option<&str>, channel: &str) -> Self {
        let error = word(error);
        let lasting = matches!(
            error.as_str(),
            "message_not_found" | "cant_update_message" | "msg_too_long" | "invalid_blocks" | "invalid_arguments"
        );
        let token = if method == "apps.connections.open" { "app token" } else { "bot token" };
        let why = match error.as_str() {
            "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
                format!("Slack does not take the {token} ({error}): copy it anew from the app's page")
            }
            "not_allowed_token_type" => {
                format!("Slack wants another kind of token ({error}): `bot_token` is `xoxb-…`, `app_token` is `xapp-…`")
            }
            "missing_scope" => {
                let scope =
                    needed.map_or_else(|| "a scope".to_owned(), |needed| format!("the scope `{}`", word(needed)));
                format!("the app lacks {scope} for {method} ({error}): add it, and install the app again")
            }
            "channel_not_found" => format!(
                "Slack has no channel `{channel}` that the app can see ({error}): into a private one it must be invited"
            ),
            "not_in_channel" => format!("the app is not in `{channel}` ({error}): write `/invite @govern` there"),
            "is_archived" => format!("`{channel}` is archived ({error})"),
            "ratelimited" => format!("Slack wants to be asked less often ({error})"),
            _ => format!("{method}: Slack said `{error}`"),
        };
        Self { why, after: None, lasting }
    }
}

/// A server's word, bounded and without anything that moves a cursor.
fn word(text: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.' | ',' | '-');
    text.chars().filter(is_plain).take(100).collect()
}

impl From<Trouble> for Sent {
    fn from(trouble: Trouble) -> Self {
        if trouble.lasting {
            return Self::Never { why: trouble.why };
        }
        Self::NotYet { why: trouble.why, after: trouble.after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_slacks_words_says_what_to_do() {
        let said =
            |method: &str, error: &str, needed: Option<&str>| Trouble::said(method, error, needed, "#agents").why;
        assert!(said("chat.postMessage", "invalid_auth", None).starts_with("Slack does not take the bot token"));
        assert!(said("apps.connections.open", "invalid_auth", None).starts_with("Slack does not take the app token"));
        assert_eq!(
            said("chat.postMessage", "missing_scope", Some("chat:write")),
            "the app lacks the scope `chat:write` for chat.postMessage (missing_scope): add it, and install the app again"
        );
        assert!(said("chat.postMessage", "channel_not_found", None).contains("`#agents`"));
        assert!(said("chat.postMessage", "not_in_channel", None).contains("/invite"));
        assert_eq!(said("chat.update", "\u{1b}[31mhack\u{7}", None), "chat.update: Slack said `31mhack`");
        assert!(Trouble::said("chat.update", "message_not_found", None, "").lasting);
    }
}
