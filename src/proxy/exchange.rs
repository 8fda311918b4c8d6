//! One request on its way: who may send it, whether it is let through, and what becomes of it.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::access::{Token, is_meant};
use super::body::{About, Body, Metered, Passing};
use super::codex;
use super::messages::{Ask, CodexAsks, GatewayMessage, Refused, Verdict};
use super::path::Path;
use super::reader::{Api, Reader};
use super::refusal::{self, GatewayAnswer};
use super::request_body::{RequestBody, with_usage};
use super::ticket::{Background, Ticket};
use super::upstream::{Failure, Sent, Upstream};
use crate::model::Billing;

/// The largest body of a request that is read: pictures stand in some.
const LARGEST: usize = 128 * 1024 * 1024;

/// A Codex asks below this path.
pub(super) const OF_CODEX: &str = "/codex/v1";

/// A ChatGPT plan pays for a request with this header.
const ACCOUNT: &str = "chatgpt-account-id";

/// By this header a program says which of its agents asks.
const AGENT: &str = "x-govern-agent";

/// Headers of one connection, and not of what is sent over it.
const OF_THE_CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// What all requests have in common.
pub(super) struct Shared {
    pub(super) token: Token,
    pub(super) ours: SocketAddr,
    pub(super) programs: Arc<Upstream>,
    pub(super) codex: Arc<Upstream>,
    pub(super) plan: Arc<Upstream>,
    pub(super) news: UnboundedSender<GatewayMessage>,
    pub(super) numbers: AtomicU64,
    pub(super) background: Arc<Background>,
    /// What cannot be metered is not sent.
    pub(super) strict: bool,
    pub(super) said: Mutex<BTreeSet<String>>,
}

impl Shared {
    /// Says something to the person at the terminal, once.
    fn say(&self, what: String) {
        if self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(what.clone()) {
            let _over = self.news.send(GatewayMessage::Says(what));
        }
    }
}

/// Answers a request of a process of the run; `None`: it is somebody else's.
pub(super) async fn exchange(shared: Arc<Shared>, pid: Option<i32>, request: Request<Incoming>) -> Response<Body> {
    match exchanged(&shared, pid, request).await {
        Ok(answer) => answer,
        Err(told) => own(told),
    }
}

async fn exchanged(
    shared: &Arc<Shared>,
    pid: Option<i32>,
    request: Request<Incoming>,
) -> Result<Response<Body>, GatewayAnswer> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if !is_meant(host, shared.ours) {
        return Err(refusal::not_taken(421, "this is not the host that was asked for"));
    }
    let uri = request.uri().clone();
    let of_codex = uri.path().strip_prefix(OF_CODEX).filter(|below| below.starts_with('/'));
    let (Some(below), Some(pid)) = (of_codex.or_else(|| shared.token.below(uri.path())), pid) else {
        return Err(refusal::not_taken(
            403,
            "this gateway is for the processes of its run, by the address they were given",
        ));
    };
    if request.headers().contains_key(header::UPGRADE) {
        if codex::asks(request.headers()).is_none() {
            shared
                .say("the gateway takes no WebSocket: a client that has no other way fails, and reads 426".to_owned());
        }
        return Err(refusal::not_taken(426, "the gateway takes no WebSocket; plain HTTP is answered"));
    }
    let path = Path::of(request.method().as_str(), below);
    let upstream = match (of_codex.is_some(), request.headers().contains_key(ACCOUNT)) {
        (false, _) => &shared.programs,
        (true, false) => &shared.codex,
        (true, true) => &shared.plan,
    };
    let Some(address) = upstream.address(below, uri.query()) else {
        return Err(refusal::not_taken(400, "this is no path"));
    };
    if path == Path::Costs {
        let what = format!("{} {below}", request.method());
        if shared.strict {
            let message = format!("govern: `{what}` is not metered: under a limit in force it is not sent");
            return Err(refusal::refused(&Refused { message, rule: None }, false));
        }
        shared.say(format!("`{what}` passes the gateway unmetered: what it costs is not counted"));
    }
    let (mut parts, body) = request.into_parts();
    parts.uri = address;
    let ask = Asking { pid, codex: codex::asks(&parts.headers), agent: take_agent(&mut parts.headers), upstream };
    prepare(&mut parts.headers);
    match path {
        Path::Responses | Path::Compact | Path::Chat => metered(shared, path, ask, parts, body).await,
        Path::Response(_) => {
            parts.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            let (head, passing) = forward(upstream, Request::from_parts(parts, Either::Right(body))).await?;
            let reader = reader_of(Api::Responses, &head.headers, false);
            let about = About::Fetch(shared.news.clone(), Arc::clone(&shared.background));
            Ok(answer(head, Body::Metered(Box::new(Metered::new(passing, reader, about)))))
        }
        Path::Costs | Path::Free => {
            let (head, passing) = forward(upstream, Request::from_parts(parts, Either::Right(body))).await?;
            Ok(answer(head, Body::Plain(passing)))
        }
    }
}

/// Who asks.
struct Asking<'s> {
    pid: i32,
    codex: Option<CodexAsks>,
    agent: Option<String>,
    upstream: &'s Arc<Upstream>,
}

/// A request that asks a model: it is let through first, and its answer is read on its way.
async fn metered(
    shared: &Arc<Shared>,
    path: Path,
    asking: Asking<'_>,
    mut parts: http::request::Parts,
    body: Incoming,
) -> Result<Response<Body>, GatewayAnswer> {
    let whole = whole(body).await?;
    let plain = decoded(&parts.headers, &whole)?;
    let asked = plain.as_deref().unwrap_or(&whole);
    let Some(asked) = RequestBody::read(asked) else {
        return Err(refusal::not_taken(
            400,
            "the body is no JSON object with a model: what cannot be read is not sent",
        ));
    };
    let api = if path == Path::Chat { Api::Chat } else { Api::Responses };
    let number = shared.numbers.fetch_add(1, Ordering::Relaxed).saturating_add(1);
    let mut ticket = Ticket::new(number, shared.news.clone(), Arc::clone(&shared.background));
    let (answers, answered) = oneshot::channel();
    let Asking { pid, codex, agent, upstream } = asking;
    let billing = match (parts.headers.contains_key(ACCOUNT), upstream.is_openai()) {
        (true, _) => Billing::Plan,
        (false, true) => Billing::Api,
        (false, false) => Billing::Unknown,
    };
    let provider = upstream.is_openai().then(|| "openai".to_owned());
    let to_codex = codex.is_some();
    let ask = Ask {
        number,
        pid,
        agent,
        codex,
        model: asked.model.clone(),
        tier: asked.tier.clone(),
        compacts: path == Path::Compact,
        billing,
        provider,
        answer: answers,
    };
    let gone = || Refused { message: "govern: the run is over: nothing more is sent".to_owned(), rule: None };
    let _over = shared.news.send(GatewayMessage::Asks(Box::new(ask)));
    match answered.await.unwrap_or_else(|_| Verdict::Refuse(gone())) {
        Verdict::Pass => {}
        Verdict::Refuse(why) => {
            ticket.is_refused();
            return Err(refusal::refused(&why, to_codex));
        }
    }
    let asks_usage = (api == Api::Chat && asked.hides_usage() && plain.is_none()).then(|| with_usage(&whole)).flatten();
    let strips = asks_usage.is_some();
    let sent = asks_usage.map_or(whole, Bytes::from);
    // What comes back is read, and none of what it may be packed in can be.
    parts.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    ticket.is_sent(sent.len(), asked.background);
    let request = Request::from_parts(parts, Either::Left(Full::new(sent)));
    let (mut head, passing) = match sent_to(upstream, request).await {
        Ok(answered) => answered,
        Err(Failure::Unsent(error)) => {
            ticket.fails();
            return Err(refusal::unreachable(&error.to_string()));
        }
        // Dropped, it tells that it was cut off.
        Err(Failure::CutOff(error)) => return Err(refusal::unreachable(&error.to_string())),
    };
    if !head.status.is_success() {
        ticket.fails();
        return Ok(answer(head, Body::Plain(passing)));
    }
    let reader = reader_of(api, &head.headers, strips);
    if strips {
        head.headers.remove(header::CONTENT_LENGTH);
    }
    let about = About::Request(ticket);
    Ok(answer(head, Body::Metered(Box::new(Metered::new(passing, reader, about)))))
}

async fn whole(body: Incoming) -> Result<Bytes, GatewayAnswer> {
    match Limited::new(body, LARGEST).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(refusal::not_taken(413, &format!("a body of more than {} MiB is not taken", LARGEST / 1024 / 1024)))
        }
        Err(_) => Err(refusal::not_taken(400, "the body broke off")),
    }
}

/// The text of a body that is packed; nothing of one that is not.
fn decoded(headers: &HeaderMap, body: &[u8]) -> Result<Option<Vec<u8>>, GatewayAnswer> {
    let encoding = headers.get(header::CONTENT_ENCODING).map(|encoding| encoding.to_str().unwrap_or("?").trim());
    match encoding {
        None | Some("" | "identity") => Ok(None),
        Some("zstd") => {
            let mut plain = Vec::new();
            let most = u64::try_from(LARGEST).unwrap_or(u64::MAX);
            let read =
                zstd::stream::read::Decoder::new(body).and_then(|packed| packed.take(most).read_to_end(&mut plain));
            match read {
                Ok(_) => Ok(Some(plain)),
                Err(_) => Err(refusal::not_taken(400, "the body is no zstd")),
            }
        }
        Some(other) => Err(refusal::not_taken(415, &format!("a body in `{other}` cannot be read; zstd and none can"))),
    }
}

/// Sends a request; gives the answer's head, and what comes below it.
async fn sent_to(
    upstream: &Arc<Upstream>,
    request: Request<Sent>,
) -> Result<(http::response::Parts, Passing), Failure> {
    let (response, line) = upstream.send(request).await?;
    let (head, body) = response.into_parts();
    Ok((head, Passing::new(body, upstream, line)))
}

async fn forward(
    upstream: &Arc<Upstream>,
    request: Request<Sent>,
) -> Result<(http::response::Parts, Passing), GatewayAnswer> {
    sent_to(upstream, request).await.map_err(|failure| match failure {
        Failure::Unsent(error) | Failure::CutOff(error) => refusal::unreachable(&error.to_string()),
    })
}

fn reader_of(api: Api, headers: &HeaderMap, strips: bool) -> Reader {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let encoded = !matches!(text(header::CONTENT_ENCODING), "" | "identity");
    Reader::new(api, text(header::CONTENT_TYPE), encoded, strips)
}

fn take_agent(headers: &mut HeaderMap) -> Option<String> {
    let agent = headers.remove(AGENT)?;
    Some(agent.to_str().ok()?.trim().to_owned()).filter(|agent| !agent.is_empty())
}

/// What is of this connection alone stays here; the rest is as it was.
fn prepare(headers: &mut HeaderMap) {
    without_connection(headers);
    headers.remove(header::HOST);
    headers.remove(header::EXPECT);
    headers.remove(header::CONTENT_LENGTH);
}

fn without_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in OF_THE_CONNECTION.iter().chain(&named) {
        headers.remove(name);
    }
}

fn answer(mut head: http::response::Parts, body: Body) -> Response<Body> {
    without_connection(&mut head.headers);
    // Our end speaks its own version.
    head.version = hyper::Version::HTTP_11;
    Response::from_parts(head, body)
}

fn own(told: GatewayAnswer) -> Response<Body> {
    let mut response = Response::new(Body::Own(Some(Bytes::from(told.body))));
    *response.status_mut() = StatusCode::from_u16(told.status).unwrap_or(StatusCode::BAD_GATEWAY);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(told.content_type));
    response
}
