//! The gateway of a run: its listener, and the thread that it lives on, so that what passes waits for nobody's turn.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Uri;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use super::access::Token;
use super::exchange::{OF_CODEX, Shared, exchange};
use super::messages::GatewayMessage;
use super::ticket::Background;
use super::upstream::Upstream;
use crate::net::Client;

/// Connections at once; who comes beyond that waits.
const MOST: usize = 1024;

/// How long a client may take for a request's head, or leave a connection unused.
const HEAD: Duration = Duration::from_secs(60);

/// The largest head of a request.
const LARGEST_HEAD: usize = 256 * 1024;

/// How long to wait where the system has no descriptor left for a connection.
const BREATH: Duration = Duration::from_millis(50);

/// Tells which process of the run holds the other end of a connection, by our end and theirs; `None`: none of them does.
pub type Holder = Arc<dyn Fn(SocketAddr, SocketAddr) -> Option<i32> + Send + Sync>;

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstreams {
    /// Those of programs that read the environment.
    pub programs: Uri,
    /// Those of a Codex with an API key.
    pub codex: Uri,
    /// Those of a Codex that is logged in with a ChatGPT plan.
    pub plan: Uri,
}

/// What a gateway is started with.
pub struct Setup {
    /// Where requests go.
    pub upstreams: Upstreams,
    /// The way there.
    pub client: Client,
    /// Who may come in.
    pub holder: Holder,
    /// What cannot be metered is not sent.
    pub strict: bool,
}

/// A gateway that listens.
pub struct Gateway {
    url: String,
    codex_url: String,
    news: UnboundedReceiver<GatewayMessage>,
    end: Option<oneshot::Sender<()>>,
}

impl Gateway {
    /// Starts listening on loopback, on a thread of its own.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn start(setup: Setup) -> io::Result<Self> {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let ours = listener.local_addr()?;
        let (token, text) = Token::new()?;
        let (sender, news) = unbounded_channel();
        let (end, ends) = oneshot::channel();
        let client = Arc::new(setup.client);
        let shared = Arc::new(Shared {
            token,
            ours,
            programs: Arc::new(Upstream::new(Arc::clone(&client), setup.upstreams.programs)),
            codex: Arc::new(Upstream::new(Arc::clone(&client), setup.upstreams.codex)),
            plan: Arc::new(Upstream::new(client, setup.upstreams.plan)),
            news: sender,
            numbers: AtomicU64::new(0),
            background: Arc::new(Background::default()),
            strict: setup.strict,
            said: Mutex::new(BTreeSet::new()),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("gateway".to_owned()).spawn(move || {
            runtime.block_on(async {
                if let Ok(listener) = TcpListener::from_std(listener) {
                    serve(listener, shared, setup.holder, ends).await;
                }
            });
        })?;
        let (url, codex_url) = (format!("http://{ours}/{text}/v1"), format!("http://{ours}{OF_CODEX}"));
        Ok(Self { url, codex_url, news, end: Some(end) })
    }

    /// The address for whoever asks through it; it holds the token.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address for a Codex. It holds no token: Codex prints it with each error, and writes that down.
    pub fn codex_url(&self) -> &str {
        &self.codex_url
    }

    /// What happens next; `None` once it is closed and all of it is told.
    pub async fn next(&mut self) -> Option<GatewayMessage> {
        self.news.recv().await
    }

    /// What has happened already.
    pub fn happened(&mut self) -> Option<GatewayMessage> {
        self.news.try_recv().ok()
    }

    /// Ends it with all that is under way, each of which is told.
    pub fn close(&mut self) {
        self.end.take();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, holder: Holder, ends: oneshot::Receiver<()>) {
    let room = Arc::new(Semaphore::new(MOST));
    let mut open = JoinSet::new();
    tokio::pin!(ends);
    loop {
        let accepted = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, place)
        };
        tokio::select! {
            _ = &mut ends => break,
            Some(_) = open.join_next() => {}
            (accepted, place) = accepted => match accepted {
                Ok((stream, theirs)) => {
                    let (shared, holder) = (Arc::clone(&shared), Arc::clone(&holder));
                    open.spawn(async move {
                        connection(stream, theirs, shared, holder).await;
                        drop(place);
                    });
                }
                Err(_) => tokio::time::sleep(BREATH).await,
            },
        }
    }
}

async fn connection(stream: TcpStream, theirs: SocketAddr, shared: Arc<Shared>, holder: Holder) {
    let Ok(ours) = stream.local_addr() else { return };
    let _sooner = stream.set_nodelay(true);
    // The walk through the run's processes keeps nobody else waiting.
    let pid = tokio::task::spawn_blocking(move || holder(ours, theirs)).await.unwrap_or_default();
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(exchange(shared, pid, request).await) }
    });
    let http = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let _broken_off = http.await;
}
