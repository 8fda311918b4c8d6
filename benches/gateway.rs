//! What the gateway costs: each request through it against the same one straight to its server, in pairs.
//!
//! This program is the server, and under `govern run --gateway` it is the client, too: the whole way counts, the run's
//! decision and its ledger included. Prints the time to the first byte of an answer, in microseconds.
//!
//! Run: `cargo bench --bench gateway`
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it measures time, starts processes, and fails by panicking"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// Where the server is, for the client.
const DIRECT: &str = "BENCH_DIRECT";
const PAIRS: usize = 500;
const BODY: &str = r#"{"model":"gpt-6-luna","input":"hello","stream":true}"#;
const EVENT: &str = "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"ID\",\"usage\":{\"input_tokens\":9,\"output_tokens\":3}}}\n\n";

fn main() {
    match std::env::var(DIRECT) {
        Ok(direct) => client(&direct),
        Err(_) => whole(),
    }
}

fn whole() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    let home = tempfile::tempdir().unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_govern"))
        .args(["run", "--quiet", "--gateway", "--budget", "50usd", "--"])
        .arg(std::env::current_exe().unwrap())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("GOVERN_HOME", home.path().join("govern"))
        .env("OPENAI_BASE_URL", &base)
        .env(DIRECT, &base)
        .current_dir(home.path())
        .status()
        .unwrap();
    assert!(run.success(), "{run}");
}

fn serve(stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    for number in 0_usize.. {
        if read_message(&mut reader).is_none() {
            return;
        }
        let port = writer.peer_addr().map_or(0, |address| address.port());
        let event = EVENT.replace("ID", &format!("resp_{port}_{number}"));
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: ";
        if write!(writer, "{head}{}\r\n\r\n{event}", event.len()).is_err() {
            return;
        }
    }
}

/// Reads one message of either side, whole; when its first byte came.
fn read_message(reader: &mut impl BufRead) -> Option<Instant> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let first = Instant::now();
    let (mut length, mut chunked) = (0, false);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        length = header.strip_prefix("content-length: ").map_or(length, |value| value.parse().unwrap());
        chunked |= header == "transfer-encoding: chunked";
    }
    while chunked {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
        reader.read_exact(&mut vec![0; size + 2]).ok()?;
        chunked = size > 0;
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    Some(first)
}

struct Way {
    reader: BufReader<TcpStream>,
    head: String,
}

impl Way {
    fn to(url: &str) -> Self {
        let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let stream = TcpStream::connect(host).unwrap();
        stream.set_nodelay(true).unwrap();
        let length = BODY.len();
        let head = format!("POST /{path}/responses HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{BODY}");
        Self { reader: BufReader::new(stream), head }
    }

    fn time(&mut self) -> Duration {
        let begun = Instant::now();
        self.reader.get_mut().write_all(self.head.as_bytes()).unwrap();
        read_message(&mut self.reader).unwrap() - begun
    }
}

fn client(direct: &str) {
    let (mut direct, mut gateway) = (Way::to(direct), Way::to(&std::env::var("OPENAI_BASE_URL").unwrap()));
    for _ in 0..20 {
        direct.time();
        gateway.time();
    }
    let pairs: Vec<(Duration, Duration)> = (0..PAIRS).map(|_| (direct.time(), gateway.time())).collect();
    let shown = |name: &str, mut times: Vec<Duration>| {
        times.sort();
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_micros();
        println!("{name:<10} p50 {:>6} µs   p99 {:>6} µs", at(50), at(99));
    };
    shown("direct", pairs.iter().map(|(direct, _)| *direct).collect());
    shown("gateway", pairs.iter().map(|(_, gateway)| *gateway).collect());
    shown("more", pairs.iter().map(|(direct, gateway)| gateway.saturating_sub(*direct)).collect());
}
