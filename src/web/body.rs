//! The bodies of answers: a text, or events for as long as somebody listens.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body as HttpBody, Bytes, Frame};
use tokio::sync::watch;

/// What stands below an answer's head.
#[derive(Clone, Debug)]
pub enum Body {
    /// All of it.
    Text(String),
    /// Server-sent events, each as it is sent: the latest at once, if there is one, and each that is newer. Who is slow
    /// is sent the latest, and what was in between never.
    Events(watch::Receiver<Option<Bytes>>),
}

/// A body on its way.
pub(super) enum Sent {
    Whole(Option<Bytes>),
    Events(Next),
}

/// The next event, and how to hear of those behind it.
type Next = Pin<Box<dyn Future<Output = Option<(Bytes, watch::Receiver<Option<Bytes>>)>> + Send>>;

fn next(mut events: watch::Receiver<Option<Bytes>>) -> Next {
    Box::pin(async move {
        loop {
            let event = events.borrow_and_update().clone();
            if let Some(event) = event {
                return Some((event, events));
            }
            events.changed().await.ok()?;
        }
    })
}

fn newer(mut events: watch::Receiver<Option<Bytes>>) -> Next {
    Box::pin(async move {
        events.changed().await.ok()?;
        next(events).await
    })
}

impl From<Body> for Sent {
    fn from(body: Body) -> Self {
        match body {
            Body::Text(text) => Self::Whole(Some(Bytes::from(text))),
            Body::Events(events) => Self::Events(next(events)),
        }
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Events(waits) => match waits.as_mut().poll(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Ready(Some((event, events))) => {
                    *waits = newer(events);
                    Poll::Ready(Some(Ok(Frame::data(event))))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Whole(text) => hyper::body::SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len) as u64),
            Self::Events(_) => hyper::body::SizeHint::default(),
        }
    }
}
