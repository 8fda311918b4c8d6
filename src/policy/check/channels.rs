//! The `[notify]` table: channels, and what goes to which.

use toml::Spanned;
use toml::de::DeValue;

use crate::model::{Dimension, NoticeKind};
use crate::policy::duration::{self, DURATION_HINT};
use crate::policy::mistake::Notes;
use crate::policy::notify::{Address, Mail, Redact, Slack, Webhook};
use crate::policy::rule::Layer;
use crate::policy::scope::Only;
use crate::policy::suggest;
use crate::policy::table::{Keys, Placed, Table};
use crate::policy::url::{self, UrlError};

use super::secret::{needed, secret};
use super::{Draft, choice, mail, only, slack};

const KEYS: Keys = Keys { of: "`[notify]`", known: &["webhook", "mail", "slack", "route", "redact"], later: &[] };
const WEBHOOK: Keys = Keys { of: "`[notify.webhook]`", known: &["url", "secret"], later: &[] };
const ROUTE: Keys = Keys { of: "`[[notify.route]]`", known: &["on", "to", "only", "after"], later: &[] };
/// Kinds of a later version.
const LATER_KINDS: [&str; 1] = ["exception"];

const EXAMPLE: &str = "{ webhook = { url = \"https://…\", secret = { env = \"GOVERN_WEBHOOK_SECRET\" } } }";

/// `[notify]`, as far as it is right.
#[derive(Debug, Default)]
pub(in crate::policy) struct NotifyDraft {
    /// `[notify.webhook]`, and where it stands.
    pub(in crate::policy) webhook: Option<Placed<Webhook>>,
    /// `[notify.slack]`, and where it stands.
    pub(in crate::policy) slack: Option<Placed<Slack>>,
    /// `[notify.mail]`, and where it stands.
    pub(in crate::policy) mail: Option<Placed<Mail>>,
    /// `redact`.
    pub(in crate::policy) redact: Option<Placed<Redact>>,
    /// Channels that are written here, right or wrong: of one that has a mistake nothing else is said.
    pub(in crate::policy) written: Vec<&'static str>,
    /// Its routes, in order.
    pub(in crate::policy) routes: Vec<RouteDraft>,
}

/// A route whose channels may stand in another file.
#[derive(Debug)]
pub(in crate::policy) struct RouteDraft {
    pub(in crate::policy) on: Vec<NoticeKind>,
    pub(in crate::policy) to: Vec<Placed<Address>>,
    pub(in crate::policy) only: Only,
    pub(in crate::policy) after: Option<std::time::Duration>,
}

/// Reads the channels and routes of a machine's or a user's own policy.
pub(super) fn check(root: &Table<'_>, draft: &mut Draft, notes: &mut Notes) {
    if super::is_closed("notify", notes) {
        return;
    }
    let Some(table) = root.table("notify", EXAMPLE, notes) else { return };
    let table = table.only(&KEYS, notes);
    let found = NotifyDraft {
        webhook: table.table("webhook", EXAMPLE, notes).and_then(|t| webhook(&t, notes)),
        slack: table.table("slack", slack::EXAMPLE, notes).and_then(|table| slack::check(&table, notes)),
        mail: table.table("mail", mail::EXAMPLE, notes).and_then(|table| mail::check(&table, notes)),
        redact: redact(&table, notes),
        written: ["webhook", "mail", "slack"].into_iter().filter(|name| table.get(name).is_some()).collect(),
        routes: table.tables("route", notes).iter().filter_map(|table| route(table, notes)).collect(),
    };
    match notes.layer() {
        Layer::System | Layer::User => draft.notify = Some(found),
        // One sender serves all runs of an account, and it is none of theirs which channels there are.
        Layer::Given | Layer::Repository | Layer::Fleet | Layer::Flags => notes.warn(
            &table.span,
            "`[notify]` counts only in the machine's or your own policy: nothing is sent by this file",
            "put it into `/etc/govern/policy.toml`, or into `govern/policy.toml` of your configuration folder",
        ),
    }
}

fn redact(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<Redact>> {
    let text = table.text("redact", "\"all\"", notes)?;
    let value = choice(&text, "redact", &[("secrets", Redact::Secrets), ("all", Redact::All)], notes)?;
    Some(Placed { value, span: text.span })
}

fn webhook(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<Webhook>> {
    let table = &table.only(&WEBHOOK, notes);
    let uri =
        needed(table, "`[notify.webhook]`", "url", "\"https://hooks.acme.example/govern\"", notes).and_then(|text| {
            url::web(text.value)
                .inspect_err(|error| {
                    let hint = match error {
                        UrlError::Credentials => "leave them out: what is sent is signed with `secret`",
                        UrlError::Plain | UrlError::Malformed | UrlError::Scheme => {
                            "write `https://HOST/PATH`; `http://` only to `localhost`"
                        }
                    };
                    notes.refuse(&text.span, format!("the address of the webhook {error}"), hint);
                })
                .ok()
        });
    let secret = secret(table, "`[notify.webhook]`", "secret", "GOVERN_WEBHOOK_SECRET", notes);
    Some(Placed { value: Webhook { url: uri?, secret: secret? }, span: table.span.clone() })
}

fn route(table: &Table<'_>, notes: &mut Notes) -> Option<RouteDraft> {
    let table = &table.only(&ROUTE, notes);
    let on = kinds(table, notes);
    let to = addresses(table, notes);
    let only = only::check(table, "route", notes);
    for (dimension, _) in only.iter().filter(|(dimension, _)| !may_filter(dimension)) {
        let span = table.get("only").map_or_else(|| table.span.clone(), Spanned::span);
        notes.refuse(&span, format!("no notice is of a {dimension}"), "filter by agent, team, project and their like");
    }
    let after = table.text("after", "\"10m\"", notes).and_then(|text| {
        let wrong = |error: &duration::DurationError| {
            notes.refuse(&text.span, format!("`{}` {error}", text.value), DURATION_HINT);
        };
        let after = duration::parse(text.value).inspect_err(wrong).ok();
        if on.as_ref().is_some_and(|on| !on.contains(&NoticeKind::Question)) {
            let message = "`after` waits for an answer, and no question goes this way";
            notes.warn(&text.span, message, "add `question` to `on`, or leave `after` out");
        }
        after
    });
    Some(RouteDraft { on: on?, to: to?, only, after })
}

/// A notice is of no thread and no model.
fn may_filter(dimension: &Dimension) -> bool {
    !matches!(dimension, Dimension::Run | Dimension::Thread | Dimension::Model)
}

fn kinds(table: &Table<'_>, notes: &mut Notes) -> Option<Vec<NoticeKind>> {
    const ON: &str = "[\"question\", \"stop\"]";
    let words = NoticeKind::ROUTED.map(NoticeKind::as_str);
    let texts = table.texts("on", ON, notes);
    if texts.as_ref().is_none_or(|texts| texts.value.is_empty()) && table.get("on").is_none_or(is_empty) {
        let hint = format!("add `on = {ON}`; known are {}", suggest::list(&words));
        notes.refuse(&table.span, "the route does not say what goes `on` it", hint);
    }
    let mut kinds = Vec::new();
    for text in texts?.value {
        match NoticeKind::ROUTED.into_iter().find(|kind| kind.as_str() == text.value) {
            Some(kind) => kinds.push(kind),
            None if LATER_KINDS.contains(&text.value) => {
                let message = format!("`{}` comes with a later version of govern", text.value);
                notes.refuse(&text.span, message, "leave it out: this version sends none");
            }
            None => {
                let message = format!("`{}` is no kind of notice", text.value);
                notes.refuse(&text.span, message, suggest::hint(text.value, &words));
            }
        }
    }
    Some(kinds)
}

fn is_empty(value: &Spanned<DeValue<'_>>) -> bool {
    matches!(value.get_ref(), DeValue::Array(items) if items.is_empty())
}

fn addresses(table: &Table<'_>, notes: &mut Notes) -> Option<Vec<Placed<Address>>> {
    const TO: &str = "[\"webhook\"]";
    let texts = table.texts("to", TO, notes);
    if texts.as_ref().is_none_or(|texts| texts.value.is_empty()) && table.get("to").is_none_or(is_empty) {
        notes.refuse(&table.span, "the route goes nowhere: it has no `to`", format!("add `to = {TO}`"));
    }
    let mut addresses = Vec::new();
    for text in texts?.value {
        match Address::parse(text.value) {
            Some(value) => addresses.push(Placed { value, span: text.span }),
            None if text.value.starts_with("slack:") => slack::no_channel(&text, notes),
            None if text.value.starts_with("mail:") => {
                let message = format!("`{}` is no mail address", text.value);
                notes.refuse(&text.span, message, "write it as `mail:lead@acme.example`");
            }
            None => {
                let message = format!("`{}` is no channel", text.value);
                notes.refuse(&text.span, message, suggest::hint(text.value, &["webhook", "mail", "slack"]));
            }
        }
    }
    Some(addresses)
}
