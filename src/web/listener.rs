//! Owns the connections of a listener: each has a few seconds, and none holds up another.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::host::is_ours;

/// All that one connection may take: a scrape's own patience is ten seconds.
const CONNECTION: Duration = Duration::from_secs(10);

/// How long what is under way has when the listener ends.
const AT_THE_END: Duration = Duration::from_secs(3);

/// Connections at once. Whoever comes beyond that is turned away, and comes again.
const MOST: usize = 64;

/// How long to wait where the system has no descriptor left for a connection.
const BREATH: Duration = Duration::from_millis(100);

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its path, without what follows a `?`.
    pub path: String,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status, such as 200.
    pub status: u16,
    /// The kind of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Answer {
    /// A line of text.
    pub fn line(status: u16, line: &str) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: format!("{line}\n") }
    }
}

/// Serves what can be read until `ends`, then lets what is under way come to its end.
pub async fn serve<F, A>(listener: TcpListener, answer: F, ends: impl Future<Output = ()>)
where
    F: Fn(Asked) -> A + Clone + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let Ok(listens) = listener.local_addr() else { return };
    let room = Arc::new(Semaphore::new(MOST));
    let mut open = JoinSet::new();
    tokio::pin!(ends);
    loop {
        tokio::select! {
            () = &mut ends => break,
            Some(_) = open.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if let Ok(place) = Arc::clone(&room).try_acquire_owned() {
                        let answer = answer.clone();
                        open.spawn(async move {
                            let _late = tokio::time::timeout(CONNECTION, connection(stream, listens, answer)).await;
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
    let _late = tokio::time::timeout(AT_THE_END, async { while open.join_next().await.is_some() {} }).await;
}

async fn connection<F, A>(stream: TcpStream, listens: SocketAddr, answer: F)
where
    F: Fn(Asked) -> A + Clone + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer.clone();
        async move { Ok::<_, Infallible>(respond(&request, listens, answer).await) }
    });
    // One request a connection: a scraper that is gone for a minute keeps nothing open.
    let http = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    let _broken_off = http.await;
}

async fn respond<F, A>(request: &Request<Incoming>, listens: SocketAddr, answer: F) -> Response<Full<Bytes>>
where
    F: Fn(Asked) -> A,
    A: Future<Output = Answer>,
{
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let answer = match request.method() {
        _ if !is_ours(listens, host) => Answer::line(421, "this is not the host that was asked for"),
        &Method::GET | &Method::HEAD => answer(Asked { path: request.uri().path().to_owned() }).await,
        _ => Answer::line(405, "only GET and HEAD are answered"),
    };
    let Answer { status, content_type, body } = answer;
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(hyper::header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
            _ => Answer::line(404, "nothing"),
        }
    }

    fn with_listener<R>(act: impl AsyncFnOnce(SocketAddr) -> R) -> R {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (end, ends) = oneshot::channel::<()>();
            let serving = tokio::spawn(serve(listener, page, async move { drop(ends.await) }));
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
            assert!(asked(address, "nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
            let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(40_000));
            assert!(!asked(address, &long).await.starts_with("HTTP/1.1 200 "));
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
