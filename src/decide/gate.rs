//! How an agent stands at the gate: what its Codex waits for before it asks a model or runs a tool.

pub(super) mod admit;
pub(super) mod drain;
pub(super) mod let_through;
pub(super) mod outcomes;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::ThreadId;
use crate::model::event::GateReach;

use super::agents::lifecycle::{Intent, State};
use super::agents::thread::Thread;
use super::barred::Bar;
use super::message::{Asked, HookId, ToolCall, Wants};
use super::reserving::Reserving;
use super::signal_hold::Stillness;
use super::tool_gates::{Allowed, CallAsk};

/// An agent's Codex at the gate.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// How much of it was seen to work: known by hand-shake, not by version.
    reach: Option<GateReach>,
    /// Tools that a person is asked about.
    pub(super) asks: BTreeMap<HookId, CallAsk>,
    /// Tools that a person let run again.
    pub(super) allowed: Vec<Allowed>,
    /// How the agent stands for them.
    pub(super) stillness: Stillness,
    /// Calls that were let run before, and by whom.
    pub(super) passes: BTreeMap<HookId, String>,
    /// Requests and tools whose thread's last request has no answer yet, and was perhaps answered.
    unrecorded: BTreeSet<HookId>,
    /// Tools that meet their gate once the response that called them is known: what a question costs so far includes it.
    unjudged: BTreeSet<HookId>,
    /// Requests that wait for answers to the agent's other threads.
    pub(super) beside: BTreeSet<HookId>,
    /// How requests that wait stand with budgets that are kept elsewhere.
    pub(super) reserving: BTreeMap<HookId, Reserving>,
    /// Calls that have no answer yet.
    waiting: BTreeMap<HookId, (ThreadId, Wants)>,
    /// Which requests those are, where they are some.
    asked: BTreeMap<HookId, Asked>,
    /// The families whose threads ask here before they ask a model.
    roots: BTreeSet<ThreadId>,
    /// The agent is held here: its processes go on, its requests do not.
    shut: bool,
    /// A stop waits until no answer, and no tool that was paid for, would be lost by it.
    draining: bool,
    /// It was said that it does.
    drain_told: bool,
    /// A request may have gone past it: nothing is held here any more.
    broken: bool,
    /// A hook could not ask, and has ended its Codex.
    failed: bool,
    /// Threads on which nothing more is asked.
    pub(super) barred: BTreeMap<ThreadId, Bar>,
    /// Something works while it is paused that has not come here yet.
    pub(super) doubted: bool,
    /// The calls of tools that have asked here, by Codex's ids; those of a Codex before this one, too.
    asked_calls: BTreeSet<String>,
    /// Some tool has asked without an id: which ones did not ask cannot be told.
    nameless_calls: bool,
    /// Threads of which it was told that a tool of theirs did not ask.
    told_of: BTreeSet<ThreadId>,
}

impl Gate {
    /// The prompts of this thread that wait.
    pub(super) fn turns_of(&self, thread: &ThreadId) -> Vec<HookId> {
        let of = |(_, (id, wants)): &(&HookId, &(ThreadId, Wants))| id == thread && *wants == Wants::Turn;
        self.waiting.iter().filter(of).map(|(hook, _)| *hook).collect()
    }

    /// A request of this thread waits.
    pub fn has(&self, thread: &ThreadId) -> bool {
        self.waiting.values().any(|(of, wants)| of == thread && wants.spends())
    }

    /// This request waits for answers to the agent's other threads.
    pub fn waits_beside(&self, hook: HookId) -> bool {
        self.beside.contains(&hook)
    }

    /// A thread of this family asked here before it asked a model.
    pub(super) fn has_seen(&self, root: &ThreadId) -> bool {
        self.roots.contains(root)
    }

    /// Requests wait, and each of them because nobody answers where its budgets are kept.
    pub(super) fn waits_for_nobody(&self) -> bool {
        let spends = self.waiting.iter().filter(|(_, (_, wants))| wants.spends());
        let mut away = spends.map(|(hook, _)| self.reserving.get(hook).is_some_and(Reserving::is_unanswered));
        away.next().is_some_and(|first| first && away.all(|one| one))
    }

    /// Some request waits.
    pub(super) fn is_asked_to_spend(&self) -> bool {
        self.waiting.values().any(|(_, wants)| wants.spends())
    }

    /// The thread whose request this is.
    pub(super) fn asker_of(&self, hook: HookId) -> Option<ThreadId> {
        self.waiting.get(&hook).filter(|(_, wants)| wants.spends()).map(|(thread, _)| thread.clone())
    }

    /// What would ask for this thread waits: a request, or a turn that was to begin with one.
    pub fn keeps_from_asking(&self, thread: &ThreadId) -> bool {
        let asks = |wants: &Wants| wants.spends() || *wants == Wants::Turn;
        self.waiting.values().any(|(of, wants)| of == thread && asks(wants))
    }

    /// A tool has come here.
    fn tool_asks(&mut self, call: Option<&String>) {
        match call {
            Some(call) => drop(self.asked_calls.insert(call.clone())),
            None => self.nameless_calls = true,
        }
    }

    /// This call of a tool has come here, or may have.
    pub fn may_have_asked(&self, call: &str) -> bool {
        self.nameless_calls || self.asked_calls.contains(call)
    }

    /// Requests of this Codex come here first.
    pub fn holds_requests(&self) -> bool {
        self.reach == Some(GateReach::Requests) && !self.broken
    }

    /// How much of it was seen to work; `None` before anything came.
    pub fn reach(&self) -> Option<GateReach> {
        self.reach
    }

    /// The agent is held here, and not by signals.
    pub fn is_shut(&self) -> bool {
        self.shut
    }

    /// A request has gone past it.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// A hook could not ask, and has ended its Codex.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// This call waits, of the Codex that runs now: those of one that was started again are forgotten.
    pub fn waits(&self, hook: HookId) -> bool {
        self.waiting.contains_key(&hook)
    }

    /// Something of this thread waits.
    pub(super) fn keeps(&self, thread: &ThreadId) -> bool {
        self.waiting.values().any(|(of, _)| of == thread)
    }

    /// A stop waits here.
    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    /// The agent is held no longer; says whether it was held here.
    pub(super) fn open(&mut self) -> bool {
        std::mem::take(&mut self.shut)
    }

    /// It waits, and may go on in this state.
    pub(super) fn lets_go(&self, state: State, hook: HookId) -> bool {
        self.waiting.get(&hook).is_some_and(|(thread, wants)| self.lets((state, false), hook, (thread, wants)))
    }

    /// The threads whose tools wait, one for each tool.
    pub(super) fn tools(&self) -> impl Iterator<Item = &ThreadId> {
        self.waiting.values().filter(|(_, wants)| matches!(wants, Wants::Tool(_))).map(|(thread, _)| thread)
    }

    /// What waits, and on which thread.
    pub(super) fn calls(&self) -> impl Iterator<Item = (&ThreadId, &Wants)> {
        self.waiting.values().map(|(thread, wants)| (thread, wants))
    }

    /// Takes what waits out of the gate.
    pub(super) fn take(&mut self, hook: HookId) -> Option<(ThreadId, Wants)> {
        self.asked.remove(&hook);
        self.beside.remove(&hook);
        self.waiting.remove(&hook)
    }

    /// The request before this one failed: no record comes. Says whether one was waited for.
    pub(super) fn expect_no_record(&mut self, hook: HookId) -> bool {
        self.unrecorded.remove(&hook)
    }

    /// The record that requests of this thread waited for has come.
    fn recorded(&mut self, thread: &ThreadId) {
        let waiting = &self.waiting;
        self.unrecorded.retain(|hook| waiting.get(hook).is_some_and(|(of, _)| of != thread));
    }

    /// A tool whose response is not known yet: its gate is met later.
    fn judge_later(&mut self, hook: HookId) {
        self.unjudged.insert(hook);
    }

    /// The tools that waited for the response that called them, and wait for it no longer.
    fn judge_now(&mut self) -> Vec<(HookId, ToolCall)> {
        let (due, later) =
            std::mem::take(&mut self.unjudged).into_iter().partition(|hook| !self.unrecorded.contains(hook));
        self.unjudged = later;
        let due: BTreeSet<HookId> = due;
        let call = |hook: HookId| match self.waiting.get(&hook) {
            Some((_, Wants::Tool(call))) => Some((hook, call.clone())),
            Some(_) | None => None,
        };
        due.into_iter().filter_map(call).collect()
    }

    /// Whether this call asks for a request that was let through before.
    pub(super) fn asks_again(&self, hook: HookId, thread: &Thread) -> bool {
        self.asked.get(&hook).is_some_and(|asked| thread.admission.is_of(asked))
    }

    /// Its Codex is known to come here: the hook that calls is one of its own. So do threads of these families.
    pub(super) fn trust(&mut self, roots: impl IntoIterator<Item = ThreadId>) {
        self.reach = Some(GateReach::Requests);
        self.roots.extend(roots);
    }

    /// It lets nothing through until its agent goes on.
    pub(super) fn shut(&mut self) {
        self.shut = true;
    }

    /// The Codex that waited is gone.
    pub(super) fn forget(&mut self) {
        self.unrecorded.clear();
        self.unjudged.clear();
        self.asked.clear();
        self.asks.clear();
        self.barred.clear();
        self.stillness = Stillness::Moves;
        self.passes.clear();
        self.waiting.clear();
        self.beside.clear();
        self.shut = false;
        self.draining = false;
        self.failed = false;
    }

    /// May go on while the agent is in this state. A tool that is held would not keep the model from being asked
    /// again (after 30 s where tools run from a cell), so that requests wait with it.
    fn lets(&self, (state, spares_tools): (State, bool), hook: HookId, (thread, wants): (&ThreadId, &Wants)) -> bool {
        match state {
            _ if self.is_barred(thread, wants) => false,
            _ if self.asks.contains_key(&hook) => false,
            _ if self.unrecorded.contains(&hook) || self.unjudged.contains(&hook) => false,
            State::Running => self.asks.is_empty() || !wants.spends(),
            // What is held for its spend may use what it has paid for.
            State::Held => self.shut && !wants.spends(),
            State::Paused => self.shut && !wants.is_work(),
            // What is under way may end, and what begins or ends a thread holds nobody up: after a compaction its
            // session begins anew before the next request.
            State::Freezing(Intent::Stop) if self.draining => match wants {
                Wants::Tool(_) => spares_tools,
                Wants::Session | Wants::TurnEnd => true,
                Wants::Turn | Wants::Request | Wants::Compaction => false,
            },
            State::Waiting | State::Starting(_) | State::Freezing(_) | State::Ending(_) | State::Gone => false,
        }
    }
}
