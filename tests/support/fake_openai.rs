//! Servers that tell what was used, on loopback: an organisation's costs, and what a Codex with a ChatGPT login asks of its
//! account. What they answer is the test's; what they were asked is kept.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One question as it came in.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// `GET` or `POST`.
    pub method: String,
    /// With its query.
    pub path: String,
    /// The header, where it came.
    pub authorization: String,
    /// What followed.
    pub body: String,
}

/// A status, more headers, and a body of JSON.
pub type Told = (u16, Vec<(&'static str, String)>, String);

type Answers = dyn Fn(&Asked) -> Told + Send + Sync;

/// A server that answers as the test says.
pub struct FakeOpenAi {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FakeOpenAi {
    /// One that answers each question so.
    pub fn start(answers: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (kept, answers): (_, Arc<Answers>) = (Arc::clone(&asked), Arc::new(answers));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, answers) = (Arc::clone(&kept), Arc::clone(&answers));
                // Who hangs up has no answer.
                std::thread::spawn(move || answer(stream, &kept, &*answers));
            }
        });
        Self { port, asked }
    }

    /// Where it is, with this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What it was asked on paths that hold this.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        lock(&self.asked).iter().filter(|asked| asked.path.contains(path)).cloned().collect()
    }
}

fn lock(asked: &Mutex<Vec<Asked>>) -> MutexGuard<'_, Vec<Asked>> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(stream: TcpStream, kept: &Mutex<Vec<Asked>>, answers: &Answers) -> std::io::Result<()> {
    let mut read = BufReader::new(stream.try_clone()?);
    let mut asked = Asked::default();
    let mut line = String::new();
    read.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    asked.method = words.next().unwrap_or_default();
    asked.path = words.next().unwrap_or_default();
    let mut length = 0;
    loop {
        line.clear();
        read.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "authorization" => asked.authorization = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    read.read_exact(&mut body)?;
    asked.body = String::from_utf8_lossy(&body).into_owned();
    lock(kept).push(asked.clone());
    let (status, headers, body) = answers(&asked);
    let mut head = format!("HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = stream;
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len())
}
