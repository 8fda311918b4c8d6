//! Who is let in, and what is answered.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Known, SCRIPT, Site, blocking, questions};
use crate::error::{Error, Result};
use crate::model::{Answerer, Visitor};
use crate::policy::url::is_loopback;
use crate::process;
use crate::report::html::{document::STYLE, door, run};
use crate::web::doors::{field, is_from_here};
use crate::web::header::{CONTENT_SECURITY_POLICY, HeaderName, LOCATION, REFERRER_POLICY, SET_COOKIE, X_FRAME_OPTIONS};
use crate::web::host::name_of;
use crate::web::{Answer, Asked, Body, Entry, Way};

/// Those who listen, at the most: others see the page as it was when they came.
const LISTEN: usize = 32;

const HTML: &str = "text/html; charset=utf-8";

/// All is the page's own: nothing is loaded from elsewhere, and nothing that a name might say is run.
const CONTENT: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                       form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const ICON: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><rect width='16' height='16' rx='3' \
                    fill='#1c5fa8'/><path d='M4 11.5h8M4 8h5M4 4.5h7' stroke='#fff' stroke-width='1.6'/></svg>";

/// What is said to whoever needs the key.
const KEY: &str = "This page is for the user who runs govern. From another account or another machine, bring the key that \
                   `govern serve` said at its start.";

/// What is said to whomever the proxy names and the policy does not.
const STRANGER: &str = "No `[[person]]` of the policy has your name at the proxy. Ask whoever runs govern to add it, or bring the \
                        key that `govern serve` said at its start.";

/// The answer to what is asked.
pub(super) async fn answer(site: Arc<Site>, asked: Asked) -> Answer {
    if let Some(open) = open(&site, &asked).await {
        return open;
    }
    if asked.form.is_some() && !is_from_here(&asked) {
        return guarded(Answer::line(403, "this form was sent from another page"));
    }
    let who = visitor(&site, &asked).await;
    let is_own = who == Visitor::Own && !asked.forwarded && names_this_machine(&asked.host);
    match who {
        Visitor::Agent => return guarded(Answer::line(403, "an agent is not shown this page")),
        Visitor::Hidden => {
            return guarded(Answer::line(403, "who asks cannot be seen whole, and an agent is not shown this page"));
        }
        // Whoever could name somebody here could be anybody.
        Visitor::Own | Visitor::Unknown | Visitor::Elsewhere if asked.named.is_some() => {
            return guarded(Answer::line(403, "who asks is taken from the proxy alone, over its socket"));
        }
        Visitor::Own | Visitor::Unknown | Visitor::Elsewhere | Visitor::Proxy => {}
    }
    let known = match known(&site, &asked).await {
        Ok(known) => known,
        Err(error) => return guarded(broken(&error)),
    };
    if let ("/enter", Some(form)) = (asked.path.as_str(), &asked.form) {
        return enter(&site, &asked, form);
    }
    // Whoever brings a question's own token needs no key, and sees nothing else.
    if let Some(id) = questions::of_path(&asked.path) {
        let answer = questions::answer(&site, id, &asked, known.as_ref()).await;
        return with_form(answer.unwrap_or_else(|error| broken(&error)));
    }
    if !is_own && known.is_none() && !site.doors.knows(&asked) {
        let why = if who == Visitor::Proxy && asked.named.is_some() { STRANGER } else { KEY };
        return with_form(Answer::new(403, HTML, door::key(why)));
    }
    if asked.form.is_some() {
        return guarded(Answer::line(405, "nothing is taken here"));
    }
    let found = match asked.path.as_str() {
        "/" => site.made().await.map(|made| Answer::new(200, HTML, &*made.page)),
        "/enter" => Ok(to_the_front()),
        "/events" => Ok(events(&site)),
        path => match path.strip_prefix("/runs/") {
            Some(id) => one_run(&site, id).await,
            None => Ok(Answer::new(404, HTML, door::told("There is nothing here."))),
        },
    };
    guarded(found.unwrap_or_else(|error| broken(&error)))
}

/// Who is at the other end.
async fn visitor(site: &Site, asked: &Asked) -> Visitor {
    let (way, proxy) = (asked.way.clone(), site.proxy.as_ref().map(|proxy| proxy.uid));
    let look = move || match way {
        Way::Tcp { ours, theirs } => process::visitor(ours, theirs),
        Way::Socket(peer) => process::visitor_of(peer.as_ref(), proxy),
    };
    blocking(move || Ok(look())).await.unwrap_or(Visitor::Unknown)
}

/// The person whom the proxy has named. To be asked of what comes from the proxy alone.
async fn known(site: &Site, asked: &Asked) -> Result<Option<Known>> {
    let Some(named) = asked.named.clone() else { return Ok(None) };
    let (who, look) = (Answerer::proxied(named), site.views.person);
    blocking(move || Ok(look(&who.identity)?.map(|name| Known { who, name }))).await
}

/// What says nothing about anybody.
async fn open(site: &Arc<Site>, asked: &Asked) -> Option<Answer> {
    if asked.form.is_some() {
        return None;
    }
    Some(guarded(match asked.path.as_str() {
        "/page.css" => Answer::new(200, "text/css; charset=utf-8", STYLE),
        SCRIPT => Answer::new(200, "text/javascript; charset=utf-8", include_str!("live.js")),
        "/icon.svg" => Answer::new(200, "image/svg+xml", ICON),
        "/healthz" => match blocking(site.views.health).await {
            Ok(()) => Answer::line(200, "ok"),
            Err(_) => Answer::line(503, "the ledger cannot be read"),
        },
        _ => return None,
    }))
}

/// The request came by an address of this machine alone. Where a proxy of this very user asks for others, it comes by
/// another name, or says so.
fn names_this_machine(host: &str) -> bool {
    is_loopback(name_of(host))
}

fn enter(site: &Site, asked: &Asked, form: &str) -> Answer {
    let key = field(form, "key").unwrap_or_default();
    match site.doors.enter(&key, address(&asked.way)) {
        Ok(Entry::In(pass)) => guarded(to_the_front().header(SET_COOKIE, pass)),
        Ok(Entry::Wrong) => with_form(Answer::new(403, HTML, door::key("That is not the key."))),
        Ok(Entry::TooMany) => guarded(Answer::line(429, "too many wrong keys: wait a minute")),
        Err(error) => guarded(broken(&Error::new("nobody can be let in").caused_by(&error))),
    }
}

/// The address that somebody comes from.
fn address(way: &Way) -> Option<IpAddr> {
    match way {
        Way::Tcp { theirs, .. } => Some(theirs.ip()),
        Way::Socket(_) => None,
    }
}

fn to_the_front() -> Answer {
    Answer::new(303, HTML, "").header(LOCATION, "/")
}

/// The stream of what is new, from the latest on.
fn events(site: &Site) -> Answer {
    if site.live.receiver_count() >= LISTEN {
        return Answer::line(503, "too many listen already");
    }
    // What was sent last before everybody had gone is old by now.
    if site.live.receiver_count() == 0 {
        site.live.send_replace(None);
    }
    let mut answer = Answer::new(200, "text/event-stream", "");
    answer.body = Body::Events(site.live.subscribe());
    site.came.notify_one();
    answer
}

async fn one_run(site: &Arc<Site>, id: &str) -> Result<Answer> {
    let (look, id) = (site.views.run, id.to_owned());
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let found = if is_id { blocking(move || look(&id)).await? } else { None };
    Ok(match found {
        Some(report) => Answer::new(200, HTML, run::page(&report, SCRIPT)),
        None => Answer::new(404, HTML, door::told("No run of this ledger is called so.")),
    })
}

fn broken(error: &Error) -> Answer {
    Answer::new(503, HTML, door::trouble(&error.to_string()))
}

/// With what a browser must be told. A form's own page says where it was sent from, and to itself only.
fn with_form(answer: Answer) -> Answer {
    headers(answer, "same-origin")
}

fn guarded(answer: Answer) -> Answer {
    headers(answer, "no-referrer")
}

fn headers(answer: Answer, referrer: &str) -> Answer {
    answer
        .header(CONTENT_SECURITY_POLICY, CONTENT)
        .header(X_FRAME_OPTIONS, "DENY")
        .header(REFERRER_POLICY, referrer)
        .header(HeaderName::from_static("cross-origin-opener-policy"), "same-origin")
        .header(HeaderName::from_static("cross-origin-resource-policy"), "same-origin")
}
