//! The page: what runs, waits and was spent, for whoever of this account looks at it with a browser.

mod answers;
mod live;
pub mod questions;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Notify, watch};

use crate::clock;
use crate::error::{Error, Result};
use crate::ledger::FileWatch;
use crate::model::{Answerer, ApprovalId, Identity};
use crate::report::RunReport;
use crate::report::html::front::{self, Front, Placed};
use crate::report::html::markup::Html;
use crate::web::header::HeaderName;
use crate::web::{self, Bytes, Doors, Listener, Takes};

use questions::{Came, FormAnswer, Found, Guesses, Right};

/// The script that keeps it up to date.
const SCRIPT: &str = "/live.js";

/// So long a look is as good as a new one: several who look at the same time cost no more than one.
const FRESH: Duration = Duration::from_secs(1);

/// What can be looked at. Each is made anew, and may take its time.
pub struct Views {
    /// The account as it is.
    pub front: fn() -> Result<Front>,
    /// A run, by its id or the beginning of it; `None`: there is none.
    pub run: fn(&str) -> Result<Option<RunReport>>,
    /// The ledger can be read.
    pub health: fn() -> Result<()>,
    /// A question, for whoever has this right to it.
    pub question: fn(ApprovalId, &Right) -> Result<Found>,
    /// The person of the policy whom the proxy before the page calls so, by name; `None`: there is none.
    pub person: fn(&Identity) -> Result<Option<String>>,
    /// Takes an answer.
    pub answer: fn(FormAnswer) -> Result<Came>,
}

/// The page, as it is served.
struct Site {
    views: Views,
    /// The proxy that says who asks.
    proxy: Option<Proxy>,
    doors: Doors,
    /// Wrong tokens that were shown.
    guesses: Guesses,
    /// What was made last, and when.
    made: Mutex<Option<(Instant, Made)>>,
    /// What is sent to all who listen.
    live: watch::Sender<Option<Bytes>>,
    /// Somebody has come to listen.
    came: Notify,
}

/// One look, ready to be sent: as a page, and as the parts of it.
#[derive(Clone)]
struct Made {
    page: Arc<str>,
    parts: Arc<[Placed]>,
    moment: Html,
}

/// Where it is reached beside its own address: the name that the policy gives it.
#[derive(Clone, Debug, Default)]
pub struct Public {
    /// The host, such as `govern.acme.example`.
    pub host: Option<String>,
    /// By TLS.
    pub secure: bool,
}

/// A reverse proxy that is trusted to say who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// The header in which it does.
    pub header: HeaderName,
    /// The number of the user that it runs as: nobody else is believed.
    pub uid: u32,
}

/// A page that is about to be served.
pub struct Opened {
    site: Arc<Site>,
    listener: Listener,
    names: Vec<String>,
}

impl Opened {
    /// Opens its doors; nobody is answered yet.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub fn new(listener: Listener, public: &Public, proxy: Option<Proxy>, views: Views) -> io::Result<Self> {
        let site = Site {
            views,
            proxy,
            doors: Doors::new(public.secure)?,
            guesses: Guesses::default(),
            made: Mutex::default(),
            live: watch::Sender::new(None),
            came: Notify::new(),
        };
        Ok(Self { site: Arc::new(site), listener, names: public.host.iter().cloned().collect() })
    }

    /// What opens it to whoever is not this user on this machine.
    pub fn key(&self) -> &str {
        self.site.doors.key()
    }

    /// Answers whoever asks, and tells all who listen what is new.
    pub async fn serve(self, heard: io::Result<FileWatch>) {
        let named_in = self.site.proxy.as_ref().map(|proxy| proxy.header.clone());
        let takes = Takes { forms: true, names: self.names, named_in };
        let site = Arc::clone(&self.site);
        let answer = move |asked| answers::answer(Arc::clone(&site), asked);
        tokio::join!(web::serve(self.listener, takes, answer, std::future::pending()), live::tell(self.site, heard));
    }
}

impl Site {
    /// The front page as it is now, or was a moment ago.
    async fn made(self: &Arc<Self>) -> Result<Made> {
        // One at a time makes it; who comes meanwhile waits, and takes the same.
        let mut made = self.made.lock().await;
        if let Some((at, made)) = &*made
            && clock::monotonic().saturating_duration_since(*at) < FRESH
        {
            return Ok(made.clone());
        }
        let look = self.views.front;
        let mut front = blocking(look).await?;
        front.answers = self.proxy.is_some();
        let parts = front.parts().into();
        let fresh = Made { page: front::page(&front, SCRIPT).into(), parts, moment: front.moment() };
        *made = Some((clock::monotonic(), fresh.clone()));
        Ok(fresh)
    }
}

/// Somebody whom the proxy has named, and whom the policy knows.
#[derive(Clone, Debug)]
struct Known {
    /// As the door proves it.
    who: Answerer,
    /// What the policy calls the person.
    name: String,
}

/// What takes its time holds up nobody else.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let gone = |_| Err(Error::new("the page could not be made"));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(gone)
}
