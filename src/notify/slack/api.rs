//! What Slack is asked to do: one HTTP request a method, its answer bounded and believed only as far as its shape.

use std::ffi::OsString;
use std::time::Duration;

use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::id::{Receipt, is_id, is_ts};
use super::message::Message;
use super::trouble::Trouble;
use crate::net::{Client, Limits, NetError, Reply, WebSocket};
use crate::notify::secret::{SecretError, Token};
use crate::policy::notify::Slack as Wanted;

/// An attempt ends after this, and no answer is longer.
const LIMITS: Limits = Limits { within: Duration::from_secs(10), most: 256 * 1_024 };

/// A workspace, an app in it, and the channel that it writes to.
#[derive(Debug)]
pub struct Slack {
    api: Uri,
    bot: Token,
    app: Option<Token>,
    channel: String,
}

impl Slack {
    /// The policy's, with its tokens.
    ///
    /// # Errors
    ///
    /// A token is not where the policy says, or is none.
    pub fn of(wanted: &Wanted, env: impl Fn(&str) -> Option<OsString> + Copy) -> Result<Self, SecretError> {
        let app = wanted.app_token.as_ref().map(|app| Token::read(app, env, "xapp-")).transpose()?;
        let bot = Token::read(&wanted.bot_token, env, "xoxb-")?;
        Ok(Self { api: wanted.api.clone(), bot, app, channel: wanted.channel.clone() })
    }

    /// Clicks can be heard.
    pub fn hears(&self) -> bool {
        self.app.is_some()
    }

    /// The channel of an address of `[notify.slack]`.
    pub fn channel<'a>(&'a self, named: Option<&'a str>) -> &'a str {
        named.unwrap_or(&self.channel)
    }

    /// Who the app is, and what it may do.
    ///
    /// # Errors
    ///
    /// Slack does not say, or does not take the bot token.
    pub async fn who(&self, client: &Client) -> Result<String, Trouble> {
        let (answer, _) = self.ask(client, "auth.test", &self.bot, &json!({}), "").await?;
        let of = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
        Ok(format!("{} in {}", of("user"), of("team")))
    }

    /// Sends a message, into a thread or as one of its own.
    ///
    /// # Errors
    ///
    /// It was not taken.
    pub async fn post(
        &self,
        client: &Client,
        channel: &str,
        thread: Option<&str>,
        message: &Message,
    ) -> Result<Receipt, Trouble> {
        let mut body = message.body(channel);
        if let (Some(thread), Some(body)) = (thread, body.as_object_mut()) {
            body.insert("thread_ts".to_owned(), thread.into());
        }
        let (answer, _) = self.ask(client, "chat.postMessage", &self.bot, &body, channel).await?;
        let of = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
        let receipt = of("channel").zip(of("ts")).filter(|(channel, ts)| is_id(channel) && is_ts(ts));
        let (channel, ts) =
            receipt.ok_or_else(|| Trouble::passing("chat.postMessage: Slack did not say what it took"))?;
        Ok(Receipt { channel, ts, thread: thread.map(str::to_owned) })
    }

    /// Puts another text in the place of a message that was sent.
    ///
    /// # Errors
    ///
    /// It stands as it did.
    pub async fn update(&self, client: &Client, receipt: &Receipt, message: &Message) -> Result<(), Trouble> {
        let mut body = message.body(&receipt.channel);
        if let Some(body) = body.as_object_mut() {
            body.insert("ts".to_owned(), receipt.ts.clone().into());
        }
        self.ask(client, "chat.update", &self.bot, &body, &receipt.channel).await.map(drop)
    }

    /// Says something that only this person sees.
    ///
    /// # Errors
    ///
    /// It was not taken.
    pub async fn whisper(&self, client: &Client, channel: &str, user: &str, message: &Message) -> Result<(), Trouble> {
        let mut body = message.body(channel);
        if let Some(body) = body.as_object_mut() {
            body.insert("user".to_owned(), user.into());
        }
        self.ask(client, "chat.postEphemeral", &self.bot, &body, channel).await.map(drop)
    }

    /// Opens a form before whoever has just clicked.
    ///
    /// # Errors
    ///
    /// It is not there: too late, for one.
    pub async fn open_form(&self, client: &Client, trigger: &str, view: &Value) -> Result<(), Trouble> {
        let body = json!({ "trigger_id": trigger, "view": view });
        self.ask(client, "views.open", &self.bot, &body, "").await.map(drop)
    }

    /// Who is in a group of people.
    ///
    /// # Errors
    ///
    /// Slack does not say.
    pub async fn members(&self, client: &Client, group: &str) -> Result<Vec<String>, Trouble> {
        // This method reads no JSON, and an id needs no escapes.
        let group: String = group.chars().filter(char::is_ascii_alphanumeric).collect();
        let form = format!("usergroup={group}");
        let (answer, _) = self.call(client, "usergroups.users.list", &self.bot, FORM, form, "").await?;
        let users = answer.get("users").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(users.iter().filter_map(|user| user.as_str().map(str::to_owned)).collect())
    }

    /// Opens a connection that clicks come by.
    ///
    /// # Errors
    ///
    /// There is none, or no token for one.
    pub async fn connect(&self, client: &Client) -> Result<WebSocket, Trouble> {
        let app = self.app.as_ref().ok_or_else(|| Trouble::passing("there is no `app_token`"))?;
        let (answer, _) = self.call(client, "apps.connections.open", app, FORM, String::new(), "").await?;
        let url = answer.get("url").and_then(Value::as_str).and_then(|url| url.parse::<Uri>().ok());
        let url = url.ok_or_else(|| Trouble::passing("apps.connections.open: Slack named no address"))?;
        client.websocket(&url, LIMITS.within).await.map_err(|error| broken(&error))
    }

    async fn ask(
        &self,
        client: &Client,
        method: &str,
        token: &Token,
        body: &Value,
        channel: &str,
    ) -> Result<(Value, Reply), Trouble> {
        self.call(client, method, token, JSON, body.to_string(), channel).await
    }

    async fn call(
        &self,
        client: &Client,
        method: &str,
        token: &Token,
        kind: &'static str,
        body: String,
        channel: &str,
    ) -> Result<(Value, Reply), Trouble> {
        let request = Request::post(format!("{}{method}", self.api))
            .header(header::CONTENT_TYPE, kind)
            .header(header::USER_AGENT, concat!("govern/", env!("CARGO_PKG_VERSION")))
            .header(header::AUTHORIZATION, token.bearer())
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Trouble::passing(error.to_string()))?;
        let reply = client.send(request, LIMITS).await.map_err(|error| broken(&error))?;
        let seconds: Option<u64> = reply
            .headers
            .get(header::RETRY_AFTER)
            .and_then(|value: &HeaderValue| value.to_str().ok()?.trim().parse().ok());
        let after = seconds.map(Duration::from_secs);
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            let why = format!("{method}: Slack wants to be asked less often (429)");
            return Err(Trouble { after: Some(after.unwrap_or(Duration::from_secs(1))), ..Trouble::passing(why) });
        }
        let answer: Option<Value> = serde_json::from_slice(&reply.body).ok();
        let Some(answer) = answer.filter(|_| reply.status.is_success()) else {
            return Err(Trouble { after, ..Trouble::passing(format!("{method}: Slack answered {}", reply.status)) });
        };
        if answer.get("ok").and_then(Value::as_bool) == Some(true) {
            return Ok((answer, reply));
        }
        let of = |key: &str| answer.get(key).and_then(Value::as_str);
        Err(Trouble { after, ..Trouble::said(method, of("error").unwrap_or("nothing"), of("needed"), channel) })
    }
}

const JSON: &str = "application/json; charset=utf-8";
const FORM: &str = "application/x-www-form-urlencoded";

fn broken(error: &NetError) -> Trouble {
    let hint = error.hint().map_or_else(String::new, |hint| format!(" ({hint})"));
    Trouble::passing(format!("{error}{hint}"))
}
