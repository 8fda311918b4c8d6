//! What people and their programs are told: the kinds of notices, and one as it is sent.

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// What a notice is about. The words are a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A question waits for a person.
    Question,
    /// A person has answered it.
    Decided,
    /// Nobody waits for its answer any more.
    Withdrawn,
    /// Nobody answered in time.
    Expired,
    /// A budget's step only warns.
    Warn,
    /// An agent goes on with a cheaper model.
    Route,
    /// Somebody has paused a run.
    Pause,
    /// An agent is ended at a safe point.
    Stop,
    /// An agent is ended now.
    Kill,
    /// An alert has something to say.
    Alert,
    /// A run has ended.
    RunEnd,
    /// A notice reached somebody not, and never will.
    Undelivered,
    /// Somebody tries a channel.
    Test,
}

impl NoticeKind {
    /// All that a route may ask for: a test goes to the channel that is tried.
    pub const ROUTED: [Self; 12] = [
        Self::Question,
        Self::Decided,
        Self::Withdrawn,
        Self::Expired,
        Self::Warn,
        Self::Route,
        Self::Pause,
        Self::Stop,
        Self::Kill,
        Self::Alert,
        Self::RunEnd,
        Self::Undelivered,
    ];

    /// As policies and bodies write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Decided => "decided",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Warn => "warn",
            Self::Route => "route",
            Self::Pause => "pause",
            Self::Stop => "stop",
            Self::Kill => "kill",
            Self::Alert => "alert",
            Self::RunEnd => "run_end",
            Self::Undelivered => "undelivered",
            Self::Test => "test",
        }
    }
}

/// The document's name and version.
pub const NOTICE_SCHEMA: &str = "govern.notice/1";

/// A notice as a webhook gets it, and all that other channels make theirs of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// [`NOTICE_SCHEMA`].
    pub schema: String,
    /// Unlike any other's, and the same however often it is sent.
    pub id: String,
    /// When it happened.
    pub time: Timestamp,
    /// What it is about.
    pub kind: NoticeKind,
    /// The run, where it is about one.
    pub run: Option<String>,
    /// The agent, where it is about one.
    pub agent: Option<String>,
    /// Whose the spend is.
    pub team: Option<String>,
    /// What it is for.
    pub project: Option<String>,
    /// What happened, in words.
    pub text: String,
    /// The budget that it is about.
    pub budget: Option<NoticeBudget>,
    /// The question that it is about.
    pub question: Option<NoticeQuestion>,
    /// How that was decided.
    pub decision: Option<NoticeDecision>,
    /// How far the agent has come, where it asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<NoticeProgress>,
    /// The alert that says it, and how often it has since the last such notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<NoticeAlert>,
}

/// An alert that a notice is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeAlert {
    /// Its name.
    pub name: String,
    /// How often it came that this one notice tells of.
    pub times: u32,
    /// When the first of these came.
    pub since: Timestamp,
    /// The agents that it was about.
    pub agents: Vec<String>,
}

/// Where a notice is from: what tells one machine's, or one account's, from another's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whence {
    /// The machine.
    pub machine: String,
    /// The account that the run is under.
    pub account: String,
    /// Where the run works.
    pub folder: Option<String>,
    /// What it runs, without what it was told to do.
    pub command: Option<String>,
}

impl Whence {
    /// The program of a command line and what it is asked to be, such as `codex exec …`: prompts are sent nowhere.
    pub fn command_of(words: &[String]) -> Option<String> {
        let (first, rest) = words.split_first()?;
        let program = first.rsplit('/').next().unwrap_or(first);
        let verb =
            rest.first().filter(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
        let verb = verb.filter(|word| !word.starts_with('-') && word.len() <= 20);
        let said = 1 + usize::from(verb.is_some());
        let more = if words.len() > said { " …" } else { "" };
        Some(format!("{program}{}{more}", verb.map_or_else(String::new, |verb| format!(" {verb}"))))
    }
}

/// What an agent has come to so far: figures, and nothing that it wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeProgress {
    /// List price of its responses, as far as they have one.
    pub cost_usd: String,
    /// Answers of a model.
    pub responses: u64,
    /// Commands that it ran; this and what follows only where it was looked at.
    pub commands: Option<u64>,
    /// Files that differ from the start.
    pub files_changed: Option<u64>,
    /// Commits.
    pub commits: Option<u64>,
    /// Commands that ran tests.
    pub tests: Option<u64>,
}

/// A budget at the time of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeBudget {
    /// Its name.
    pub name: String,
    /// Its window, in words; `null` for the thing's own life.
    pub window: Option<String>,
    /// What it has spent, where it counts money.
    pub spent_usd: Option<String>,
    /// What it may spend, where it counts money.
    pub limit_usd: Option<String>,
}

/// A question as those see it who may answer it elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeQuestion {
    /// As in `govern approvals`.
    pub id: i64,
    /// What is asked.
    pub asks: String,
    /// What can be answered.
    pub options: Vec<String>,
    /// Until when.
    pub expires: Option<Timestamp>,
    /// What a plain yes allows, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allows: Option<String>,
    /// What it extends by, or what is offered: an amount as `--extend` takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<String>,
    /// The model that `route` goes on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_to: Option<String>,
    /// What happens if nobody answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
    /// Who may answer, as the policy names them; empty: anyone with the ledger's rights.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
}

/// An answer, or what stands in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeDecision {
    /// As in `govern approvals`; `null` where there was none.
    pub answer: Option<String>,
    /// Who, and through what.
    pub by: Option<String>,
    /// Word for word.
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_named_without_what_it_was_told() {
        for (words, named) in [
            (&["codex"][..], Some("codex")),
            (&["/usr/bin/codex", "exec", "fix the login"], Some("codex exec …")),
            (&["codex", "fix the login"], Some("codex …")),
            (&["codex", "--model", "x"], Some("codex …")),
            (&["make", "test"], Some("make test")),
            (&[], None),
        ] {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            assert_eq!(Whence::command_of(&words).as_deref(), named, "{words:?}");
        }
    }
}
