//! What is written down and said of a run beside what its governor decides: each note waits for the next turn.

use std::io::Stderr;
use std::time::{Duration, Instant};

use crate::ledger::Times;
use crate::model::AgentName;
use crate::model::event::EventKind;
use crate::report::page::Tone;
use crate::ui::notice::Notices;

use super::timing::Timing;

/// An event, and the agent that it is about.
pub(super) type Note = (Option<AgentName>, EventKind);

/// Notes, words, and how long hooks took.
pub(super) struct Journal {
    /// The only agent that anything can be about.
    alone: Option<AgentName>,
    notes: Vec<Note>,
    notices: Notices<Stderr>,
    /// What was said and not yet shown on Codex's own screen; nothing is kept where it takes only a part of that.
    unshown: Option<Vec<String>>,
    timing: Timing,
}

impl Journal {
    pub(super) fn new(alone: Option<AgentName>, notices: Notices<Stderr>, full_screen: bool) -> Self {
        let unshown = full_screen.then(Vec::new);
        Self { alone, notes: Vec::new(), notices, unshown, timing: Timing::default() }
    }

    pub(super) fn say(&mut self, text: &str) {
        if let Some(unshown) = &mut self.unshown {
            unshown.push(text.to_owned());
        }
        self.notices.say(text, Tone::Warn);
    }

    /// Says something about one agent, which is named where there are several.
    pub(super) fn say_of(&mut self, agent: &AgentName, text: &str) {
        match self.alone {
            Some(_) => self.say(text),
            None => self.say(&format!("{agent}: {text}")),
        }
    }

    /// Writes something about the run down in the next turn.
    pub(super) fn note(&mut self, kind: EventKind) {
        self.notes.push((self.alone.clone(), kind));
    }

    /// The same about one agent.
    pub(super) fn note_of(&mut self, agent: &AgentName, kind: EventKind) {
        self.notes.push((Some(agent.clone()), kind));
    }

    /// Says it, and writes it down.
    pub(super) fn mark(&mut self, what: String) {
        self.say(&what);
        self.note(EventKind::Marked { what });
    }

    pub(super) fn mark_of(&mut self, agent: &AgentName, what: String) {
        self.say_of(agent, &what);
        self.note_of(agent, EventKind::Marked { what });
    }

    pub(super) fn has_notes(&self) -> bool {
        !self.notes.is_empty()
    }

    pub(super) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// What a person at Codex's own screen has not read yet.
    pub(super) fn take_unshown(&mut self) -> Vec<String> {
        self.unshown.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Where it speaks: others draw there, too.
    pub(super) fn notices(&mut self) -> &mut Notices<Stderr> {
        &mut self.notices
    }

    /// A hook that nothing held was answered.
    pub(super) fn answered(&mut self, after: Duration) {
        self.timing.answered(after);
    }

    /// The next turn is the last.
    pub(super) fn ends(&mut self) {
        self.timing.ends();
    }

    /// What hooks and holds have taken, where that is to be written now.
    pub(super) fn times_due(&mut self, held: Duration, now: Instant) -> Option<Times> {
        self.timing.due(held, now)
    }
}
