//! Requests: one connection each, an end for each attempt, a bound for each answer.

use std::ffi::OsString;
use std::future::Future;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;

use super::connect::{Connected, Target, connect};
use super::{NetError, Roots};

/// Speaks HTTP to other machines, and follows no redirect: what it carries is for the named server alone.
#[derive(Debug)]
pub struct Client {
    pub(super) roots: Roots,
    pub(super) proxies: Matcher,
    /// For what is no HTTP.
    pub(super) for_all: Matcher,
}

/// How far one exchange may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the look-up of the name to the answer's last byte.
    pub within: Duration,
    /// The most bytes of the answer's body.
    pub most: usize,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, whole.
    pub body: Bytes,
}

impl Client {
    /// One for this environment. Nothing is read or opened before the first request.
    pub fn new(env: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name: &str| env(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty());
        let either = |name: &str| text(name).or_else(|| text(&name.to_ascii_lowercase())).unwrap_or_default();
        // To a CGI program any client says by a header what `HTTP_PROXY` is.
        let http = if env("REQUEST_METHOD").is_some() { String::new() } else { either("HTTP_PROXY") };
        let proxies = Matcher::builder()
            .all(either("ALL_PROXY"))
            .http(http)
            .https(either("HTTPS_PROXY"))
            .no(either("NO_PROXY"))
            .build();
        let for_all = Matcher::builder().all(either("ALL_PROXY")).no(either("NO_PROXY")).build();
        Self { roots: Roots::of(env), proxies, for_all }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    ///
    /// There is none, or not within the limits. An answer of whatever status is none.
    pub async fn send(&self, request: Request<Full<Bytes>>, limits: Limits) -> Result<Reply, NetError> {
        let at = Target::of(request.uri())?.at;
        let whole = async {
            let (head, body) = self.exchange(request).await?.into_parts();
            let body = whole(body, limits.most, &at).await?;
            Ok(Reply { status: head.status, headers: head.headers, body })
        };
        in_time(whole, limits.within, &at).await
    }

    /// Puts a text in the place of what was at this address.
    ///
    /// # Errors
    ///
    /// As [`Client::send`], and what is no address.
    pub async fn put(
        &self,
        address: &str,
        kind: &str,
        authorization: Option<&str>,
        text: String,
        limits: Limits,
    ) -> Result<Reply, NetError> {
        let mut request = Request::put(address)
            .header(header::CONTENT_TYPE, kind)
            .header(header::USER_AGENT, concat!("govern/", env!("CARGO_PKG_VERSION")));
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        // What is wrong may be the secret: it is not told.
        let request = request.body(Full::new(Bytes::from(text)));
        let request = request.map_err(|_| NetError::NoServer { at: "what is to be put there".to_owned() })?;
        self.send(request, limits).await
    }

    /// Asks for what is at this address, in the name of whoever this authorization is.
    ///
    /// # Errors
    ///
    /// As [`Client::send`], and what is no address.
    pub async fn get(&self, address: &str, authorization: Option<&str>, limits: Limits) -> Result<Reply, NetError> {
        let mut request = Request::get(address)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("govern/", env!("CARGO_PKG_VERSION")));
        if let Some(authorization) = authorization {
            let value = HeaderValue::from_str(authorization).map(|mut value| {
                value.set_sensitive(true);
                value
            });
            // What is wrong may be the secret: it is not told.
            let value = value.map_err(|_| NetError::NoServer { at: "who may ask there".to_owned() })?;
            request = request.header(header::AUTHORIZATION, value);
        }
        let request = request.body(Full::new(Bytes::new()));
        let request = request.map_err(|_| NetError::NoServer { at: "what is to be asked for".to_owned() })?;
        self.send(request, limits).await
    }

    /// Sends a request and gives the answer as soon as its head is there, within this time; the body is the caller's to
    /// read, as long as that takes.
    pub async fn stream<B>(&self, request: Request<B>, within: Duration) -> Result<Response<Incoming>, NetError>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let at = Target::of(request.uri())?.at;
        in_time(self.exchange(request), within, &at).await
    }

    /// Connects to whoever answers there, and asks nothing.
    ///
    /// # Errors
    ///
    /// Why nobody can be asked.
    pub async fn reach(&self, uri: &Uri, within: Duration) -> Result<(), NetError> {
        let target = Target::of(uri)?;
        in_time(connect(uri, &target, &self.proxies, &self.roots), within, &target.at).await.map(drop)
    }

    async fn exchange<B>(&self, request: Request<B>) -> Result<Response<Incoming>, NetError>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let uri = request.uri().clone();
        let target = Target::of(&uri)?;
        let Connected { stream, forwards } = connect(&uri, &target, &self.proxies, &self.roots).await?;
        let broke = |source| NetError::Http { at: target.at.clone(), source };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broke)?;
        // It ends with the exchange: whoever gives that up has dropped the sender and the body.
        tokio::spawn(connection);
        sender.send_request(addressed(request, &uri, forwards)).await.map_err(broke)
    }
}

/// The request as its reader wants it: a server the path, a proxy the whole address.
pub(super) fn addressed<B>(mut request: Request<B>, uri: &Uri, forwards: Option<Option<HeaderValue>>) -> Request<B> {
    if !request.headers().contains_key(header::HOST)
        && let Some(host) = uri.authority().and_then(|authority| authority.as_str().rsplit('@').next())
        && let Ok(host) = HeaderValue::from_str(host)
    {
        request.headers_mut().insert(header::HOST, host);
    }
    match forwards {
        Some(auth) => {
            if let Some(auth) = auth {
                request.headers_mut().insert(header::PROXY_AUTHORIZATION, auth);
            }
        }
        None => {
            let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
            *request.uri_mut() = Uri::from(path);
        }
    }
    request
}

async fn whole(body: Incoming, most: usize, at: &str) -> Result<Bytes, NetError> {
    match Limited::new(body, most).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(NetError::TooLarge { at: at.to_owned(), most }),
        Err(error) => match error.downcast::<hyper::Error>() {
            Ok(source) => Err(NetError::Http { at: at.to_owned(), source: *source }),
            Err(other) => {
                Err(NetError::Connect { at: at.to_owned(), source: std::io::Error::other(other.to_string()) })
            }
        },
    }
}

pub(super) async fn in_time<T>(
    work: impl Future<Output = Result<T, NetError>>,
    within: Duration,
    at: &str,
) -> Result<T, NetError> {
    let late = |_| NetError::Late { at: at.to_owned(), after: within };
    tokio::time::timeout(within, work).await.map_err(late)?
}
