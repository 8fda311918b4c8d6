//! What an answer did, in words.

use std::time::Duration;

use super::text::duration;
use crate::model::{Answer, AnswerWord, Subject, Unit};

/// What the answer did, in the word for it and what there is to it: `extended by $2.00`.
pub fn answer_text(answer: &Answer, unit: Unit, about: Subject) -> String {
    let word = answer.word(about);
    match answer {
        Answer::Extend { amount } if word == AnswerWord::Extended => format!("{word} by {}", unit.show(*amount)),
        Answer::Allow { seconds } => format!("{word}, and again {}", again(*seconds)),
        Answer::Route => format!("{word} to the next cheaper model"),
        Answer::Extend { .. }
        | Answer::Once
        | Answer::NextStep { .. }
        | Answer::Refuse
        | Answer::Stop
        | Answer::Kill => word.to_string(),
    }
}

/// How long the same call needs no further answer.
pub(super) fn again(seconds: Option<u64>) -> String {
    match seconds {
        Some(seconds) => format!("for {}", duration(Duration::from_secs(seconds))),
        None => "in this run".to_owned(),
    }
}
