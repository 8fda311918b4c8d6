//! Connections on which no HTTP is spoken: straight or through a proxy for all, in TLS from the start or later.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connect::{Stream, Target, secured, straight};
use super::{Client, NetError};

/// A server, as a policy names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Bytes to and from a server.
pub struct Wire(Stream);

impl Client {
    /// Connects. `HTTPS_PROXY` and `HTTP_PROXY` are for what their names say; `ALL_PROXY` is for this, too.
    ///
    /// # Errors
    ///
    /// There is no connection, or no TLS on it.
    pub async fn open(&self, server: &Server, tls: bool) -> Result<Wire, NetError> {
        let target = Target::server(&server.host, server.port, tls);
        let plain = straight(&target, &self.for_all, &self.roots).await?;
        Ok(Wire(secured(plain, &target, &self.roots).await?))
    }

    /// Goes on in TLS on a connection that was plain.
    ///
    /// # Errors
    ///
    /// There is no TLS with this server.
    pub async fn secure(&self, wire: Wire, server: &Server) -> Result<Wire, NetError> {
        let target = Target::server(&server.host, server.port, true);
        Ok(Wire(secured(wire.0, &target, &self.roots).await?))
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}
