//! The webhook: a signed notice goes out, and its reader's status comes back.

use std::ffi::OsString;
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Bytes;
use sha2::{Digest, Sha256};

use super::secret::{Key, SecretError};
use super::sent::Sent;
use super::sign::signature;
use crate::model::Timestamp;
use crate::net::{Client, Limits};
use crate::policy::notify::Webhook as Wanted;

/// An attempt ends after this, and nobody answers a notice at length.
const LIMITS: Limits = Limits { within: Duration::from_secs(10), most: 64 * 1_024 };

/// A webhook and the key that it knows govern by.
#[derive(Debug)]
pub struct Webhook {
    url: Uri,
    key: Key,
}

impl Webhook {
    /// The policy's, with its key.
    ///
    /// # Errors
    ///
    /// The key is not where the policy says, or is none.
    pub fn of(webhook: &Wanted, env: impl Fn(&str) -> Option<OsString>) -> Result<Self, SecretError> {
        Ok(Self { url: webhook.url.clone(), key: Key::read(&webhook.secret, env)? })
    }

    /// Tells this address from another one, without naming it.
    pub fn mark(&self) -> String {
        let digest = Sha256::digest(self.url.to_string());
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether somebody answers at the address; nothing is sent.
    ///
    /// # Errors
    ///
    /// Why not, in words.
    pub async fn reach(&self, client: &Client) -> Result<(), String> {
        client.reach(&self.url, LIMITS.within).await.map_err(|error| {
            let hint = error.hint().map_or_else(String::new, |hint| format!(" ({hint})"));
            format!("{error}{hint}")
        })
    }

    /// Sends a notice once, and waits for what its reader says.
    pub async fn send(&self, client: &Client, id: &str, body: &str, now: Timestamp) -> Sent {
        let seconds = now.timestamp();
        let request = Request::post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("govern/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature(self.key.bytes(), id, seconds, body))
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())));
        let request = match request {
            Ok(request) => request,
            Err(error) => return Sent::NotYet { why: error.to_string(), after: None },
        };
        match client.send(request, LIMITS).await {
            Ok(reply) => judge(reply.status, &reply.headers),
            Err(error) => {
                let hint = error.hint().map_or_else(String::new, |hint| format!(" ({hint})"));
                Sent::NotYet { why: format!("{error}{hint}"), after: None }
            }
        }
    }
}

/// What a status means to a sender.
fn judge(status: StatusCode, headers: &HeaderMap) -> Sent {
    if status.is_success() {
        return Sent::Taken;
    }
    if status == StatusCode::GONE {
        return Sent::Gone;
    }
    let seconds = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Sent::NotYet { why: format!("it answered {status}"), after: seconds.map(Duration::from_secs) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_is_taken_and_only_410_is_the_end() {
        let judged = |status: u16, retry: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(retry) = retry {
                headers.insert(header::RETRY_AFTER, retry.parse().unwrap());
            }
            judge(StatusCode::from_u16(status).unwrap(), &headers)
        };
        let later = |why: &str, after: Option<u64>| Sent::NotYet {
            why: format!("it answered {why}"),
            after: after.map(Duration::from_secs),
        };
        assert_eq!([200, 202, 204].map(|status| judged(status, None)), [Sent::Taken, Sent::Taken, Sent::Taken]);
        assert_eq!(judged(410, None), Sent::Gone);
        assert_eq!(judged(301, None), later("301 Moved Permanently", None));
        assert_eq!(judged(404, None), later("404 Not Found", None));
        assert_eq!(judged(429, Some("7")), later("429 Too Many Requests", Some(7)));
        assert_eq!(judged(503, Some("soon")), later("503 Service Unavailable", None));
    }
}
