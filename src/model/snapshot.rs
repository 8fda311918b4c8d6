//! How a run stands at this moment: what its supervisor tells whoever asks, and what its own screen shows.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AgentName, ApprovalId, Braked, BudgetName, ModelId, Money, Timestamp, Unit, WorkClass};

/// How far back a rate looks that a person is shown.
pub const RATE_OVER: Duration = Duration::from_secs(5 * 60);

/// The least time that it is told over: what was spent in two seconds is not spent thirty times in each minute.
pub const RATE_FROM: Duration = Duration::from_secs(10);

/// A run at this moment. Amounts are in their unit's smallest part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Its agents, as they were named.
    pub agents: Vec<LiveAgent>,
    /// What limits it, the agents' own allotments aside.
    pub limits: Vec<LiveLimit>,
    /// What of divided limits nobody was given.
    pub pools: Vec<LivePool>,
    /// Who may answer; empty: whoever has the account.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub approvers: Vec<String>,
}

/// An agent at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveAgent {
    /// Which.
    pub agent: AgentName,
    /// How it stands.
    pub state: AgentState,
    /// Since when.
    pub since: Timestamp,
    /// What it waits or is held for, or how it came to its end; for a person.
    pub because: Option<String>,
    /// The question that holds it.
    pub approval: Option<ApprovalId>,
    /// Who paused it; it stays so where it is answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub paused: Option<Braked>,
    /// How often its command was started from the beginning.
    pub attempt: u32,
    /// The model that answers it, or is to.
    pub model: Option<ModelId>,
    /// The class of work of its turn by now; `None`: it has not begun one, or nobody looks.
    #[serde(default)]
    pub work: Option<WorkClass>,
    /// How many answers it had.
    pub responses: u64,
    /// What they cost, as far as they have a price.
    pub cost_usd: Money,
    /// What it spends in a minute: see [`LiveLimit::per_minute`]; `None` where nobody counts it.
    pub cost_usd_per_minute: Option<Money>,
    /// Its allotment, else the limit that it comes to first.
    pub limit: Option<LiveLimit>,
}

/// A limit at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveLimit {
    /// The budget.
    pub budget: BudgetName,
    /// What it is counted per, such as `team=web`; empty for everything.
    pub scope: String,
    /// What it counts.
    #[serde(with = "word")]
    pub unit: Unit,
    /// It is the part of the budget that one agent was given.
    pub allotment: bool,
    /// Spent so far, by all runs.
    pub spent: i64,
    /// What this run is about to add.
    pub reserved: i64,
    /// The limit, extensions included.
    pub limit: i64,
    /// How much of that is granted, until a day.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub granted: i64,
    /// What those of this run's agents that work add to it in a minute: over the last five minutes of their active
    /// time, or as much as there is.
    pub per_minute: i64,
    /// How long it lasts at that rate; `None` where nothing is added.
    pub seconds_left: Option<u64>,
}

/// A pool at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LivePool {
    /// The budget.
    pub budget: BudgetName,
    /// What it is counted per; empty for everything.
    pub scope: String,
    /// What it counts.
    #[serde(with = "word")]
    pub unit: Unit,
    /// What can be given.
    pub size: i64,
    /// What it gave to agents since the start.
    pub given: i64,
    /// What it got back from them.
    pub got_back: i64,
}

/// How an agent stands, for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentState {
    /// It was not started yet, or not again.
    Waiting,
    /// Its command is being started.
    Starting,
    /// A turn is under way.
    Working,
    /// It lives, and nothing is under way.
    Resting,
    /// It works no faster than it may.
    Throttled,
    /// It is kept from going on until a question is answered.
    Held,
    /// Somebody paused it.
    Paused,
    /// It is being ended.
    Ending,
    /// It lives; more is not known.
    Alive,
    /// It ended well.
    Done,
    /// It ended with an error of its own.
    Failed,
    /// It was ended at a safe point.
    Stopped,
    /// It was ended at once.
    Killed,
    /// It never started: what it needs came to nothing.
    Skipped,
}

impl AgentState {
    /// As JSON and tables spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Working => "working",
            Self::Resting => "resting",
            Self::Throttled => "throttled",
            Self::Held => "held",
            Self::Paused => "paused",
            Self::Ending => "ending",
            Self::Alive => "alive",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Killed => "killed",
            Self::Skipped => "skipped",
        }
    }

    /// Nothing more will happen to it.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Stopped | Self::Killed | Self::Skipped)
    }

    /// Its command was started, and is not over.
    pub fn is_under_way(self) -> bool {
        self != Self::Waiting && !self.is_over()
    }
}

impl fmt::Display for AgentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl LiveLimit {
    /// What it counts is one run's alone: what is spent of it is spent there.
    pub fn is_of_one_run(&self) -> bool {
        let own = |part: &str| part.starts_with("run=") || part.starts_with("thread=");
        self.allotment || self.scope.split(", ").any(own)
    }

    /// What is spent and about to be, as a share of the limit in thousandths.
    pub fn share(&self) -> i64 {
        let used = i128::from(self.spent) + i128::from(self.reserved);
        i64::try_from(used * 1_000 / i128::from(self.limit).max(1)).unwrap_or(i64::MAX)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(amount: &i64) -> bool {
    *amount == 0
}

/// Units by their words.
mod word {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::model::Unit;

    pub(super) fn serialize<S: Serializer>(unit: &Unit, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(unit.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Unit, D::Error> {
        let word = String::deserialize(deserializer)?;
        Unit::from_str_exact(&word).ok_or_else(|| D::Error::custom(format!("`{word}` is no unit")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_supervisor_tells_is_read_back_as_it_was() {
        let limit = LiveLimit {
            budget: "fleet".into(),
            scope: "run=r1".to_owned(),
            unit: Unit::AllTok,
            allotment: false,
            spent: 600,
            reserved: 150,
            limit: 1_000,
            granted: 0,
            per_minute: 20,
            seconds_left: Some(1_200),
        };
        assert_eq!(limit.share(), 750);
        let live = Live {
            agents: vec![LiveAgent {
                agent: "plan".into(),
                state: AgentState::Held,
                since: "2026-11-22T14:00:00Z".parse().unwrap(),
                because: Some("$1".to_owned()),
                approval: Some(ApprovalId(7)),
                paused: None,
                attempt: 1,
                model: None,
                work: None,
                responses: 3,
                cost_usd: Money::from_usd(1),
                cost_usd_per_minute: None,
                limit: Some(limit.clone()),
            }],
            limits: vec![limit],
            pools: Vec::new(),
            approvers: vec!["alice".to_owned()],
        };
        let text = serde_json::to_string(&live).unwrap();
        assert!(text.contains("\"unit\":\"all_tok\"") && text.contains("\"state\":\"held\""), "{text}");
        assert_eq!(serde_json::from_str::<Live>(&text).unwrap(), live);
    }
}
