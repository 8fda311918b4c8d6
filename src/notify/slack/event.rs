//! What Slack says over Socket Mode: envelopes, and the clicks in them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::id::{is_id, is_ts};

/// One message of Socket Mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// The connection is up.
    Hello,
    /// This connection ends soon, or Socket Mode has been turned off.
    Disconnect {
        /// Why, as Slack says it.
        reason: String,
    },
    /// Something that must be acknowledged at once.
    Event {
        /// What is sent back.
        ack: String,
        /// The click in it, where it is one of govern's.
        click: Option<Box<Click>>,
    },
    /// Nothing of ours.
    Other,
}

/// Somebody has pressed a button, or filled in what a button opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Click {
    /// Who, by id.
    pub user: String,
    /// The notice that the button was under.
    pub notice: String,
    /// What is wanted.
    pub wants: Wants,
    /// The channel, by id, where the button was in one.
    pub channel: Option<String>,
    /// The message that the button was under.
    pub message: Option<String>,
    /// A form can be opened by this for some seconds.
    pub trigger: Option<String>,
    /// Why, where the form asked.
    pub reason: Option<String>,
    /// The same click again has the same one.
    pub key: String,
}

/// What a button is for. The words are the `action_id`s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wants {
    /// `approve`: what a plain yes does.
    Approve,
    /// `deny`.
    Deny,
    /// `extend`: a form that asks by how much.
    AskHowMuch,
    /// The form, filled in.
    Extend(String),
    /// `route`: the next model of the ladder.
    Route,
    /// `kill`.
    Kill,
    /// `for`: again, for an hour.
    Hour,
    /// `run`: again, as long as the run lives.
    Run,
}

/// The form's name.
pub(super) const FORM: &str = "govern_extend";

/// No field that govern reads is longer.
const MOST: usize = 500;

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "type")]
    kind: String,
    envelope_id: Option<String>,
    reason: Option<String>,
    payload: Option<Value>,
}

impl Envelope {
    /// Reads one. What is not understood is nothing of ours, and is acknowledged where it wants to be.
    pub fn read(text: &str) -> Self {
        let Ok(wire) = serde_json::from_str::<Wire>(text) else { return Self::Other };
        match (wire.kind.as_str(), wire.envelope_id) {
            ("hello", _) => Self::Hello,
            ("disconnect", _) => Self::Disconnect { reason: wire.reason.unwrap_or_default() },
            (_, Some(id)) => Self::Event {
                ack: json!({ "envelope_id": id }).to_string(),
                click: wire.payload.as_ref().and_then(click).map(Box::new),
            },
            _ => Self::Other,
        }
    }
}

fn text<'v>(value: &'v Value, path: &str) -> Option<&'v str> {
    value.pointer(path)?.as_str().filter(|text| text.len() <= MOST)
}

fn click(payload: &Value) -> Option<Click> {
    let user = text(payload, "/user/id").filter(|user| is_id(user))?.to_owned();
    match text(payload, "/type")? {
        "block_actions" => {
            let wants = match text(payload, "/actions/0/action_id")? {
                "approve" => Wants::Approve,
                "deny" => Wants::Deny,
                "extend" => Wants::AskHowMuch,
                "route" => Wants::Route,
                "kill" => Wants::Kill,
                "for" => Wants::Hour,
                "run" => Wants::Run,
                _ => return None,
            };
            let channel = text(payload, "/container/channel_id").or_else(|| text(payload, "/channel/id"));
            let message = text(payload, "/container/message_ts").or_else(|| text(payload, "/message/ts"));
            let at = text(payload, "/actions/0/action_ts").unwrap_or_default();
            Some(Click {
                notice: text(payload, "/actions/0/value")?.to_owned(),
                wants,
                channel: channel.filter(|id| is_id(id)).map(str::to_owned),
                message: message.filter(|ts| is_ts(ts)).map(str::to_owned),
                trigger: text(payload, "/trigger_id").map(str::to_owned),
                reason: None,
                key: format!("{user}/{at}"),
                user,
            })
        }
        "view_submission" if text(payload, "/view/callback_id") == Some(FORM) => {
            let amount = text(payload, "/view/state/values/amount/amount/value").unwrap_or_default().trim().to_owned();
            let reason = text(payload, "/view/state/values/reason/reason/value").map(|reason| reason.trim().to_owned());
            Some(Click {
                notice: text(payload, "/view/private_metadata")?.to_owned(),
                wants: Wants::Extend(amount),
                channel: None,
                message: None,
                trigger: None,
                reason: reason.filter(|reason| !reason.is_empty()),
                key: format!("{user}/{}", text(payload, "/view/id").unwrap_or_default()),
                user,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(payload: &Value) -> Envelope {
        Envelope::read(&json!({ "type": "interactive", "envelope_id": "e-1", "payload": payload }).to_string())
    }

    fn clicked(payload: &Value) -> Option<Click> {
        match event(payload) {
            Envelope::Event { ack, click } => {
                assert_eq!(ack, "{\"envelope_id\":\"e-1\"}");
                click.map(|click| *click)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_click_says_who_wants_what_about_which_message() {
        let payload = json!({
            "type": "block_actions", "user": { "id": "U0ALICE", "username": "alice" }, "trigger_id": "1.2.a",
            "container": { "type": "message", "message_ts": "1700000000.000100", "channel_id": "C0AGENTS" },
            "actions": [{ "action_id": "approve", "value": "msg_1", "type": "button", "action_ts": "17.5" }],
        });
        let click = clicked(&payload).unwrap();
        assert_eq!((click.user.as_str(), click.notice.as_str()), ("U0ALICE", "msg_1"));
        assert_eq!((click.wants, click.key.as_str()), (Wants::Approve, "U0ALICE/17.5"));
        assert_eq!((click.channel.as_deref(), click.message.as_deref()), (Some("C0AGENTS"), Some("1700000000.000100")));
    }

    #[test]
    fn a_form_brings_an_amount_and_perhaps_a_reason() {
        let view = json!({
            "type": "view_submission", "user": { "id": "U0ALICE" },
            "view": {
                "id": "V1", "callback_id": FORM, "private_metadata": "msg_1",
                "state": { "values": { "amount": { "amount": { "value": " 2 usd " } }, "reason": { "reason": { "value": null } } } },
            },
        });
        let click = clicked(&view).unwrap();
        assert_eq!((click.wants, click.reason), (Wants::Extend("2 usd".to_owned()), None));
    }

    #[test]
    fn what_is_not_ours_is_acknowledged_and_nothing_else() {
        let long = "x".repeat(MOST + 1);
        for payload in [
            json!(null),
            json!({ "type": "block_actions" }),
            json!({ "type": "block_actions", "user": { "id": "u\n" }, "actions": [{ "action_id": "approve", "value": "m" }] }),
            json!({ "type": "block_actions", "user": { "id": "U1" }, "actions": [{ "action_id": "else", "value": "m" }] }),
            json!({ "type": "block_actions", "user": { "id": "U1" }, "actions": [{ "action_id": "approve", "value": long }] }),
            json!({ "type": "view_submission", "user": { "id": "U1" }, "view": { "callback_id": "another" } }),
        ] {
            assert_eq!(clicked(&payload), None, "{payload}");
        }
        assert_eq!(Envelope::read("{\"type\":\"hello\",\"num_connections\":1}"), Envelope::Hello);
        let bye = "{\"type\":\"disconnect\",\"reason\":\"refresh_requested\"}";
        assert_eq!(Envelope::read(bye), Envelope::Disconnect { reason: "refresh_requested".to_owned() });
        for text in ["", "{", "[]", "{\"type\":\"events_api\"}", "{\"type\":7}"] {
            assert_eq!(Envelope::read(text), Envelope::Other, "{text}");
        }
    }
}
