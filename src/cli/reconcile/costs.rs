//! The question to OpenAI's API: what an organisation was charged, by day of UTC.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{NaiveDate, NaiveTime};
use http::{StatusCode, Uri, header};

use super::Told;
use crate::bill::costs::{Next, Page, read};
use crate::cli::key_file::Key;
use crate::codex::redact;
use crate::error::{Error, Result};
use crate::ledger::reconciled::Observed;
use crate::model::{BillSubject, Timestamp};
use crate::net::{Client, Limits, NetError, Reply};
use crate::prepare::here::Here;
use crate::report::text::{count, printable};
use crate::usage::price::PriceTable;

/// Where the API is, if the policy does not say otherwise.
const API: &str = "https://api.openai.com/v1";

/// Days of a page: as many as the API gives.
const A_PAGE: u32 = 180;

/// No honest answer has more pages.
const MOST_PAGES: u32 = 50;

const LIMITS: Limits = Limits { within: Duration::from_secs(60), most: 16 * 1024 * 1024 };

/// Whole days of UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Days {
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

impl Days {
    /// From the day of this moment to yesterday: today is not charged yet.
    pub(super) fn of(since: Option<Timestamp>, now: Timestamp) -> Self {
        let midnight = |at: Timestamp| at.date_naive().and_time(NaiveTime::MIN).and_utc();
        let until = midnight(now);
        let since = since.map_or(until, midnight).min(until);
        Self { since, until }
    }

    fn all(self) -> BTreeSet<NaiveDate> {
        let first = self.since.date_naive();
        let days = first.iter_days().take_while(|day| *day < self.until.date_naive());
        days.collect()
    }
}

/// Who asks for what.
pub(super) struct CostsQuery<'a> {
    pub(super) key: &'a Key,
    /// Where the API is; `None`: OpenAI's.
    pub(super) api: Option<&'a Uri>,
    pub(super) projects: Vec<String>,
    pub(super) days: Days,
}

/// Asks page by page. What came before an error is good: each day is whole.
pub(super) fn ask(
    question: &CostsQuery<'_>,
    mut observed: BTreeMap<NaiveDate, Observed>,
    prices: &PriceTable,
    here: &Here<'_>,
) -> Result<Told> {
    let mut missing = question.days.all();
    let mut told = Told { asked: missing.len() as u64, ..Told::default() };
    if missing.is_empty() {
        told.problems.push("no day of UTC is over since then: the costs of a day are asked for when it is".to_owned());
        return Ok(told);
    }
    let (pages, problem) = pages(question, prices, here)?;
    for page in pages {
        told.problems.extend(page.problems);
        for (day, parts) in page.days {
            if !missing.remove(&day) {
                told.problems.push(format!("{day} was not asked for, or came twice: it is left out"));
                continue;
            }
            let observed = observed.remove(&day).unwrap_or_default();
            told.parts.push((BillSubject::Day { day, projects: question.projects.clone() }, observed, parts));
        }
    }
    told.problems.extend(problem);
    if let (Some(first), Some(last)) = (missing.first(), missing.last()) {
        let days = count(missing.len() as u64, "day", "days");
        told.problems.push(format!("nothing is known of {days}, from {first} to {last}"));
    }
    Ok(told)
}

/// All pages that come, and why no more did.
fn pages(question: &CostsQuery<'_>, prices: &PriceTable, here: &Here<'_>) -> Result<(Vec<Page>, Option<String>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::new("costs cannot be asked for").caused_by(&error))?;
    let client = Client::new(here.env);
    let (mut all, mut seen, mut next) = (Vec::new(), BTreeSet::new(), None);
    let mut problem = None;
    for _ in 0..MOST_PAGES {
        let address = address(question, next.as_deref());
        let reply = runtime.block_on(client.get(&address, Some(&question.key.bearer()), LIMITS));
        let page = reply.map_err(|error| no_answer(&error)).and_then(|reply| page(&reply, prices));
        let page = match page {
            Ok(page) => page,
            Err(why) => {
                problem = Some(format!("costs were not told: {why}"));
                break;
            }
        };
        next = match &page.next {
            Next::Nowhere => None,
            Next::Page(token) => Some(token.clone()),
            Next::Lost => {
                problem = Some("costs were told in part: the answer says that there is more, and not where".to_owned());
                None
            }
        };
        all.push(page);
        let Some(token) = &next else { break };
        if !seen.insert(token.clone()) {
            problem = Some("costs were told in part: the answer goes on with a page that has come already".to_owned());
            break;
        }
    }
    // A name that is still being looked up holds up nobody.
    runtime.shutdown_background();
    Ok((all, problem))
}

fn address(question: &CostsQuery<'_>, page: Option<&str>) -> String {
    let api = question.api.map_or_else(|| API.to_owned(), |api| api.to_string().trim_end_matches('/').to_owned());
    let Days { since, until } = question.days;
    let mut address = format!(
        "{api}/organization/costs?start_time={}&end_time={}&bucket_width=1d&limit={A_PAGE}&group_by=line_item",
        since.timestamp(),
        until.timestamp()
    );
    for project in &question.projects {
        address.push_str(&format!("&project_ids={}", encoded(project)));
    }
    if let Some(page) = page {
        address.push_str(&format!("&page={}", encoded(page)));
    }
    address
}

/// What a server calls its pages is its own: in an address it is written so that nothing of it means anything.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn no_answer(error: &NetError) -> String {
    error.hint().map_or_else(|| error.to_string(), |hint| format!("{error} ({hint})"))
}

fn page(reply: &Reply, prices: &PriceTable) -> std::result::Result<Page, String> {
    if reply.status.is_success() {
        return read(&reply.body, prices);
    }
    let said = match reply.status {
        StatusCode::UNAUTHORIZED => {
            "this key is not known there (401): is it the organisation's, and still good?".to_owned()
        }
        StatusCode::FORBIDDEN => {
            "this key may not see costs (403): an admin key of the organisation may, with the right to read usage"
                .to_owned()
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let after =
                reply.headers.get(header::RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse::<u64>().ok());
            match after {
                Some(seconds) => format!("asked too often (429): do it again in {seconds} s"),
                None => "asked too often (429): do it again later".to_owned(),
            }
        }
        status => format!("the answer is {status}"),
    };
    let message = serde_json::from_slice::<serde_json::Value>(&reply.body).ok();
    let message = message.as_ref().and_then(|body| body.get("error")?.get("message")?.as_str());
    let message = message.map(|text| printable(&redact(&text.chars().take(200).collect::<String>())));
    Err(message.map_or_else(|| said.clone(), |text| format!("{said}. It says: {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    use chrono::TimeDelta;

    #[test]
    fn days_are_those_of_utc_that_are_over() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-22T14:20:00Z");
        let days = Days::of(Some(at("2026-11-20T23:30:00Z")), now);
        assert_eq!(days.all().iter().map(ToString::to_string).collect::<Vec<_>>(), ["2026-11-20", "2026-11-21"]);
        assert!(Days::of(Some(at("2026-11-22T01:00:00Z")), now).all().is_empty());
        assert!(Days::of(Some(at("2027-01-01T00:00:00Z")), now).all().is_empty());
        assert_eq!(days.since + TimeDelta::days(2), days.until);
    }

    #[test]
    fn what_a_server_calls_its_pages_means_nothing_in_an_address() {
        assert_eq!(encoded("page_Az-9.~&x=1#é"), "page_Az-9.~%26x%3D1%23%C3%A9");
    }
}
