//! Pure. What the gate says of its agent: whether that asks here, and what is held.

use crate::decide::agent::Agent;
use crate::decide::lifecycle::{Intent, State};
use crate::decide::message::Phase;
use crate::decide::thread::Thread;
use crate::model::ThreadId;

impl Agent {
    /// Its root thread's next request waits at the gate.
    pub fn is_root_at_gate(&self) -> bool {
        self.root.as_ref().is_some_and(|root| self.gate.has(root))
    }

    /// What it may ask next can be held at the gate: all its threads that work were seen there.
    pub fn gate_holds(&self) -> bool {
        self.gate.holds_requests() && self.threads.values().all(|thread| thread.gated || thread.phase == Phase::Idle)
    }

    /// Some hook of this thread has called.
    pub fn has_called(&self, thread: &ThreadId) -> bool {
        self.threads.get(thread).is_some_and(|thread| thread.calls)
    }

    /// No request of this thread is sent that was not let through: it was seen at the gate, or is on its way there. (The
    /// session file tells of a thread some moments before its first request comes to the gate, where its family was seen,
    /// or its Codex: that has asked here, and the agent has run no other. One whose first answer was not let through does
    /// not come.)
    pub(in crate::decide) fn asks_first(&self, thread: &Thread) -> bool {
        self.has_asked_first(thread) || self.comes(thread)
    }

    /// Likewise, by what its own hooks, or its family's, have shown.
    fn has_asked_first(&self, thread: &Thread) -> bool {
        let is_seen = || thread.root.as_ref().is_some_and(|root| self.gate.roots.contains(root));
        self.gate.holds_requests() && (thread.gated || (!thread.was_answered() && is_seen()))
    }

    /// Likewise, by what its Codex has shown: it is the only one that the agent has run.
    fn comes(&self, thread: &Thread) -> bool {
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
        matches!(self.state, State::Held | State::Paused) && self.gate.shut && self.gate_holds()
    }

    /// It is held at the gate while something is under way that a stop lets come to its end.
    pub(in crate::decide) fn drains_while_held(&self) -> bool {
        self.is_held_at_gate() && self.may_have_to_drain()
    }

    /// It waits for a person to type, on a screen that stays alive.
    pub(super) fn rests_at_its_screen(&self) -> bool {
        self.setup.full_screen && self.rests()
    }
}
