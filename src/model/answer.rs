//! What a question is about, what it was answered, and the one word that tells it everywhere.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a person, or a deadline, decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub enum Answer {
    /// Go on, the limit lifted by so much of the budget's smallest part. Up to 0.1.0 a plain yes to a question about a
    /// tool or an alert was written as this, too.
    Extend {
        /// Nano-dollars, tokens, responses or milliseconds.
        amount: i64,
    },
    /// Let the tool run, and the same call of the same agent at the same gate again.
    Allow {
        /// For so many seconds; `None`: as long as the run lives.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        seconds: Option<u64>,
    },
    /// A tool: let it run, and ask again for the next. An alert: go on.
    Once,
    /// Go on until the budget's next step; the limit stays where it is.
    #[serde(rename = "next_step")]
    NextStep {
        /// Steps at up to so much of the budget's smallest part need no further answer.
        past: i64,
    },
    /// Go on with the next model of the ladder.
    Route,
    /// A tool does not run; its agent goes on without it.
    Refuse,
    /// End at a safe point. Up to 0.1.0 a tool that was refused was written as this, too.
    Stop,
    /// End now.
    Kill,
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// The limit itself, which a yes lifts.
    Limit,
    /// A step before the limit: a yes goes on to the next one.
    Step,
    /// An alert: there is no limit that an answer could lift.
    Alert,
    /// A tool that meets a gate.
    Call,
    /// The limit, before it is met: somebody asked to have it lifted.
    Ahead,
    /// The work of an agent of a fleet: what needs it waits for a yes.
    Review,
}

/// What an answer came to: the word that tables, JSON, messages and prompts have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerWord {
    /// The tool may run; the agent whose alert it was goes on; what needs the work that was reviewed starts.
    Allowed,
    /// The tool may not; what needs the work that was reviewed does not start.
    Refused,
    /// The agent goes on until the budget's next step.
    NextStep,
    /// The limit was lifted.
    Extended,
    /// The agent goes on with a cheaper model.
    Routed,
    /// The agent ends at a safe point.
    Stopped,
    /// The agent was ended at once.
    Killed,
}

impl Answer {
    /// The word for this answer to a question about that.
    pub fn word(&self, about: Subject) -> AnswerWord {
        match (self, about) {
            (Self::Extend { .. }, Subject::Alert | Subject::Call | Subject::Review)
            | (Self::Allow { .. } | Self::Once, _) => AnswerWord::Allowed,
            (Self::Extend { .. }, Subject::Limit | Subject::Step | Subject::Ahead) => AnswerWord::Extended,
            (Self::NextStep { .. }, _) => AnswerWord::NextStep,
            (Self::Route, _) => AnswerWord::Routed,
            (Self::Refuse, _) => AnswerWord::Refused,
            (Self::Stop, _) => AnswerWord::Stopped,
            (Self::Kill, _) => AnswerWord::Killed,
        }
    }

    /// The agent goes on.
    pub fn is_yes(&self) -> bool {
        match self {
            Self::Extend { .. } | Self::Allow { .. } | Self::Once | Self::NextStep { .. } | Self::Route => true,
            Self::Refuse | Self::Stop | Self::Kill => false,
        }
    }
}

impl Subject {
    /// As the ledger keeps it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Step => "step",
            Self::Alert => "alert",
            Self::Call => "call",
            Self::Ahead => "ahead",
            Self::Review => "review",
        }
    }

    /// The subject that [`Subject::as_str`] spells so.
    pub fn from_str_exact(word: &str) -> Option<Self> {
        [Self::Limit, Self::Step, Self::Alert, Self::Call, Self::Ahead, Self::Review]
            .into_iter()
            .find(|subject| subject.as_str() == word)
    }
}

impl AnswerWord {
    /// As JSON and tables spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::NextStep => "next_step",
            Self::Extended => "extended",
            Self::Routed => "routed",
            Self::Stopped => "stopped",
            Self::Killed => "killed",
        }
    }
}

impl fmt::Display for AnswerWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A contract in JSON; in a sentence two words.
        f.pad(&self.as_str().replace('_', " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_its_word() {
        use Subject::{Alert, Call, Limit, Step};
        for (answer, about, word) in [
            (Answer::Extend { amount: 5 }, Limit, "extended"),
            (Answer::Extend { amount: 5 }, Step, "extended"),
            (Answer::Extend { amount: 1 }, Call, "allowed"),
            (Answer::Extend { amount: 0 }, Alert, "allowed"),
            (Answer::Allow { seconds: None }, Call, "allowed"),
            (Answer::Once, Call, "allowed"),
            (Answer::Once, Alert, "allowed"),
            (Answer::NextStep { past: 5 }, Step, "next_step"),
            (Answer::Route, Limit, "routed"),
            (Answer::Refuse, Call, "refused"),
            (Answer::Stop, Limit, "stopped"),
            (Answer::Stop, Call, "stopped"),
            (Answer::Kill, Call, "killed"),
        ] {
            assert_eq!(answer.word(about).as_str(), word, "{answer:?} {about:?}");
        }
    }

    #[test]
    fn what_an_older_govern_wrote_still_reads() {
        for (text, answer) in [
            (r#"{"answer":"extend","amount":7}"#, Answer::Extend { amount: 7 }),
            (r#"{"answer":"allow"}"#, Answer::Allow { seconds: None }),
            (r#"{"answer":"allow","seconds":3600}"#, Answer::Allow { seconds: Some(3_600) }),
            (r#"{"answer":"route"}"#, Answer::Route),
            (r#"{"answer":"stop"}"#, Answer::Stop),
            (r#"{"answer":"kill"}"#, Answer::Kill),
            (r#"{"answer":"next_step","past":3}"#, Answer::NextStep { past: 3 }),
        ] {
            assert_eq!(serde_json::from_str::<Answer>(text).unwrap(), answer);
            assert_eq!(serde_json::to_string(&answer).unwrap(), text);
        }
    }
}
