//! What hooks leave to the next one about a thread.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::codex::HookEvent;
use crate::decide::admission::Admission;
use crate::decide::barred::BarTold;
use crate::decide::message::{Asked, Phase};
use crate::import::ReadSession;
use crate::model::event::Lifts;
use crate::model::{Billing, BudgetName, ProcessIdentity, Response, ResponseKey, ServiceTier, ThreadId, Timestamp};
use crate::rollout::RanTool;
use crate::tail::Fingerprint;
use crate::usage::pairing::Pairing;

use super::Call;
use super::active_time::Worked;
use super::open_files::Before;
use super::unasked_tools::{RanTools, ToolsAsked};

/// How many of a thread's last responses foretell its next one.
const RECENT: usize = 5;

/// What of a file is news.
pub(super) enum From {
    /// This response and those after it.
    Response(usize),
    /// It begins otherwise than it did: all that was not counted.
    Beginning,
}

/// What hooks leave to the next one about a thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ThreadState {
    /// Its session file; empty where it writes none.
    pub(super) path: PathBuf,
    /// That file as it was read last. `None`: it was not there yet.
    #[serde(default, rename = "fingerprint")]
    pub(super) file: Option<Fingerprint>,
    /// What somebody else than its writer has done to it.
    #[serde(default)]
    pub(super) altered: Option<String>,
    /// Something was done to it once: a record that names no response may tell of one that is counted.
    #[serde(default)]
    pub(super) doubted: bool,
    /// What a response used was not told; and whether that is news to whoever reads the session's events.
    #[serde(default)]
    pub(super) untold: Option<bool>,
    /// Hooks tell what its requests use.
    #[serde(default)]
    pub(super) hears: bool,
    /// How many of its responses are in the ledger, and the last of them.
    pub(super) seen: usize,
    pub(super) last: Option<ResponseKey>,
    /// Some of them were imported.
    pub(super) imported: bool,
    pub(super) phase: Phase,
    /// When the last turn ended that its file tells of.
    #[serde(default)]
    pub(super) ended: Option<Timestamp>,
    pub(super) tier: Option<ServiceTier>,
    /// Who pays for it, as its file and the login tell.
    #[serde(default)]
    pub(super) billing: Option<Billing>,
    /// The Codex that runs it.
    pub(super) codex: ProcessIdentity,
    /// That Codex was seen to ask before the thread's requests.
    pub(super) asks: bool,
    /// What was let through of it and has no answer on record.
    #[serde(flatten)]
    pub(super) admission: Admission,
    /// What has gone past the gate.
    pub(super) broken: Option<String>,
    /// The responses that foretell its next one.
    pub(super) recent: Vec<Response>,
    /// What its file and hooks have told, each response once.
    #[serde(default)]
    pub(super) pairing: Pairing,
    /// Codex names its requests.
    #[serde(default)]
    pub(super) named: bool,
    /// Codex's name of the provider, as the file says.
    #[serde(default)]
    pub(super) provider: Option<String>,
    /// Nothing more is asked on it, as its last hook found.
    #[serde(default)]
    pub(super) barred: Option<BarTold>,
    /// What a person should know, from hooks whose words Codex shows nowhere: the next hook that can show it does.
    #[serde(default)]
    pub(super) unsaid: Vec<String>,
    /// How long the session was active, where this thread keeps that.
    #[serde(default)]
    pub(super) worked: Option<Worked>,
    /// A tool of it was refused to stop its Codex, which ends before anything more is asked.
    #[serde(default)]
    pub(super) stops: Option<Stops>,
    /// The tools that have asked.
    #[serde(default)]
    pub(super) asked: ToolsAsked,
}

/// A stop that waits for the tools under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stops {
    pub(super) because: String,
    pub(super) kill: bool,
    /// The budget that wants it, and what it takes to go on.
    pub(super) rule: Option<BudgetName>,
    pub(super) lifts: Option<Lifts>,
}

impl ThreadState {
    /// A thread that nothing is known of.
    pub(super) fn new(path: PathBuf, codex: ProcessIdentity) -> Self {
        Self {
            path,
            file: None,
            altered: None,
            doubted: false,
            untold: None,
            hears: false,
            seen: 0,
            last: None,
            imported: false,
            phase: Phase::Idle,
            ended: None,
            tier: None,
            codex,
            asks: false,
            admission: Admission::default(),
            broken: None,
            recent: Vec::new(),
            pairing: Pairing::default(),
            named: false,
            provider: None,
            billing: None,
            unsaid: Vec::new(),
            barred: None,
            worked: None,
            stops: None,
            asked: ToolsAsked::default(),
        }
    }

    /// Its file as the hook before has read it.
    pub(super) fn before(&self) -> Option<Before<'_>> {
        let read = self.file.as_ref()?;
        Some(Before { name: &self.path, read, phase: self.phase })
    }

    /// It writes a session file.
    pub(super) fn has_file(&self) -> bool {
        !self.path.as_os_str().is_empty()
    }

    /// Notes a response that a hook told of first.
    pub(super) fn note(&mut self, response: &Response) {
        if self.phase == Phase::InFlight || !self.has_file() {
            self.phase = Phase::Answered;
        }
        self.remember(response);
    }

    /// It foretells the next one.
    pub(super) fn remember(&mut self, response: &Response) {
        self.recent.push(response.clone());
        let more = self.recent.len().saturating_sub(RECENT);
        self.recent.drain(..more);
    }

    /// Takes what the thread's file tells of its tools; says which ran without asking.
    pub(super) fn ran(&mut self, thread: &ThreadId, ran: &RanTools) -> Vec<RanTool> {
        self.asked.take(thread, ran)
    }

    /// What this hook of the thread asks about.
    pub(super) fn asks(&mut self, call: &Call) {
        if call.event == HookEvent::PreToolUse {
            self.asked.asks(call.input.tool_use_id.as_ref());
        }
    }

    /// How far its file was looked through for tools that ran.
    pub(super) fn looked_through(&self) -> Option<u64> {
        self.asked.looked_through()
    }

    /// It is another Codex's from now on: what the one before was let do has no answer any more.
    pub(super) fn taken_over(&mut self, codex: ProcessIdentity) {
        if self.codex != codex {
            let admission = Admission::default();
            self.pairing.taken_over();
            *self = Self {
                codex,
                phase: Phase::Idle,
                asks: false,
                admission,
                broken: None,
                file: None,
                altered: None,
                untold: None,
                barred: None,
                stops: None,
                asked: ToolsAsked::default(),
                ..self.clone()
            };
        }
    }

    /// Takes what its file tells; says from which of its responses on they are news.
    pub(super) fn read(&mut self, told: &ReadSession, upto: &Fingerprint) -> From {
        let before = self.seen.checked_sub(1).and_then(|last| told.responses.get(last));
        let goes_on = before.map(|response| &response.key) == self.last.as_ref();
        let from = if goes_on { From::Response(self.seen) } else { From::Beginning };
        self.path.clone_from(&told.file.path);
        self.file = Some(upto.clone());
        self.seen = told.responses.len();
        self.last = told.responses.last().map(|last| last.key.clone());
        self.phase = told.meter.phase();
        self.ended = told.meter.turn_ended();
        self.tier = Some(told.meter.tier().clone());
        self.billing = Some(told.billing);
        // What is left of a file that was written over need not tell who answered.
        if !self.doubted {
            let recent = told.responses.len().saturating_sub(RECENT);
            self.recent = told.responses.get(recent..).unwrap_or_default().to_vec();
        }
        self.provider = told.meter.provider().map(str::to_owned);
        from
    }

    /// What was let through of it last was perhaps sent, and has no answer: as one who stays with it would say
    /// (`Thread::is_unanswered` of the governor's).
    pub(super) fn is_unanswered(&self) -> bool {
        let may_be_sent = || self.has_file() && !self.named && self.phase == Phase::InFlight;
        self.admission.is_open() && self.phase != Phase::Tools && (!self.admission.announces() || may_be_sent())
    }

    /// It writes no session file, and its Codex was not seen to ask before its requests.
    pub(super) fn hides_turns(&self) -> bool {
        !self.has_file() && !self.asks
    }

    /// A request of it is let through; `asks` where that tells that its Codex asks before each.
    pub(super) fn passes(&mut self, now: Timestamp, asked: &Asked, asks: bool) {
        self.asks |= asks;
        self.barred = None;
        self.named |= asked.request.is_some();
        self.admission.passes(now, asked);
        if !self.has_file() {
            self.phase = Phase::InFlight;
        }
    }

    /// As another thread's hook sees it that has read whether this one was `answered`. A file tells of a turn some time
    /// after its first request was let through, on a busy machine long after: what was let through is under way until
    /// the file tells of an answer, or of a turn that ended since.
    pub(super) fn phase_for_others(&self, answered: bool) -> Phase {
        let ended_since = |sent: Timestamp| {
            // Records tell milliseconds.
            self.ended.is_some_and(|ended| ended.timestamp_millis() >= sent.timestamp_millis())
        };
        let under_way = !answered && self.admission.sent().is_some_and(|sent| !ended_since(sent));
        if under_way && !self.phase.goes_on() { Phase::InFlight } else { self.phase }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn what_was_let_through_is_under_way_until_its_file_tells_otherwise_however_long_that_takes() {
        let codex = ProcessIdentity { pid: 1, started: 1 };
        let sent = Timestamp::UNIX_EPOCH + TimeDelta::hours(1);
        let mut standing = ThreadState::new(PathBuf::from("/s"), codex);
        standing.ended = Some(sent - TimeDelta::minutes(1));
        assert_eq!(standing.phase_for_others(false), Phase::Idle);
        standing.passes(sent, &Asked::default(), true);
        assert_eq!(standing.phase_for_others(false), Phase::InFlight, "the file does not tell of the turn yet");
        assert_eq!(standing.phase_for_others(true), Phase::Idle);
        standing.phase = Phase::Tools;
        assert_eq!(standing.phase_for_others(false), Phase::Tools);
        standing.phase = Phase::Idle;
        standing.ended = Some(sent + TimeDelta::seconds(5));
        assert_eq!(standing.phase_for_others(false), Phase::Idle, "it was interrupted");
        standing.ended = None;
        standing.admission.fails();
        assert_eq!(standing.phase_for_others(false), Phase::Idle);
    }
}
