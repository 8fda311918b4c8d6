//! `[notify.slack]`: the tokens, the channel, and where Slack answers.

use http::Uri;

use crate::policy::mistake::Notes;
use crate::policy::notify::Slack;
use crate::policy::table::{Keys, Placed, Table, Text};
use crate::policy::url::{self, UrlError};

use super::secret::{needed, secret};

const KEYS: Keys = Keys { of: "`[notify.slack]`", known: &["bot_token", "app_token", "channel", "api"], later: &[] };
const OF: &str = "`[notify.slack]`";

/// As it is written in a hint.
pub(super) const EXAMPLE: &str = "{ slack = { bot_token = { env = \"SLACK_BOT_TOKEN\" }, \
     app_token = { env = \"SLACK_APP_TOKEN\" }, channel = \"#agents\" } }";

/// Reads the table.
pub(super) fn check(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<Slack>> {
    let table = &table.only(&KEYS, notes);
    let bot_token = secret(table, OF, "bot_token", "SLACK_BOT_TOKEN", notes);
    let has_app_token = table.get("app_token").is_some();
    let app_token = if has_app_token { secret(table, OF, "app_token", "SLACK_APP_TOKEN", notes) } else { None };
    let channel = needed(table, OF, "channel", "\"#agents\"", notes).and_then(|text| {
        if Slack::is_channel(text.value) {
            return Some(text.value.to_owned());
        }
        no_channel(&text, notes);
        None
    });
    let api = match table.text("api", "\"https://slack-gov.com/api/\"", notes) {
        Some(text) => base(&text, notes),
        None if table.get("api").is_none() => Slack::API.parse().ok(),
        None => None,
    };
    if has_app_token && app_token.is_none() {
        return None;
    }
    let value = Slack { bot_token: bot_token?, app_token, channel: channel?, api: api? };
    Some(Placed { value, span: table.span.clone() })
}

/// A channel that Slack cannot have.
pub(super) fn no_channel(text: &Text<'_>, notes: &mut Notes) {
    let message = format!("`{}` is no channel of Slack", text.value);
    notes.refuse(&text.span, message, "write `#name`, or the id that Slack shows, such as `C0123456789`");
}

/// Methods' names are added to it.
fn base(text: &Text<'_>, notes: &mut Notes) -> Option<Uri> {
    let refuse = |error: UrlError, notes: &mut Notes| {
        let hint = "write `https://HOST/api/`; `http://` only to `localhost`";
        notes.refuse(&text.span, format!("the address of Slack's API {error}"), hint);
    };
    let uri = url::web(text.value).map_err(|error| refuse(error, notes)).ok()?;
    if uri.query().is_some() {
        refuse(UrlError::Malformed, notes);
        return None;
    }
    let slash = if text.value.ends_with('/') { "" } else { "/" };
    format!("{}{slash}", text.value).parse().ok()
}
