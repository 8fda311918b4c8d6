//! What can go wrong on the way out, in words that hold no secret.

use std::io;
use std::time::Duration;

use crate::error::Error;
use crate::policy::duration;

/// Why nothing came back. `at` is a server's name and port, never a path: a webhook's may be its secret.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The address names no server, or a scheme that is none of HTTP's.
    #[error("`{at}` is no address of HTTP")]
    NoServer {
        /// What stands in its place.
        at: String,
    },
    /// No connection.
    #[error("no connection to {at}: {source}")]
    Connect {
        /// Whom.
        at: String,
        /// Why, name look-up included.
        source: io::Error,
    },
    /// The proxy would not.
    #[error("the proxy {proxy} did not connect to {at}: {why}")]
    Proxy {
        /// Which.
        proxy: String,
        /// Whom.
        at: String,
        /// Its answer.
        why: String,
    },
    /// No TLS.
    #[error("no TLS with {at}: {source}")]
    Tls {
        /// Whom.
        at: String,
        /// Why.
        source: io::Error,
    },
    /// There is nothing to tell a true server by.
    #[error("no certificate authority is known: {why}")]
    NoRoots {
        /// What was read, and how that ended.
        why: String,
    },
    /// The server did not speak HTTP, or hung up.
    #[error("{at} broke the exchange off: {source}")]
    Http {
        /// Who.
        at: String,
        /// How.
        source: hyper::Error,
    },
    /// It is no WebSocket, or is none any more.
    #[error("no WebSocket with {at}: {why}")]
    WebSocket {
        /// Whom.
        at: String,
        /// Why.
        why: String,
    },
    /// It took too long.
    #[error("{at} did not answer within {}", duration::show(*.after))]
    Late {
        /// Who.
        at: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// Nobody sends so much.
    #[error("{at} sent more than {most} bytes")]
    TooLarge {
        /// Who.
        at: String,
        /// The bound.
        most: usize,
    },
}

impl NetError {
    /// What to do about it, where there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoServer { .. } => Some("write `https://HOST/PATH`"),
            Self::Tls { source, .. } if is_of_stranger(&source.to_string()) => Some(
                "its certificate is of an authority that this machine does not know: name yours in `SSL_CERT_FILE`",
            ),
            Self::Tls { source, .. } if source.to_string().contains("not valid for name") => {
                Some("its certificate is for another name: use that one, or have it made for this")
            }
            Self::Tls { source, .. } if source.to_string().contains("InvalidContentType") => {
                Some("it does not speak TLS at this port")
            }
            Self::NoRoots { .. } => Some("install `ca-certificates`, or name a file of authorities in `SSL_CERT_FILE`"),
            Self::Proxy { .. } => Some("look at `HTTPS_PROXY`; a host in `NO_PROXY` is reached without it"),
            Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Http { .. }
            | Self::WebSocket { .. }
            | Self::Late { .. }
            | Self::TooLarge { .. } => None,
        }
    }
}

impl From<NetError> for Error {
    fn from(error: NetError) -> Self {
        let told = Self::new(error.to_string());
        match error.hint() {
            Some(hint) => told.hint(hint),
            None => told,
        }
    }
}

/// The certificate is signed by nobody whom this machine knows: by no name that it knows, or by another of the same name.
fn is_of_stranger(error: &str) -> bool {
    error.contains("UnknownIssuer") || error.contains("BadSignature")
}
