//! A request that was let through, until its answer is known.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

use super::message::Asked;

/// How a thread stands for what was let through of it. It asks for one thing after the other: when it asks once more,
/// what was let through before was answered, or has failed and none comes. Codex writes a record 2 ms after the answer,
/// in a task of its own; on a busy machine it may still come later than the next request was let through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// When the last request was let through, while nobody has told of its answer.
    sent: Option<Timestamp>,
    /// The one before it had none either.
    #[serde(default)]
    given_up: bool,
    /// The id of that request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    /// It is a compaction's.
    #[serde(default)]
    compacts: bool,
}

impl Admission {
    /// A request has no answer yet.
    pub fn is_open(&self) -> bool {
        self.sent.is_some()
    }

    /// It only announces a compaction, by `PreCompact`.
    pub fn announces(&self) -> bool {
        self.compacts && self.request.is_none()
    }

    /// When it was let through.
    pub fn sent(&self) -> Option<Timestamp> {
        self.sent
    }

    /// What asks now is what was let through before: a compaction that its own request follows, or another try.
    pub fn is_of(&self, asked: &Asked) -> bool {
        let follows = self.announces() && asked.compacts;
        let tried = asked.request.is_some() && self.request == asked.request;
        self.is_open() && (follows || tried)
    }

    /// A request is let through.
    pub fn passes(&mut self, now: Timestamp, asked: &Asked) {
        if !self.is_of(asked) {
            self.given_up = self.sent.is_some();
        }
        self.sent = Some(now);
        self.request.clone_from(&asked.request);
        self.compacts = asked.compacts;
    }

    /// The last request has failed: no answer comes.
    pub fn fails(&mut self) {
        self.sent = None;
    }

    /// An answer is known since this moment; says whether something was let through that it may be the answer to.
    pub fn is_answered(&mut self, at: Timestamp) -> bool {
        // Records tell milliseconds.
        let before = self.sent.is_none_or(|sent| at.timestamp_millis() < sent.timestamp_millis());
        if std::mem::take(&mut self.given_up) && before {
            return true;
        }
        self.sent.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::decide::tests::world::morning;

    enum Step {
        Passes(i64),
        Fails,
        /// Says whether it was let through.
        Answer(i64, bool),
    }
    use Step::{Answer, Fails, Passes};

    fn at(milliseconds: i64) -> Timestamp {
        morning() + TimeDelta::milliseconds(milliseconds)
    }

    fn asked(request: &str, compacts: bool) -> Asked {
        Asked { request: (!request.is_empty()).then(|| request.to_owned()), compacts }
    }

    #[test]
    fn each_answer_is_to_something_that_was_let_through() {
        let stories: [(&str, Vec<Step>, bool); 10] = [
            ("one after the other", vec![Passes(0), Answer(5, true), Passes(10), Answer(12, true)], false),
            ("in the same millisecond", vec![Passes(7), Answer(7, true)], false),
            ("none was let through", vec![Answer(5, false)], false),
            ("two answers to one", vec![Passes(0), Answer(5, true), Answer(6, false)], false),
            ("the first failed", vec![Passes(0), Passes(300), Answer(400, true), Answer(500, false)], false),
            ("two failed", vec![Passes(0), Passes(300), Passes(600), Answer(700, true), Answer(701, false)], false),
            ("a record came late", vec![Passes(0), Passes(300), Answer(299, true), Answer(400, true)], false),
            ("the wall clock was set back", vec![Passes(1_000), Answer(5, true)], false),
            ("it is said to have failed", vec![Passes(0), Fails], false),
            (
                "so, and is tried again",
                vec![Passes(0), Fails, Passes(300), Answer(400, true), Answer(401, false)],
                false,
            ),
        ];
        for (what, steps, open) in stories {
            let mut admission = Admission::default();
            for step in steps {
                match step {
                    Passes(ms) => admission.passes(at(ms), &Asked::default()),
                    Fails => admission.fails(),
                    Answer(ms, is) => assert_eq!(admission.is_answered(at(ms)), is, "{what}: {ms}"),
                }
            }
            assert_eq!(admission.is_open(), open, "{what}");
        }
    }

    #[test]
    fn one_request_that_asks_twice_has_one_answer() {
        for (what, first, second, same) in [
            ("a compaction, and then its request", asked("", true), asked("a", true), true),
            ("another try", asked("a", false), asked("a", false), true),
            ("another try of a compaction", asked("a", true), asked("a", true), true),
            ("another request", asked("a", false), asked("b", false), false),
            ("after a compaction that was never asked for", asked("", true), asked("a", false), false),
            ("two compactions", asked("a", true), asked("b", true), false),
            ("a Codex that names none", asked("", false), asked("", false), false),
        ] {
            let mut admission = Admission::default();
            assert!(!admission.is_of(&first), "{what}");
            admission.passes(at(0), &first);
            assert_eq!(admission.is_of(&second), same, "{what}");
            admission.passes(at(10), &second);
            assert!(admission.is_answered(at(20)), "{what}");
            // A record of what was given up may still come; a request that asked twice has one.
            assert!(!admission.is_of(&second) && !admission.is_answered(at(5)), "{what}");
        }
    }
}
