//! Pure. A request that was let through, until its answer is on record.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// How a thread stands for what was let through of it. It asks for one thing after the other: when it asks once more,
/// what was let through before was answered, or has failed and none comes. Codex writes a record 2 ms after the answer,
/// in a task of its own; on a busy machine it may still come later than the next request was let through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// When the last request was let through, while it has no answer on record.
    sent: Option<Timestamp>,
    /// The one before it had none either.
    #[serde(default)]
    given_up: bool,
}

impl Admission {
    /// A request has no answer on record.
    pub fn is_open(&self) -> bool {
        self.sent.is_some()
    }

    /// When it was let through.
    pub fn sent(&self) -> Option<Timestamp> {
        self.sent
    }

    /// A request is let through.
    pub fn passes(&mut self, now: Timestamp) {
        self.given_up = self.sent.is_some();
        self.sent = Some(now);
    }

    /// An answer is on record since this moment; says whether something was let through that it may be the answer to.
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
        /// Says whether it was let through.
        Answer(i64, bool),
    }
    use Step::{Answer, Passes};

    #[test]
    fn each_answer_is_to_something_that_was_let_through() {
        let stories: [(&str, Vec<Step>, bool); 8] = [
            ("one after the other", vec![Passes(0), Answer(5, true), Passes(10), Answer(12, true)], false),
            ("in the same millisecond", vec![Passes(7), Answer(7, true)], false),
            ("none was let through", vec![Answer(5, false)], false),
            ("two answers to one", vec![Passes(0), Answer(5, true), Answer(6, false)], false),
            ("the first failed", vec![Passes(0), Passes(300), Answer(400, true), Answer(500, false)], false),
            ("two failed", vec![Passes(0), Passes(300), Passes(600), Answer(700, true), Answer(701, false)], false),
            ("a record came late", vec![Passes(0), Passes(300), Answer(299, true), Answer(400, true)], false),
            ("the wall clock was set back", vec![Passes(1_000), Answer(5, true)], false),
        ];
        for (what, steps, open) in stories {
            let mut admission = Admission::default();
            for step in steps {
                match step {
                    Passes(at) => admission.passes(morning() + TimeDelta::milliseconds(at)),
                    Answer(at, is) => {
                        assert_eq!(admission.is_answered(morning() + TimeDelta::milliseconds(at)), is, "{what}: {at}");
                    }
                }
            }
            assert_eq!(admission.is_open(), open, "{what}");
        }
    }
}
