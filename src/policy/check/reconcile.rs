//! The `[reconcile]` table: where an organisation's costs are asked for, and the file of the key to them.

use std::path::PathBuf;

use http::Uri;

use crate::policy::mistake::Notes;
use crate::policy::notify::SecretSource;
use crate::policy::reconcile::is_project;
use crate::policy::rule::Layer;
use crate::policy::table::{Keys, Placed, Table};
use crate::policy::url::{self, UrlError};

use super::Draft;
use super::secret::secret;

const KEYS: Keys = Keys { of: "`[reconcile]`", known: &["admin_key", "api", "projects"], later: &[] };
const API: &str = "\"https://api.openai.com/v1\"";
const PROJECTS: &str = "[\"proj_abc\"]";
const EXAMPLE: &str = "{ admin_key = { file = \"/home/alice/.config/govern/admin-key\" } }";

/// `[reconcile]`, as far as it is right.
#[derive(Debug, Default)]
pub(in crate::policy) struct ReconcileDraft {
    /// `admin_key`, and where it stands.
    pub(in crate::policy) admin_key: Option<Placed<PathBuf>>,
    /// `api`.
    pub(in crate::policy) api: Option<Placed<Uri>>,
    /// `projects`.
    pub(in crate::policy) projects: Option<Placed<Vec<String>>>,
}

/// Reads what a machine's or a user's own policy says of it.
pub(super) fn check(root: &Table<'_>, draft: &mut Draft, notes: &mut Notes) {
    if super::is_closed("reconcile", notes) {
        return;
    }
    let Some(table) = root.table("reconcile", EXAMPLE, notes) else { return };
    let table = table.only(&KEYS, notes);
    let found = ReconcileDraft {
        admin_key: admin_key(&table, notes),
        api: api(&table, notes),
        projects: projects(&table, notes),
    };
    match notes.layer() {
        Layer::System | Layer::User => draft.reconcile = Some(found),
        // Whoever can name a file could have the key sent elsewhere.
        Layer::Given | Layer::Repository | Layer::Fleet | Layer::Flags => notes.warn(
            &table.span,
            "`[reconcile]` counts only in the machine's or your own policy: nothing is asked by this file",
            "put it into `/etc/govern/policy.toml`, or into `govern/policy.toml` of your configuration folder",
        ),
    }
}

/// Every agent has its user's environment, so that no admin key belongs there.
fn admin_key(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<PathBuf>> {
    let span = table.get("admin_key")?.span();
    match secret(table, "`[reconcile]`", "admin_key", "OPENAI_ADMIN_KEY", notes)? {
        SecretSource::File(value) => Some(Placed { value, span }),
        SecretSource::Env(_) => {
            notes.refuse(
                &span,
                "an admin key in the environment is in every agent's reach",
                "keep it in a file that only you may read: `admin_key = { file = \"/path\" }`",
            );
            None
        }
    }
}

/// They become part of an address.
fn projects(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<Vec<String>>> {
    let texts = table.texts("projects", PROJECTS, notes)?;
    let wrong = texts.value.iter().find(|text| !is_project(text.value));
    if let Some(text) = wrong {
        notes.refuse(&text.span, format!("`{}` is no project's id", text.value), format!("write it as in {PROJECTS}"));
        return None;
    }
    Some(Placed { value: texts.value.iter().map(|text| text.value.to_owned()).collect(), span: texts.span })
}

fn api(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<Uri>> {
    let text = table.text("api", API, notes)?;
    match url::web(text.value) {
        Ok(value) if value.query().is_none() => Some(Placed { value, span: text.span }),
        Ok(_) => {
            notes.refuse(&text.span, "the address of the API has a query", format!("write it as {API}"));
            None
        }
        Err(error) => {
            let hint = match error {
                UrlError::Credentials => "leave them out: `admin_key` is what is sent",
                UrlError::Plain | UrlError::Malformed | UrlError::Scheme => {
                    "write `https://HOST/v1`; `http://` only to `localhost`"
                }
            };
            notes.refuse(&text.span, format!("the address of the API {error}"), hint);
            None
        }
    }
}
