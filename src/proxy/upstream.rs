//! The way to the server that is meant: its address, and the connections to it that are kept.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::uri::{PathAndQuery, Uri};
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};

use crate::clock;
use crate::net::{Client, Line, NetError, Unanswered};

/// The body of a request: read whole, or passed on as it comes.
pub(super) type Sent = Either<Full<Bytes>, Incoming>;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(30);

/// How long a connection is kept unused: servers in Python close theirs after five seconds.
const KEPT: Duration = Duration::from_secs(4);

/// The server that is meant.
pub(super) struct Upstream {
    client: Arc<Client>,
    base: Uri,
    kept: Mutex<Vec<(Instant, Line<Sent>)>>,
}

/// Why there is no answer.
pub(super) enum Failure {
    /// Nothing was sent.
    Unsent(NetError),
    /// It may have been read, and answered.
    CutOff(NetError),
}

impl Upstream {
    pub(super) fn new(client: Arc<Client>, base: Uri) -> Self {
        Self { client, base, kept: Mutex::default() }
    }

    /// OpenAI's own API: whoever is asked there is paid by token.
    pub(super) fn is_openai(&self) -> bool {
        self.base.host().is_some_and(|host| host == "api.openai.com" || host.ends_with(".api.openai.com"))
    }

    /// The address of a path below the API's own, and of what is asked of it; what the server's address asks comes first.
    pub(super) fn address(&self, path: &str, query: Option<&str>) -> Option<Uri> {
        let queries: Vec<&str> =
            [self.base.query(), query].into_iter().flatten().filter(|query| !query.is_empty()).collect();
        let mut text = format!("{}{path}", self.base.path().trim_end_matches('/'));
        if !queries.is_empty() {
            text = format!("{text}?{}", queries.join("&"));
        }
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = Some(text.parse::<PathAndQuery>().ok()?);
        Uri::from_parts(parts).ok()
    }

    /// Sends a request; gives the answer's head, and the connection that its body comes by.
    pub(super) async fn send(&self, request: Request<Sent>) -> Result<(Response<Incoming>, Line<Sent>), Failure> {
        let uri = request.uri().clone();
        let mut request = request;
        while let Some(mut line) = self.kept_one() {
            match line.send(request).await {
                Ok(answer) => return Ok((answer, line)),
                Err(Unanswered::Unsent(back)) => request = *back,
                Err(Unanswered::Broke(error)) => return Err(Failure::CutOff(error)),
            }
        }
        let mut line = Line::dial(&self.client, &uri, CONNECT).await.map_err(Failure::Unsent)?;
        match line.send(request).await {
            Ok(answer) => Ok((answer, line)),
            Err(Unanswered::Unsent(_)) => {
                let source = std::io::ErrorKind::ConnectionReset.into();
                Err(Failure::Unsent(NetError::Connect { at: uri.host().unwrap_or_default().to_owned(), source }))
            }
            Err(Unanswered::Broke(error)) => Err(Failure::CutOff(error)),
        }
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn keep(&self, line: Line<Sent>) {
        self.all_kept().push((clock::monotonic(), line));
    }

    fn kept_one(&self) -> Option<Line<Sent>> {
        let now = clock::monotonic();
        let mut kept = self.all_kept();
        kept.retain(|(since, line)| now.saturating_duration_since(*since) < KEPT && line.is_ready());
        kept.pop().map(|(_, line)| line)
    }

    fn all_kept(&self) -> MutexGuard<'_, Vec<(Instant, Line<Sent>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_below_the_address_and_what_that_asks_is_kept() {
        for (base, path, query, is) in [
            ("https://api.openai.com/v1", "/responses", None, "https://api.openai.com/v1/responses"),
            ("https://api.openai.com/v1/", "/models", Some("a=1"), "https://api.openai.com/v1/models?a=1"),
            ("http://127.0.0.1:4000", "/responses", None, "http://127.0.0.1:4000/responses"),
            (
                "https://x.example/o?api-version=2",
                "/responses",
                Some("b=2"),
                "https://x.example/o/responses?api-version=2&b=2",
            ),
        ] {
            let upstream = Upstream::new(Arc::new(Client::new(|_| None)), base.parse().unwrap());
            assert_eq!(upstream.address(path, query).unwrap().to_string(), is, "{base}");
        }
        let of = |base: &str| Upstream::new(Arc::new(Client::new(|_| None)), base.parse().unwrap()).is_openai();
        assert!(of("https://api.openai.com/v1") && of("https://eu.api.openai.com/v1"));
        assert!(!of("https://api.openai.com.evil.example/v1") && !of("http://localhost/v1"));
    }
}
