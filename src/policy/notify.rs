//! Who is told what, and by which way: the `[notify]` table.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;

use super::address;
use super::scope::Only;
use crate::model::{AgentName, Attribution, Dimension, NoticeKind};

/// All of `[notify]`.
#[derive(Clone, Debug, Default)]
pub struct Notify {
    /// `[notify.webhook]`.
    pub webhook: Option<Webhook>,
    /// `[notify.mail]`.
    pub mail: Option<Mail>,
    /// `[notify.slack]`.
    pub slack: Option<Slack>,
    /// What goes where, the outermost layer's first.
    pub routes: Vec<Route>,
    /// What is left out of texts.
    pub redact: Redact,
}

/// Where a secret lies; the policy never holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A variable of the environment.
    Env(String),
    /// A file, without the line break at its end.
    File(PathBuf),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "${name}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// `[notify.webhook]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where it is sent.
    pub url: Uri,
    /// What it is signed with.
    pub secret: SecretSource,
}

/// `[notify.slack]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slack {
    /// What messages are sent with.
    pub bot_token: SecretSource,
    /// What clicks are heard by; without it messages have no buttons.
    pub app_token: Option<SecretSource>,
    /// Where messages go that name no other channel.
    pub channel: String,
    /// What the names of methods are added to.
    pub api: Uri,
}

impl Slack {
    /// Where Slack answers.
    pub const API: &'static str = "https://slack.com/api/";

    /// `#name`, or the id of a channel or a conversation.
    pub fn is_channel(text: &str) -> bool {
        let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_of_id = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        match text.strip_prefix('#') {
            Some(name) => !name.is_empty() && name.chars().count() <= 80 && name.chars().all(is_of_name),
            None => text.starts_with(['C', 'D', 'G']) && (9..=30).contains(&text.len()) && text.chars().all(is_of_id),
        }
    }
}

/// `[notify.mail]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The server, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How TLS is spoken with it.
    pub security: Security,
    /// As whom.
    pub login: Option<Login>,
    /// The name of who writes.
    pub from_name: Option<String>,
    /// The address of who writes.
    pub from: String,
    /// Who reads what goes to `mail`.
    pub to: Vec<String>,
}

/// How a mail server is spoken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// In TLS from the first byte.
    Tls,
    /// In TLS once the server was asked for it, or not at all.
    StartTls,
    /// In plain text: this machine itself.
    Plain,
}

/// Who may send through a mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// Where the password lies.
    pub password: SecretSource,
}

/// What is left out of the texts that leave this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redact {
    /// What looks like a secret.
    #[default]
    Secrets,
    /// All that an agent wrote: commands, paths, arguments.
    All,
}

/// Where one copy of a notice goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// The webhook.
    Webhook,
    /// A channel of Slack: the one of `[notify.slack]`, or the one that is named.
    Slack(Option<String>),
    /// A mail address; of a route without one, all of `[notify.mail] to`.
    Mail(Option<String>),
}

impl Address {
    /// The channel's name.
    pub fn channel(&self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack(_) => "slack",
            Self::Mail(_) => "mail",
        }
    }

    /// Who gets a message there can answer it.
    pub fn takes_answers(&self) -> bool {
        match self {
            Self::Webhook => false,
            Self::Mail(_) | Self::Slack(_) => true,
        }
    }

    /// As routes and the outbox write it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "webhook" => Some(Self::Webhook),
            "mail" => Some(Self::Mail(None)),
            "slack" => Some(Self::Slack(None)),
            _ => match text.split_once(':')? {
                ("mail", reader) => address::is_mail(reader).then(|| Self::Mail(Some(reader.to_owned()))),
                ("slack", channel) => Slack::is_channel(channel).then(|| Self::Slack(Some(channel.to_owned()))),
                _ => None,
            },
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook | Self::Mail(None) | Self::Slack(None) => f.pad(self.channel()),
            Self::Mail(Some(address)) => f.pad(&format!("mail:{address}")),
            Self::Slack(Some(channel)) => f.pad(&format!("slack:{channel}")),
        }
    }
}

/// `[[notify.route]]`.
#[derive(Clone, Debug)]
pub struct Route {
    /// Which kinds.
    pub on: Vec<NoticeKind>,
    /// Where they go.
    pub to: Vec<Address>,
    /// Only what matches one of the patterns, for each dimension named.
    pub only: Only,
    /// A question goes this way only if nobody has answered it by then.
    pub after: Option<Duration>,
}

impl Route {
    /// What is about this agent, or about the whole run of this attribution, goes this way.
    fn is_for(&self, agent: Option<&AgentName>, belongs: &Attribution) -> bool {
        self.only.matches(|dimension| match dimension {
            Dimension::Agent => agent.map(AgentName::as_str),
            other => belongs.get(other),
        })
    }
}

/// One copy of a notice to be sent: where, and how long after it happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Copy {
    /// Where.
    pub to: Address,
    /// How long it waits for an answer first.
    pub after: Duration,
}

impl Notify {
    /// Nothing is ever sent.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Questions go to somebody who was not looking on: they are told how far the agent has come.
    pub fn asks(&self) -> bool {
        self.routes.iter().any(|route| route.on.contains(&NoticeKind::Question))
    }

    /// Where a notice of this kind goes, each address once, as early as any route wants it there.
    pub fn copies(&self, kind: NoticeKind, agent: Option<&AgentName>, belongs: &Attribution) -> Vec<Copy> {
        let mut copies: Vec<Copy> = Vec::new();
        for route in self.routes.iter().filter(|route| route.on.contains(&kind) && route.is_for(agent, belongs)) {
            // Only an answer is waited for.
            let after = route.after.filter(|_| kind == NoticeKind::Question).unwrap_or_default();
            for to in route.to.iter().cloned() {
                match copies.iter_mut().find(|copy| copy.to == to) {
                    Some(known) => known.after = known.after.min(after),
                    None => copies.push(Copy { to, after }),
                }
            }
        }
        copies
    }

    /// The addresses by which a question about this agent, or about the whole run of this attribution, can be answered.
    pub fn answers(&self, agent: Option<&AgentName>, belongs: &Attribution) -> Vec<Address> {
        let copies = self.copies(NoticeKind::Question, agent, belongs);
        copies.into_iter().map(|copy| copy.to).filter(Address::takes_answers).collect()
    }

    /// All addresses that a route names, each once.
    pub fn addresses(&self) -> Vec<&Address> {
        let mut addresses: Vec<&Address> = Vec::new();
        for to in self.routes.iter().flat_map(|route| &route.to) {
            if !addresses.contains(&to) {
                addresses.push(to);
            }
        }
        addresses
    }

    /// All who read mail, each once.
    pub fn readers(&self) -> Vec<String> {
        let named = self.routes.iter().flat_map(|route| &route.to).filter_map(|to| match to {
            Address::Mail(reader) => reader.clone(),
            Address::Webhook | Address::Slack(_) => None,
        });
        let mut readers: Vec<String> = self.mail.iter().flat_map(|mail| mail.to.iter().cloned()).collect();
        for reader in named {
            if !readers.contains(&reader) {
                readers.push(reader);
            }
        }
        readers
    }

    /// The variables that hold secrets.
    pub fn variables(&self) -> Vec<&str> {
        let of_mail = self.mail.iter().filter_map(|mail| Some(&mail.login.as_ref()?.password));
        let of_slack = self.slack.iter().flat_map(|slack| [Some(&slack.bot_token), slack.app_token.as_ref()]).flatten();
        let sources = self.webhook.iter().map(|webhook| &webhook.secret).chain(of_mail).chain(of_slack);
        sources
            .filter_map(|source| match source {
                SecretSource::Env(name) => Some(name.as_str()),
                SecretSource::File(_) => None,
            })
            .collect()
    }
}
