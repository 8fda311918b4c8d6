//! Channels, routes and persons of all layers.

use crate::model::NoticeKind;
use crate::policy::check::{Draft, NotifyDraft, RouteDraft};
use crate::policy::mistake::{Severity, Span};
use crate::policy::notify::{Address, Mail, Notify, Route};

use super::Join;

/// The outermost file that names a channel says which it is; routes add up.
pub(super) fn notify(join: &mut Join<'_>, drafts: &mut [Draft]) -> Notify {
    let mut said: Vec<Option<NotifyDraft>> = drafts.iter_mut().map(|draft| draft.notify.take()).collect();
    let mut channels = Vec::new();
    for (index, draft) in said.iter().enumerate().filter_map(|(index, draft)| Some((index, draft.as_ref()?))) {
        channels.extend(draft.webhook.iter().map(|webhook| (index, "webhook", webhook.span.clone())));
        channels.extend(draft.mail.iter().map(|mail| (index, "mail", mail.span.clone())));
        channels.extend(draft.slack.iter().map(|slack| (index, "slack", slack.span.clone())));
    }
    let written: Vec<&'static str> = said.iter().flatten().flat_map(|draft| draft.written.iter().copied()).collect();
    let webhooks = said.iter_mut().map(|draft| draft.as_mut()?.webhook.take()).collect();
    let webhook = join.outermost("notify.webhook", webhooks);
    let mails = said.iter_mut().map(|draft| draft.as_mut()?.mail.take()).collect();
    let mail = join.outermost("notify.mail", mails);
    let readers = mail.as_ref().map_or(&[] as &[String], |mail: &Mail| &mail.to);
    let slacks = said.iter_mut().map(|draft| draft.as_mut()?.slack.take()).collect();
    let slack = join.outermost("notify.slack", slacks);
    let redact = said.iter_mut().map(|draft| draft.as_mut()?.redact.take()).collect();
    let redact = join.outermost("notify.redact", redact).unwrap_or_default();
    let mut routes = Vec::new();
    let named: Vec<&str> = said
        .iter()
        .flatten()
        .flat_map(|draft| &draft.routes)
        .flat_map(|route| &route.to)
        .map(|to| to.value.channel())
        .collect();
    unused(join, &channels, &named);
    for (index, draft) in said.into_iter().enumerate().filter_map(|(index, draft)| Some((index, draft?))) {
        for route in draft.routes {
            routes.push(channels_of(join, index, route, (&channels, &written, readers)));
        }
    }
    Notify { webhook, mail, slack, routes, redact }
}

/// The channels that are right, those that are written, and who reads what goes to `mail`.
type Known<'a> = (&'a [(usize, &'a str, Span)], &'a [&'a str], &'a [String]);

/// A route with its addresses: whoever reads what goes to `mail` is named, each by itself.
fn channels_of(join: &mut Join<'_>, index: usize, route: RouteDraft, (channels, written, readers): Known<'_>) -> Route {
    for to in &route.to {
        let name = to.value.channel();
        if !channels.iter().any(|(_, known, _)| *known == name) {
            // What is wrong with one that is there is said where it stands.
            if written.contains(&name) {
                continue;
            }
            let message = format!("`{}` is a channel that nobody has set up", to.value);
            let hint = format!("add `[notify.{name}]`, or leave it out");
            join.add(index, &to.span, Severity::Error, message, &hint, None);
        } else if to.value == Address::Mail(None) && readers.is_empty() {
            let message = "`mail` has nobody who reads it".to_owned();
            let hint = "add `to = [\"lead@acme.example\"]` to `[notify.mail]`, or write `mail:lead@acme.example` here";
            join.add(index, &to.span, Severity::Error, message, hint, None);
        }
    }
    let each = |to: Address| match to {
        Address::Mail(None) => readers.iter().map(|reader| Address::Mail(Some(reader.clone()))).collect(),
        other => vec![other],
    };
    let to: Vec<Address> = route.to.into_iter().flat_map(|to| each(to.value)).collect();
    Route { on: route.on, to, only: route.only, after: route.after }
}

/// A channel that no route names is sent nothing but tests.
fn unused(join: &mut Join<'_>, channels: &[(usize, &str, Span)], named: &[&str]) {
    for (index, name, span) in channels {
        if !named.contains(name) {
            let message = format!("nothing is sent to `{name}`: no route names it");
            let kinds = [NoticeKind::Question, NoticeKind::Stop].map(|kind| format!("\"{}\"", kind.as_str()));
            let hint = format!("add a `[[notify.route]]` with `on = [{}]` and `to = [\"{name}\"]`", kinds.join(", "));
            join.add(*index, span, Severity::Warning, message, &hint, None);
        }
    }
}
