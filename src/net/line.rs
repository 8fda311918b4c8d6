//! A connection that is kept: one request after another goes over it.

use std::time::Duration;

use http::{HeaderValue, Request, Response, Uri};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::client::{addressed, in_time};
use super::connect::{Connected, Target, connect};
use super::{Client, NetError};

/// A connection to one server, for requests with bodies of this kind.
#[derive(Debug)]
pub struct Line<B> {
    sender: http1::SendRequest<B>,
    forwards: Option<Option<HeaderValue>>,
    at: String,
}

/// Why a request had no answer.
#[derive(Debug)]
pub enum Unanswered<B> {
    /// Nothing of it was sent: the server had closed a connection that was kept. It is given back.
    Unsent(Box<Request<B>>),
    /// It may have been read.
    Broke(NetError),
}

impl<B> Line<B>
where
    B: Body + Send + 'static,
{
    /// Connects to the server of an address.
    ///
    /// # Errors
    ///
    /// There is no connection, or not within this time.
    pub async fn dial(client: &Client, uri: &Uri, within: Duration) -> Result<Self, NetError>
    where
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let target = Target::of(uri)?;
        let at = target.at.clone();
        let dialled = async {
            let Connected { stream, forwards } = connect(uri, &target, &client.proxies, &client.roots).await?;
            let broke = |source| NetError::Http { at: at.clone(), source };
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broke)?;
            tokio::spawn(connection);
            Ok(Self { sender, forwards, at: at.clone() })
        };
        in_time(dialled, within, &at).await
    }

    /// The next request can be sent at once.
    pub fn is_ready(&self) -> bool {
        self.sender.is_ready() && !self.sender.is_closed()
    }

    /// Sends a request whose address is whole; gives the answer as soon as its head is there.
    ///
    /// # Errors
    ///
    /// There is none.
    pub async fn send(&mut self, request: Request<B>) -> Result<Response<Incoming>, Unanswered<B>> {
        let uri = request.uri().clone();
        let request = addressed(request, &uri, self.forwards.clone());
        self.sender.try_send_request(request).await.map_err(|mut error| match error.take_message() {
            Some(mut request) => {
                *request.uri_mut() = uri;
                Unanswered::Unsent(Box::new(request))
            }
            None => Unanswered::Broke(NetError::Http { at: self.at.clone(), source: error.into_error() }),
        })
    }
}
