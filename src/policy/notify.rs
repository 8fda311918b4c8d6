//! Pure. Who is told what, and by which way: the `[notify]` table.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use globset::GlobMatcher;
use http::Uri;

use crate::model::{AgentName, Attribution, Dimension, NoticeKind};

use super::approvals::Approvals;

/// All of `[notify]`.
#[derive(Clone, Debug, Default)]
pub struct Notify {
    /// `[notify.webhook]`.
    pub webhook: Option<Webhook>,
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
}

impl Address {
    /// The channel's name.
    pub fn channel(&self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack(_) => "slack",
        }
    }

    /// As routes and the outbox write it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "webhook" => Some(Self::Webhook),
            "slack" => Some(Self::Slack(None)),
            _ => {
                let channel = text.strip_prefix("slack:").filter(|channel| Slack::is_channel(channel))?;
                Some(Self::Slack(Some(channel.to_owned())))
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook | Self::Slack(None) => f.pad(self.channel()),
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
    pub only: Vec<(Dimension, Vec<GlobMatcher>)>,
    /// A question goes this way only if nobody has answered it by then.
    pub after: Option<Duration>,
}

impl Route {
    /// What is about this agent, or about the whole run of this attribution, goes this way.
    fn is_for(&self, agent: Option<&AgentName>, belongs: &Attribution) -> bool {
        self.only.iter().all(|(dimension, globs)| {
            let value = match dimension {
                Dimension::Agent => agent.map(AgentName::as_str),
                other => belongs.get(other),
            };
            value.is_some_and(|value| globs.iter().any(|glob| glob.is_match(value)))
        })
    }
}

/// One copy of a notice to be sent: where, and how long after it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    /// A question of one of these agents goes where somebody who may can answer it.
    pub fn takes_answers<'a>(
        &self,
        approvals: &Approvals,
        agents: impl IntoIterator<Item = (&'a AgentName, &'a Attribution)>,
    ) -> bool {
        let hears = self.slack.as_ref().is_some_and(|slack| slack.app_token.is_some());
        let by_slack = hears && approvals.approvers.iter().any(|entry| approvals.in_slack(entry));
        let takes = |to: &Address| match to {
            Address::Slack(_) => by_slack,
            Address::Webhook => false,
        };
        agents.into_iter().any(|(agent, belongs)| {
            self.copies(NoticeKind::Question, Some(agent), belongs).iter().any(|copy| takes(&copy.to))
        })
    }

    /// The variables that hold secrets.
    pub fn variables(&self) -> Vec<&str> {
        let of_slack = self.slack.iter().flat_map(|slack| [Some(&slack.bot_token), slack.app_token.as_ref()]).flatten();
        let sources = self.webhook.iter().map(|webhook| &webhook.secret).chain(of_slack);
        sources
            .filter_map(|source| match source {
                SecretSource::Env(name) => Some(name.as_str()),
                SecretSource::File(_) => None,
            })
            .collect()
    }
}
