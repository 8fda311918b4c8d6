//! Pure. Channels and routes in words.

use std::fmt::{self, Write};

use crate::model::NoticeKind;
use crate::policy::duration;
use crate::policy::notify::{Address, Redact, Slack};
use crate::policy::rule::Policy;

use super::{joined, patterns};

pub(super) fn write(out: &mut String, policy: &Policy) -> fmt::Result {
    let notify = &policy.notify;
    if notify.webhook.is_some() || notify.slack.is_some() || !notify.routes.is_empty() {
        writeln!(out, "\nnotices")?;
    }
    if let Some(webhook) = &notify.webhook {
        // Its path may be what gives it away.
        let host = webhook.url.authority().map_or("", |authority| authority.as_str());
        writeln!(out, "  webhook at {host}, signed with {}", webhook.secret)?;
    }
    if let Some(slack) = &notify.slack {
        write!(out, "  slack to {}, sent with {}", slack.channel, slack.bot_token)?;
        match &slack.app_token {
            Some(token) => write!(out, ", clicks heard with {token}")?,
            None => write!(out, ", without buttons: there is no `app_token`")?,
        }
        if slack.api != Slack::API {
            write!(out, ", at {}", slack.api.authority().map_or("", |authority| authority.as_str()))?;
        }
        writeln!(out)?;
    }
    for route in &notify.routes {
        let on = joined(route.on.iter().map(|kind| kind.as_str().to_owned()), ", ");
        write!(out, "  {on} to {}", joined(route.to.iter().map(Address::to_string), ", "))?;
        for (dimension, globs) in &route.only {
            write!(out, ", only {dimension} {}", patterns(globs))?;
        }
        if let Some(after) = route.after.filter(|_| route.on.contains(&NoticeKind::Question)) {
            write!(out, "; a question that nobody has answered after {}", duration::show(after))?;
        }
        writeln!(out)?;
    }
    if notify.redact == Redact::All && !notify.routes.is_empty() {
        writeln!(out, "  nothing that an agent wrote is sent")?;
    }
    Ok(())
}
