//! A WebSocket to another machine: text both ways, and an end to silence.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::Uri;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::connect::{Connected, Stream, Target, connect};
use super::{Client, NetError};

/// After so much silence the other side is asked whether it is there.
const ASK: Duration = Duration::from_secs(15);

/// Who stays silent after that for so long is gone, whatever its system says of the connection.
const GONE: Duration = Duration::from_secs(15);

/// The longest message that is read.
const MOST: usize = 1024 * 1024;

/// A WebSocket that is open.
pub struct WebSocket {
    stream: WebSocketStream<Stream>,
    at: String,
}

impl std::fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebSocket({})", self.at)
    }
}

impl Client {
    /// Opens one to a `wss://` address, or to a `ws://` one on this machine; the proxies and authorities are those of
    /// requests.
    ///
    /// # Errors
    ///
    /// Nobody answers in time as a server of WebSockets does.
    pub async fn websocket(&self, uri: &Uri, within: Duration) -> Result<WebSocket, NetError> {
        let as_http =
            as_http(uri).ok_or_else(|| NetError::NoServer { at: uri.host().unwrap_or_default().to_owned() })?;
        let target = Target::of(&as_http)?;
        let at = target.at.clone();
        let broke = |source: Error| NetError::WebSocket { at: at.clone(), why: told(&source) };
        let opening = async {
            let Connected { stream, .. } = connect(&as_http, &target, &self.proxies, &self.roots).await?;
            let mut config = WebSocketConfig::default();
            config.read_buffer_size = 8 * 1024;
            config.write_buffer_size = 0;
            config.max_write_buffer_size = MOST;
            config.max_message_size = Some(MOST);
            config.max_frame_size = Some(MOST);
            let opened = tokio_tungstenite::client_async_with_config(uri.clone(), stream, Some(config)).await;
            opened.map(|(stream, _)| stream).map_err(broke)
        };
        let late = |_| NetError::Late { at: at.clone(), after: within };
        let stream = tokio::time::timeout(within, opening).await.map_err(late)??;
        Ok(WebSocket { stream, at: target.at })
    }
}

/// The address of the server as one of HTTP; in plain text only on this machine.
fn as_http(uri: &Uri) -> Option<Uri> {
    let scheme = match uri.scheme_str()? {
        "wss" => "https",
        "ws" if uri.host().is_some_and(crate::policy::url::is_loopback) => "http",
        _ => return None,
    };
    let mut parts = uri.clone().into_parts();
    parts.scheme = scheme.parse().ok();
    Uri::from_parts(parts).ok()
}

impl WebSocket {
    /// The next text; `None`: the other side has closed it in good order.
    ///
    /// # Errors
    ///
    /// It broke, or the other side is silent for too long.
    pub async fn next(&mut self) -> Result<Option<String>, NetError> {
        let mut asked = false;
        loop {
            let wait = if asked { GONE } else { ASK };
            let Ok(next) = tokio::time::timeout(wait, self.stream.next()).await else {
                if asked {
                    return Err(NetError::Late { at: self.at.clone(), after: ASK + GONE });
                }
                asked = true;
                self.write(Message::Ping(Vec::new().into())).await?;
                continue;
            };
            asked = false;
            match next {
                None | Some(Ok(Message::Close(_))) => return Ok(None),
                Some(Ok(Message::Text(text))) => return Ok(Some(text.as_str().to_owned())),
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) => return Ok(None),
                Some(Err(error)) => return Err(self.broke(&error)),
            }
        }
    }

    /// Says something.
    ///
    /// # Errors
    ///
    /// It broke, or the other side does not read.
    pub async fn say(&mut self, text: String) -> Result<(), NetError> {
        self.write(Message::Text(text.into())).await
    }

    async fn write(&mut self, message: Message) -> Result<(), NetError> {
        match tokio::time::timeout(GONE, self.stream.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.broke(&error)),
            Err(_) => Err(NetError::Late { at: self.at.clone(), after: GONE }),
        }
    }

    fn broke(&self, error: &Error) -> NetError {
        NetError::WebSocket { at: self.at.clone(), why: told(error) }
    }
}

/// In words that hold nothing of the address: its path is a ticket.
fn told(error: &Error) -> String {
    match error {
        Error::Http(response) => format!("it answered {}", response.status()),
        Error::Io(source) => source.to_string(),
        Error::Capacity(_) => format!("it sent more than {MOST} bytes"),
        Error::Protocol(what) => what.to_string(),
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Tls(_)
        | Error::WriteBufferFull(_)
        | Error::Utf8(_)
        | Error::AttackAttempt
        | Error::Url(_)
        | Error::HttpFormat(_) => "it broke the connection off".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_websocket_is_in_tls_or_on_this_machine() {
        let of = |text: &str| as_http(&text.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(
            of("wss://wss-primary.slack.com/link/?ticket=1").unwrap(),
            "https://wss-primary.slack.com/link/?ticket=1"
        );
        assert_eq!(of("ws://127.0.0.1:80/x").unwrap(), "http://127.0.0.1:80/x");
        for refused in ["ws://slack.com/x", "http://127.0.0.1/", "https://slack.com/"] {
            assert_eq!(of(refused), None, "{refused}");
        }
    }
}
