//! Persons, the names by which the doors know them, and who comes through a door.

use serde::{Deserialize, Serialize};

/// Somebody, as one door proves who it is. Names of different doors are never the same by chance: only a [`Person`] ties
/// them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "door", content = "name", rename_all = "lowercase")]
pub enum Identity {
    /// A login of this machine, by the uid of a process.
    Login(String),
    /// An address that a token was mailed to, in lower case.
    Mail(String),
    /// A user of Slack, by the id.
    Slack(String),
    /// Somebody who has logged in at the reverse proxy before the page, by the name that it gives.
    Proxy(String),
}

impl Identity {
    /// Whoever reads the mail of this address.
    pub fn mail(address: &str) -> Self {
        Self::Mail(address.to_ascii_lowercase())
    }

    /// The name at its door.
    pub fn name(&self) -> &str {
        match self {
            Self::Login(name) | Self::Mail(name) | Self::Slack(name) | Self::Proxy(name) => name,
        }
    }
}

/// `[[person]]`: one person, and the names at several doors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// As approvers and records name them.
    pub name: String,
    /// The login on this machine.
    pub os: Option<String>,
    /// The address, in lower case.
    pub mail: Option<String>,
    /// The id of the user of Slack.
    pub slack: Option<String>,
    /// What the reverse proxy before the page calls them.
    pub proxy: Option<String>,
    /// The login of the shared store.
    pub store: Option<String>,
}

impl Person {
    /// The person comes by this name through this door.
    pub fn is(&self, identity: &Identity) -> bool {
        let (own, name) = match identity {
            Identity::Login(name) => (&self.os, name),
            Identity::Mail(name) => (&self.mail, name),
            Identity::Slack(name) => (&self.slack, name),
            Identity::Proxy(name) => (&self.proxy, name),
        };
        own.as_ref() == Some(name)
    }
}

/// Where an answer was given, as it stands behind the name of who gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    /// `govern approve` and its like.
    Cli,
    /// The question in the terminal of the run.
    Prompt,
    /// With the token of a mail.
    Mail,
    /// A button in Slack.
    Slack,
    /// The page, behind a reverse proxy that says who asks.
    Page,
}

impl Door {
    /// As records write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Prompt => "prompt",
            Self::Mail => "mail",
            Self::Slack => "slack",
            Self::Page => "page",
        }
    }
}

/// Who gives an answer, as far as the way it came by has proved it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answerer {
    /// Who.
    pub identity: Identity,
    /// The groups of Slack that the user was in when the answer was given.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub groups: Vec<String>,
    /// Through what.
    pub door: Door,
}

impl Answerer {
    /// Somebody at the terminal of this login.
    pub fn login(name: impl Into<String>, door: Door) -> Self {
        Self { identity: Identity::Login(name.into()), groups: Vec::new(), door }
    }

    /// Whoever had the token that was mailed to this address.
    pub fn mail(address: &str) -> Self {
        Self { identity: Identity::mail(address), groups: Vec::new(), door: Door::Mail }
    }

    /// Whoever the reverse proxy before the page has named so.
    pub fn proxied(name: impl Into<String>) -> Self {
        Self { identity: Identity::Proxy(name.into()), groups: Vec::new(), door: Door::Page }
    }
}
