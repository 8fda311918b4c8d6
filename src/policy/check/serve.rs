//! Pure. The `[serve]` table: where the page is.

use core::net::SocketAddr;

use http::Uri;

use crate::policy::mistake::Notes;
use crate::policy::rule::Layer;
use crate::policy::table::{Keys, Placed, Table};
use crate::policy::url::{self, UrlError};

use super::Draft;

const KEYS: Keys = Keys { of: "`[serve]`", known: &["listen", "url"], later: &["trust_header", "proxy_user"] };
const LISTEN: &str = "\"127.0.0.1:7411\"";
const URL: &str = "\"https://govern.acme.example\"";
const EXAMPLE: &str = "{ url = \"https://govern.acme.example\" }";

/// `[serve]`, as far as it is right.
#[derive(Debug, Default)]
pub(in crate::policy) struct ServeDraft {
    /// `listen`, and where it stands.
    pub(in crate::policy) listen: Option<Placed<SocketAddr>>,
    /// `url`.
    pub(in crate::policy) url: Option<Placed<Uri>>,
}

/// Reads where the page is, of a machine's or a user's own policy.
pub(super) fn check(root: &Table<'_>, draft: &mut Draft, notes: &mut Notes) {
    if super::is_closed("serve", notes) {
        return;
    }
    let Some(table) = root.table("serve", EXAMPLE, notes) else { return };
    let table = table.only(&KEYS, notes);
    let found = ServeDraft { listen: listen(&table, notes), url: url_of(&table, notes) };
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

fn listen(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<SocketAddr>> {
    let text = table.text("listen", LISTEN, notes)?;
    let wrong = |_: &core::net::AddrParseError| {
        let message = format!("`{}` is no address with a port", text.value);
        notes.refuse(&text.span, message, format!("write it in digits, such as {LISTEN}"));
    };
    let value: SocketAddr = text.value.parse().inspect_err(wrong).ok()?;
    if !value.ip().to_canonical().is_loopback() && table.get("url").is_none() {
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
