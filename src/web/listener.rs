//! The connections of a listener: each has a few seconds, and none holds up another.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, X_CONTENT_TYPE_OPTIONS,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use super::body::{Body, Sent};
use super::endpoint::{Listener, Stream, Way};
use super::host::{Takes, is_far, is_ours};

/// All that one connection may take: a scrape's own patience is ten seconds.
const CONNECTION: Duration = Duration::from_secs(10);

/// How long what is under way has when the listener ends.
const AT_THE_END: Duration = Duration::from_secs(3);

/// Connections at once. Whoever comes beyond that is turned away, and comes again.
const MOST: usize = 64;

/// How long to wait where the system has no descriptor left for a connection.
const BREATH: Duration = Duration::from_millis(100);

/// A form's body is a few fields.
const FORM: usize = 4 * 1024;

/// A person's name at a proxy, in bytes.
const LONGEST_NAME: usize = 254;

/// What a proxy adds to what it passes on.
const OF_PROXIES: [&str; 4] = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its path, without what follows a `?`.
    pub path: String,
    /// What follows it.
    pub query: String,
    /// A form that was filled in and sent, as it came; `None`: something is read.
    pub form: Option<String>,
    /// The host that was meant.
    pub host: String,
    /// The page that a browser says it was sent from.
    pub origin: Option<String>,
    /// What the browser was given to keep.
    pub cookies: String,
    /// A proxy says that it asks for somebody else.
    pub forwarded: bool,
    /// Who asks, as a header says it that the listener was told to look for: whether that counts, its reader knows.
    pub named: Option<String>,
    /// By which way it came.
    pub way: Way,
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status, such as 200.
    pub status: u16,
    /// The kind of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Body,
    /// Headers beside those that every answer has.
    pub headers: Vec<(HeaderName, String)>,
}

impl Answer {
    /// A text of this kind.
    pub fn new(status: u16, content_type: &'static str, text: impl Into<String>) -> Self {
        Self { status, content_type, body: Body::Text(text.into()), headers: Vec::new() }
    }

    /// A line of text.
    pub fn line(status: u16, line: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", format!("{line}\n"))
    }

    /// With one more header. One whose value is none is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Serves what can be read until `ends`, then lets what is under way come to its end.
pub async fn serve<F, A>(listener: impl Into<Listener>, takes: Takes, answer: F, ends: impl Future<Output = ()>)
where
    F: Fn(Asked) -> A + Clone + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let listener = listener.into();
    let Ok(address) = listener.address() else { return };
    let far = address.is_some_and(is_far);
    let room = Arc::new(Semaphore::new(MOST));
    let takes = Arc::new(takes);
    let over = Arc::new(Notify::new());
    let mut open = JoinSet::new();
    tokio::pin!(ends);
    loop {
        tokio::select! {
            () = &mut ends => break,
            Some(_) = open.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, way)) => {
                    if let Ok(place) = Arc::clone(&room).try_acquire_owned() {
                        let (answer, takes, over) = (answer.clone(), Arc::clone(&takes), Arc::clone(&over));
                        open.spawn(async move {
                            let stays = Arc::new(Notify::new());
                            tokio::select! {
                                () = connection(stream, Came { far, way }, takes, answer, Arc::clone(&stays)) => {}
                                () = late(&stays, &over) => {}
                            }
                            drop(place);
                        });
                    }
                }
                // A peer that is gone already is nobody's matter; where descriptors are short, some come free.
                Err(_) => tokio::time::sleep(BREATH).await,
            },
        }
    }
    drop(listener);
    over.notify_waiters();
    let _late = tokio::time::timeout(AT_THE_END, async { while open.join_next().await.is_some() {} }).await;
}

/// How a connection came.
#[derive(Clone)]
struct Came {
    /// What is listened on is reached from other machines.
    far: bool,
    way: Way,
}

/// The time is over: that of one connection, or, where it is a stream of events, that of the listener.
async fn late(stays: &Notify, over: &Notify) {
    tokio::select! {
        () = tokio::time::sleep(CONNECTION) => {}
        () = stays.notified() => over.notified().await,
    }
}

async fn connection<F, A>(stream: Box<dyn Stream>, came: Came, takes: Arc<Takes>, answer: F, stays: Arc<Notify>)
where
    F: Fn(Asked) -> A + Clone + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (answer, takes, stays, came) = (answer.clone(), Arc::clone(&takes), Arc::clone(&stays), came.clone());
        async move {
            let head = request.method() == Method::HEAD;
            let answer = match asked(request, came, &takes).await {
                Ok(asked) => answer(asked).await,
                Err(refused) => refused,
            };
            if matches!(answer.body, Body::Events(_)) && !head {
                stays.notify_one();
            }
            Ok::<_, Infallible>(response(answer))
        }
    });
    // One request a connection: a scraper that is gone for a minute keeps nothing open.
    let http = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    let _broken_off = http.await;
}

/// What is asked, or why that is not answered.
async fn asked(request: Request<Incoming>, came: Came, takes: &Takes) -> Result<Asked, Answer> {
    // A proxy may go by the one, and what stands here by the other.
    if [&HOST, &ORIGIN].into_iter().any(|name| request.headers().get_all(name).iter().count() > 1) {
        return Err(Answer::line(400, "a request has one host, and comes from one page"));
    }
    let host = text(request.headers(), &HOST);
    if !is_ours(came.far, host.as_deref(), takes) {
        return Err(Answer::line(421, "this is not the host that was asked for"));
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let sends = takes.forms && request.method() == Method::POST;
    if !reads && !sends {
        return Err(Answer::line(405, "only GET and HEAD are answered"));
    }
    let (parts, body) = request.into_parts();
    let named = takes.named_in.as_ref().map_or(Ok(None), |header| name(&parts.headers, header))?;
    let form = match reads {
        true => None,
        false => Some(form(&parts.headers, body).await?),
    };
    Ok(Asked {
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        form,
        host: host.unwrap_or_default(),
        origin: text(&parts.headers, &ORIGIN),
        cookies: text(&parts.headers, &COOKIE).unwrap_or_default(),
        forwarded: OF_PROXIES.iter().any(|name| parts.headers.contains_key(*name)),
        named,
        way: came.way,
    })
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?").to_owned())
}

/// Who asks, as this header says it once and in plain letters. What a proxy has added to what somebody else has sent is no
/// name.
fn name(headers: &HeaderMap, header: &HeaderName) -> Result<Option<String>, Answer> {
    let mut values = headers.get_all(header).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().map(str::trim).filter(|text| !text.is_empty() && text.len() <= LONGEST_NAME);
    match text {
        Some(text) if values.next().is_none() => Ok(Some(text.to_owned())),
        Some(_) | None => Err(Answer::line(400, "who asks is not said in one plain name")),
    }
}

async fn form(headers: &HeaderMap, body: Incoming) -> Result<String, Answer> {
    let kind = text(headers, &CONTENT_TYPE).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/x-www-form-urlencoded") {
        return Err(Answer::line(415, "only a form's fields are taken"));
    }
    let whole = Limited::new(body, FORM).collect().await.map_err(|_| Answer::line(413, "this form is too long"))?;
    String::from_utf8(whole.to_bytes().to_vec()).map_err(|_| Answer::line(400, "this is no form"))
}

fn response(answer: Answer) -> Response<Sent> {
    let mut response = Response::new(Sent::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(hyper::header::CONNECTION, HeaderValue::from_static("close"));
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::oneshot;

    use super::*;

    async fn asked(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn page(asked: Asked) -> Answer {
        match asked.path.as_str() {
            "/metrics" => Answer::line(200, "a 1"),
            "/who" => Answer::line(200, asked.named.as_deref().unwrap_or("nobody")),
            _ => Answer::line(404, "nothing"),
        }
    }

    fn with_listener<R>(act: impl AsyncFnOnce(SocketAddr) -> R) -> R {
        with_one_that(Takes::default(), act)
    }

    fn with_one_that<R>(takes: Takes, act: impl AsyncFnOnce(SocketAddr) -> R) -> R {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (end, ends) = oneshot::channel::<()>();
            let serving = tokio::spawn(serve(listener, takes, page, async move { drop(ends.await) }));
            let result = act(address).await;
            drop(end);
            serving.await.unwrap();
            result
        })
    }

    #[test]
    fn it_answers_reading_requests_that_mean_it() {
        with_listener(async |address| {
            let ask = async |line: &str, host: &str| {
                asked(address, &format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await
            };
            let found = ask("GET /metrics?x=1", "127.0.0.1:1").await;
            assert!(found.starts_with("HTTP/1.1 200 OK\r\n") && found.ends_with("\r\n\r\na 1\n"), "{found}");
            let head = ask("HEAD /metrics", "localhost").await;
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
            assert!(ask("GET /", "localhost").await.starts_with("HTTP/1.1 404 "));
            assert!(ask("POST /metrics", "localhost").await.starts_with("HTTP/1.1 405 "));
            assert!(ask("GET /metrics", "evil.example").await.starts_with("HTTP/1.1 421 "));
            for twice in ["localhost\r\nHost: evil.example", "localhost\r\nOrigin: http://a\r\nOrigin: http://b"] {
                assert!(ask("GET /metrics", twice).await.starts_with("HTTP/1.1 400 "), "{twice}");
            }
            assert!(asked(address, "nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
            let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(40_000));
            assert!(!asked(address, &long).await.starts_with("HTTP/1.1 200 "));
        });
    }

    #[test]
    fn who_asks_is_said_once_and_plainly_or_not_at_all() {
        let takes = Takes { named_in: Some(HeaderName::from_static("x-user")), ..Takes::default() };
        with_one_that(takes, async |address| {
            let ask = async |headers: &str| {
                asked(address, &format!("GET /who HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")).await
            };
            assert!(ask("").await.ends_with("nobody\n"));
            assert!(ask("X-User: alice@acme.example \r\n").await.ends_with("\r\n\r\nalice@acme.example\n"));
            let long = format!("X-User: {}\r\n", "a".repeat(LONGEST_NAME + 1));
            for wrong in ["X-User: mallory\r\nX-User: alice\r\n", "X-User:\r\n", "X-User: \u{e9}\r\n", &long] {
                assert!(ask(wrong).await.starts_with("HTTP/1.1 400 "), "{wrong}");
            }
        });
    }

    #[test]
    fn who_says_nothing_holds_nobody_up() {
        with_listener(async |address| {
            let mut silent = Vec::new();
            for _ in 0..MOST - 1 {
                silent.push(TcpStream::connect(address).await.unwrap());
            }
            let found = asked(address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            assert!(found.ends_with("a 1\n"), "{found}");
        });
    }
}
