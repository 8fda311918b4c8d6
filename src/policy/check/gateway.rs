//! The `[gateway]` table: whether runs have a gateway, and where it leads.

use http::Uri;

use crate::policy::mistake::Notes;
use crate::policy::rule::Layer;
use crate::policy::table::{Keys, Placed, Table};
use crate::policy::url::{self, UrlError};

use super::Draft;

const KEYS: Keys = Keys { of: "`[gateway]`", known: &["mode", "upstream"], later: &[] };
const MODE: &str = "\"on\"";
const UPSTREAM: &str = "\"https://litellm.acme.example/v1\"";
const EXAMPLE: &str = "{ mode = \"on\" }";

/// `[gateway]`, as far as it is right.
#[derive(Debug, Default)]
pub(in crate::policy) struct GatewayDraft {
    /// `mode`, and where it stands.
    pub(in crate::policy) on: Option<Placed<bool>>,
    /// `upstream`.
    pub(in crate::policy) upstream: Option<Placed<Uri>>,
}

/// Reads what a machine's or a user's own policy says of gateways.
pub(super) fn check(root: &Table<'_>, draft: &mut Draft, notes: &mut Notes) {
    if super::is_closed("gateway", notes) {
        return;
    }
    let Some(table) = root.table("gateway", EXAMPLE, notes) else { return };
    let table = table.only(&KEYS, notes);
    let found = GatewayDraft { on: mode(&table, notes), upstream: upstream(&table, notes) };
    match notes.layer() {
        Layer::System | Layer::User => draft.gateway = Some(found),
        // It is told every key that passes: where it leads is for nobody to say who only names a file.
        Layer::Given | Layer::Repository | Layer::Fleet | Layer::Flags => notes.warn(
            &table.span,
            "`[gateway]` counts only in the machine's or your own policy: this file starts none and leads none elsewhere",
            "type `--gateway`, or put it into `govern/policy.toml` of your configuration folder",
        ),
    }
}

fn mode(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<bool>> {
    let text = table.text("mode", MODE, notes)?;
    let value = match text.value {
        "on" => true,
        "off" => false,
        other => {
            notes.refuse(&text.span, format!("`{other}` is no mode of a gateway"), "write `on` or `off`");
            return None;
        }
    };
    Some(Placed { value, span: text.span })
}

fn upstream(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<Uri>> {
    let text = table.text("upstream", UPSTREAM, notes)?;
    match url::web(text.value) {
        Ok(value) => Some(Placed { value, span: text.span }),
        Err(error) => {
            let hint = match error {
                UrlError::Credentials => "leave them out: each request brings its own key",
                UrlError::Plain | UrlError::Malformed | UrlError::Scheme => {
                    "write `https://HOST/v1`; `http://` only to `localhost`"
                }
            };
            notes.refuse(&text.span, format!("the address of the gateway's upstream {error}"), hint);
            None
        }
    }
}
