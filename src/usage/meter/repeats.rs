//! Which counts only say again what usage records have said.

use std::collections::VecDeque;

use crate::model::Tokens;

/// A count comes at most a few responses after the record of its own.
const KEPT: usize = 16;

/// The responses of usage records whose `token_count` is still to come.
///
/// A Codex that writes usage records writes the same again as a count, once the tools have run. One that goes on with
/// such a session but writes none itself has only counts, and those are its responses.
#[derive(Clone, Debug, Default)]
pub(super) struct Unsaid {
    usages: VecDeque<Tokens>,
    /// A turn began since: what is left may never be said, as its turn was ended before.
    is_past: bool,
}

impl Unsaid {
    /// A usage record told of a response.
    pub(super) fn recorded(&mut self, usage: Tokens) {
        if self.is_past {
            self.usages.clear();
        }
        self.is_past = false;
        if self.usages.len() == KEPT {
            self.usages.pop_front();
        }
        self.usages.push_back(usage);
    }

    /// A turn begins.
    pub(super) fn turn_started(&mut self) {
        self.is_past = true;
    }

    /// The total advanced by this response. Says whether no usage record told of it.
    pub(super) fn is_unknown(&mut self, last: Tokens) -> bool {
        let was_recorded = self.usages.contains(&last);
        let is_unknown = !was_recorded && (self.is_past || self.usages.is_empty());
        if !is_unknown {
            self.usages.clear();
        }
        is_unknown
    }
}
