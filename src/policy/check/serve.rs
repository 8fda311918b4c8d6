//! The `[serve]` table: where the page is, and whom it takes an identity from.

use http::Uri;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderName, ORIGIN, REFERER,
    TRANSFER_ENCODING,
};

use crate::policy::mistake::Notes;
use crate::policy::rule::Layer;
use crate::policy::serve::{ListenAt, ListenError, Trust};
use crate::policy::table::{Keys, Placed, Table};
use crate::policy::url::{self, UrlError};

use super::Draft;

const KEYS: Keys = Keys { of: "`[serve]`", known: &["listen", "url", "trust_header", "proxy_user"], later: &[] };
const LISTEN: &str = "\"127.0.0.1:7411\"";
const SOCKET: &str = "\"unix:/run/govern/page.sock\"";
const URL: &str = "\"https://govern.acme.example\"";
const HEADER: &str = "\"X-Forwarded-User\"";
const USER: &str = "\"www-data\"";
const EXAMPLE: &str = "{ url = \"https://govern.acme.example\" }";

/// `[serve]`, as far as it is right.
#[derive(Debug, Default)]
pub(in crate::policy) struct ServeDraft {
    /// `listen`, and where it stands.
    pub(in crate::policy) listen: Option<Placed<ListenAt>>,
    /// `url`.
    pub(in crate::policy) url: Option<Placed<Uri>>,
    /// `trust_header` with `proxy_user`; its place is the header's.
    pub(in crate::policy) trust: Option<Placed<Trust>>,
}

/// Reads where the page is, of a machine's or a user's own policy.
pub(super) fn check(root: &Table<'_>, draft: &mut Draft, notes: &mut Notes) {
    if super::is_closed("serve", notes) {
        return;
    }
    let Some(table) = root.table("serve", EXAMPLE, notes) else { return };
    let table = table.only(&KEYS, notes);
    let found = ServeDraft { listen: listen(&table, notes), url: url_of(&table, notes), trust: trust(&table, notes) };
    match notes.layer() {
        Layer::System | Layer::User => draft.serve = Some(found),
        // One page shows all runs of an account, and it is none of theirs where it is.
        Layer::Given | Layer::Repository | Layer::Fleet | Layer::Flags => notes.warn(
            &table.span,
            "`[serve]` counts only in the machine's or your own policy: nothing is served by this file",
            "put it into `/etc/govern/policy.toml`, or into `govern/policy.toml` of your configuration folder",
        ),
    }
}

fn listen(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<ListenAt>> {
    let text = table.text("listen", LISTEN, notes)?;
    let wrong = |error: &ListenError| {
        let hint = match error {
            ListenError::Address => format!("write it in digits, such as {LISTEN}, or as {SOCKET}"),
            ListenError::Relative | ListenError::Long => format!("write it from the root on, such as {SOCKET}"),
        };
        notes.refuse(&text.span, format!("`{}` {error}", text.value), hint);
    };
    let value: ListenAt = text.value.parse().inspect_err(wrong).ok()?;
    let is_far = matches!(&value, ListenAt::Address(address) if !address.ip().to_canonical().is_loopback());
    if is_far && table.get("url").is_none() {
        let message =
            format!("`{}` is reached from other machines in plain text, and the key is sent so, too", text.value);
        let hint = format!("listen on {LISTEN} behind a proxy with TLS, and write its address as `url`");
        notes.warn(&text.span, message, hint);
    }
    Some(Placed { value, span: text.span })
}

fn url_of(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<Uri>> {
    let text = table.text("url", URL, notes)?;
    let uri = match url::web(text.value) {
        Ok(uri) if uri.path() == "/" && uri.query().is_none() => uri,
        Ok(_) => {
            let hint = format!("write scheme and host alone, such as {URL}");
            notes.refuse(&text.span, "the address of the page has a path", hint);
            return None;
        }
        Err(error) => {
            let hint = match error {
                UrlError::Credentials => "leave them out: whoever comes brings the key",
                UrlError::Plain | UrlError::Malformed | UrlError::Scheme => {
                    "write `https://HOST`; `http://` only to `localhost`"
                }
            };
            notes.refuse(&text.span, format!("the address of the page {error}"), hint);
            return None;
        }
    };
    Some(Placed { value: uri, span: text.span })
}

/// An identity counts from a user that the policy names, and where browsers say by which name they come: all that is
/// needed for it has to be there.
fn trust(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<Trust>> {
    let header = table.text("trust_header", HEADER, notes);
    let user = table.text("proxy_user", USER, notes);
    let (header, user) = match (header, user) {
        (None, None) => return None,
        (Some(header), Some(user)) => (header, user),
        (Some(header), None) => {
            if table.get("proxy_user").is_none() {
                let message = "`trust_header` does not say whom it is taken from";
                let hint = format!("add `proxy_user = {USER}`: the login that the proxy runs as");
                notes.refuse(&header.span, message, hint);
            }
            return None;
        }
        (None, Some(user)) => {
            if table.get("trust_header").is_none() {
                let message = "`proxy_user` does not say where the proxy names who asks";
                notes.refuse(&user.span, message, format!("add `trust_header = {HEADER}`"));
            }
            return None;
        }
    };
    if table.get("url").is_none() {
        let message = "whoever comes through the proxy comes by its name, and `[serve]` does not say it";
        notes.refuse(&header.span, message, format!("add `url = {URL}`: the address of the proxy"));
    }
    let is_address = table
        .get("listen")
        .and_then(|value| value.get_ref().as_str())
        .is_some_and(|text| matches!(text.parse(), Ok(ListenAt::Address(_))));
    if is_address {
        let message = "`trust_header` counts over a socket alone, and `listen` is an address";
        notes.warn(&header.span, message, format!("write `listen = {SOCKET}`, and let the proxy ask there"));
    }
    let proxy_user = super::name(&user, "proxy_user", notes);
    let Some(name) = a_header(header.value) else {
        let hint = format!("name the one in which the proxy says who has logged in, such as {HEADER}");
        notes.refuse(&header.span, format!("`{}` is no header for a name", header.value), hint);
        return None;
    };
    Some(Placed { value: Trust { header: name, proxy_user: proxy_user? }, span: header.span })
}

/// A header that says nothing else already.
fn a_header(text: &str) -> Option<HeaderName> {
    const TAKEN: [HeaderName; 9] =
        [HOST, ORIGIN, COOKIE, CONTENT_TYPE, CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING, AUTHORIZATION, REFERER];
    text.parse().ok().filter(|name| !TAKEN.contains(name))
}
