//! The responses of a turn that goes on, and the class that they were told as.

use std::sync::Arc;

use super::rules::Own;
use super::turns::Turns;
use crate::model::{ResponseKey, ThreadId, WorkClass};
use crate::rollout::{Record, TurnAct};

/// The most responses of one turn whose class may change.
const MOST: usize = 1 << 14;

/// Responses that are of another class than they were told as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classed {
    /// What they are now.
    pub class: WorkClass,
    /// Which.
    pub responses: Vec<(ThreadId, ResponseKey)>,
}

/// A thread's turns, and what was told of the one that goes on.
#[derive(Clone, Debug, Default)]
pub struct LiveTurns {
    turns: Turns,
    responses: Vec<(ThreadId, ResponseKey)>,
    told: Option<WorkClass>,
}

impl LiveTurns {
    /// Of a thread that has not begun.
    pub fn new(own: Arc<Own>) -> Self {
        Self { turns: Turns::new(own), ..Self::default() }
    }

    /// A record of it: where that begins a turn, the last word on the one before.
    pub fn record(&mut self, record: &Record) -> Option<Classed> {
        let before = self.turns.record(record)?;
        let changed = self.changed_to(before);
        self.responses.clear();
        self.told = None;
        changed
    }

    /// Whether its calls need not be read: items tell of them.
    pub fn has_items(&self) -> bool {
        self.turns.has_items()
    }

    /// Something that it did.
    pub fn did(&mut self, act: &TurnAct<'_>) {
        self.turns.did(act);
    }

    /// It was answered; the class that the answer is told as.
    pub fn answered(&mut self, thread: &ThreadId, key: &ResponseKey) -> WorkClass {
        self.turns.answered();
        if self.responses.len() < MOST {
            self.responses.push((thread.clone(), key.clone()));
        }
        let class = self.turns.class();
        *self.told.get_or_insert(class)
    }

    /// What has to be told otherwise by now.
    pub fn changed(&mut self) -> Option<Classed> {
        self.changed_to(self.turns.class())
    }

    fn changed_to(&mut self, class: WorkClass) -> Option<Classed> {
        if self.told? == class {
            return None;
        }
        self.told = Some(class);
        Some(Classed { class, responses: self.responses.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::{self, ActKind, RecordKind};

    fn record(kind: RecordKind) -> Record {
        Record { at: None, ordinal: None, kind }
    }

    fn command(text: &str) -> TurnAct<'_> {
        rollout::TurnAct { call: "".into(), kind: ActKind::Command(text.into()), is_item: true }
    }

    #[test]
    fn the_answers_of_a_turn_have_one_class_and_a_change_is_told_once() {
        let mut turns = LiveTurns::new(Arc::default());
        let (thread, key) = (ThreadId::from("t"), |key: &str| ResponseKey::from(key));
        assert_eq!(turns.record(&record(RecordKind::TurnStarted { turn: None })), None);
        assert_eq!(turns.answered(&thread, &key("a")), WorkClass::Other);
        turns.did(&command("cat src/main.rs"));
        let classed = turns.changed().unwrap();
        assert_eq!((classed.class, classed.responses.len()), (WorkClass::Research, 1));
        assert_eq!(turns.changed(), None);
        assert_eq!(turns.answered(&thread, &key("b")), WorkClass::Research);
        turns.did(&command("sed -i s/a/b/ src/main.rs"));
        let next = record(RecordKind::TurnStarted { turn: None });
        let classed = turns.record(&next).unwrap();
        assert_eq!((classed.class, classed.responses.len()), (WorkClass::Edit, 2));
        assert_eq!(turns.answered(&thread, &key("c")), WorkClass::Other, "another turn");
    }

    #[test]
    fn what_a_person_says_stands() {
        let own = Own { said: Some(WorkClass::Review), ..Own::default() };
        let mut turns = LiveTurns::new(own.into());
        assert_eq!(turns.answered(&ThreadId::from("t"), &ResponseKey::from("a")), WorkClass::Review);
        turns.did(&command("sed -i s/a/b/ src/main.rs"));
        assert_eq!(turns.changed(), None);
    }
}
