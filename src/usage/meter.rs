//! The records of one session file become responses, each counted once.
//!
//! # The accounting rule
//!
//! **Usage records.** Codex from about 0.151 writes one `token_usage_record` a response, with the
//! provider's response id, and counts with its `usage`. A record is the same one said again only
//! if both its id and the thread's running total are (`thread_token_usage`; without it, the last
//! `total_token_usage` before it): some providers and proxies answer always with one id, or with
//! an empty one, and the total shows that there was another response. An id's first response is
//! known by the id, a later one by its place in the file as well (`id@position`), one without an
//! id by its place alone (`@position`); without an id only `thread_token_usage` can tell a record
//! said again. A record that names another thread is a copy that a fork brought along, and the
//! record inside a `compacted` line is a copy as well: neither counts.
//!
//! **Pages.** A thread may go on in further files, with its totals. No line of one is repeated in the
//! next, but for a last count before the page's first request, which is not a response. Places name
//! the page (`@page:position`); one response id in two files of a thread is one response.
//!
//! **Running totals.** Earlier versions write only `token_count`, once, twice or many times a
//! response. A response is counted when `total_token_usage` changes, and `last_token_usage` is
//! what it used (without it: the difference of the totals). An unchanged total is the same
//! count said again; the `last` that comes with it after a compaction or a turn that was taken back is an
//! estimate of the context, not a response. Some versions start the totals again when a session is resumed, after a
//! count without numbers: a total that then equals its own `last` is a response, whatever it was before. Else a
//! fallen total that was seen before is an old count said again, and one that was not is a response.
//!
//! **Both.** From the first usage record on, a count says again what a record has said. It is a response of its own if
//! an older Codex goes on with the session, which writes no records: if the total grows by exactly `last`, and no
//! record before it is unsaid. What is unsaid when a turn ends may never be said (its writer was killed, or a
//! compaction by the server is not in the totals): after the next turn began, only a count with the numbers of an
//! unsaid record is taken for that record's. So a record that was torn is made up for by its count.
//!
//! **Inherited history.** Forks and sub-agents of versions up to about 0.150, and later forks of
//! older sessions, begin with a copy of their parent's lines under new timestamps. What is in
//! the copy was paid for by the parent and never counts. A file has such a copy if a second
//! `session_meta` names another thread, if a turn is older than the thread it is in, or if its first turn
//! is called by a line of the old file that stood further down: `codex migrate-rollouts`
//! has then dropped the line that named the parent. The copy ends, whichever is known first:
//! 1. at the first turn that is younger than the thread (both ids are UUIDs that hold their
//!    time), at settings or at a usage record of the thread itself;
//! 2. where turns have no ids (about 0.45 to 0.80): at the first total that is not the parent's
//!    next one of those that the parent had shown when the thread began, if the caller has
//!    [`Meter::inherit`]ed them from the parent's own meter. A file whose own first line says that it was forked
//!    (`forked_from_id`) is held against its parent in the same way, even where nothing else shows a copy;
//! 3. else at the first pause of [`BURST`]: copies are written in one go. A total that follows another within less,
//!    with more tokens than any model gets through in that time, is a copy all the same: the pause was one of the
//!    copying. Responses are then [`Basis::Estimated`], up to the next turn if the parent is known ([`Guess::Pause`]), and to the end of the file if
//!    it is not ([`Guess::LostParent`]).
//!
//! What a file goes on from without copying it (0.148; `history_base` in 0.169) shows only in
//! its totals, which are then larger than their `last`: only `last` counts. Totals without `last` are estimates where a
//! parent's may be in them ([`Guess::FirstTotal`]) or where they fell ([`Guess::FallenTotal`]).
//!
//! **This run.** All lines are read, from the first byte, so that model, tier and totals are right. A
//! response belongs to the run if its line was not there when the run first saw the file, or if
//! it is not older than the run by its own time.

mod identity;
mod line_numbers;
mod lineage;
mod phase;
mod repeats;

use crate::model::{Basis, Guess, ModelId, PlanWindow, ResponseKey, ServiceTier, ThreadId, Timestamp, Tokens};
use crate::rollout::{Record, RecordKind, SessionName, TierSetting};

use identity::Identities;
use line_numbers::Numbering;
pub use lineage::BURST;
use lineage::Lineage;
pub use phase::Phase;
use phase::Pulse;
use repeats::Unsaid;

/// What of a file belongs to this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counting {
    /// When the run began.
    pub from: Timestamp,
    /// The file's size in bytes when the run first saw it: 0 for one that was born in the run,
    /// `u64::MAX` to go by time alone.
    pub grown_from: u64,
}

/// A response of the model, as the session file tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The thread that asked.
    pub thread: ThreadId,
    /// The root of its family, as far as the file knows it: see [`Meter::root`].
    pub root: ThreadId,
    /// Its identity within the thread.
    pub key: ResponseKey,
    /// When Codex recorded it.
    pub at: Timestamp,
    /// Who answered.
    pub model: Option<ModelId>,
    /// Codex's name of the provider.
    pub provider: Option<String>,
    /// The tier that was asked for.
    pub tier: ServiceTier,
    /// What it counted.
    pub tokens: Tokens,
    /// How that is known.
    pub basis: Basis,
    /// It asked for tools, so that another request will follow.
    pub has_tool_calls: bool,
    /// It belongs to this run.
    pub counts: bool,
}

/// What a thread had used in all, as one count of its file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunningTotal {
    /// When the count was written.
    pub at: Option<Timestamp>,
    /// `total_token_usage`.
    pub tokens: Tokens,
}

/// Counts the responses of one session file. A file that was read anew needs a new meter.
#[derive(Clone, Debug)]
pub struct Meter {
    counting: Counting,
    identities: Identities,
    lineage: Lineage,
    pulse: Pulse,
    numbering: Numbering,
    /// Of the last `turn_context`.
    model: Option<ModelId>,
    /// Of the last settings; holds until the first `turn_context`.
    set_model: Option<ModelId>,
    tier: ServiceTier,
    plan_type: Option<String>,
    plan_windows: Vec<PlanWindow>,
    window: Option<u64>,
    cwd: Option<String>,
    last_at: Option<Timestamp>,
    turn_ended: Option<Timestamp>,
    totals: Vec<RunningTotal>,
    /// The file shows a request: until then a count can only be one that its thread's earlier file has as well.
    has_asked: bool,
    /// A count without numbers came after one with numbers: the totals may start again.
    blanked: bool,
    /// A request of it was asked in this run, and is not counted: its turn has ended.
    unanswered: bool,
    /// Its last request was asked in this run.
    asks_here: bool,
    /// It has a response that is no copy of its parent's.
    has_own: bool,
    /// What its usage records have left for `token_count` to say; none where there were no usage records yet.
    unsaid: Option<Unsaid>,
}

impl Meter {
    /// A meter for the file of this name. Without one, the first `session_meta` says whose it is.
    pub fn new(file: Option<&SessionName>, counting: Counting) -> Self {
        Self {
            counting,
            identities: Identities::new(file.and_then(|file| file.page.clone())),
            lineage: Lineage::new(file.map(|file| file.thread.clone())),
            pulse: Pulse::default(),
            numbering: Numbering::default(),
            model: None,
            set_model: None,
            tier: ServiceTier::default(),
            plan_type: None,
            plan_windows: Vec::new(),
            window: None,
            cwd: None,
            last_at: None,
            turn_ended: None,
            totals: Vec::new(),
            has_asked: false,
            blanked: false,
            unanswered: false,
            asks_here: false,
            has_own: false,
            unsaid: None,
        }
    }

    /// The file was cut or written over, or another has taken its place: its records come from the beginning once more.
    /// Those that were counted are not counted again, wherever they stand now.
    pub fn rewind(&mut self) {
        self.numbering.rewind();
        self.identities.rewind(self.totals.iter().map(|total| total.tokens));
    }

    /// Takes the file's next record, whose line starts at byte `position`; says so if it is a
    /// response that was not counted before.
    pub fn push(&mut self, position: u64, record: &Record) -> Option<Answer> {
        let asked = self.phase() == Phase::InFlight;
        let answer = self.take(position, record);
        self.has_own |= answer.is_some();
        match (asked, self.phase() == Phase::InFlight) {
            (false, true) => self.asks_here = self.is_of_run(position),
            (true, true) if answer.is_some() => self.asks_here = self.is_of_run(position),
            (_, _) => {}
        }
        answer
    }

    /// What stands there was written in this run.
    fn is_of_run(&self, position: u64) -> bool {
        position >= self.counting.grown_from || self.last_at.is_some_and(|at| at >= self.counting.from)
    }

    /// A turn of this run has ended since this was last asked, and a request of it was perhaps served that no count tells
    /// of.
    pub fn take_unanswered(&mut self) -> bool {
        std::mem::take(&mut self.unanswered)
    }

    /// A request of this run is under way, as far as the file shows it.
    pub fn asks_here(&self) -> bool {
        self.asks_here && self.phase() == Phase::InFlight && self.tells_own()
    }

    /// What the file tells of requests is its thread's own: a child's begins with copies of its parent's.
    fn tells_own(&self) -> bool {
        self.has_own || self.lineage.parent().is_none()
    }

    fn take(&mut self, position: u64, record: &Record) -> Option<Answer> {
        self.last_at = record.at.or(self.last_at);
        self.lineage.passed(record.at);
        self.numbering.passed(record.ordinal, position, position >= self.counting.grown_from);
        match &record.kind {
            RecordKind::Meta(meta) => {
                if self.lineage.meta(meta, record.at) {
                    self.cwd = meta.cwd.clone().or_else(|| self.cwd.take());
                }
                None
            }
            RecordKind::TurnContext { turn, model, effort: _, cwd } => {
                self.lineage.turn(turn.as_deref());
                self.model = model.clone().or_else(|| self.model.take());
                self.has_asked = true;
                self.cwd = cwd.clone().or_else(|| self.cwd.take());
                self.pulse.asked();
                None
            }
            RecordKind::Settings { thread, model, provider, tier } => {
                if self.lineage.settings(thread.as_ref(), provider.as_deref()) {
                    self.set_model = model.clone().or_else(|| self.set_model.take());
                    match tier {
                        TierSetting::Absent => {}
                        TierSetting::Cleared => self.tier = ServiceTier::Standard,
                        TierSetting::Set(word) => self.tier = ServiceTier::from_codex(word),
                    }
                }
                None
            }
            RecordKind::UsageRecord { thread, root, turn: _, response_id, usage, thread_total } => {
                let own = self.lineage.usage(thread.as_ref(), root.as_ref());
                let unsaid = self.unsaid.get_or_insert_default();
                let last_total = self.totals.last().map(|total| total.tokens);
                let key =
                    own.then(|| self.identities.of_record(position, response_id.as_ref(), *thread_total, last_total));
                if own && (key != Some(None) || !self.identities.is_rewound()) {
                    unsaid.recorded(*usage);
                }
                if key == Some(None) && !self.identities.is_rewound() {
                    return None;
                }
                let has_tool_calls = self.pulse.answered();
                key.flatten().map(|key| self.answer(position, key, *usage, Basis::Observed, has_tool_calls))
            }
            RecordKind::TokenCount { total, last, window, rate_limits } => {
                self.window = window.or(self.window);
                if let Some(limits) = rate_limits.as_ref().filter(|limits| limits.is_of_plan()) {
                    self.plan_windows.clone_from(&limits.windows);
                }
                if let Some(plan) = rate_limits.as_ref().and_then(|limits| limits.plan_type.as_ref()) {
                    self.plan_type = Some(plan.clone());
                }
                match total {
                    Some(total) => self.token_count(position, record.at, *total, last.filter(|last| !last.is_zero())),
                    None => {
                        self.blanked = !self.totals.is_empty();
                        None
                    }
                }
            }
            RecordKind::TurnStarted { turn } => {
                self.lineage.turn_started(turn.as_deref(), record.ordinal);
                self.unsaid.iter_mut().for_each(Unsaid::turn_started);
                self.has_asked = true;
                self.pulse.turn_started();
                None
            }
            RecordKind::TurnEnded { aborted, wordless, broke_off } => {
                let lost = self.pulse.is_unanswered(*aborted || *broke_off, *wordless);
                self.unanswered |= lost && self.asks_here && self.tells_own();
                self.turn_ended = record.at.or(self.turn_ended);
                self.pulse.turn_ended();
                None
            }
            RecordKind::ToolCall { call_id, name: _ } => {
                self.pulse.tool_called(call_id.as_deref());
                None
            }
            RecordKind::ToolOutput { call_id } => {
                self.pulse.tool_returned(call_id.as_deref());
                None
            }
            RecordKind::UserMessage => {
                self.lineage.user_message();
                self.has_asked = true;
                self.pulse.asked();
                None
            }
            RecordKind::Answering => {
                self.pulse.answering();
                None
            }
            RecordKind::Compacted => {
                self.pulse.asked();
                None
            }
            RecordKind::Review { begins } => {
                self.pulse.reviewed(*begins);
                None
            }
            RecordKind::Other => None,
        }
    }

    fn token_count(
        &mut self,
        position: u64,
        at: Option<Timestamp>,
        total: Tokens,
        last: Option<Tokens>,
    ) -> Option<Answer> {
        let previous = self.totals.last().map(|previous| previous.tokens);
        let restarted = std::mem::take(&mut self.blanked) && last == Some(total);
        if previous == Some(total) && !restarted {
            return None;
        }
        if self.identities.was_shown(&total) {
            if self.unsaid.is_none() {
                self.pulse.counted();
            }
            return None;
        }
        let fell = previous.is_some_and(|previous| total.total() < previous.total());
        if fell && !restarted && self.totals.iter().any(|before| before.tokens == total) {
            return None;
        }
        let used = last.unwrap_or_else(|| total.since(&previous.unwrap_or_default()));
        let copied = self.lineage.copied(self.totals.len(), &total, &used, at);
        self.totals.push(RunningTotal { at, tokens: total });
        let is_known = match (&mut self.unsaid, last) {
            (None, _) => self.identities.page().is_some() && !self.has_asked,
            (Some(unsaid), Some(last)) => !unsaid.is_unknown(last) || previous.unwrap_or_default() + last != total,
            (Some(_), None) => true,
        };
        if is_known {
            return None;
        }
        let has_tool_calls = self.pulse.counted();
        if copied {
            return None;
        }
        let (tokens, guess) = match (last, previous) {
            (Some(last), _) => (last, None),
            (None, Some(previous)) if !fell => (total.since(&previous), None),
            (None, Some(_)) => (total, Some(Guess::FallenTotal)),
            // Without a parent the first total is the first response.
            (None, None) => (total, self.lineage.parent().map(|_| Guess::FirstTotal)),
        };
        let guess = self.lineage.guess().or(guess);
        let basis = guess.map_or(Basis::Observed, Basis::Estimated);
        if tokens.is_zero() {
            return None;
        }
        let key = self.identities.of_place("", position);
        Some(self.answer(position, key, tokens, basis, has_tool_calls))
    }

    fn answer(&self, position: u64, key: ResponseKey, tokens: Tokens, basis: Basis, has_tool_calls: bool) -> Answer {
        let at = self.last_at.unwrap_or(self.counting.from);
        let thread = self.thread().cloned().unwrap_or_else(|| ThreadId::new("unknown"));
        Answer {
            root: self.root().cloned().unwrap_or_else(|| thread.clone()),
            thread,
            key,
            at,
            model: self.model().cloned(),
            provider: self.provider().map(str::to_owned),
            tier: self.tier.clone(),
            tokens,
            basis,
            has_tool_calls,
            counts: position >= self.counting.grown_from || at >= self.counting.from,
        }
    }

    /// The parent whose [`Meter::totals`] would tell this file's copies from its own: ask after
    /// each record until there is an answer, or until the first [`Answer`].
    pub fn wants_parent(&self) -> Option<&ThreadId> {
        self.lineage.wants_parent()
    }

    /// Gives the parent's totals, from its first on; none at all if its file is gone.
    pub fn inherit(&mut self, parent_totals: &[RunningTotal]) {
        self.lineage.inherit(parent_totals);
    }

    /// All running totals that the file has shown, copies included, without repetition.
    pub fn totals(&self) -> &[RunningTotal] {
        &self.totals
    }

    /// Whether a request is under way, as far as the file shows it.
    pub fn phase(&self) -> Phase {
        self.pulse.phase()
    }

    /// Where the last line of this run stands, in bytes from the file's begin, that shows by its number that Codex did not
    /// write it or the one before. Such a line is known once Codex has written its next one, and only of versions that
    /// number theirs (about 0.151 and later).
    pub fn foreign_line(&self) -> Option<u64> {
        self.numbering.broken_at()
    }

    /// When the last turn ended that the file tells of.
    pub fn turn_ended(&self) -> Option<Timestamp> {
        self.turn_ended
    }

    /// The thread that the file belongs to.
    pub fn thread(&self) -> Option<&ThreadId> {
        self.lineage.thread()
    }

    /// The root of its family of sub-agents: itself if it has no parent. Files up to about 0.135
    /// name only the parent, so that a sub-agent's sub-agent needs the parent's own root.
    pub fn root(&self) -> Option<&ThreadId> {
        self.lineage.root()
    }

    /// The thread that spawned it or that it was forked from.
    pub fn parent(&self) -> Option<&ThreadId> {
        self.lineage.parent()
    }

    /// The sub-agent's role or nickname.
    pub fn role(&self) -> Option<&str> {
        self.lineage.role()
    }

    /// The version that created the file.
    pub fn codex_version(&self) -> Option<&str> {
        self.lineage.codex_version()
    }

    /// Codex's name of the provider.
    pub fn provider(&self) -> Option<&str> {
        self.lineage.provider()
    }

    /// The model that the next response will come from.
    pub fn model(&self) -> Option<&ModelId> {
        self.model.as_ref().or(self.set_model.as_ref())
    }

    /// The service tier that the next request asks for.
    pub fn tier(&self) -> &ServiceTier {
        &self.tier
    }

    /// The ChatGPT plan that paid, if one did.
    pub fn plan_type(&self) -> Option<&str> {
        self.plan_type.as_deref()
    }

    /// What is used of the ChatGPT plan's own limits, as last said.
    pub fn plan_windows(&self) -> &[PlanWindow] {
        &self.plan_windows
    }

    /// How many tokens its model can read at once, as Codex last said.
    pub fn window(&self) -> Option<u64> {
        self.window
    }

    /// The working folder.
    pub fn cwd(&self) -> Option<&str> {
        self.cwd.as_deref()
    }
}

#[cfg(test)]
mod tests;
