//! A connection: straight or through a proxy, plain or in TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::uri::{Authority, Scheme};
use http::{HeaderValue, Method, Request, Uri, header};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use super::{NetError, Roots};

/// Bytes to and from a server.
pub(super) enum Stream {
    /// As they are.
    Plain(TcpStream),
    /// In TLS; the proxy's own connection may be within.
    Tls(Box<TlsStream<Box<Stream>>>),
    /// Through a proxy that has connected.
    Tunnel(Box<TokioIo<hyper::upgrade::Upgraded>>),
}

/// A connection, and how a request is written on it.
pub(super) struct Connected {
    /// The bytes.
    pub(super) stream: Stream,
    /// A proxy reads the request itself, and wants the whole address, and perhaps to know who asks.
    pub(super) forwards: Option<Option<HeaderValue>>,
}

/// Where a request goes.
pub(super) struct Target<'u> {
    /// As messages name it: host and port.
    pub(super) at: String,
    host: &'u str,
    port: u16,
    tls: bool,
}

impl<'u> Target<'u> {
    /// The server that this address names.
    pub(super) fn of(uri: &'u Uri) -> Result<Self, NetError> {
        let no_server = || NetError::NoServer { at: uri.host().unwrap_or_default().to_owned() };
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(_) | None => return Err(no_server()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(no_server)?;
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { at: format!("{host}:{port}"), host, port, tls })
    }

    /// A server of any kind.
    pub(super) fn server(host: &'u str, port: u16, tls: bool) -> Self {
        let at = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Self { at, host, port, tls }
    }

    /// Without the brackets of an IPv6 address.
    fn bare_host(&self) -> &'u str {
        self.host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(self.host)
    }

    /// A name or address of this machine itself, which no proxy can reach for us.
    fn is_loopback(&self) -> bool {
        let host = self.bare_host();
        host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// Connects, as the environment's proxies want it.
pub(super) async fn connect(
    uri: &Uri,
    target: &Target<'_>,
    proxies: &Matcher,
    roots: &Roots,
) -> Result<Connected, NetError> {
    let proxy = if target.is_loopback() { None } else { proxies.intercept(uri) };
    let Some(proxy) = proxy else {
        let stream = Stream::Plain(dial(target.bare_host(), target.port, &target.at).await?);
        return Ok(Connected { stream: secured(stream, target, roots).await?, forwards: None });
    };
    let own = Target::of(proxy.uri()).map_err(|_| refused(&proxy, target, "only HTTP proxies are known"))?;
    let stream = Stream::Plain(dial(own.bare_host(), own.port, &own.at).await?);
    let stream = secured(stream, &own, roots).await?;
    if !target.tls {
        return Ok(Connected { stream, forwards: Some(proxy.basic_auth().cloned()) });
    }
    let tunnel = tunnel(stream, &proxy, target).await?;
    Ok(Connected { stream: secured(tunnel, target, roots).await?, forwards: None })
}

/// Connects for whatever is spoken there: to the server itself, or to where a proxy has connected.
pub(super) async fn straight(target: &Target<'_>, proxies: &Matcher, roots: &Roots) -> Result<Stream, NetError> {
    let uri: Option<Uri> = format!("https://{}/", target.at).parse().ok();
    let proxy = uri.filter(|_| !target.is_loopback()).and_then(|uri| proxies.intercept(&uri));
    let Some(proxy) = proxy else {
        return Ok(Stream::Plain(dial(target.bare_host(), target.port, &target.at).await?));
    };
    let own = Target::of(proxy.uri()).map_err(|_| refused(&proxy, target, "only HTTP proxies are known"))?;
    let stream = Stream::Plain(dial(own.bare_host(), own.port, &own.at).await?);
    tunnel(secured(stream, &own, roots).await?, &proxy, target).await
}

async fn dial(host: &str, port: u16, at: &str) -> Result<TcpStream, NetError> {
    let failed = |source| NetError::Connect { at: at.to_owned(), source };
    let stream = TcpStream::connect((host, port)).await.map_err(failed)?;
    // Requests are small and whole: nothing is won by waiting for more.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// In TLS, if the target wants it.
pub(super) async fn secured(stream: Stream, target: &Target<'_>, roots: &Roots) -> Result<Stream, NetError> {
    if !target.tls {
        return Ok(stream);
    }
    let failed = |source| NetError::Tls { at: target.at.clone(), source };
    let name = ServerName::try_from(target.bare_host().to_owned())
        .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
    let connector = TlsConnector::from(roots.config()?);
    Ok(Stream::Tls(Box::new(connector.connect(name, Box::new(stream)).await.map_err(failed)?)))
}

fn refused(proxy: &Intercept, target: &Target<'_>, why: impl Into<String>) -> NetError {
    let proxy = proxy.uri().authority().map(|authority| host_and_port(authority).to_owned()).unwrap_or_default();
    NetError::Proxy { proxy, at: target.at.clone(), why: why.into() }
}

/// Without who asks: that is nobody's business.
fn host_and_port(authority: &Authority) -> &str {
    authority.as_str().rsplit('@').next().unwrap_or_default()
}

/// Has the proxy connect.
async fn tunnel(stream: Stream, proxy: &Intercept, target: &Target<'_>) -> Result<Stream, NetError> {
    let at = target.at.as_str();
    let broke = |error: hyper::Error| refused(proxy, target, error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broke)?;
    tokio::spawn(connection.with_upgrades());
    let mut request = Request::builder().method(Method::CONNECT).uri(at).header(header::HOST, at);
    if let Some(auth) = proxy.basic_auth() {
        request = request.header(header::PROXY_AUTHORIZATION, auth);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| refused(proxy, target, error.to_string()))?;
    let response = sender.send_request(request).await.map_err(broke)?;
    if !response.status().is_success() {
        return Err(refused(proxy, target, format!("it answered {}", response.status())));
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(broke)?;
    Ok(Stream::Tunnel(Box::new(TokioIo::new(upgraded))))
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
            Self::Tunnel(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, buf),
            Self::Tunnel(stream) => Pin::new(stream.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
            Self::Tunnel(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
            Self::Tunnel(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}
