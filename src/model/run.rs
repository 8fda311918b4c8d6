//! Runs, threads and questions as the ledger remembers them.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    AgentName, Answer, AnswerWord, ApprovalId, Attribution, Billing, BudgetName, MayAnswer, Quantity, RunId, Subject,
    ThreadId, Timestamp, Unit,
};

/// One run, as the ledger remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunInfo {
    /// Its id.
    pub id: RunId,
    /// When govern began.
    pub started: Timestamp,
    /// When it sealed its chain; `None` while it runs, or if govern was killed.
    pub ended: Option<Timestamp>,
    /// The command line, secrets redacted.
    pub command: Vec<String>,
    /// Where.
    pub cwd: String,
    /// Where its spend belongs.
    pub attribution: Attribution,
    /// `ended`, `stopped`, `killed`, `refused`, `failed`, and `lost` where its govern was killed and nobody could go on with
    /// it; `None` while open.
    pub outcome: Option<String>,
    /// govern's own exit code.
    pub code: Option<i32>,
    /// The budget that ended it.
    pub rule: Option<BudgetName>,
    /// govern's process, to tell a live run from one whose govern was killed.
    pub process: ProcessIdentity,
    /// Decides and records, does nothing.
    pub observe: bool,
    /// SHA-256 of its policy, hex.
    pub policy: String,
    /// Version of its price table.
    pub prices: String,
}

/// A process that can't be mistaken for a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Process id.
    pub pid: i32,
    /// When it started, in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub started: u64,
}

/// Which run, and the process that governs it: by this it is found out whether the run lives still.
#[derive(Clone, Copy, Debug)]
pub struct RunProcess<'a> {
    /// The run.
    pub run: &'a RunId,
    /// govern's process, or the Codex that installed hooks govern.
    pub process: ProcessIdentity,
    /// The folder in which runs listen; `None` for a ledger in memory.
    pub sockets: Option<&'a Path>,
}

/// Says whether a run lives still. What cannot be shown to be dead is alive.
pub type Alive<'a> = dyn Fn(&RunProcess<'_>) -> bool + 'a;

/// One Codex session of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadInfo {
    /// Its id.
    pub thread: ThreadId,
    /// The root of its family; itself for a root.
    pub root: ThreadId,
    /// The thread that spawned or was forked into it.
    pub parent: Option<ThreadId>,
    /// The run and agent that govern it.
    pub run: Option<RunId>,
    /// The agent.
    pub agent: Option<AgentName>,
    /// Its session file.
    pub path: String,
    /// Codex's version, as the file says.
    pub codex: Option<String>,
    /// Codex's name for the provider.
    pub provider: Option<String>,
    /// Who is paid, and how.
    pub billing: Billing,
    /// The sub-agent's nickname or role.
    pub role: Option<String>,
}

/// A question to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Its number.
    pub id: ApprovalId,
    /// The run that asked first.
    pub run: RunId,
    /// The agent that is held.
    pub agent: AgentName,
    /// The budget that asks.
    pub budget: BudgetName,
    /// What that budget is counted per, such as `team=web`.
    pub scope: String,
    /// The window the question is about; its start.
    pub window: Option<Timestamp>,
    /// What is asked, for a person.
    pub question: String,
    /// What a plain `approve` extends by, where it does.
    pub extend: Quantity,
    /// What it is about.
    pub about: Subject,
    /// When it was asked.
    pub asked: Timestamp,
    /// When the policy's `else` applies.
    pub deadline: Option<Timestamp>,
    /// Where it stands.
    pub state: ApprovalState,
    /// The answer, once there is one.
    pub answer: Option<Answer>,
    /// Who answered, and through what.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub answered: Option<Timestamp>,
    /// Who may answer; `None`: whoever has the account, or it was not kept.
    pub may: Option<MayAnswer>,
    /// Who has said yes so far, and through what, where one yes is not enough.
    pub votes: Vec<String>,
}

/// What a gate on requests has in the place of a tool's name.
pub const REQUEST_TO: &str = "request to";

/// What the scope of a budget over a ChatGPT plan's own limit begins with.
pub const PLAN_SCOPE: &str = "plan=";

impl Approval {
    /// A budget asks, and neither an alert nor a gate. (A budget over a plan's own limit is kept as an alert.)
    pub fn is_of_budget(&self) -> bool {
        match self.about {
            Subject::Limit | Subject::Step | Subject::Ahead => true,
            Subject::Alert => self.scope.starts_with(PLAN_SCOPE),
            Subject::Call | Subject::Review => false,
        }
    }

    /// A gate on requests asks.
    pub fn is_of_request(&self) -> bool {
        self.about == Subject::Call && self.scope.contains(&format!(", call={REQUEST_TO} "))
    }

    /// What it was answered, in one word.
    pub fn answer_word(&self) -> Option<AnswerWord> {
        self.answer.as_ref().map(|answer| answer.word(self.about))
    }

    /// What an extension that answers it is for.
    pub fn key(&self) -> BudgetKey {
        BudgetKey {
            budget: self.budget.clone(),
            scope: self.scope.clone(),
            window_start: self.window,
            unit: self.extend.unit,
        }
    }
}

/// Where a question stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalState {
    /// Waits for an answer.
    Pending,
    /// Extended or routed.
    Approved,
    /// Stopped or killed.
    Denied,
    /// Its deadline passed.
    Expired,
    /// The agent ended before there was an answer.
    Withdrawn,
}

impl ApprovalState {
    /// As JSON and tables spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The state that [`ApprovalState::as_str`] spells so.
    pub fn from_str_exact(word: &str) -> Option<Self> {
        [Self::Pending, Self::Approved, Self::Denied, Self::Expired, Self::Withdrawn]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

impl fmt::Display for ApprovalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A scope as a person reads it: `team=web`, and `no team` where nobody said which.
pub fn scope_in_words(scope: &str) -> String {
    let parts = scope.split(", ").map(|part| match part.strip_suffix("=?") {
        Some(dimension) => format!("no {dimension}"),
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// What reservations, extensions and questions are about: one budget, for one thing, in one window.
/// All runs that name it so share it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BudgetKey {
    /// The budget.
    pub budget: BudgetName,
    /// The thing it is counted per, such as `team=web`; empty for everything.
    pub scope: String,
    /// The start of its window; `None` where it has none (total, rolling, the thing's own life).
    pub window_start: Option<Timestamp>,
    /// What it counts: two policies may give one name to budgets of different units.
    pub unit: Unit,
}

/// A limit that was lifted, by whom and why: an exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its number in the ledger, from 1.
    pub id: i64,
    /// What was lifted.
    pub key: BudgetKey,
    /// By how much, in the smallest part of the budget's unit.
    pub amount: i64,
    /// Who allowed it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
    /// When it ends; `None`: with its window.
    pub until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_said_is_no_question_mark() {
        for (scope, read) in [("team=?", "no team"), ("team=web, user=?", "team=web, no user"), ("", "")] {
            assert_eq!(scope_in_words(scope), read);
        }
    }
}
