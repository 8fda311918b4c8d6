//! Channels and routes in words.

use std::fmt::{self, Write};

use crate::model::NoticeKind;
use crate::policy::duration;
use crate::policy::notify::{Address, Redact, Security, Slack};
use crate::policy::rule::Policy;

use super::{joined, patterns};

pub(super) fn write(out: &mut String, policy: &Policy) -> fmt::Result {
    let notify = &policy.notify;
    let has_channel = notify.webhook.is_some() || notify.mail.is_some() || notify.slack.is_some();
    if has_channel || !notify.routes.is_empty() {
        writeln!(out, "\nnotices")?;
    }
    if let Some(webhook) = &notify.webhook {
        // Its path may be what gives it away.
        let host = webhook.url.authority().map_or("", |authority| authority.as_str());
        writeln!(out, "  webhook at {host}, signed with {}", webhook.secret)?;
    }
    if let Some(mail) = &notify.mail {
        let how = match mail.security {
            Security::Tls => "in TLS",
            Security::StartTls => "in TLS, by STARTTLS",
            Security::Plain => "in plain text",
        };
        let login = mail
            .login
            .as_ref()
            .map_or_else(String::new, |login| format!(", as {} with the password in {}", login.user, login.password));
        writeln!(out, "  mail from {} by {}:{} {how}{login}", mail.from, mail.host, mail.port)?;
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
        for (dimension, globs) in route.only.iter() {
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
