//! The bodies of answers on their way to the client: each piece as it comes, when there is room for it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use tokio::sync::mpsc::UnboundedSender;

use super::messages::GatewayMessage;
use super::reader::Reader;
use super::ticket::{Background, Ticket, fetched};
use super::upstream::{Sent, Upstream};
use crate::net::Line;

/// What stands below an answer's head.
pub(super) enum Body {
    /// The gateway's own words.
    Own(Option<Bytes>),
    /// As the server sends it.
    Plain(Passing),
    /// The same, read on its way.
    Metered(Box<Metered>),
}

/// What comes from the server, and the connection that it comes by.
pub(super) struct Passing {
    inner: Incoming,
    line: Option<(Arc<Upstream>, Line<Sent>)>,
}

/// An answer that is read on its way.
pub(super) struct Metered {
    passing: Passing,
    reader: Reader,
    about: About,
    ended: bool,
}

/// Whose answer it is.
pub(super) enum About {
    /// A request's.
    Request(Ticket),
    /// A look at a response that was asked for before.
    Fetch(UnboundedSender<GatewayMessage>, Arc<Background>),
}

impl Passing {
    pub(super) fn new(inner: Incoming, upstream: &Arc<Upstream>, line: Line<Sent>) -> Self {
        Self { inner, line: Some((Arc::clone(upstream), line)) }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if frame.is_none()
            && let Some((upstream, line)) = self.line.take()
        {
            upstream.keep(line);
        }
        Poll::Ready(frame)
    }
}

impl Metered {
    pub(super) fn new(passing: Passing, reader: Reader, about: About) -> Self {
        Self { passing, reader, about, ended: false }
    }

    /// Nothing more comes, or nothing that says more.
    fn settle(&mut self) {
        match &mut self.about {
            About::Request(ticket) => ticket.settle(&self.reader),
            About::Fetch(news, background) => fetched(&self.reader, news, background),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            let passed = match ready!(self.passing.poll(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => self.reader.feed(&bytes),
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(error)) => {
                    self.ended = true;
                    self.settle();
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.ended = true;
                    let rest = self.reader.end();
                    self.settle();
                    rest
                }
            };
            // The run knows of it before its client does, who may ask for the next one at once.
            if self.reader.is_over() {
                self.settle();
            }
            if !passed.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from(passed)))));
            }
        }
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        if !self.ended {
            self.settle();
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            Self::Own(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Plain(passing) => passing.poll(context),
            Self::Metered(metered) => metered.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(text) => text.is_none(),
            Self::Plain(passing) => passing.inner.is_end_stream(),
            Self::Metered(metered) => metered.ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(text) => SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len) as u64),
            Self::Plain(passing) => passing.inner.size_hint(),
            Self::Metered(_) => SizeHint::default(),
        }
    }
}
