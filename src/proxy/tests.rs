//! The gateway over real sockets: what reaches the server, and what comes back.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use super::gateway::{Gateway, Setup, Upstreams};
use super::messages::{GatewayMessage, Refused, RequestEnd, Verdict};
use crate::net::Client;

/// Reads one message with a body of known length.
fn message(stream: &mut TcpStream) -> Vec<u8> {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap() == 0 {
            return read;
        }
        read.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&read).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    read.extend(body);
    read
}

/// A server that answers each connection's first request with these bytes; tells what it was asked.
fn server(answer: &'static [u8]) -> (String, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/api", listener.local_addr().unwrap());
    let (heard, asked) = mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = heard.send(message(&mut stream));
            let _ = stream.write_all(answer);
        }
    });
    (base, asked)
}

fn gateway(upstream: &str, strict: bool) -> Gateway {
    let (client, holder) = (Client::new(|_| None), Arc::new(|_, _| Some(7)));
    let upstream: http::Uri = upstream.parse().unwrap();
    let upstreams = Upstreams { programs: upstream.clone(), codex: upstream.clone(), plan: upstream };
    Gateway::start(Setup { upstreams, client, holder, strict }).unwrap()
}

/// Sends a request as it is written, with the gateway's own address in the place of `HOST` and `PATH`; the whole answer.
fn asks(gateway: &Gateway, head: &str, body: &[u8]) -> JoinHandle<Vec<u8>> {
    let address = gateway.url().strip_prefix("http://").unwrap();
    let (host, path) = address.split_once('/').unwrap();
    let head = head.replace("HOST", host).replace("PATH", &format!("/{path}"));
    let request = [head.replace('\n', "\r\n").as_bytes(), b"\r\n\r\n", body].concat();
    let host = host.to_owned();
    std::thread::spawn(move || {
        let mut stream = TcpStream::connect(host).unwrap();
        stream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    })
}

/// Decides each request so; tells what was told until the client has its answer.
fn decides(gateway: &mut Gateway, verdict: &Verdict, client: JoinHandle<Vec<u8>>) -> (String, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut told = Vec::new();
        let mut client = tokio::task::spawn_blocking(move || client.join().unwrap());
        loop {
            tokio::select! {
                biased;
                news = gateway.next() => match news.unwrap() {
                    GatewayMessage::Asks(ask) => {
                        let model = ask.model.map_or_else(String::new, |model| model.to_string());
                        told.push(format!("asks {model} as {}", ask.agent.unwrap_or_default()));
                        let _ = ask.answer.send(verdict.clone());
                    }
                    GatewayMessage::Over { how: RequestEnd::Answered { tokens, estimated, .. }, .. } => {
                        told.push(format!("{} in, {} out, {estimated}", tokens.input, tokens.output));
                    }
                    GatewayMessage::Over { how, .. } => told.push(format!("{how:?}")),
                    GatewayMessage::Leaves(_) => told.push("leaves".to_owned()),
                    GatewayMessage::Says(what) => told.push(what),
                },
                answer = &mut client => return (String::from_utf8_lossy(&answer.unwrap()).into_owned(), told),
            }
        }
    })
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-turn: a\r\ncontent-length: 76\r\nconnection: close\r\n\r\n{\"id\":\"r\",\"status\":\"completed\",\"usage\":{\"input_tokens\":9,\"output_tokens\":3}}";

fn post(more: &str, body: &[u8]) -> String {
    let length = body.len();
    format!("POST PATH/responses?x=1 HTTP/1.1\nHost: HOST\nContent-Length: {length}\nConnection: close{more}")
}

#[test]
fn a_request_and_its_answer_pass_with_their_headers_and_the_run_is_asked_and_told() {
    let (base, asked) = server(ANSWER);
    let mut gateway = gateway(&base, false);
    let body = br#"{"model":"gpt-6-luna","input":"a"}"#;
    let more =
        "\nAuthorization: Bearer sk-x\nX-Own: 1\nx-govern-agent: planner\nAccept-Encoding: gzip\nExpect: 100-continue";
    let client = asks(&gateway, &post(more, body), body);
    let (answer, told) = decides(&mut gateway, &Verdict::Pass, client);
    let sent = String::from_utf8(asked.recv().unwrap()).unwrap();
    let host = base.strip_prefix("http://").unwrap().strip_suffix("/api").unwrap();
    for line in [
        "POST /api/responses?x=1 HTTP/1.1",
        "authorization: Bearer sk-x",
        "x-own: 1",
        "accept-encoding: identity",
        &format!("host: {host}"),
    ] {
        assert!(sent.lines().any(|sent| sent == line), "{line}: {sent}");
    }
    for name in ["x-govern-agent", "connection:", "expect:"] {
        assert!(!sent.contains(name), "{name}: {sent}");
    }
    assert!(sent.ends_with("\r\n\r\n{\"model\":\"gpt-6-luna\",\"input\":\"a\"}"), "{sent}");
    assert!(answer.contains("\r\nx-turn: a\r\n") && answer.contains("\"input_tokens\":9"), "{answer}");
    assert_eq!(told, ["asks gpt-6-luna as planner", "9 in, 3 out, false"]);
}

#[test]
fn what_the_run_refuses_is_not_sent_and_each_client_reads_it_in_its_own_way() {
    for (more, status, reads) in
        [("", "402", "\"type\":\"budget_exceeded\""), ("\noriginator: codex_exec", "400", "\r\n\r\nit is spent\n")]
    {
        let (base, asked) = server(ANSWER);
        let mut gateway = gateway(&base, false);
        let body = br#"{"model":"m"}"#;
        let client = asks(&gateway, &post(more, body), body);
        let why = Refused { message: "it is spent".to_owned(), rule: None };
        let (answer, told) = decides(&mut gateway, &Verdict::Refuse(why), client);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(reads), "{answer}");
        assert_eq!(told, ["asks m as "]);
        assert!(asked.try_recv().is_err(), "nothing was sent");
    }
}

#[test]
fn a_packed_body_is_read_and_passes_as_it_is() {
    let (base, asked) = server(ANSWER);
    let mut gateway = gateway(&base, false);
    let packed = zstd::stream::encode_all(&br#"{"model":"gpt-6.1-sol"}"#[..], 3).unwrap();
    let client = asks(&gateway, &post("\nContent-Encoding: zstd", &packed), &packed);
    let (_, told) = decides(&mut gateway, &Verdict::Pass, client);
    let sent = asked.recv().unwrap();
    assert!(sent.ends_with(&packed) && String::from_utf8_lossy(&sent).contains("content-encoding: zstd"));
    assert_eq!(told, ["asks gpt-6.1-sol as ", "9 in, 3 out, false"]);
}

#[test]
fn what_cannot_be_read_is_not_sent() {
    let (base, asked) = server(ANSWER);
    for (more, body, status) in [
        ("", &b"no json"[..], 400),
        ("", b"[]", 400),
        ("\nContent-Encoding: zstd", b"{\"model\":\"m\"}", 400),
        ("\nContent-Encoding: br", b"{\"model\":\"m\"}", 415),
        ("\nUpgrade: websocket", b"{\"model\":\"m\"}", 426),
    ] {
        let mut gateway = gateway(&base, false);
        let client = asks(&gateway, &post(more, body), body);
        let (answer, _) = decides(&mut gateway, &Verdict::Pass, client);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{more} {answer}");
    }
    assert!(asked.try_recv().is_err());
}

#[test]
fn a_redirect_is_passed_back_and_followed_by_nobody() {
    let (elsewhere, never) = server(ANSWER);
    let redirect = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {elsewhere}/x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let (base, asked) = server(Box::leak(redirect.into_bytes().into_boxed_slice()));
    let mut gateway = gateway(&base, false);
    let body = br#"{"model":"m"}"#;
    let client = asks(&gateway, &post("\nAuthorization: Bearer sk-x", body), body);
    let (answer, told) = decides(&mut gateway, &Verdict::Pass, client);
    assert!(answer.starts_with("HTTP/1.1 307 ") && answer.contains(&elsewhere), "{answer}");
    assert_eq!(told, ["asks m as ", "Failed"]);
    assert!(asked.recv().is_ok() && never.try_recv().is_err());
}

#[test]
fn what_is_not_metered_passes_and_is_said_or_under_a_limit_is_refused() {
    let (base, asked) = server(ANSWER);
    let head = "POST PATH/embeddings HTTP/1.1\nHost: HOST\nContent-Length: 2\nConnection: close";
    for (strict, status, says) in [(false, "200", 1), (true, "402", 0)] {
        let mut gateway = gateway(&base, strict);
        let client = asks(&gateway, head, b"{}");
        let (answer, told) = decides(&mut gateway, &Verdict::Pass, client);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(told.len(), says, "{told:?}");
    }
    assert!(asked.recv().is_ok() && asked.try_recv().is_err());
}

#[test]
fn a_server_that_hangs_up_is_a_502_and_the_request_was_perhaps_served() {
    let (base, _asked) = server(b"");
    let mut gateway = gateway(&base, false);
    let body = br#"{"model":"m"}"#;
    let client = asks(&gateway, &post("", body), body);
    let (answer, told) = decides(&mut gateway, &Verdict::Pass, client);
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("upstream_error"), "{answer}");
    assert_eq!(told, ["asks m as ", "4 in, 0 out, true"]);
}
