//! Whose file it is, and where what it inherited ends.

use std::time::Duration;

use uuid::Uuid;

use super::RunningTotal;
use crate::model::{Guess, ThreadId, Timestamp, Tokens};
use crate::rollout::Meta;

/// The pause that ends a copied history for which nothing better is known. Copies of a whole
/// session are milliseconds apart; a model takes longer.
pub const BURST: Duration = Duration::from_millis(250);

/// The output tokens that a model writes in a second, at most: the quickest that are sold write some 1,200.
const MOST_WRITTEN: u64 = 2_000;
/// The tokens of one response, its input included, for each second that it took, at most: a full context from the cache
/// comes to less.
const MOST_HANDLED: u64 = 200_000;

/// A thread's family and its inherited history.
#[derive(Clone, Debug)]
pub(super) struct Lineage {
    thread: Option<ThreadId>,
    root: Option<ThreadId>,
    parent: Option<ThreadId>,
    /// Spawned by its parent, not forked from it.
    spawned: bool,
    role: Option<String>,
    codex_version: Option<String>,
    provider: Option<String>,
    history: History,
    /// When the last running total came, copied or not.
    last_total: Option<Timestamp>,
    /// When the thread's own first line was written: a fork has copied what its parent had said by then.
    began: Option<Timestamp>,
    parent_totals: Option<Vec<RunningTotal>>,
    /// Nobody knows what the parent has shown.
    parent_unknown: bool,
    /// It was forked, but the line that named its parent is gone.
    lost_parent: bool,
    /// It was forked, says its own first line, and its turns have no ids: only its parent's counts can tell what it copied.
    forked_without_turns: bool,
}

/// What the lines that come now are.
#[derive(Clone, Debug)]
enum History {
    /// The thread's own, until something says otherwise.
    Unsettled,
    /// Copies.
    Copied {
        /// Turns have ids, which say when the copies end.
        turns: bool,
        last_at: Option<Timestamp>,
    },
    /// The thread's own.
    Own(Why),
}

/// How it is known that the lines are the thread's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Ids, or the parent's counts, say so: for good.
    Known,
    /// A pause is all that says so.
    Pause,
    /// A pause, and a person's message after it.
    Prompt,
}

impl Lineage {
    pub(super) fn new(thread: Option<ThreadId>) -> Self {
        Self {
            thread,
            root: None,
            parent: None,
            spawned: false,
            role: None,
            codex_version: None,
            provider: None,
            history: History::Unsettled,
            last_total: None,
            began: None,
            parent_totals: None,
            parent_unknown: false,
            lost_parent: false,
            forked_without_turns: false,
        }
    }

    /// Says whether it is the file's own; the parent's follows where history was copied.
    pub(super) fn meta(&mut self, meta: &Meta, at: Option<Timestamp>) -> bool {
        if self.thread.is_none() {
            self.thread.clone_from(&meta.thread);
        }
        if self.thread != meta.thread {
            if self.parent.is_none() {
                self.parent.clone_from(&meta.thread);
            }
            self.begins_with_copies(false);
            return false;
        }
        self.began = self.began.or(at);
        self.root = meta.root.clone().or_else(|| self.root.take());
        self.spawned |= meta.parent.is_some();
        self.parent = meta.parent.clone().or_else(|| meta.forked_from.clone()).or_else(|| self.parent.take());
        self.role = meta.role.clone().or_else(|| self.role.take());
        self.codex_version = meta.cli_version.clone().or_else(|| self.codex_version.take());
        // What a thread begins with says who is paid; only settings change that.
        self.provider = self.provider.take().or_else(|| meta.provider.clone());
        true
    }

    /// A record of any kind was passed.
    pub(super) fn passed(&mut self, at: Option<Timestamp>) {
        if let History::Copied { turns, last_at, .. } = &mut self.history {
            let pause = last_at.zip(at).and_then(|(before, now)| (now - before).to_std().ok());
            *last_at = at.or(*last_at);
            if !*turns && self.parent_totals.is_none() && pause.is_some_and(|pause| pause >= BURST) {
                self.history = History::Own(Why::Pause);
            }
        }
    }

    /// A turn starts, in the line of this number.
    pub(super) fn turn_started(&mut self, turn: Option<&str>, ordinal: Option<u64>) {
        let lines_before =
            turn.and_then(|turn| turn.strip_prefix("rollout-")).and_then(|line| line.parse::<u64>().ok());
        // `codex migrate-rollouts` names a turn by its line in the old file, and drops all `session_meta` but the first.
        if let (Some(old), Some(new), None, History::Unsettled) = (lines_before, ordinal, &self.parent, &self.history) {
            if old > new {
                self.lost_parent = true;
                self.begins_with_copies(false);
            } else {
                self.history = History::Own(Why::Known);
            }
        }
        self.turn(turn);
    }

    /// A turn starts or goes on.
    pub(super) fn turn(&mut self, turn: Option<&str>) {
        if turn.is_none() && self.parent.is_some() && !self.spawned && matches!(self.history, History::Unsettled) {
            self.forked_without_turns = true;
        }
        let (Some(turn), Some(thread), Some(_)) = (turn, &self.thread, &self.parent) else { return };
        match (created(turn), created(thread.as_str())) {
            (Some(turn), Some(thread)) if turn < thread => self.begins_with_copies(true),
            (Some(_), Some(_)) => self.history = History::Own(Why::Known),
            _ => {}
        }
    }

    /// A turn of a person's starts: what was in doubt lies behind.
    pub(super) fn user_message(&mut self) {
        if let History::Own(why @ Why::Pause) = &mut self.history {
            *why = Why::Prompt;
        }
    }

    /// Says whether settings are the thread's own.
    pub(super) fn settings(&mut self, thread: Option<&ThreadId>, provider: Option<&str>) -> bool {
        let own = self.is_own(thread);
        if own {
            self.provider = provider.map(str::to_owned).or_else(|| self.provider.take());
        }
        own
    }

    /// Says whether a usage record is the thread's own.
    pub(super) fn usage(&mut self, thread: Option<&ThreadId>, root: Option<&ThreadId>) -> bool {
        if self.thread.is_none() {
            self.thread = thread.cloned();
        }
        let own = self.is_own(thread);
        if own && self.root.is_none() {
            self.root = root.cloned();
        }
        own
    }

    fn is_own(&mut self, thread: Option<&ThreadId>) -> bool {
        match (thread, &self.thread) {
            (Some(named), Some(own)) if named == own => {
                self.history = History::Own(Why::Known);
                true
            }
            (Some(_), Some(_)) => false,
            // It names nobody: its neighbours decide.
            (None, _) | (_, None) => !matches!(self.history, History::Copied { .. }),
        }
    }

    /// Says whether a new running total, the `nth` of the file from 0, is a copy.
    /// It comes with what its response used, and when.
    pub(super) fn copied(&mut self, nth: usize, total: &Tokens, used: &Tokens, at: Option<Timestamp>) -> bool {
        let before = self.last_total;
        self.last_total = at.or(before);
        if matches!(self.history, History::Own(Why::Pause | Why::Prompt)) && no_model_is_so_quick(used, before, at) {
            self.history = History::Copied { turns: false, last_at: at };
        }
        match self.history {
            History::Copied { turns: true, .. } => true,
            History::Copied { turns: false, .. } => self.parent_totals.is_none() || self.is_the_parents(nth, total),
            History::Unsettled if self.forked_without_turns && self.parent_totals.is_some() => {
                self.is_the_parents(nth, total)
            }
            History::Unsettled | History::Own(_) => false,
        }
    }

    /// Says whether the parent had shown this total, the `nth` of its file, when this thread began. The first that it had
    /// not ends the copies.
    fn is_the_parents(&mut self, nth: usize, total: &Tokens) -> bool {
        let began = self.began;
        let was_there = |parent: &&RunningTotal| parent.at.zip(began).is_none_or(|(at, began)| at <= began);
        let parent = self.parent_totals.as_ref().and_then(|totals| totals.get(nth)).filter(was_there);
        let is_copy = parent.is_some_and(|parent| parent.tokens == *total);
        if !is_copy {
            self.history = History::Own(Why::Known);
        }
        is_copy
    }

    pub(super) fn wants_parent(&self) -> Option<&ThreadId> {
        if self.parent_totals.is_some() || self.parent_unknown {
            return None;
        }
        match self.history {
            History::Copied { turns: false, .. } => self.parent.as_ref(),
            History::Unsettled if self.forked_without_turns => self.parent.as_ref(),
            History::Unsettled | History::Copied { .. } | History::Own(_) => None,
        }
    }

    pub(super) fn inherit(&mut self, parent_totals: &[RunningTotal]) {
        self.parent_unknown = parent_totals.is_empty();
        self.parent_totals = (!self.parent_unknown).then(|| parent_totals.to_vec());
    }

    /// Why the present lines may not be the thread's own, if nothing but a pause says that they are.
    pub(super) fn guess(&self) -> Option<Guess> {
        match self.history {
            History::Own(_) if self.lost_parent => Some(Guess::LostParent),
            History::Own(Why::Pause) => Some(Guess::Pause),
            History::Unsettled | History::Copied { .. } | History::Own(Why::Known | Why::Prompt) => None,
        }
    }

    fn begins_with_copies(&mut self, known_turns: bool) {
        match &mut self.history {
            History::Unsettled => {
                self.history = History::Copied { turns: known_turns, last_at: None };
            }
            History::Copied { turns, .. } => *turns |= known_turns,
            History::Own(_) => {}
        }
    }

    pub(super) fn thread(&self) -> Option<&ThreadId> {
        self.thread.as_ref()
    }

    pub(super) fn root(&self) -> Option<&ThreadId> {
        let above = if self.spawned { self.parent.as_ref() } else { None };
        self.root.as_ref().or(above).or(self.thread.as_ref())
    }

    pub(super) fn parent(&self) -> Option<&ThreadId> {
        self.parent.as_ref()
    }

    pub(super) fn role(&self) -> Option<&str> {
        self.role.as_deref()
    }

    pub(super) fn codex_version(&self) -> Option<&str> {
        self.codex_version.as_deref()
    }

    pub(super) fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }
}

/// Says whether nothing could have answered with this between two totals that are less than [`BURST`] apart: the pause that
/// seemed to end the copies was one of the copying, as on a busy disk.
fn no_model_is_so_quick(used: &Tokens, before: Option<Timestamp>, now: Option<Timestamp>) -> bool {
    let Some(pause) = before.zip(now).and_then(|(before, now)| (now - before).to_std().ok()) else { return false };
    let most = |a_second: u64| u128::from(a_second) * pause.as_millis() / 1_000;
    pause < BURST && (u128::from(used.output) > most(MOST_WRITTEN) || u128::from(used.total()) > most(MOST_HANDLED))
}

/// When a UUID of version 7 was made, in milliseconds since 1970.
fn created(id: &str) -> Option<u64> {
    let id = Uuid::parse_str(id).ok().filter(|id| id.get_version_num() == 7)?;
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    Some(seconds.saturating_mul(1_000).saturating_add(u64::from(nanos / 1_000_000)))
}
