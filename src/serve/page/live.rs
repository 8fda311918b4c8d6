//! What is new on the page, made once for all who listen: after somebody has written into the ledger, not by the clock.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Site;
use crate::clock;
use crate::error::Result;
use crate::ledger::FileWatch;
use crate::report::html::markup::{Html, tag};
use crate::web::Bytes;

/// So long after one look comes the next, at the soonest: ten runs write several times a second.
const BETWEEN: Duration = Duration::from_secs(2);

/// So many times as long as a look takes of a processor it rests, at least: on a large ledger, and while many runs are asked,
/// those who look on take no more than two thirds of a per cent of a core. A person waits no longer than this for news.
const REST_TIMES: u32 = 150;
const LATEST: Duration = Duration::from_secs(5);

/// Rates fall and deadlines come nearer while nobody writes: then it is looked again. It is no way to hear of news.
const OLD: Duration = Duration::from_secs(60);

/// Tells all who listen, for as long as there is a page. While nobody does, nothing is looked at.
pub(super) async fn tell(site: Arc<Site>, heard: io::Result<FileWatch>) {
    let news = heard.map(listen).unwrap_or_default();
    loop {
        if site.live.receiver_count() == 0 {
            site.came.notified().await;
        } else {
            tokio::select! {
                () = site.came.notified() => {}
                () = news.notified() => {}
                () = tokio::time::sleep(OLD) => {}
            }
        }
        let (begun, before) = (Instant::now(), clock::processor());
        site.live.send_replace(Some(event(&parts(&site).await)));
        tokio::time::sleep_until(begun + rest(clock::processor().saturating_sub(before))).await;
    }
}

/// How long after one look the next one is, at the soonest; it took so much of a processor.
fn rest(took: Duration) -> Duration {
    took.saturating_mul(REST_TIMES).clamp(BETWEEN, LATEST)
}

/// Hears of what is written, on a thread of its own. Where the user has no watch left nothing is heard: then the page is
/// brought up to date later.
fn listen(heard: FileWatch) -> Arc<Notify> {
    let news = Arc::new(Notify::new());
    let rings = Arc::clone(&news);
    std::thread::spawn(move || {
        while heard.wait().is_ok() {
            rings.notify_one();
        }
    });
    news
}

/// Each part by its place; where nothing can be looked at, why.
async fn parts(site: &Arc<Site>) -> BTreeMap<&'static str, Html> {
    let made: Result<_> = site.made().await;
    match made {
        Ok(made) => {
            let mut parts: BTreeMap<&'static str, Html> = made.parts.iter().cloned().collect();
            parts.insert("moment", made.moment);
            parts
        }
        Err(error) => [("alarms", tag("p").class("trouble").text(error.to_string()))].into_iter().collect(),
    }
}

/// As browsers read it: one line, whatever is in it.
fn event(parts: &BTreeMap<&'static str, Html>) -> Bytes {
    let parts: BTreeMap<_, _> = parts.iter().map(|(id, html)| (id, html.as_str())).collect();
    let json = serde_json::to_string(&parts).unwrap_or_default();
    Bytes::from(format!("event: parts\ndata: {json}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_takes_long_is_taken_more_seldom() {
        let millis = Duration::from_millis;
        for (took, rests) in [(0, 2_000), (13, 2_000), (20, 3_000), (30, 4_500), (100, 5_000), (u64::MAX, 5_000)] {
            assert_eq!(rest(millis(took)), millis(rests), "{took}");
        }
    }

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        let parts = [("sums", Html::text("two\nlines\r\ndata: x"))].into_iter().collect();
        let event = event(&parts);
        let text = std::str::from_utf8(&event).unwrap();
        assert_eq!(text.matches('\n').count(), 3, "{text}");
        assert!(text.starts_with("event: parts\ndata: {\"sums\":\"two\\nlines"), "{text}");
    }
}
