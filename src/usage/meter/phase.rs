//! What a thread is doing, as far as its file shows it.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// Whether a request is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// None: no turn is open, or the last response asked for no tool and its turn is ending.
    Idle,
    /// One is, or may be.
    InFlight,
    /// None: the tools that the last response asked for have not all returned.
    Tools,
    /// None: a hook told of the response, and nothing has said yet whether it goes on.
    Answered,
}

impl Phase {
    /// A request is under way, or comes by itself.
    pub fn goes_on(self) -> bool {
        match self {
            Self::InFlight | Self::Tools => true,
            Self::Idle | Self::Answered => false,
        }
    }
}

/// Follows a thread from record to record.
///
/// The order of records differs: 0.169 writes calls, usage record, outputs; 0.118 calls, count,
/// outputs; 0.135 calls, outputs, count. So in 0.135 nothing tells a response that is still being
/// streamed from tools that run, and the thread counts as in flight until one of its counts
/// has been seen to come late. After that an open call is taken to run.
#[derive(Clone, Debug, Default)]
pub(super) struct Pulse {
    state: State,
    open_calls: HashSet<String>,
    /// The response that is not yet counted asked for a tool.
    calls_tools: bool,
    /// Something of it was seen.
    is_seen: bool,
    counts_come_late: bool,
    /// A review's own thread asks, and this one waits for it.
    in_review: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Asking,
    Answered,
}

impl Pulse {
    pub(super) fn turn_started(&mut self) {
        self.open_calls.clear();
        (self.calls_tools, self.is_seen) = (false, false);
        self.state = State::Asking;
    }

    /// The model has said something.
    pub(super) fn answering(&mut self) {
        self.is_seen |= self.state == State::Asking && !self.in_review;
    }

    /// A request of the turn that ends now was perhaps served, and no count tells of it: the turn was `cut`, or an answer
    /// of it was, or it has no last word although something of one was seen. A request that was refused shows nothing.
    pub(super) fn is_unanswered(&self, cut: bool, wordless: bool) -> bool {
        self.state == State::Asking && !self.in_review && (cut || wordless && self.is_seen)
    }

    /// A review begins or ends; after it the turn ends without a request of this thread's own.
    pub(super) fn reviewed(&mut self, begins: bool) {
        self.in_review = begins;
        self.state = State::Idle;
    }

    pub(super) fn turn_ended(&mut self) {
        self.in_review = false;
        self.open_calls.clear();
        (self.calls_tools, self.is_seen) = (false, false);
        self.state = State::Idle;
    }

    /// Something new for the model: it will be asked as soon as no tool runs.
    pub(super) fn asked(&mut self) {
        if self.open_calls.is_empty() {
            self.calls_tools = false;
            self.state = State::Asking;
        }
    }

    pub(super) fn tool_called(&mut self, call_id: Option<&str>) {
        (self.calls_tools, self.is_seen) = (true, true);
        self.state = State::Asking;
        if let Some(call_id) = call_id {
            self.open_calls.insert(call_id.to_owned());
        }
    }

    pub(super) fn tool_returned(&mut self, call_id: Option<&str>) {
        if call_id.is_some_and(|call_id| self.open_calls.remove(call_id))
            && self.open_calls.is_empty()
            && self.state == State::Answered
        {
            self.state = State::Asking;
        }
    }

    /// A response is complete. Says whether it asked for tools.
    pub(super) fn answered(&mut self) -> bool {
        let calls_tools = std::mem::take(&mut self.calls_tools);
        self.is_seen = false;
        self.state = match (calls_tools, self.open_calls.is_empty()) {
            (_, false) => State::Answered,
            // All have returned before it was recorded: the next request is being made.
            (true, true) => State::Asking,
            (false, true) => State::Idle,
        };
        calls_tools
    }

    /// As [`Pulse::answered`], by a running total.
    pub(super) fn counted(&mut self) -> bool {
        self.counts_come_late |= self.calls_tools && self.open_calls.is_empty();
        self.answered()
    }

    pub(super) fn phase(&self) -> Phase {
        match self.state {
            _ if self.in_review => Phase::Idle,
            State::Idle => Phase::Idle,
            State::Answered => Phase::Tools,
            State::Asking if self.counts_come_late && !self.open_calls.is_empty() => Phase::Tools,
            State::Asking => Phase::InFlight,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_no_answer_where_something_of_one_was_seen_or_its_turn_was_cut() {
        type Step = fn(&mut Pulse);
        let ended = |steps: &[Step], cut, wordless| {
            let mut pulse = Pulse::default();
            pulse.turn_started();
            steps.iter().for_each(|step| step(&mut pulse));
            pulse.is_unanswered(cut, wordless)
        };
        let says: Step = Pulse::answering;
        let counted: Step = |pulse| {
            pulse.answered();
        };
        let calls: Step = |pulse| pulse.tool_called(Some("c"));
        let returns: Step = |pulse| pulse.tool_returned(Some("c"));
        let reviews: Step = |pulse| pulse.reviewed(false);
        let cases: [(&[Step], bool, bool, bool); 9] = [
            (&[], false, true, false),
            (&[], true, true, true),
            (&[says], false, true, true),
            (&[says], false, false, false),
            (&[says, counted], true, true, false),
            (&[calls, returns], false, true, true),
            (&[calls, counted], true, true, false),
            (&[calls, counted, returns], false, true, false),
            (&[reviews, says], true, true, false),
        ];
        for (index, (steps, cut, wordless, lost)) in cases.into_iter().enumerate() {
            assert_eq!(ended(steps, cut, wordless), lost, "case {index}");
        }
    }
}
