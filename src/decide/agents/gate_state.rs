//! How an agent stands at its gate: whether it asks there first, what is held, and what a stop has to wait for.

use std::collections::BTreeSet;

use crate::decide::agents::Agent;
use crate::decide::agents::lifecycle::{Intent, State};
use crate::decide::agents::thread::Thread;
use crate::decide::message::{Phase, Question};
use crate::decide::passing::Passing;
use crate::decide::signal_hold::Stillness;
use crate::model::{ApprovalId, ThreadId};

impl Agent {
    /// The question that keeps it, or a tool of its, from going on.
    pub(in crate::decide) fn waits_for_answer(&self) -> Option<ApprovalId> {
        self.held.as_ref().and_then(|hold| hold.approval).or_else(|| self.gate.asked()).or(self.review())
    }

    /// Its command has ended well, in this run or in the one that goes on, and its work was looked at.
    pub fn was_examined(&self) -> bool {
        self.examined.is_some()
    }

    /// The question about its work, while somebody is to say yes to it.
    pub(in crate::decide) fn review(&self) -> Option<ApprovalId> {
        match &self.passing {
            Passing::Reviewed { number, .. } => *number,
            Passing::No | Passing::Examining => None,
        }
    }

    /// The question about its work, word for word.
    pub(in crate::decide) fn review_question(&self) -> Option<&Question> {
        match &self.passing {
            Passing::Reviewed { question, .. } => Some(question),
            Passing::No | Passing::Examining => None,
        }
    }

    /// Its root thread's next request waits at the gate.
    pub fn is_root_at_gate(&self) -> bool {
        self.root.as_ref().is_some_and(|root| self.gate.has(root))
    }

    /// Some hook of this thread has called.
    pub fn has_called(&self, thread: &ThreadId) -> bool {
        self.threads.get(thread).is_some_and(|thread| thread.calls)
    }

    /// What it may ask next can be held at the gate: all its threads that work were seen there.
    pub fn gate_holds(&self) -> bool {
        self.gate.holds_requests() && self.threads.values().all(|thread| thread.gated || thread.phase == Phase::Idle)
    }

    /// No request of this thread is sent that was not let through: it was seen at the gate, or is on its way there. (The
    /// session file tells of a thread some moments before its first request comes to the gate, where its family was seen,
    /// or its Codex: that has asked here, and the agent has run no other. One whose first answer was not let through does
    /// not come.)
    pub(in crate::decide) fn asks_first(&self, thread: &Thread) -> bool {
        self.has_asked_first(thread) || self.comes(thread)
    }

    /// Likewise, by what its own hooks, or its family's, have shown.
    pub(in crate::decide) fn has_asked_first(&self, thread: &Thread) -> bool {
        let is_seen = || thread.root.as_ref().is_some_and(|root| self.gate.has_seen(root));
        self.gate.holds_requests() && (thread.gated || (!thread.was_answered() && is_seen()))
    }

    /// Likewise, by what its Codex has shown: it is the only one that the agent has run.
    pub(in crate::decide) fn comes(&self, thread: &Thread) -> bool {
        self.gate.holds_requests() && !thread.was_answered() && self.codexes.len() == 1
    }

    /// Nobody can tell whether what the thread's session file tells of was sent: nothing was let through of it, and whoever
    /// started it may have turned its hooks off.
    pub(in crate::decide) fn is_unsure(&self, thread: &Thread) -> bool {
        let known = self.has_asked_first(thread) || (thread.calls && self.comes(thread));
        !thread.admission.is_open() && !known
    }

    /// What it may ask next is held at the gate, once what is on its way there has come.
    pub(in crate::decide) fn gate_will_hold(&self) -> bool {
        let holds = |thread: &Thread| thread.phase == Phase::Idle || self.asks_first(thread);
        self.gate.holds_requests() && self.threads.values().all(holds)
    }

    /// It is about to be ended, and nothing more of it gets past the gate.
    pub fn ends_at_gate(&self) -> bool {
        matches!(self.state, State::Freezing(Intent::Stop | Intent::Kill)) && self.gate_holds()
    }

    /// While it is paused nothing goes past the gate: what works asks there first, or waits there.
    pub(in crate::decide) fn is_kept_at_gate(&self) -> bool {
        let idle_or_waits = |(id, thread): (&ThreadId, &Thread)| thread.phase == Phase::Idle || self.gate.keeps(id);
        self.gate_holds() || self.threads.iter().all(idle_or_waits)
    }

    /// It is held at the gate: what it has sent is answered, and it sends nothing more.
    pub(in crate::decide) fn is_held_at_gate(&self) -> bool {
        matches!(self.state, State::Held | State::Paused) && self.gate.is_shut() && self.gate_holds()
    }

    /// It sends nothing more before somebody answers where its budgets are kept.
    pub(in crate::decide) fn waits_for_nobody(&self) -> bool {
        self.gate.waits_for_nobody() && self.gate_holds()
    }

    /// It is held at the gate while something is under way that a stop lets come to its end.
    pub(in crate::decide) fn drains_while_held(&self) -> bool {
        self.is_held_at_gate() && self.may_have_to_drain()
    }

    /// It waits for a person to type, on a screen that stays alive.
    pub(in crate::decide) fn rests_at_its_screen(&self) -> bool {
        self.setup.full_screen && self.rests()
    }

    /// What this thread's limit ends is that thread: a sub-agent whose requests wait here.
    pub(in crate::decide) fn ends_alone(&self, id: &ThreadId, thread: &Thread) -> bool {
        thread.is_sub_agent(id) && thread.gated && self.gate.holds_requests()
    }

    /// A tool that is held would not hold the agent: where tools run from a cell the model is asked again after 30 s, and
    /// not every Codex asks first (tried with 0.150 and 0.160).
    pub(in crate::decide) fn needs_stillness(&self) -> bool {
        self.state == State::Running && self.gate.is_asking() && !self.gate_holds()
    }

    /// Its processes stand still, or are about to, for a tool that is asked about.
    pub fn is_stilled(&self) -> bool {
        self.gate.stillness != Stillness::Moves
    }

    /// Something may be under way that a stop lets come to its end: an answer, or a tool that was paid for.
    pub(in crate::decide) fn may_have_to_drain(&self) -> bool {
        let held = self.held_up();
        let runs_tools = |(id, thread): (&ThreadId, &Thread)| thread.phase == Phase::Tools && !held.contains(id);
        self.in_flight() > 0 || (self.spares_tools && self.threads.iter().any(runs_tools))
    }

    /// A thread's Codex runs inside the tool that another one was let run last: so it is when it comes first.
    pub(in crate::decide) fn came_from_inside(&mut self, thread: &ThreadId, outer: Option<ThreadId>) {
        let Some(outer) = outer else { return };
        let comes_first =
            self.threads.get_mut(thread).is_some_and(|known| !std::mem::replace(&mut known.is_placed, true));
        if let Some(outer) = self.threads.get_mut(&outer).filter(|_| comes_first) {
            outer.nested.insert(thread.clone());
        }
    }

    /// The threads that go no further than the gate: what they ask next waits there, or what the Codex asks that runs in
    /// their tool, so that the tool cannot end by itself.
    pub(in crate::decide) fn held_up(&self) -> BTreeSet<&ThreadId> {
        let mut held: BTreeSet<&ThreadId> =
            self.threads.keys().filter(|thread| self.gate.keeps_from_asking(thread)).collect();
        loop {
            let waits = |thread: &Thread| {
                thread.phase == Phase::Tools && thread.nested.iter().any(|nested| held.contains(nested))
            };
            let above: Vec<&ThreadId> = self
                .threads
                .iter()
                .filter(|(id, thread)| !held.contains(id) && waits(thread))
                .map(|(id, _)| id)
                .collect();
            if above.is_empty() {
                return held;
            }
            held.extend(above);
        }
    }

    /// It is, once what may go on was let go.
    pub(in crate::decide) fn has_to_drain(&self) -> bool {
        let held = self.held_up();
        let runs_tools = |thread: &ThreadId| !held.contains(thread) && self.runs_tools(thread);
        self.in_flight() > 0 || (self.spares_tools && self.threads.keys().any(runs_tools))
    }

    /// A tool of this thread is under way: not one that waits at the gate and is not let go, nor one that only waits for
    /// sub-agents which go no further.
    pub(in crate::decide) fn runs_tools(&self, thread: &ThreadId) -> bool {
        let Some(known) = self.threads.get(thread).filter(|known| known.phase == Phase::Tools) else { return false };
        let waits_for_others =
            known.delegates && self.threads.keys().any(|other| other != thread && self.gate.has(other));
        !self.gate.keeps(thread) && !waits_for_others
    }
}
