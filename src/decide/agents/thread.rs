//! One thread of an agent as the governor sees it: a Codex session, between its requests.

use std::collections::{BTreeSet, VecDeque};

use crate::model::{ModelId, Response, ThreadId};

use crate::decide::admission::Admission;
use crate::decide::message::{Phase, RequestId};

/// How many of a thread's last responses foretell its next one.
pub(in crate::decide) const RECENT: usize = 5;

/// A Codex session.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Between its requests.
    pub phase: Phase,
    /// The root of its family, once something told it.
    pub(in crate::decide) root: Option<ThreadId>,
    /// The model that it asks next, as its Codex said at the gate.
    pub model: Option<ModelId>,
    /// It was seen at the gate: no request of its is sent that was not let through.
    pub gated: bool,
    /// Some hook of its has called: hooks are on for it.
    pub(in crate::decide) calls: bool,
    /// The tool that it ran last was one that starts a sub-agent, or waits for one.
    pub(in crate::decide) delegates: bool,
    /// Tools of its were let run since its last request: they may be under way.
    pub(in crate::decide) runs_tools: bool,
    /// The threads that came to the gate from inside the tool that it was let run last.
    pub(in crate::decide) nested: BTreeSet<ThreadId>,
    /// It is known in whose tool its Codex was started.
    pub(in crate::decide) is_placed: bool,
    /// What was let through of it and has no answer yet.
    pub admission: Admission,
    /// What is reserved elsewhere for what was let through of it: until that has its answer, or has none.
    pub(in crate::decide) reserved: Option<RequestId>,
    /// It writes a session file.
    pub has_file: bool,
    /// Codex tells what its requests used: it names them, or has told of one.
    pub(in crate::decide) is_told: bool,
    /// The same, and it names each request: it tells of compactions as well.
    pub(in crate::decide) is_named: bool,
    /// It was found that nobody tells.
    pub(in crate::decide) is_untold: bool,
    pub(in crate::decide) recent: VecDeque<Response>,
}

impl Default for Thread {
    fn default() -> Self {
        Self {
            phase: Phase::Idle,
            root: None,
            model: None,
            gated: false,
            calls: false,
            delegates: false,
            runs_tools: false,
            nested: BTreeSet::new(),
            is_placed: false,
            admission: Admission::default(),
            reserved: None,
            has_file: true,
            is_told: false,
            is_named: false,
            is_untold: false,
            recent: VecDeque::new(),
        }
    }
}

impl Thread {
    /// It is a sub-agent's, by this id of its own.
    pub(in crate::decide) fn is_sub_agent(&self, own: &ThreadId) -> bool {
        self.root.as_ref().is_some_and(|root| root != own)
    }

    /// What was let through of it last was perhaps sent, and has no answer. Where its tools run it has one, though that may
    /// not be recorded yet. A compaction that its Codex announces is no request either: 0.135 records none, 0.169 tells of
    /// none, and 0.171 asks once more for the request itself.
    pub(in crate::decide) fn is_unanswered(&self) -> bool {
        let may_be_sent = || self.has_file && !self.is_named && self.phase == Phase::InFlight;
        self.admission.is_open() && self.phase != Phase::Tools && (!self.admission.announces() || may_be_sent())
    }

    /// It is likely to add something: it goes on, or its last answer has come and is not told yet.
    pub(in crate::decide) fn adds(&self) -> bool {
        self.phase.goes_on() || (self.phase != Phase::Idle && self.admission.is_open())
    }

    /// It had a response.
    pub(in crate::decide) fn was_answered(&self) -> bool {
        !self.recent.is_empty()
    }

    /// Its last responses, oldest first; none for a thread that was never answered.
    pub fn recent(&self) -> impl Iterator<Item = &Response> {
        self.recent.iter()
    }
}

/// The amount that four in five do not pass, by nearest rank; `None` of none.
pub(in crate::decide) fn p80(amounts: impl Iterator<Item = i64>) -> Option<i64> {
    let mut amounts: Vec<i64> = amounts.collect();
    amounts.sort_unstable();
    let rank = (amounts.len() * 4).div_ceil(5);
    rank.checked_sub(1).and_then(|place| amounts.get(place)).copied()
}
