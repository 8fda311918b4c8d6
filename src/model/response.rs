//! One answer of a model, metered, priced and attributed: the unit of spend.

use std::fmt;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{
    AgentName, Attribution, Dimension, ModelId, Money, ResponseKey, RunId, ThreadId, Timestamp, Tokens, WorkClass,
};

impl ResponseKey {
    /// The beginning of a key that govern made: a hook told of the response first and did not name it, and its session
    /// file will tell of it by another key.
    pub const UNNAMED: &str = "hook@";

    /// It is such a key.
    pub fn is_unnamed(&self) -> bool {
        self.as_str().starts_with(Self::UNNAMED)
    }
}

/// One answer of the model. `(thread, key)` is its identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The run that governed it; `None` for imported history.
    pub run: Option<RunId>,
    /// The agent of that run.
    pub agent: Option<AgentName>,
    /// The Codex session that asked.
    pub thread: ThreadId,
    /// The root of its family of sub-agents; itself for a root.
    pub root: ThreadId,
    /// Tells it from its copies within the thread.
    pub key: ResponseKey,
    /// When Codex recorded it.
    pub at: Timestamp,
    /// Who answered; `None` where the file does not say.
    pub model: Option<ModelId>,
    /// Codex's name for the provider, such as `openai`.
    pub provider: Option<String>,
    /// The tier asked for, as recorded.
    pub tier: ServiceTier,
    /// What it counted.
    pub tokens: Tokens,
    /// What that costs.
    pub cost: Cost,
    /// How the tokens are known.
    pub basis: Basis,
    /// Who is paid, and how.
    pub billing: Billing,
    /// Where it belongs.
    pub attribution: Attribution,
    /// Who told of it first.
    #[serde(default)]
    pub source: Source,
    /// The class of work that it was part of, as far as its turn tells by now; `None`: nobody has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<WorkClass>,
}

impl Response {
    /// Its value along a dimension; `None` is "unknown".
    pub fn get(&self, dimension: &Dimension) -> Option<&str> {
        match dimension {
            Dimension::Run => self.run.as_ref().map(RunId::as_str),
            Dimension::Agent => self.agent.as_ref().map(AgentName::as_str),
            Dimension::Thread => Some(self.thread.as_str()),
            Dimension::Model => self.model.as_ref().map(ModelId::as_str),
            Dimension::Work => self.work.map(WorkClass::as_str),
            Dimension::Team
            | Dimension::Project
            | Dimension::Client
            | Dimension::User
            | Dimension::Task
            | Dimension::Branch
            | Dimension::Label(_) => self.attribution.get(dimension),
        }
    }
}

/// Who told of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The thread's session file.
    #[default]
    Record,
    /// Codex itself, to a hook after the request.
    Hook,
    /// The run's gateway, which the answer has passed.
    Gateway,
}

impl Source {
    /// As JSON spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Hook => "hook",
            Self::Gateway => "gateway",
        }
    }

    /// It is the session file.
    pub fn is_record(&self) -> bool {
        *self == Self::Record
    }
}

/// What a response costs at list price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cost {
    /// At the table's rate for its model and day.
    Priced(Money),
    /// A stand-in, such as the dearest model's rate: the policy said so.
    Estimated(Money),
    /// The table has no rate: never taken for zero.
    Unpriced,
}

impl Cost {
    /// The amount, if there is one.
    pub fn money(self) -> Option<Money> {
        match self {
            Self::Priced(money) | Self::Estimated(money) => Some(money),
            Self::Unpriced => None,
        }
    }
}

/// How tokens came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Read from Codex's own records.
    Observed,
    /// Inferred where the records do not say.
    Estimated(Guess),
}

/// Why tokens are inferred: what the session file does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Guess {
    /// A ledger from before reasons were kept.
    Unsaid,
    /// Where a copied history ends is told by a pause alone.
    Pause,
    /// A fork's file names its parent no longer, so that only a pause tells where the history that it copied ends.
    LostParent,
    /// The first running total of a thread that has a parent, without the response's own count: some of it may be the
    /// parent's.
    FirstTotal,
    /// A running total that fell, without the response's own count.
    FallenTotal,
    /// Not the tokens but their price: a client began the thread, which writes no session file, and may have chosen
    /// another service tier or provider than the configuration names.
    Client,
    /// The answer broke off on its way through the gateway, or did not say what it used: an estimate by the size of what was
    /// sent and of what had come.
    BrokenOff,
}

impl Guess {
    /// Each of them.
    pub const ALL: [Self; 7] = [
        Self::Unsaid,
        Self::Pause,
        Self::LostParent,
        Self::FirstTotal,
        Self::FallenTotal,
        Self::Client,
        Self::BrokenOff,
    ];

    /// It is the price that is inferred, and not the tokens.
    pub fn is_of_price(self) -> bool {
        match self {
            Self::Client => true,
            Self::Unsaid | Self::Pause | Self::LostParent | Self::FirstTotal | Self::FallenTotal | Self::BrokenOff => {
                false
            }
        }
    }

    /// As JSON and the ledger spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsaid => "unsaid",
            Self::Pause => "pause",
            Self::LostParent => "lost_parent",
            Self::FirstTotal => "first_total",
            Self::FallenTotal => "fallen_total",
            Self::Client => "client",
            Self::BrokenOff => "broken_off",
        }
    }

    /// The reason for a person, after "because".
    pub fn reason(self) -> &'static str {
        match self {
            Self::Unsaid => "an earlier govern did not keep the reason",
            Self::Pause => "only a pause tells where the history that it copied ends",
            Self::LostParent => {
                "its file no longer names the session that it copied, and only a pause tells where the copy ends"
            }
            Self::FirstTotal => "its file gives only a total, which may have begun with its parent's",
            Self::FallenTotal => "its file gives only a total, and that began anew",
            Self::Client => {
                "a client began the thread, which writes no session file, and may have chosen another service tier or \
                 provider than the configuration"
            }
            Self::BrokenOff => {
                "its answer broke off, or did not say what it used: by the size of what was sent and came"
            }
        }
    }
}

/// Who is paid, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Billing {
    /// By token, with an API key.
    Api,
    /// A ChatGPT plan: dollars are the list-price equivalent.
    Plan,
    /// A model on this machine: costs nothing.
    Local,
    /// Another provider, or a login that left no trace; dollars are OpenAI's list price.
    Unknown,
}

impl Billing {
    /// As JSON and tables spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Plan => "plan",
            Self::Local => "local",
            Self::Unknown => "unknown",
        }
    }
}

/// The service tier that a thread asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceTier {
    /// Codex's `default` or nothing at all.
    #[default]
    Standard,
    /// `priority` and `fast` are one.
    Fast,
    /// Half price, slower.
    Flex,
    /// The dearest.
    Ultrafast,
    /// One that this version does not know: unpriced.
    Other(String),
}

impl ServiceTier {
    /// Reads Codex's word for a tier.
    pub fn from_codex(word: &str) -> Self {
        match word {
            "" | "default" | "auto" | "standard" => Self::Standard,
            "priority" | "fast" => Self::Fast,
            "flex" => Self::Flex,
            "ultrafast" => Self::Ultrafast,
            other => Self::Other(other.to_owned()),
        }
    }

    /// As tables and the ledger spell it; [`ServiceTier::from_codex`] reads it back.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Standard => "standard",
            Self::Fast => "fast",
            Self::Flex => "flex",
            Self::Ultrafast => "ultrafast",
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for ServiceTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
/// How far a record's clock may be before this machine's: another one wrote it, over a network.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

/// When a response counts: as its record says, but never long after it was recorded. A stamp of a clock that was wrong
/// would else fill rolling windows until that day.
pub fn recorded_at(stamp: Timestamp, now: Timestamp) -> Timestamp {
    if stamp > now + AHEAD { now } else { stamp }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_of_a_wrong_clock_counts_when_it_was_recorded() {
        let now = Timestamp::UNIX_EPOCH + TimeDelta::days(20_000);
        for (ahead, counts) in [(-86_400, -86_400), (0, 0), (300, 300), (301, 0), (86_400 * 30_000, 0)] {
            let stamp = now + TimeDelta::seconds(ahead);
            assert_eq!(recorded_at(stamp, now), now + TimeDelta::seconds(counts), "{ahead} s ahead");
        }
    }
}
