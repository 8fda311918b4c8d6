//! The answers to scrapes: made once for all who ask at the same time.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::gather;
use crate::cli::{here, to_stderr};
use crate::clock;
use crate::error::{Error, Result};
use crate::metrics::text::CONTENT_TYPE;
use crate::process::AskedToEnd;
use crate::web::{self, Answer, Asked, Takes};

/// So long an answer is as good as a new one: several who scrape cost no more than one.
const FRESH: Duration = Duration::from_secs(1);

/// Answers scrapes until it is asked to end.
pub(super) fn serve(address: SocketAddr, policy: Option<&Path>) -> impl AsyncFnOnce(AskedToEnd) -> Result<()> {
    let scrape = Arc::new(Scrape { policy: policy.map(Path::to_owned), state: Mutex::default() });
    async move |mut end: AskedToEnd| {
        let cannot = |error: &std::io::Error| Error::new(format!("{address} cannot be listened on")).caused_by(error);
        let listener = TcpListener::bind(address).await.map_err(|error| cannot(&error))?;
        let bound = listener.local_addr().map_err(|error| cannot(&error))?;
        if !bound.ip().is_loopback() {
            to_stderr(&format!(
                "warning: whoever reaches {bound} reads what teams, agents and budgets are called and spend\n"
            ));
        }
        to_stderr(&format!("metrics are at http://{bound}/metrics\n"));
        let answer = move |asked: Asked| answer(Arc::clone(&scrape), asked);
        web::serve(listener, Takes::default(), answer, end.wait()).await;
        Ok(())
    }
}

async fn answer(scrape: Arc<Scrape>, asked: Asked) -> Answer {
    match asked.path.as_str() {
        "/metrics" => scrape.answer().await,
        _ => Answer::line(404, "metrics are at /metrics"),
    }
}

struct Scrape {
    policy: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: Option<(Instant, Answer)>,
    /// What was said last to be wrong.
    said: Option<String>,
}

impl Scrape {
    async fn answer(&self) -> Answer {
        // One at a time makes it; who comes meanwhile waits, and takes the same.
        let mut state = self.state.lock().await;
        if let Some((at, answer)) = &state.last
            && clock::monotonic().saturating_duration_since(*at) < FRESH
        {
            return answer.clone();
        }
        let policy = self.policy.clone();
        let made = tokio::task::spawn_blocking(move || gather::lenient(&here()?, policy.as_deref())).await;
        let failed = || Err(Error::new("metrics could not be gathered"));
        let (answer, wrong) = match made.unwrap_or_else(|_| failed()) {
            Ok((body, mistake)) => (Answer::new(200, CONTENT_TYPE, body), mistake),
            Err(error) => (Answer::line(500, error.message()), Some(error.to_string())),
        };
        if let Some(wrong) = wrong.as_ref().filter(|wrong| state.said.as_ref() != Some(*wrong)) {
            to_stderr(&format!("{wrong}\n"));
        }
        *state = State { last: Some((clock::monotonic(), answer.clone())), said: wrong };
        answer
    }
}
