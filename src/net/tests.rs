//! Servers on loopback: what the client makes of each, whatever they do.

use std::collections::HashMap;
use std::ffi::OsString;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{Client, Limits, NetError, Reply};

const LIMITS: Limits = Limits { within: Duration::from_secs(20), most: 1_000 };

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What was asked, head and body, in order.
type Asked = Arc<Mutex<Vec<String>>>;

fn client(env: &[(&str, &str)]) -> Client {
    let env: HashMap<String, OsString> =
        env.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
    Client::new(move |name| env.get(name).cloned())
}

async fn post(client: &Client, url: &str, limits: Limits) -> Result<Reply, NetError> {
    let request = Request::post(url).header("content-length", "5").body(Full::new(Bytes::from("hello"))).unwrap();
    client.send(request, limits).await
}

/// Head and, where its length is said, body.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4_096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            body.len() >= length.map_or(0, |length| length.parse().unwrap())
        });
        if whole || read == 0 {
            return text;
        }
    }
}

async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), answer: &str, asked: &Asked) {
    let request = read_request(stream).await;
    asked.lock().unwrap().push(request);
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// A server that answers everything with this; its port.
async fn plain(text: &'static str) -> (u16, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, asked) = (listener.local_addr().unwrap().port(), Asked::default());
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            answer(&mut stream, text, &seen).await;
        }
    });
    (port, asked)
}

/// TLS with a certificate for `localhost`; its authority as PEM.
fn acceptor() -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem())
}

/// The same in TLS; its authority as PEM.
async fn secure(text: &'static str) -> (u16, Asked, String) {
    let (acceptor, pem) = acceptor();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, asked) = (listener.local_addr().unwrap().port(), Asked::default());
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                answer(&mut stream, text, &seen).await;
            }
        }
    });
    (port, asked, pem)
}

/// A proxy that connects wherever it is told, but always to this port; what it was asked.
async fn proxy(to: u16) -> (u16, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, asked) = (listener.local_addr().unwrap().port(), Asked::default());
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let request = read_request(&mut stream).await;
            let connects = request.starts_with("CONNECT ");
            seen.lock().unwrap().push(request);
            if !connects {
                let _ = stream.write_all(OK.as_bytes()).await;
                continue;
            }
            let mut server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut server).await });
        }
    });
    (port, asked)
}

/// A server that speaks first, and no TLS; its port.
async fn greeting() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
            read_request(&mut stream).await;
        }
    });
    port
}

fn written(pem: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    file
}

#[tokio::test]
async fn a_request_goes_out_whole_and_its_answer_comes_back_whole() {
    let (port, asked) = plain("HTTP/1.1 429 Slow down\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\nno").await;
    let reply = post(&client(&[]), &format!("http://127.0.0.1:{port}/a/b?c=d"), LIMITS).await.unwrap();
    assert_eq!((reply.status, reply.body.as_ref()), (StatusCode::TOO_MANY_REQUESTS, b"no".as_slice()));
    assert_eq!(reply.headers["retry-after"], "7");
    let asked = asked.lock().unwrap().clone();
    assert!(asked[0].starts_with("POST /a/b?c=d HTTP/1.1\r\n"), "{asked:?}");
    assert!(asked[0].contains(&format!("host: 127.0.0.1:{port}\r\n")), "{asked:?}");
    assert!(asked[0].ends_with("\r\n\r\nhello"), "{asked:?}");
}

#[tokio::test]
async fn an_answer_without_end_or_beginning_is_given_up() {
    let (port, _) = plain("HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n").await;
    let most = Limits { most: 10, ..LIMITS };
    let url = format!("http://localhost:{port}/");
    let error = post(&client(&[]), &url, most).await.unwrap_err();
    assert!(matches!(error, NetError::TooLarge { most: 10, .. } | NetError::Http { .. }), "{error}");
    let large: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n{}", "x".repeat(2_000)).into_boxed_str());
    let (port, _) = plain(large).await;
    let error = post(&client(&[]), &format!("http://localhost:{port}/"), most).await.unwrap_err();
    assert_eq!(error.to_string(), format!("localhost:{port} sent more than 10 bytes"));

    // The kernel takes the connection, and nobody ever accepts it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let limits = Limits { within: Duration::from_millis(50), ..LIMITS };
    let error = post(&client(&[]), &format!("http://127.0.0.1:{port}/secret"), limits).await.unwrap_err();
    assert!(matches!(error, NetError::Late { .. }), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn an_answer_can_be_read_as_it_comes() {
    let (port, _) =
        plain("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n").await;
    let request = Request::get(format!("http://localhost:{port}")).body(Full::<Bytes>::default()).unwrap();
    let mut body = client(&[]).stream(request, LIMITS.within).await.unwrap().into_body();
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        read.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    assert_eq!(read, b"onetwo");
}

#[tokio::test]
async fn tls_trusts_whom_the_environment_names_and_nobody_else() {
    let (port, asked, pem) = secure(OK).await;
    let file = written(&pem);
    let trusting = client(&[("SSL_CERT_FILE", file.path().to_str().unwrap())]);
    let reply = post(&trusting, &format!("https://localhost:{port}/"), LIMITS).await.unwrap();
    assert_eq!(reply.body.as_ref(), b"ok");
    // The right authority, another name.
    let error = post(&trusting, &format!("https://127.0.0.1:{port}/"), LIMITS).await.unwrap_err();
    assert!(matches!(error, NetError::Tls { .. }), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("another name")), "{error}");
    // Another authority.
    let (_, _, other) = secure(OK).await;
    let other = written(&other);
    let strange = client(&[("SSL_CERT_FILE", other.path().to_str().unwrap())]);
    let error = post(&strange, &format!("https://localhost:{port}/"), LIMITS).await.unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("SSL_CERT_FILE")), "{error}");
    // None at all.
    let empty = written("");
    let nobody = client(&[("SSL_CERT_FILE", empty.path().to_str().unwrap())]);
    let error = post(&nobody, &format!("https://localhost:{port}/"), LIMITS).await.unwrap_err();
    assert!(matches!(error, NetError::NoRoots { .. }), "{error}");
    // Plain where TLS is spoken.
    let port = greeting().await;
    let error = post(&trusting, &format!("https://localhost:{port}/"), LIMITS).await.unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("does not speak TLS")), "{error}");
    assert_eq!(asked.lock().unwrap().len(), 1, "nobody else was told anything");
}

#[tokio::test]
async fn proxies_of_the_environment_are_obeyed() {
    let (server, asked, pem) = secure(OK).await;
    let file = written(&pem);
    let (port, told) = proxy(server).await;
    let proxy_url = format!("http://user:pass@localhost:{port}");
    let trust = ("SSL_CERT_FILE", file.path().to_str().unwrap());
    let through =
        client(&[trust, ("HTTPS_PROXY", &proxy_url), ("http_proxy", &proxy_url), ("NO_PROXY", ".inside.test")]);

    // The proxy connects, and TLS is with the server, not with it: the name is what it holds against this one.
    let error = post(&through, "https://far.example:8443/secret", LIMITS).await.unwrap_err();
    assert!(matches!(error, NetError::Tls { .. }), "{error}");
    let first = told.lock().unwrap()[0].clone();
    assert!(first.starts_with("CONNECT far.example:8443 HTTP/1.1\r\n"), "{first}");
    assert!(first.contains("proxy-authorization: Basic dXNlcjpwYXNz\r\n"), "{first}");
    assert!(!first.contains("secret"), "{first}");

    // What is plain is forwarded, with its whole address.
    post(&through, "http://far.example/path", LIMITS).await.unwrap();
    assert!(told.lock().unwrap()[1].starts_with("POST http://far.example/path HTTP/1.1\r\n"));

    // Loopback needs none, and what NO_PROXY names has none: there is no such host.
    post(&through, &format!("https://localhost:{server}/"), LIMITS).await.unwrap();
    assert_eq!(asked.lock().unwrap().len(), 1);
    let error = post(&through, "https://host.inside.test/", LIMITS).await.unwrap_err();
    assert!(matches!(error, NetError::Connect { .. }), "{error}");
    assert_eq!(told.lock().unwrap().len(), 2, "the proxy was asked no more");

    let (port, _) = plain("HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n").await;
    let refused = client(&[trust, ("HTTPS_PROXY", &format!("http://me:word@127.0.0.1:{port}"))]);
    let error = post(&refused, "https://far.example/", LIMITS).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("407") && text.contains("far.example:443") && !text.contains("word"), "{text}");
}

#[tokio::test]
async fn what_is_no_address_of_http_is_told() {
    for url in ["ftp://host/", "/path", "host:443"] {
        let error = post(&client(&[]), url, LIMITS).await.unwrap_err();
        assert!(matches!(error, NetError::NoServer { .. }), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_websocket_goes_the_way_of_requests_and_its_end_is_told() {
    let (acceptor, pem) = acceptor();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { continue };
            socket.send("hello".into()).await.unwrap();
            let said = socket.next().await.unwrap().unwrap();
            socket.send(said).await.unwrap();
            socket.close(None).await.unwrap();
        }
    });
    let file = written(&pem);
    let trusting = client(&[("SSL_CERT_FILE", file.path().to_str().unwrap())]);
    let url = format!("wss://localhost:{port}/link/?ticket=secret").parse().unwrap();
    let mut socket = trusting.websocket(&url, LIMITS.within).await.unwrap();
    assert_eq!(socket.next().await.unwrap().as_deref(), Some("hello"));
    socket.say("back".to_owned()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().as_deref(), Some("back"));
    assert_eq!(socket.next().await.unwrap(), None);

    let strange = client(&[("SSL_CERT_FILE", written("").path().to_str().unwrap())]);
    assert!(matches!(strange.websocket(&url, LIMITS.within).await, Err(NetError::NoRoots { .. })));
    let (port, _) = plain("HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n").await;
    let url = format!("ws://127.0.0.1:{port}/link/?ticket=secret").parse().unwrap();
    let error = client(&[]).websocket(&url, LIMITS.within).await.unwrap_err().to_string();
    assert!(error.contains("403") && !error.contains("secret"), "{error}");
    let far = "ws://far.example/".parse().unwrap();
    assert!(matches!(client(&[]).websocket(&far, LIMITS.within).await, Err(NetError::NoServer { .. })));
}
